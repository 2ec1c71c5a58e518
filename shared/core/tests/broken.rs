//! Every broken file in `tests/broken` is refused with exactly the codes and places its first lines name.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use ork_core::diagnostic::{Diagnostic, Severity, render, to_json};
use ork_core::limits;
use ork_core::names::QueryPath;
use ork_core::parse::{
    Beside, Project, codes, parse_project, parse_workflow, parse_workflow_beside,
    parse_workflow_with,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder()).expect("the corpus exists");
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

/// The files beside those of the corpus.
fn beside(path: &QueryPath) -> Beside {
    match std::fs::read(folder().join("beside").join(path.as_str())) {
        Ok(bytes) => Beside::File(bytes),
        Err(_) => Beside::Missing("write it".into()),
    }
}

/// The problems of a file; a warning counts as one.
fn problems(name: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    if name.ends_with("ork.yaml") {
        return parse_project(name, bytes).err().unwrap_or_default();
    }
    match parse_workflow_beside(name, bytes, &Project::default(), &beside) {
        Ok(parsed) => parsed.warnings,
        Err(found) => found,
    }
}

fn expected(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .map_while(|line| line.strip_prefix("# expect: "))
        .map(|line| line.trim().to_owned())
        .collect()
}

fn brief(one: &Diagnostic) -> String {
    format!("{} {}:{}", one.code, one.at.line, one.at.column)
}

fn codes_of(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(brief).collect()
}

#[test]
fn every_broken_file_gives_exactly_the_problems_it_names() {
    let files = corpus();
    assert!(files.len() >= 120, "only {} broken files", files.len());
    let mut report = String::new();
    for (name, bytes) in &files {
        let wanted = expected(bytes);
        let found = problems(name, bytes);
        let got = codes_of(&found);
        if wanted.is_empty() || wanted != got {
            let _ = writeln!(report, "{name}");
            for line in &wanted {
                let _ = writeln!(
                    report,
                    "  {} {line}",
                    if got.contains(line) { ' ' } else { '-' }
                );
            }
            for (line, one) in got.iter().zip(&found) {
                if !wanted.contains(line) {
                    let _ = writeln!(report, "  + {line}  {}", one.message);
                }
            }
        }
    }
    assert!(
        report.is_empty(),
        "expected (-) and found (+) differ:\n{report}"
    );
}

#[test]
fn every_code_is_in_the_corpus_or_has_a_test_of_its_own() {
    let by_test = [
        codes::FILE_TOO_LARGE,
        codes::NOT_UTF8,
        codes::CONTROL_CHARACTER,
        codes::TOO_MANY_NODES,
        codes::MANY_PROBLEMS,
        codes::TOO_MANY_TASKS,
        codes::UNKNOWN_POOL,
        codes::UNKNOWN_WORKER,
    ];
    let seen: BTreeSet<String> = corpus()
        .iter()
        .flat_map(|(_, bytes)| expected(bytes))
        .map(|line| line[..6].to_owned())
        .collect();
    let unseen: Vec<&str> = codes::ALL
        .iter()
        .filter(|code| !seen.contains(code.id) && !by_test.contains(code))
        .map(|code| code.id)
        .collect();
    assert!(unseen.is_empty(), "no broken file shows {unseen:?}");
}

#[test]
fn codes_are_unique_and_in_order() {
    assert!(codes::ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
}

#[test]
fn every_code_has_its_section_in_the_docs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let text = std::fs::read_to_string(path).expect("docs/errors.md exists");
    let missing: Vec<&str> = codes::ALL
        .iter()
        .filter(|code| !text.contains(&format!("\n## {} {}\n", code.id, code.title)))
        .map(|code| code.id)
        .collect();
    assert!(
        missing.is_empty(),
        "docs/errors.md has no section for {missing:?}"
    );
    let sections = text
        .lines()
        .filter(|line| line.starts_with("## ORK"))
        .count();
    assert_eq!(
        sections,
        codes::ALL.len(),
        "docs/errors.md has sections for codes that do not exist"
    );
}

#[test]
fn every_problem_of_the_corpus_says_what_and_where() {
    for (name, bytes) in corpus() {
        for one in problems(&name, &bytes) {
            assert_eq!(one.file, name);
            assert!(
                one.message.len() > 15 && !one.message.ends_with('.'),
                "{name}: {}",
                one.message
            );
            assert!(one.hint.as_deref() != Some(""), "{name}: {}", one.message);
            // Whoever has to give up a key is told what to use instead.
            let given_up = [codes::KEY_NOT_FOR_EXECUTOR.id, codes::SECRET_NOT_GIVEN.id];
            let helped = !given_up.contains(&one.code) || one.hint.is_some();
            assert!(helped, "{name}: {}", one.message);
        }
    }
}

fn only(found: Result<ork_core::parse::Parsed, Vec<Diagnostic>>) -> Diagnostic {
    let mut found = found.expect_err("it is broken");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn a_yaml_bomb_is_refused_before_it_expands() {
    let mut text = String::from("name: w\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{inner}]");
    }
    let one = only(parse_workflow("bomb.yaml", text.as_bytes()));
    assert_eq!(brief(&one), "ORK008 7:15");
}

#[test]
fn a_type_bomb_is_refused_before_it_expands() {
    let mut text = String::from("name: w\ntypes:\n  T0: {a: str, b: str}\n");
    for level in 1..40 {
        let _ = writeln!(
            text,
            "  T{level}: {{a: types.T{0}, b: types.T{0}, c: types.T{0}}}",
            level - 1
        );
    }
    text.push_str("tasks: {a: {}}\n");
    let found = parse_workflow("bomb.yaml", text.as_bytes()).expect_err("it is broken");
    assert_eq!(found[0].code, codes::BAD_TYPE.id);
    assert!(
        found[0].message.contains("too large"),
        "{}",
        found[0].message
    );
}

#[test]
fn a_long_chain_of_aliases_does_not_exhaust_the_stack() {
    let mut text = String::from("name: w\ntypes:\n");
    for level in 0..9_000 {
        let _ = writeln!(text, "  T{level}: [types.T{}]", level + 1);
    }
    text.push_str("  T9000: str\ntasks: {a: {}}\n");
    let found = parse_workflow("chain.yaml", text.as_bytes()).expect_err("it is broken");
    assert!(found.iter().all(|one| one.code == codes::BAD_TYPE.id));
}

#[test]
fn bytes_that_are_not_utf8_have_a_place() {
    let one = only(parse_workflow(
        "latin.yaml",
        b"name: w\ndescription: caf\xe9\ntasks: {a: {}}\n",
    ));
    assert_eq!(brief(&one), "ORK002 2:17");
    let one = only(parse_workflow("wide.yaml", b"\xff\xfen\0a\0m\0e\0"));
    assert!(one.hint.expect("a hint").contains("UTF-16"));
}

#[test]
fn a_control_character_is_refused_with_its_place() {
    let one = only(parse_workflow(
        "nul.yaml",
        b"name: w\r\ntasks: {a: {}}\r\nd\xc3\xa9sc\0: 1\n",
    ));
    assert_eq!(brief(&one), "ORK003 3:5");
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let text = format!("name: w\n# {}\n", "x".repeat(limits::FILE_BYTES));
    assert_eq!(
        brief(&only(parse_workflow("large.yaml", text.as_bytes()))),
        "ORK001 1:1"
    );
}

#[test]
fn a_file_as_large_as_allowed_is_read() {
    let mut text = String::from("name: w\ntasks: {a: {}}\n#");
    text.push_str(&"x".repeat(limits::FILE_BYTES - text.len()));
    assert!(parse_workflow("large.yaml", text.as_bytes()).is_ok());
}

#[test]
fn too_many_tasks_are_counted() {
    let mut text = String::from("name: w\ntasks:\n");
    for task in 0..=limits::TASKS {
        let _ = writeln!(text, "  t{task}: {{}}");
    }
    assert_eq!(
        brief(&only(parse_workflow("many.yaml", text.as_bytes()))),
        format!("ORK030 {}:3", limits::TASKS + 3)
    );
}

#[test]
fn a_long_chain_of_tasks_is_read_and_its_cycle_found() {
    let mut text = String::from("name: w\ntasks:\n  t0: {depends_on: [t9999]}\n");
    for task in 1..10_000 {
        let _ = writeln!(text, "  t{task}: {{depends_on: [t{}]}}", task - 1);
    }
    let one = only(parse_workflow("ring.yaml", text.as_bytes()));
    assert_eq!(brief(&one), "ORK043 3:21");
    assert!(
        one.message
            .starts_with("the tasks wait for each other: t0 → t9999 → t9998"),
        "{}",
        one.message
    );
    let open = text.replacen("[t9999]", "[]", 1);
    assert_eq!(
        parse_workflow("chain.yaml", open.as_bytes())
            .expect("a chain")
            .workflow
            .tasks
            .len(),
        10_000
    );
}

#[test]
fn with_a_project_pools_workers_and_executors_are_known() {
    let project = b"pools: {warehouse: 4}\nexecutors: {sparky: {command: [./spark]}}\nworkers: {big: {cpu: 8}}\n";
    let project = parse_project("ork.yaml", project).expect("a project");
    let good =
        "name: w\ntasks:\n  a: {executor: sparky, command: x, pool: warehouse, worker: big}\n";
    let parsed = parse_workflow_with("w.yaml", good.as_bytes(), &project).expect("good");
    assert_eq!(parsed.workflow.tasks[0].executor.word(), "sparky");
    assert!(parsed.warnings.is_empty());
    let bad = "name: w\ntasks:\n  a: {executor: sparkl, pool: warehose, worker: bug}\n";
    let found = parse_workflow_with("w.yaml", bad.as_bytes(), &project).expect_err("broken");
    assert_eq!(
        codes_of(&found),
        ["ORK090 3:17", "ORK102 3:31", "ORK104 3:49"]
    );
    assert!(
        found[0]
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("`sparky`") && hint.contains("ork.yaml"))
    );
    assert!(
        found[1]
            .hint
            .as_deref()
            .is_some_and(|hint| hint.contains("`warehouse`"))
    );
}

#[test]
fn without_a_project_a_pool_has_one_place_and_a_warning() {
    let text = "name: w\ntasks:\n  a: {command: x, pool: warehouse}\n";
    let parsed = parse_workflow_with("w.yaml", text.as_bytes(), &Project::default()).expect("good");
    assert_eq!(
        parsed.workflow.tasks[0]
            .pool
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("warehouse")
    );
    assert_eq!(codes_of(&parsed.warnings), ["ORK103 3:25"]);
    assert_eq!(parsed.warnings[0].severity, Severity::Warning);
}

#[test]
fn a_byte_order_mark_changes_held_up() {
    let text = "\u{feff}name: 1st\ntasks: {a: {}}\n";
    assert_eq!(
        brief(&only(parse_workflow("bom.yaml", text.as_bytes()))),
        "ORK025 1:7"
    );
}

#[test]
fn each_value_of_defaults_is_reported_once() {
    let text = "name: w\ndefaults: {timeout: never}\ntasks: {a: {}, b: {}, c: {}}\n";
    assert_eq!(
        brief(&only(parse_workflow("w.yaml", text.as_bytes()))),
        "ORK026 2:21"
    );
}

fn rendered(file: &str, text: &str) -> String {
    render(
        &parse_workflow(file, text.as_bytes()).expect_err("it is broken"),
        text,
        false,
    )
}

#[test]
fn problems_are_shown_as_a_compiler_shows_them() {
    let text =
        "name: w\ntasks:\n  extract: {}\n  load:\n    depends_on: [extrct]\n    timeout: soon\n";
    insta::assert_snapshot!(rendered("workflow.yaml", text), @r#"
    error[ORK040]: task `load` refers to the unknown task `extrct`
     --> workflow.yaml:5:18
      |
    5 |     depends_on: [extrct]
      |                  ^^^^^^
      = hint: did you mean `extract`?

    error[ORK026]: `timeout` of task `load`: `soon` is not a duration
     --> workflow.yaml:6:14
      |
    6 |     timeout: soon
      |              ^^^^
      = hint: write whole seconds, or a number with a unit: 500ms, 90s, 5m, 1h30m, 2d
    "#);
}

#[test]
fn what_a_task_without_a_worker_cannot_have_is_refused_with_what_to_do_instead() {
    let text = "name: w\ntasks:\n  a:\n    executor: cloudrun\n    region: europe-west1\n    job: export\n    env: {TOKEN: {secret: API_TOKEN}}\n  b:\n    query: SELECT @day\n    input: {day: 1}\n";
    insta::assert_snapshot!(rendered("w.yaml", text), @r#"
    error[ORK106]: `TOKEN` in `env` of task `a` is a secret, and no execution of a Cloud Run job can be given one
     --> w.yaml:7:11
      |
    7 |     env: {TOKEN: {secret: API_TOKEN}}
      |           ^^^^^
      = hint: mount the secret on the Cloud Run job itself, as in `gcloud run jobs update JOB --update-secrets=TOKEN=SECRET:latest`, and remove it here

    error[ORK092]: task `b` has executor `bigquery`, which has no `input`
      --> w.yaml:10:5
       |
    10 |     input: {day: 1}
       |     ^^^^^
       = hint: use `params` for the values of @name in the query
    "#);
}

#[test]
fn what_no_service_would_take_is_said_with_what_it_takes() {
    let text = "name: w\ntasks:\n  a: {url: example.com/jobs}\n  b:\n    query: SELECT 1\n    destination: days\n    labels: {Team: x}\n  c: {sensor: {workflow: w}}\n  d:\n    executor: dataproc\n    region: europe-west1\n    cluster: big\n    job: {pySparkJob: {}}\n  e: {url: 'http://intranet.example', timeout: 5m}\n";
    insta::assert_snapshot!(rendered("w.yaml", text), @r#"
    error[ORK031]: `url` of task `a`: `example.com/jobs` is not a URL
     --> w.yaml:3:12
      |
    3 |   a: {url: example.com/jobs}
      |            ^^^^^^^^^^^^^^^^
      = hint: write it in full, as in https://example.com/jobs

    error[ORK025]: `destination` of task `b`: `days` is not a table of BigQuery
     --> w.yaml:6:18
      |
    6 |     destination: days
      |                  ^^^^
      = hint: write dataset.table or project.dataset.table, without backquotes

    error[ORK025]: `labels` of task `b`: `Team` is not the key of a label
     --> w.yaml:7:14
      |
    7 |     labels: {Team: x}
      |              ^^^^
      = hint: labels know no capitals: write `team`

    error[ORK045]: task `c` waits for the run of `w` for this run's own slot, which is this run: it never ends
     --> w.yaml:8:26
      |
    8 |   c: {sensor: {workflow: w}}
      |                          ^
      = hint: name another workflow; an earlier run of this one is waited for with its `slot`, or with `within`

    error[ORK021]: `job` of task `d` does not say what to run
      --> w.yaml:13:10
       |
    13 |     job: {pySparkJob: {}}
       |          ^
       = hint: did you mean `pysparkJob`?

    warning[ORK031]: `url` of task `e` is plain http, which is asked only where `ORK_OUTGOING_ALLOW` of the deployment lists its host
      --> w.yaml:14:12
       |
    14 |   e: {url: 'http://intranet.example', timeout: 5m}
       |            ^^^^^^^^^^^^^^^^^^^^^^^^^
       = hint: write https://, or have the host listed: requests go to public https addresses otherwise

    warning[ORK107]: `timeout` of task `e` is 5m, and a request has 30s for its whole answer, whatever `timeout` is
      --> w.yaml:14:48
       |
    14 |   e: {url: 'http://intranet.example', timeout: 5m}
       |                                                ^^
       = hint: leave it out; what takes longer is begun by one request and waited for by a `sensor`
    "#);
}

#[test]
fn carets_stand_below_wide_characters_and_tabs() {
    let text = "name: w\ndescription: 日本語 🎉 ok\ntasks:\n  a: {description: \"日本語\tn\u{303}\",\tcomand: é}\n";
    insta::assert_snapshot!(rendered("w.yaml", text), @r#"
    error[ORK020]: task `a` has no key `comand`
     --> w.yaml:4:30
      |
    4 |   a: {description: "日本語    ñ",    comand: é}
      |                                      ^^^^^^
      = hint: did you mean `command`?
    "#);
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let text = format!(
        "name: w\ntasks: {{a: {{env: {{A: {}}}, comand: x, input: {{b: {}}}}}}}\n",
        "x".repeat(200),
        "y".repeat(200)
    );
    insta::assert_snapshot!(rendered("w.yaml", &text), @r#"
    error[ORK020]: task `a` has no key `comand`
     --> w.yaml:2:225
      |
    2 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx}, comand: x, input: {b: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
      |                                          ^^^^^^
      = hint: did you mean `command`?
    "#);
}

#[test]
fn what_a_file_says_cannot_steer_the_terminal() {
    let text = "name: w\ntasks:\n  \"a\\e[31mb\": {}\n";
    let shown = rendered("w.yaml", text);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    assert!(shown.contains("a\\u{1b}[31mb"), "{shown}");
}

#[test]
fn color_is_added_around_the_same_text() {
    let text = "name: 1st\ntasks: {a: {}}\n";
    let found = parse_workflow("w.yaml", text.as_bytes()).expect_err("it is broken");
    let colored = render(&found, text, true);
    assert!(
        colored.starts_with("\u{1b}[1;31merror[ORK025]\u{1b}[0m: "),
        "{colored:?}"
    );
    let mut plain = colored;
    for style in ["1;31", "1;33", "36", "1", "0"] {
        plain = plain.replace(&format!("\u{1b}[{style}m"), "");
    }
    assert_eq!(plain, render(&found, text, false));
}

#[test]
fn the_json_form_has_the_six_keys() {
    let text = "name: w\ntasks:\n  load: {depends_on: [x]}\n  a: {description: {}}\n";
    let found = parse_workflow("w.yaml", text.as_bytes()).expect_err("it is broken");
    let json = to_json(&found);
    assert_eq!(
        json["errors"][0],
        serde_json::json!({
            "file": "w.yaml", "line": 3, "column": 23, "code": "ORK040",
            "message": "task `load` refers to the unknown task `x`", "hint": "known: `load`, `a`",
        })
    );
    assert_eq!(json["errors"][1]["hint"], serde_json::Value::Null);
}

#[test]
fn of_very_many_problems_the_first_thousand_are_reported() {
    let mut text = String::from("name: w\ntasks: {a: {}}\n");
    for key in 0..20_000 {
        let _ = writeln!(text, "key{key}: 1");
    }
    let found = parse_workflow("w.yaml", text.as_bytes()).expect_err("it is broken");
    assert_eq!(found.len(), 1001);
    assert_eq!(
        (brief(&found[0]).as_str(), brief(&found[1000]).as_str()),
        ("ORK020 3:1", "ORK016 1003:1")
    );
    assert_eq!(
        found[1000].message,
        "there are 19000 more problems, which are not shown"
    );
}

#[test]
fn an_empty_project_file_says_nothing() {
    assert_eq!(
        parse_project("ork.yaml", b"# later\n").expect("fine"),
        Project::default()
    );
}

#[test]
fn a_large_file_is_read_in_a_moment() {
    let mut text = String::from("name: w\ntasks:\n  t0: {command: echo}\n");
    for task in 1..8_000 {
        let _ = writeln!(
            text,
            "  t{task}: {{command: \"echo {{{{ tasks.t0.output.rows[0] }}}}\", depends_on: [t{}]}}",
            task - 1
        );
    }
    let parsed = parse_workflow("large.yaml", text.as_bytes()).expect("good");
    assert_eq!(parsed.workflow.tasks.len(), 8_000);
}

/// A workflow whose tasks take the files that `beside` has.
fn with_files(
    names: &[&str],
    beside: &dyn Fn(&QueryPath) -> Beside,
) -> Result<ork_core::parse::Parsed, Vec<Diagnostic>> {
    let mut text = String::from("name: w\ntasks:\n");
    for (n, name) in names.iter().enumerate() {
        let _ = writeln!(text, "  t{n}: {{executor: bigquery, file: {name}}}");
    }
    parse_workflow_beside("w.yaml", text.as_bytes(), &Project::default(), beside)
}

#[test]
fn the_text_of_a_file_becomes_the_query_and_decides_the_version() {
    let version = |sql: &str| {
        let file = |_: &QueryPath| Beside::File(sql.as_bytes().to_vec());
        let parsed = with_files(&["./sql/q.sql"], &file).expect("good");
        let plain = format!("name: w\ntasks:\n  t0: {{executor: bigquery, query: {sql:?}}}\n");
        let plain = parse_workflow("w.yaml", plain.as_bytes()).expect("good");
        assert_eq!(parsed.workflow, plain.workflow, "as if it stood there");
        parsed.workflow.version()
    };
    assert_ne!(version("SELECT 1"), version("SELECT 2"));
    assert_eq!(version("SELECT 1"), version("SELECT 1"));
    version("SELECT '{{ run.id }}'");
}

#[test]
fn files_that_cannot_be_taken_are_named_with_what_to_do() {
    let many: Vec<String> = (0..40).map(|n| format!("q{n}.sql")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = vec![b'x'; limits::QUERY_FILE_BYTES];
    let templates = format!("SELECT '{{{{ run.id }}}}' -- {}", "x".repeat(5000));
    for (names, file, place, word) in [
        (
            &["q.sql"][..],
            Beside::NoFolder,
            "3:34",
            "read from no folder",
        ),
        (
            &["q.sql"],
            Beside::Unusable("is a folder".into()),
            "3:34",
            "`q.sql` is a folder",
        ),
        (
            &["q.sql"],
            Beside::File(vec![b'x'; limits::QUERY_FILE_BYTES + 1]),
            "3:34",
            "more than 131072 bytes",
        ),
        (
            &["q.sql"],
            Beside::File(b"SELECT\n'\xff'".to_vec()),
            "3:34",
            "not UTF-8 in line 2",
        ),
        (
            &["q.sql"],
            Beside::File(templates.into_bytes()),
            "3:34",
            "has templates and",
        ),
        (
            &many,
            Beside::File(large),
            "35:35",
            "more than 4194304 bytes",
        ),
    ] {
        let found = with_files(names, &|_| file.clone()).expect_err("broken");
        let first = &found[0];
        assert_eq!(brief(first), format!("ORK093 {place}"), "{}", first.message);
        assert!(first.message.contains(word), "{}", first.message);
        assert!(first.hint.is_some(), "{}", first.message);
    }
}

#[test]
fn what_is_wrong_in_a_query_is_said_with_its_place_in_the_file() {
    let file = |_: &QueryPath| Beside::File(b"SELECT 1,\n  '{{ params.dya }}'\n".to_vec());
    let found = with_files(&["q.sql"], &file).expect_err("broken");
    assert_eq!(codes_of(&found), ["ORK052 3:34"]);
    let said = &found[0].message;
    assert!(said.contains("(`q.sql`, line 2, column 7)"), "{said}");
}
