//! What every test of the examples needs, wherever they run: their folders, what they are compared with, the tools they want.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What a run or a test leaves behind, and what a run is compared with.
const LEFT: [&str; 5] = [".ork", "build", "target", "__pycache__", "expected"];

/// Where an example is.
pub(crate) fn source(example: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(example)
}

/// Objects may have more fields than expected; everything else must be equal. Each difference is a line of `differences`.
pub(crate) fn compare(at: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let found = found.get(key).unwrap_or(&Value::Null);
                compare(&format!("{at}.{key}"), value, found, differences);
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

/// `expected/FILE` of an example.
pub(crate) fn expected(example: &str, file: &str) -> Value {
    let path = source(example).join("expected").join(file);
    let shown = path.display();
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shown}: {error}"))
}

/// Copies what a user has of an example.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a folder entry");
        let name = entry.file_name();
        if LEFT.iter().any(|left| name == *left) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().expect("a kind of file").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Compares every file below `expected/files` of an example with what a run left in `folder`.
pub(crate) fn compare_files(example: &str, folder: &Path) {
    let root = source(example).join("expected/files");
    let mut files = Vec::new();
    all_files(&root, &mut files);
    assert!(!files.is_empty(), "{example}: expected/files is empty");
    for file in files {
        let relative = file.strip_prefix(&root).expect("below it");
        let made = folder.join(relative);
        let made = fs::read_to_string(&made)
            .unwrap_or_else(|error| panic!("{example}: {}: {error}", made.display()));
        let expected = fs::read_to_string(&file).expect("readable");
        assert_eq!(made, expected, "{example}: {}", relative.display());
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
pub(crate) fn skip(what: &str, remedy: &str) {
    let text = format!("SKIPPED {what}: {remedy}");
    assert!(
        std::env::var_os("ORK_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "{text}"
    );
    // Written directly, because the test harness swallows what is printed.
    writeln!(std::io::stderr(), "\n{text}\n").expect("standard error takes text");
}

/// Whether a program is there; says so if it is not.
pub(crate) fn has(program: &str, args: &[&str], what: &str, remedy: &str) -> bool {
    let there = Command::new(program)
        .args(args)
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        skip(what, remedy);
    }
    there
}

/// Whether packages of an example's `requirements.txt` can be had.
pub(crate) fn can_download(example: &str) -> bool {
    let downloads = tempfile::tempdir().expect("a temporary folder");
    let target = downloads.path().to_str().expect("a plain name");
    let requirements = source(example).join("requirements.txt");
    let args = [
        "-m",
        "pip",
        "--disable-pip-version-check",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        target,
        "-r",
        requirements.to_str().expect("a plain name"),
    ];
    has(
        "python3",
        &args,
        &format!("examples/{example}"),
        "pip cannot download from PyPI; connect to a network, and install pip and venv for python3",
    )
}

/// Puts the Python SDK beside a workflow, which is as good as having it installed for programs that run there.
pub(crate) fn bring_sdk(folder: &Path) {
    let package = source("../shared/sdk-python/src/ork");
    std::os::unix::fs::symlink(package, folder.join("ork")).expect("a link");
}

/// Builds `polyglot` in its folder; `false`: something is missing, which is said.
pub(crate) fn make_polyglot(folder: &Path) -> bool {
    let (make, rustc) = (("make", "install make"), ("rustc", "put rustc on PATH"));
    if [make, rustc]
        .iter()
        .any(|(tool, remedy)| !has(tool, &["--version"], "examples/polyglot", remedy))
    {
        return false;
    }
    let mut command = Command::new("make");
    command.current_dir(folder).env_remove("MAKEFLAGS");
    built(&mut command);
    true
}

/// Builds the crate of `rust_task` into its folder; `false`: something is missing, which is said.
pub(crate) fn build_rust_task(folder: &Path) -> bool {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = source("rust_task").join("Cargo.toml");
    let manifest = manifest.to_str().expect("a plain name");
    let fetch = ["fetch", "--locked", "--quiet", "--manifest-path", manifest];
    let remedy = "cargo cannot fetch the crates of the example: connect to a network";
    if !has(&cargo, &fetch, "examples/rust_task", remedy) {
        return false;
    }
    // The crate names the SDK by a path beside it, which a copy does not have. What is built once serves all tests.
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust_task");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--locked", "--quiet", "--manifest-path", manifest])
        .arg("--target-dir")
        .arg(&shared);
    built(&mut command);
    copy_built(&shared.join("debug"), &folder.join("target/debug"));
    true
}

/// The programs and libraries themselves, without what cargo needs to make them.
fn copy_built(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("what was built") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a kind of file").is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
        }
    }
}

fn built(command: &mut Command) {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
}
