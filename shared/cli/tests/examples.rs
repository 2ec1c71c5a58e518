//! Runs every example with the real command, in a copy of its folder, and compares what it says and leaves behind.
//!
//! `expected/*.json` holds the part of the JSON output that matters; `expected/files` holds files that a run must make.

mod example_folders;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use example_folders::{
    bring_sdk, build_rust_task, can_download, compare, compare_files, copy_folder, expected, has,
    make_polyglot, source,
};

/// A copy of one example.
struct Example {
    name: &'static str,
    copy: TempDir,
}

/// What a command did.
struct Ran {
    shown: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Example {
    fn new(name: &'static str) -> Self {
        let copy = tempfile::tempdir().expect("a temporary folder");
        copy_folder(&source(name), copy.path());
        Self { name, copy }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.copy.path().join(file)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path(file))
            .unwrap_or_else(|error| panic!("{}: {file}: {error}", self.name))
    }

    fn ork(&self, args: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_ork"))
            .args(args)
            .current_dir(self.copy.path())
            .output()
            .expect("ork starts");
        Ran::new(format!("ork {}", args.join(" ")), &output)
    }

    /// `ork execute --file FILE --json ARGS`: its JSON, when it exited with `code`.
    fn execute(&self, file: &str, args: &[&str], code: i32) -> Value {
        let ran = self.ork(&[&["execute", "--file", file, "--json"], args].concat());
        ran.expect_code(code);
        ran.json()
    }

    /// Compares with `expected/FILE`.
    fn expect(&self, file: &str, found: &Value) {
        let expected = expected(self.name, file);
        let mut differences = Vec::new();
        compare("", &expected, found, &mut differences);
        assert!(
            differences.is_empty(),
            "{}: differs from expected/{file}:\n  {}\n{found:#}",
            self.name,
            differences.join("\n  ")
        );
    }

    /// Compares every file below `expected/files`.
    fn expect_files(&self) {
        compare_files(self.name, self.copy.path());
    }
}

impl Ran {
    fn new(shown: String, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            shown,
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    fn expect_code(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "`{}`\nstdout: {}\nstderr: {}",
            self.shown,
            self.stdout,
            self.stderr
        );
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "`{}` printed no JSON ({error}): {}\n{}",
                self.shown, self.stdout, self.stderr
            )
        })
    }
}

fn has_python(example: &str) -> bool {
    let asked = std::env::var("ORK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    has(
        &asked,
        &["-c", "import sys; sys.exit(sys.version_info < (3, 9))"],
        example,
        "it needs Python 3.9 or newer: install python3, or set ORK_PYTHON",
    )
}

#[test]
fn quickstart_loads_the_orders_and_reports() {
    if !has_python("examples/quickstart") {
        return;
    }
    let example = Example::new("quickstart");
    let found = example.execute("workflow.yaml", &[], 0);
    example.expect("output.json", &found);
    example.expect_files();
    assert!(example.path("build/shop.db").exists() && example.path("build/report.tar").exists());
    // Too strict a limit stops it before anything is loaded.
    let strict = example.execute(
        "workflow.yaml",
        &[
            "--param",
            "max_rejected=0.01",
            "--param",
            "database=build/never.db",
        ],
        1,
    );
    assert_eq!(strict["tasks"]["check"]["status"], "failed");
    assert_eq!(strict["tasks"]["report"]["status"], "skipped");
    assert!(!example.path("build/never.db").exists());
}

#[test]
fn branches_and_joins_come_together() {
    if !has_python("examples/branches-and-joins") {
        return;
    }
    let example = Example::new("branches-and-joins");
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
}

#[test]
fn retries_follow_the_category_of_the_failure() {
    if !has_python("examples/retries") {
        return;
    }
    let example = Example::new("retries");
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
    let permanent = example.execute(
        "workflow.yaml",
        &["--param", "address=Rua Augusta, Lisboa"],
        1,
    );
    example.expect("permanent.json", &permanent);
    assert!(
        permanent["tasks"]["geocode"]
            .to_string()
            .contains("no house number"),
        "{permanent:#}"
    );
}

#[test]
fn fan_out_agrees_with_its_batches() {
    if !has_python("examples/fan-out") {
        return;
    }
    let example = Example::new("fan-out");
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
    let none = example.execute("workflow.yaml", &["--param", "items=0"], 0);
    assert_eq!(
        none["tasks"]["compare"]["output"]["instances"], 0,
        "{none:#}"
    );
}

#[test]
fn conditions_choose_a_way_and_clean_up() {
    if !has_python("examples/conditions") {
        return;
    }
    let example = Example::new("conditions");
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
    example.expect(
        "small-abroad.json",
        &example.execute(
            "workflow.yaml",
            &["--param", "total=20", "--param", "country=BR"],
            0,
        ),
    );
    example.expect(
        "declined.json",
        &example.execute("workflow.yaml", &["--param", "payment=declined"], 1),
    );
    assert!(!example.path("build/lock").exists(), "the lock is released");
}

#[test]
fn schedules_keep_their_hour_over_the_change_of_clocks() {
    let example = Example::new("schedules");
    for (from, count, file) in [
        ("2026-03-28T00:00:00Z", "7", "spring.json"),
        ("2026-10-24T12:00:00Z", "4", "autumn.json"),
    ] {
        let ran = example.ork(&[
            "schedule",
            "preview",
            "workflow.yaml",
            "--from",
            from,
            "--count",
            count,
            "--json",
        ]);
        ran.expect_code(0);
        let mut found = ran.json();
        // The name of the zone may follow in brackets.
        for slot in found.as_array_mut().expect("an array") {
            let local = slot["local"]
                .as_str()
                .expect("a local time")
                .split('[')
                .next()
                .expect("a first part")
                .to_owned();
            slot["local"] = Value::String(local);
        }
        example.expect(file, &found);
    }
    let found = example.execute("workflow.yaml", &["--param", "day=2026-06-01"], 0);
    example.expect("output.json", &found);
    let logs = example.ork(&["run", "logs", found["run_id"].as_str().expect("a run id")]);
    logs.expect_code(0);
    assert!(
        logs.stdout.contains("a run for 2026-06-01"),
        "{}",
        logs.stdout
    );
}

#[test]
fn fun_pipeline_installs_its_requirements() {
    if !has_python("examples/fun-pipeline") {
        return;
    }
    let example = Example::new("fun-pipeline");
    if !can_download("fun-pipeline") {
        return;
    }
    let found = example.execute("harvest.workflow", &[], 0);
    assert_eq!(found["status"], "success", "{found:#}");
    let table = found["tasks"]["table"]["output"]
        .as_str()
        .expect("the printed text");
    assert!(table.contains("| Elstar  |    191 | 296.05 |"), "{table}");
}

#[test]
fn polyglot_passes_values_between_languages() {
    if !has_python("examples/polyglot") {
        return;
    }
    let example = Example::new("polyglot");
    if make_polyglot(example.copy.path()) {
        example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
        example.expect_files();
    }
}

/// What a program of Rust tasks answers to `POST /compile` when it is told to serve.
fn compiled_by(program: &Path) -> Value {
    let mut serving = Command::new(program)
        .args(["--serve", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut said = String::new();
    let errors = serving.stderr.as_mut().expect("a pipe");
    BufReader::new(errors).read_line(&mut said).expect("a line");
    let (_, address) = said.split_once("http://").expect("where it serves");
    let address = address.split(',').next().expect("an address");
    let answer = (|| {
        let mut stream = TcpStream::connect(address)?;
        let head = "POST /compile HTTP/1.1\r\nHost: ork\r\nContent-Type: application/json";
        write!(
            stream,
            "{head}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        )?;
        std::io::read_to_string(stream)
    })();
    serving.kill().expect("it was there");
    serving.wait().expect("it is over");
    let answer = answer.expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

#[test]
fn a_rust_crate_is_a_program_a_service_and_a_shared_object() {
    let example = Example::new("rust_task");
    if build_rust_task(example.copy.path()) {
        example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
        let broken = ["--param", "file=data/broken.csv"];
        example.expect("broken.json", &example.execute("workflow.yaml", &broken, 1));
        // The third way to call the same tasks, and all of them.
        let served = compiled_by(&example.path("target/debug/tides"));
        let names = served["tasks"].as_array().expect("a list of tasks");
        let names: Vec<&str> = names
            .iter()
            .filter_map(|one| one["name"].as_str())
            .collect();
        assert_eq!(names, ["read", "summarise", "describe", "letter"]);
    }
}

#[test]
fn a_project_has_an_executor_of_its_own() {
    if !has_python("examples/custom_executor") {
        return;
    }
    let example = Example::new("custom_executor");
    bring_sdk(example.copy.path());
    let found = example.execute("workflow.yaml", &[], 0);
    example.expect("output.json", &found);
    let run = found["run_id"].as_str().expect("a run id");
    let logs = example.ork(&["run", "logs", run, "totals"]);
    logs.expect_code(0);
    assert!(
        logs.stdout.contains("INFO totals.sql: 3 rows"),
        "{}",
        logs.stdout
    );
    fs::write(example.path("best.sql"), "SELECT profit FROM totals").expect("written");
    let broken = example.execute("workflow.yaml", &[], 1);
    let best = &broken["tasks"]["best"];
    assert_eq!(best["attempts"], 1, "it is not tried again: {broken:#}");
    let error = best.to_string();
    assert!(
        error.contains("best.sql: no such column: profit"),
        "{broken:#}"
    );
}

/// With the stand-ins it runs in the tests of the services; here is what becomes of it without them.
#[test]
fn deferrables_say_where_nobody_answers() {
    if !has_python("examples/deferrables") {
        return;
    }
    let example = Example::new("deferrables");
    let nowhere = "http://127.0.0.1:1";
    let params = [format!("bigquery={nowhere}"), format!("service={nowhere}")];
    let params = ["--param", &params[0], "--param", &params[1]];
    let found = example.execute("workflow.yaml", &params, 1);
    assert_eq!(found["tasks"]["aggregate"]["attempts"], 3, "{found:#}");
    let error = found["tasks"]["aggregate"].to_string();
    assert!(
        error.contains("/bigquery/v2/projects/ork-local/jobs"),
        "{found:#}"
    );
    let google = params.map(|one| one.replace(nowhere, "https://bigquery.googleapis.com"));
    let google: Vec<&str> = google.iter().map(String::as_str).collect();
    let found = example.execute("workflow.yaml", &google, 1);
    assert_eq!(
        found["tasks"]["aggregate"]["attempts"], 1,
        "it is not tried again: {found:#}"
    );
}

/// The same goes for these.
#[test]
fn tasks_without_a_worker_go_nowhere_that_is_not_allowed() {
    let example = Example::new("without_worker");
    let param = ["--param", "service=http://127.0.0.1:1"];
    let found = example.execute("workflow.yaml", &param, 1);
    let ask = &found["tasks"]["ask"];
    assert_eq!(ask["attempts"], 1, "it is not tried again: {found:#}");
    assert!(ask.to_string().contains("ORK_OUTGOING_ALLOW"), "{found:#}");
}

#[test]
fn recover_does_not_repeat_what_succeeded() {
    if !has_python("examples/recover") {
        return;
    }
    for from in [["--from-task", "print"], ["--from-step", "2"]] {
        let example = Example::new("recover");
        fs::create_dir(example.path("build")).expect("a new folder");
        fs::write(example.path("build/out-of-paper"), "").expect("a marker");
        let failed = example.execute("workflow.yaml", &[], 1);
        example.expect("output.json", &failed);
        let run = failed["run_id"].as_str().expect("a run id");
        fs::remove_file(example.path("build/out-of-paper")).expect("the marker was there");
        example
            .ork(&[&["run", "recover", run], &from[..]].concat())
            .expect_code(0);
        assert_eq!(
            example.text("build/executions.log"),
            "collect\nlayout\nprint\nprint\ndeliver\n",
            "{from:?}"
        );
        let status = example.ork(&["run", "status", run, "--json"]);
        status.expect_code(0);
        assert_eq!(status.json()["status"], "success");
    }
}

/// The receiver of an example, and where it listens.
struct Receiver(Child, String);

impl Receiver {
    fn start(example: &Example) -> Self {
        let python = std::env::var("ORK_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut receiver = Command::new(python)
            .args(["receiver.py", "--port", "0"])
            .env("HOOK_TOKEN", "letmein")
            .current_dir(example.copy.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = String::new();
        let out = receiver.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut said).expect("a line");
        let (_, url) = said.trim().split_once("listening at ").expect("where");
        Self(receiver, url.to_owned())
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn notifications_tell_a_receiver_of_a_failure_and_of_the_recovery() {
    if !has_python("examples/notifications") {
        return;
    }
    let example = Example::new("notifications");
    let receiver = Receiver::start(&example);
    let ork = |args: &[&str], token: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ork"));
        command
            .args(args)
            .current_dir(example.copy.path())
            .env("HOOK_URL", &receiver.1)
            .env("ORK_OUTGOING_ALLOW", "127.0.0.1")
            .env_remove("HOOK_TOKEN")
            .envs(token.map(|token| ("HOOK_TOKEN", token)));
        let output = command.output().expect("ork starts");
        Ran::new(format!("ork {}", args.join(" ")), &output)
    };
    let token = Some("letmein");
    let execute = ["execute", "--file", "workflow.yaml", "--json"];
    let failed = ork(&execute, token);
    failed.expect_code(1);
    example.expect("failed.json", &failed.json());
    fs::write(example.path("build/stock.csv"), "apples\npears\n").expect("written");
    let mended = ork(&["run", "retry", "latest", "--json"], token);
    mended.expect_code(0);
    assert_eq!(mended.json()["tasks"]["count"]["output"], 2);
    // Without the secret nobody can be told; with it somebody is.
    fs::remove_file(example.path("build/stock.csv")).expect("it was there");
    ork(&execute, None).expect_code(1);
    let notices = ["run", "notices", "latest", "--json"];
    let given_up = ork(&notices, None);
    given_up.expect_code(0);
    assert_eq!(given_up.json()["notices"][0]["state"], "gave_up");
    ork(&["run", "resend", "latest", "--failed"], token).expect_code(0);
    let sent = ork(&notices, None);
    assert_eq!(sent.json()["notices"][0]["state"], "sent");
    example.expect_files();
}

#[test]
fn typed_files_are_checked_before_they_run() {
    if !has_python("examples/typed") {
        return;
    }
    let example = Example::new("typed");
    example.expect(
        "output.json",
        &example.execute("workflow.yaml", &["--param", "day=2026-06-01"], 0),
    );
    example
        .ork(&[
            "execute",
            "--file",
            "workflow.yaml",
            "--param",
            "currency=CHF",
        ])
        .expect_code(2);
    let refused = example.ork(&["validate", "mismatch.yaml", "--json"]);
    refused.expect_code(2);
    let found = refused.json();
    let lines: Vec<u64> = found["errors"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|error| error["line"].as_u64())
        .collect();
    for line in [11, 17, 21] {
        assert!(lines.contains(&line), "line {line} is wrong: {found:#}");
    }
}

#[test]
fn subworkflow_runs_the_other_once_per_region() {
    if !has_python("examples/subworkflow") {
        return;
    }
    let example = Example::new("subworkflow");
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
    example.expect_files();
    let list = example.ork(&["run", "list", "--json"]);
    list.expect_code(0);
    assert_eq!(
        list.stdout.matches("\"region_report\"").count(),
        3,
        "{}",
        list.stdout
    );
}

#[test]
fn every_example_has_a_readme_and_a_test() {
    let tests = include_str!("examples.rs");
    for entry in fs::read_dir(source("")).expect("the examples") {
        let path = entry.expect("a folder entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a plain name");
        // What tools leave behind begins with a dot.
        if path.is_dir() && !name.starts_with('.') {
            assert!(
                path.join("README.md").exists(),
                "examples/{name} lacks a README.md"
            );
            assert!(
                tests.contains(&format!("Example::new(\"{name}\")")),
                "examples/{name} has no test here"
            );
        }
    }
}
