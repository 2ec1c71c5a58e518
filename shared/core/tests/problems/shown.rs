//! How problems are shown: as a compiler would, in colour, as JSON, and never so that a file steers the terminal.

use super::*;

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
