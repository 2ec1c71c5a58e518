//! Every key of the format in every style, read into the definition it stands for.

use std::path::Path;

use ork_core::definition::{Count, Executor, Root, Style, Task, Workflow};
use ork_core::limits;
use ork_core::parse::{Parsed, parse_workflow};
use ork_core::schema::{
    DEFAULTS_KEYS, NOTIFICATION_KEYS, PARAM_KEYS, RETRY_KEYS, SCHEDULE_KEYS, TASK_KEYS,
    WORKFLOW_KEYS,
};
use ork_core::time::Millis;
use proptest::prelude::*;

const FILES: [&str; 9] = [
    "strict.yaml",
    "planned.yaml",
    "executors.yaml",
    "without_worker.yaml",
    "own_job.yaml",
    "fail_fast.yaml",
    "mixed.yaml",
    "notifications.yaml",
    "pipeline.workflow",
];

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/accepted")
        .join(name);
    std::fs::read_to_string(path).expect("the file exists")
}

fn parsed(name: &str) -> Parsed {
    match parse_workflow(name, text(name).as_bytes()) {
        Ok(parsed) => parsed,
        Err(found) => panic!(
            "{}",
            ork_core::diagnostic::render(&found, &text(name), false)
        ),
    }
}

fn workflow(name: &str) -> Workflow {
    parsed(name).workflow
}

#[test]
fn each_file_becomes_its_definition() {
    for name in FILES {
        let shown = serde_json::to_string_pretty(&workflow(name)).expect("it has a JSON form");
        insta::with_settings!({ snapshot_path => "accepted", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}

#[test]
fn each_definition_survives_its_encoding() {
    for name in FILES {
        let workflow = workflow(name);
        assert_eq!(
            Workflow::decode(&workflow.encode()).expect("readable"),
            workflow,
            "{name}"
        );
    }
}

#[test]
fn each_key_of_the_format_is_in_an_accepted_file() {
    let all: String = FILES.iter().map(|name| text(name)).collect();
    for key in [
        WORKFLOW_KEYS,
        TASK_KEYS,
        DEFAULTS_KEYS,
        SCHEDULE_KEYS,
        PARAM_KEYS,
        RETRY_KEYS,
        NOTIFICATION_KEYS,
    ]
    .concat()
    {
        let written = [format!("\n{key}:"), format!(" {key}:"), format!("{{{key}:")]
            .iter()
            .any(|form| all.contains(form));
        assert!(written, "no accepted file has `{key}`");
    }
}

#[test]
fn the_typed_keys_decide_the_style_and_the_style_the_timeout() {
    let strict = workflow("strict.yaml");
    assert_eq!(
        (strict.style, strict.tasks[0].timeout),
        (Style::Strict, Millis::from_secs(300))
    );
    let executors = workflow("executors.yaml");
    assert_eq!(
        (executors.style, executors.tasks[1].timeout),
        (Style::Planned, Millis::from_secs(3600))
    );
    assert_eq!(workflow("mixed.yaml").style, Style::Planned);
    let fun = workflow("pipeline.workflow");
    assert_eq!(
        (fun.style, fun.tasks[0].timeout, fun.tasks[0].retries.max),
        (Style::Fun, Millis::from_secs(3600), 4)
    );
}

#[test]
fn defaults_apply_where_a_task_says_nothing() {
    let planned = workflow("planned.yaml");
    let task = |name: &str| {
        planned
            .tasks
            .iter()
            .find(|task| task.name.as_str() == name)
            .expect("it is there")
    };
    assert_eq!(
        (task("load").timeout, task("load_twice").timeout),
        (Millis::from_secs(600), Millis::from_secs(90))
    );
    assert_eq!(
        (task("load").retries.max, task("load_twice").retries.max),
        (2, 0)
    );
    assert_eq!(
        (task("load").concurrency, task("list_files").concurrency),
        (Some(8), None),
        "only fan-outs have a concurrency"
    );
    let env: Vec<&str> = task("load")
        .env
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(env, ["LEVEL", "REGION"]);
    assert_eq!(task("start").executor, Executor::Marker);
}

#[test]
fn defaults_about_workers_are_for_the_tasks_that_have_one() {
    let text = "name: w
defaults:
  region: europe-west1
  image: alpine
  worker: big
  topic: gpu
  config_file: job.toml
  resources: {cpu: 2}
  start_timeout: 5s
  heartbeat_timeout: 6s
  env: {MODE: fast, TOKEN: {secret: API_TOKEN}}
  secrets: [{name: DB, secret: DB_PASSWORD}]
tasks:
  own: {command: ./run}
  request: {url: 'https://e.example'}
  query: {query: SELECT 1}
  wait: {sensor: {workflow: other}}
  batch: {executor: dataproc, batch: {pysparkBatch: {}}}
  job: {executor: cloudrun, job: export}
";
    let parsed = parse_workflow("w.yaml", text.as_bytes()).expect("good");
    let told: Vec<&str> = parsed.warnings.iter().map(|one| one.code).collect();
    assert_eq!(told, ["ORK106", "ORK106"], "the job may miss its secrets");
    let of = |task: &Task| {
        let names: Vec<String> = task.env.iter().map(|(name, _)| name.clone()).collect();
        (
            (names, task.secrets.len(), task.resources.cpu_millis),
            (task.start_timeout, task.heartbeat_timeout),
            [&task.image, &task.worker, &task.topic, &task.config_file].map(Option::is_some),
        )
    };
    let (own, others) = parsed.workflow.tasks.split_first().expect("tasks");
    let spans = (Millis::from_secs(5), Millis::from_secs(6));
    let names = ["MODE", "TOKEN"].map(str::to_owned).to_vec();
    assert_eq!(of(own), ((names, 1, Some(2000)), spans, [true; 4]));
    assert_eq!(others.len(), 5);
    for task in others {
        let names = match task.name.as_str() {
            "job" => vec!["MODE".to_owned()],
            _ => Vec::new(),
        };
        let spans = (limits::START_TIMEOUT, limits::HEARTBEAT_TIMEOUT);
        assert_eq!(
            of(task),
            ((names, 0, None), spans, [false; 4]),
            "{}",
            task.name
        );
    }
}

#[test]
fn a_task_name_alone_stands_for_its_output() {
    let planned = workflow("planned.yaml");
    let foreach = planned.tasks[2].foreach.as_ref().expect("it has one");
    assert_eq!(foreach.root, Root::Output(1));
    assert!(
        matches!(&planned.tasks[4].parallel, Some(Count::Ref(reference)) if reference.root == Root::Output(1))
    );
}

#[test]
fn tasks_keep_the_order_and_places_of_the_file() {
    let parsed = parsed("planned.yaml");
    let source = text("planned.yaml");
    let lines: Vec<&str> = source.lines().collect();
    assert_eq!(parsed.task_positions.len(), parsed.workflow.tasks.len());
    for (task, at) in parsed.workflow.tasks.iter().zip(&parsed.task_positions) {
        let line = lines[at.line as usize - 1];
        assert!(
            line[at.column as usize - 1..].starts_with(task.name.as_str()),
            "{line}"
        );
        assert_eq!(at.width as usize, task.name.as_str().len());
    }
}

#[test]
fn a_fun_body_is_a_script_with_its_line() {
    let workflow = workflow("pipeline.workflow");
    let Executor::Script { body, line } = &workflow.tasks[0].executor else {
        panic!("a script")
    };
    assert_eq!(*line, 4);
    assert_eq!(
        body,
        "import json\nsql = \"\"\"\nselect *\n  from orders\n\"\"\"\n# a comment that is indented\n\n# and one that is not\nprint(json.dumps({\n\"sql\": sql,\n}))\n"
    );
    let Executor::Script { body, line } = &workflow.tasks[1].executor else {
        panic!("a script")
    };
    assert_eq!(
        (body.as_str(), *line),
        (
            "print(\"tabs are fine too\")\nif True:\n\tprint(\"deeper\")\n",
            17
        )
    );
    assert_eq!(workflow.tasks[2].depends_on, [0, 1]);
    let names: Vec<&str> = workflow.tasks[2]
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["raw", "other", "same"]);
}

#[test]
fn the_name_of_a_fun_file_becomes_a_workflow_name() {
    for (file, wanted) in [
        ("a/b/daily load.workflow", "daily_load"),
        ("2nd.workflow", "workflow_2nd"),
        ("ä.workflow", "workflow__"),
        (".workflow", "workflow_"),
    ] {
        let parsed = parse_workflow(file, b"fun a():\n    pass\n").expect("good");
        assert_eq!(parsed.workflow.name.as_str(), wanted, "{file}");
    }
}

#[test]
fn windows_line_ends_change_nothing() {
    for name in FILES {
        let windows = text(name).replace('\n', "\r\n");
        let parsed = parse_workflow(name, windows.as_bytes()).expect("good");
        assert_eq!(parsed.workflow, workflow(name), "{name}");
    }
}

#[test]
fn the_examples_of_the_format_page_are_accepted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/workflow-format.md");
    let page = std::fs::read_to_string(path).expect("docs/workflow-format.md exists");
    let mut seen = 0;
    for block in page.split("\n```").skip(1).step_by(2) {
        let (language, body) = block.split_once('\n').expect("a block has lines");
        // A block that shows a part of a file is completed to a whole one.
        let (file, whole) = match language.trim() {
            "yaml" if body.contains("\ntasks:") || body.starts_with("tasks:") => {
                ("w.yaml", named(body))
            }
            "yaml" => (
                "w.yaml",
                format!("{}\ntasks:\n  example: {{}}\n", named(body)),
            ),
            "yaml task" => (
                "w.yaml",
                format!(
                    "name: page\nparams: {{day: date, days: [date], shards: int}}\ntasks:\n  extract: {{}}\n{}",
                    indented(body)
                ),
            ),
            "yaml project" => {
                ork_core::parse::parse_project("ork.yaml", body.as_bytes()).expect("a project");
                seen += 1;
                continue;
            }
            "workflow" => ("w.workflow", body.to_owned()),
            "text" => continue,
            other => panic!("a block of the page is called `{other}`"),
        };
        seen += 1;
        if let Err(found) = parse_workflow(file, whole.as_bytes()) {
            panic!("{}", ork_core::diagnostic::render(&found, &whole, false));
        }
    }
    assert!(seen >= 15, "only {seen} examples");
}

fn named(body: &str) -> String {
    if body.starts_with("name:") {
        body.to_owned()
    } else {
        format!("name: page\n{body}")
    }
}

fn indented(body: &str) -> String {
    body.lines().map(|line| format!("  {line}\n")).collect()
}

/// Neither panics nor points outside of the file.
fn survives(name: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let source = String::from_utf8_lossy(bytes);
    let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
    let lengths: Vec<usize> = ork_core::diagnostic::lines(source)
        .map(|line| line.chars().count())
        .collect();
    let found = match parse_workflow(name, bytes) {
        Ok(parsed) => parsed.warnings,
        Err(found) => {
            prop_assert!(!found.is_empty());
            found
        }
    };
    for one in &found {
        let length = lengths.get(one.at.line as usize - 1).copied();
        prop_assert!(
            length.is_some() || (one.at.line == 1 && lengths.is_empty()),
            "{one:?}"
        );
        prop_assert!(
            one.at.column >= 1 && one.at.column as usize <= length.unwrap_or(0) + 1,
            "{one:?}"
        );
        prop_assert!(one.at.width >= 1, "{one:?}");
    }
    ork_core::diagnostic::render(&found, source, false);
    Ok(())
}

fn a_file() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    prop::sample::select(&FILES[..]).prop_map(|name| (name, text(name).into_bytes()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives("w.yaml", &bytes)?;
        survives("w.workflow", &bytes)?;
    }

    #[test]
    fn random_yaml_looking_text_never_panics(text in "(name: |tasks:|depends_on|[ \\n\\r\\t:,\\[\\]{}&*!|>'\"%@`#?~<a-c0-9é→-]){0,60}") {
        survives("w.yaml", text.as_bytes())?;
        survives("w.workflow", text.as_bytes())?;
    }

    #[test]
    fn cut_and_spliced_files_never_panic((name, bytes) in a_file(), at in any::<prop::sample::Index>(), drop in 0usize..20, put in "[ \\n:,\\[\\]{}&*!|>'\"a-z0-9é-]{0,8}") {
        let start = at.index(bytes.len());
        let end = (start + drop).min(bytes.len());
        let mut changed = bytes[..start].to_vec();
        changed.extend_from_slice(put.as_bytes());
        changed.extend_from_slice(&bytes[end..]);
        survives(name, &changed)?;
    }

    #[test]
    fn files_with_moved_lines_never_panic((name, bytes) in a_file(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), spaces in 0usize..4) {
        let source = String::from_utf8(bytes).expect("UTF-8");
        let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
        let moved = lines.remove(from.index(lines.len()));
        let place = to.index(lines.len());
        lines.insert(place, format!("{}{}", " ".repeat(spaces), moved.trim_start()));
        survives(name, lines.join("\n").as_bytes())?;
    }
}

/// Definitions as released Orks stored them: `ORK_ADD_FIXTURES=1` adds missing ones and never changes one that is there.
#[test]
fn definitions_of_every_format_are_still_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/definition/v1");
    for name in FILES {
        let path = folder.join(format!("{name}.json"));
        if !path.exists() && std::env::var_os("ORK_ADD_FIXTURES").is_some() {
            std::fs::write(&path, workflow(name).encode()).expect("written");
        }
        let stored = std::fs::read(&path).expect("the fixture exists");
        let read = Workflow::decode(&stored).unwrap_or_else(|error| panic!("{name}: {error}"));
        let from_file = workflow(name);
        assert_eq!(read.name, from_file.name);
        assert_eq!(
            read.tasks.len(),
            from_file.tasks.len(),
            "{name}: every task is read"
        );
        // A key that this code does not know comes from a newer Ork of the same format and is no error.
        let mut newer: serde_json::Value = serde_json::from_slice(&stored).expect("JSON");
        newer["from_the_future"] = serde_json::json!(1);
        Workflow::decode(newer.to_string().as_bytes()).expect("an unknown key is passed over");
        newer["format"] = serde_json::json!(ork_core::definition::DEFINITION_FORMAT + 1);
        let refused =
            Workflow::decode(newer.to_string().as_bytes()).expect_err("a newer format is refused");
        assert!(refused.contains("newer Ork"), "{refused}");
    }
}
