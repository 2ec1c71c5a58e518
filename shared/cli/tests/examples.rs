//! Runs every example with the real command, in a copy of its folder, and compares what it says and leaves behind.
//!
//! `expected/*.json` holds the part of the JSON output that matters; `expected/files` holds files that a run must make.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A copy of one example.
struct Example {
    name: &'static str,
    source: PathBuf,
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
        let source = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples")
            .join(name);
        let copy = tempfile::tempdir().expect("a temporary folder");
        copy_folder(&source, copy.path());
        Self { name, source, copy }
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
        let path = self.source.join("expected").join(file);
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let expected: Value = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
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
        let mut files = Vec::new();
        let root = self.source.join("expected/files");
        all_files(&root, &mut files);
        assert!(!files.is_empty(), "{}: expected/files is empty", self.name);
        for file in files {
            let relative = file
                .strip_prefix(&root)
                .expect("below it")
                .to_str()
                .expect("a plain name");
            assert_eq!(
                self.text(relative),
                fs::read_to_string(&file).expect("readable"),
                "{}: {relative}",
                self.name
            );
        }
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

/// Objects may have more fields than expected; everything else must be equal.
fn compare(at: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                compare(
                    &format!("{at}.{key}"),
                    value,
                    found.get(key).unwrap_or(&Value::Null),
                    differences,
                );
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{at}[{index}]"), expected, found, differences);
            }
        }
        _ if expected == found => {}
        _ => differences.push(format!("{at}: expected {expected}, found {found}")),
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a folder entry");
        let name = entry.file_name();
        if [".ork", "build", "__pycache__", "expected"]
            .iter()
            .any(|left| name == *left)
        {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().expect("a kind of file").is_dir() {
            fs::create_dir(&target).expect("a new folder");
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn all_files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            all_files(&path, into)
        } else {
            into.push(path)
        }
    }
}

/// Says loudly that a part was left out. With `ORK_REQUIRE_ALL=1` that is a failure.
fn skip(what: &str, remedy: &str) {
    let text = format!("SKIPPED {what}: {remedy}");
    assert!(
        std::env::var_os("ORK_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{text}"
    );
    // Written directly, because the test harness swallows what is printed.
    writeln!(std::io::stderr(), "\n{text}\n").expect("standard error takes text");
}

/// Whether a program is there; says so if it is not.
fn has(program: &str, args: &[&str], what: &str, remedy: &str) -> bool {
    let there = Command::new(program)
        .args(args)
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        skip(what, remedy);
    }
    there
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
    let downloads = tempfile::tempdir().expect("a temporary folder");
    let probe = [
        "-m",
        "pip",
        "--disable-pip-version-check",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
    ];
    let target = downloads.path().to_str().expect("a plain name");
    let requirements = example.path("requirements.txt");
    let args = [
        &probe[..],
        &[target, "-r", requirements.to_str().expect("a plain name")],
    ]
    .concat();
    if !has(
        "python3",
        &args,
        "examples/fun-pipeline",
        "pip cannot download from PyPI; connect to a network, and install pip and venv for python3",
    ) {
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
    if !has_python("examples/polyglot")
        || !has("make", &["--version"], "examples/polyglot", "install make")
        || !has(
            "rustc",
            &["--version"],
            "examples/polyglot",
            "put rustc on PATH",
        )
    {
        return;
    }
    let example = Example::new("polyglot");
    let built = Command::new("make")
        .current_dir(example.copy.path())
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make starts");
    Ran::new("make".to_owned(), &built).expect_code(0);
    example.expect("output.json", &example.execute("workflow.yaml", &[], 0));
    example.expect_files();
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
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples"))
        .expect("the examples")
    {
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
