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

#[path = "problems/files.rs"]
mod files;
#[path = "problems/shown.rs"]
mod shown;

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
