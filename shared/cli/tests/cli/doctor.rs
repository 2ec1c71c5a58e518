//! `ork doctor`: what it says of a machine and of a server that are as they should be, and of each thing that is not.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
#[cfg(feature = "serve")]
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

#[cfg(feature = "serve")]
use crate::support::WAITS;
use crate::support::{Project, Ran, steady};

const ALPHA: &str = "name: alpha\ntasks:\n  a: {}\n";

/// A folder whose machine has nothing but what is put into its folder `bin`.
struct Machine(Project);

impl Machine {
    fn new() -> Self {
        let project = Project::new();
        fs::create_dir(project.path("bin")).expect("a folder");
        let machine = Self(project);
        machine.tool("python3", &python("3, 11, 7", "true", ""));
        machine
    }
    fn tool(&self, name: &str, text: &str) {
        let path = self.0.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
        fs::set_permissions(path, Permissions::from_mode(0o755)).expect("executable");
    }
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.0.command(&[&["doctor"], args].concat());
        command.env("PATH", self.0.path("bin"));
        command
    }
    fn checks(&self, args: &[&str]) -> Checks {
        let ran = self
            .0
            .finish(&mut self.command(&[args, &["--json"]].concat()));
        Checks::of(&ran)
    }
}

/// A Python that answers what is asked with this.
fn python(version: &str, packages: &str, more: &str) -> String {
    format!(
        r#"echo 'a line of its own'
echo '{{"version": [{version}], "executable": "/usr/bin/python3", "packages": {packages}{more}}}'"#
    )
}

/// The checks of a document, by name.
pub(crate) struct Checks {
    all: BTreeMap<String, Value>,
    pub(crate) code: Option<i32>,
}

impl Checks {
    #[track_caller]
    pub(crate) fn of(ran: &Ran) -> Self {
        let document = ran.json();
        assert_eq!(document["format"], 1);
        let checks = document["checks"].as_array().expect("checks");
        let named = |one: &Value| {
            (
                one["name"].as_str().expect("a name").to_owned(),
                one.clone(),
            )
        };
        let all: BTreeMap<_, _> = checks.iter().map(named).collect();
        let failed = document["summary"]["failed"].as_u64().expect("a number");
        assert_eq!(
            ran.code,
            Some(if failed > 0 { 3 } else { 0 }),
            "{document:#}"
        );
        Self {
            all,
            code: ran.code,
        }
    }
    /// `state: found`, and the remedy.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> String {
        let one = self.all.get(name).unwrap_or_else(|| panic!("no {name}"));
        let word = |key: &str| one[key].as_str().unwrap_or("-");
        format!("{}: {} | {}", word("state"), word("found"), word("remedy"))
    }
    /// Sees to it that a check stands so and says all of this.
    #[track_caller]
    pub(crate) fn has(&self, name: &str, state: &str, words: &[&str]) {
        let told = self.told(name);
        assert!(told.starts_with(&format!("{state}: ")), "{name} {told}");
        for word in words {
            assert!(told.contains(word), "{word:?} is not in {name} {told}");
        }
    }
    /// The names of those that stand so.
    pub(crate) fn of_state(&self, state: &str) -> Vec<&str> {
        let those = self.all.iter().filter(|(_, one)| one["state"] == state);
        those.map(|(name, _)| name.as_str()).collect()
    }
}

#[test]
fn a_machine_that_has_everything_is_told_so() {
    let machine = Machine::new();
    machine.tool("uv", "echo 'uv 0.9.1'");
    machine.tool("cc", "true");
    machine.tool("cargo", "echo 'cargo 1.95.0'");
    machine.tool("java", "echo 'openjdk version \"17.0.9\"' >&2");
    machine.tool("gcloud", "true");
    machine.0.write("a.yaml", ALPHA);
    machine.0.write("ork.yaml", "pools: {p: 1}\n");
    let told = machine.0.finish(&mut machine.command(&[])).ok().text();
    // Of the machine that runs the test.
    let lines = told.lines().filter(|line| {
        ![
            "machine.system",
            "state.space",
            "dev.port",
            " checks: ",
            "do:",
            "next:",
        ]
        .iter()
        .any(|word| line.contains(word))
    });
    let told: Vec<&str> = lines.collect();
    steady(|| insta::assert_snapshot!("doctor", told.join("\n")));
    assert!(!machine.0.path(".ork").exists(), "nothing was made");
    // What comes next is said where nothing is wrong: the port may be somebody else's here.
    for (machine, next) in [
        (machine, "next: `ork dev`"),
        (Machine::new(), "next: `ork init`"),
    ] {
        let ran = machine.0.finish(&mut machine.command(&[])).ok();
        let is_fine = !ran.err.contains("warning");
        assert_eq!(ran.err.contains(next), is_fine, "{}", ran.err);
    }
}

#[test]
fn each_python_that_is_of_no_use_is_told_with_what_to_do() {
    let machine = Machine::new();
    machine.tool("python3", &python("3, 8, 10", "true", ""));
    let found = machine.checks(&[]);
    found.has(
        "python.version",
        "failed",
        &["3.8.10", "3.9 or newer", "ORK_PYTHON"],
    );
    assert_eq!(found.of_state("failed"), ["python.version"]);
    assert_eq!(found.code, Some(3));
    machine.tool("python3", "echo 'no module named ork' >&2; exit 7");
    let found = machine.checks(&[]);
    found.has(
        "python.version",
        "failed",
        &["exit status: 7", "no module named ork"],
    );
    machine.tool("python3", "echo hello");
    let found = machine.checks(&[]);
    found.has(
        "python.version",
        "failed",
        &["does not answer as Python does"],
    );
    // It is given up after a while, and ends.
    machine.tool("python3", "exec /bin/sleep 3600");
    let found = machine.checks(&[]);
    found.has("python.version", "failed", &["does not answer within"]);
    fs::remove_file(machine.0.path("bin/python3")).expect("removed");
    let found = machine.checks(&[]);
    found.has(
        "python.version",
        "failed",
        &["neither `python3` nor `python`", "install Python"],
    );
    found.has("python.sdk", "skipped", &["there is no Python"]);
    let mut command = machine.command(&["--json"]);
    let ran = machine.0.finish(command.env("ORK_PYTHON", "/gone/python"));
    Checks::of(&ran).has("python.version", "failed", &["ORK_PYTHON=/gone/python"]);
}

#[test]
fn packages_of_another_version_or_none_are_told() {
    let machine = Machine::new();
    let found = machine.checks(&[]);
    found.has(
        "python.sdk",
        "skipped",
        &["not installed", env!("CARGO_PKG_VERSION")],
    );
    found.has("python.packages", "ok", &["venv"]);
    found.has("python.uv", "skipped", &["not found"]);
    let sdk = |version: &str| format!(r#", "sdk": "/x/ork/__init__.py", "sdk_version": {version}"#);
    machine.tool("python3", &python("3, 11, 7", "false", &sdk("\"0.0.1\"")));
    let found = machine.checks(&[]);
    found.has(
        "python.sdk",
        "warning",
        &["0.0.1 at /x/ork", "pip install ork-sdk=="],
    );
    found.has(
        "python.packages",
        "warning",
        &["requirements.txt", "python3-venv"],
    );
    machine.tool("python3", &python("3, 11, 7", "false", &sdk("null")));
    machine.tool("uv", "echo 'error: broken' >&2; exit 2");
    let found = machine.checks(&[]);
    found.has("python.sdk", "warning", &["is not Ork's"]);
    found.has("python.packages", "ok", &["uv"]);
    found.has("python.uv", "failed", &["broken", "take it off PATH"]);
}

#[test]
fn a_real_python_is_understood_and_nothing_of_the_users_is_run() {
    let project = Project::with("ork.py", "open('ran', 'w')\n");
    let found = Checks::of(&project.ork(&["doctor", "--json"]));
    if found.told("python.version").starts_with("ok: ") {
        found.has("python.sdk", "warning", &["ork.py", "is not Ork's"]);
    }
    assert!(!project.path("ran").exists(), "it was imported");
}

#[test]
fn other_tools_that_are_missing_or_old_are_no_failure() {
    let machine = Machine::new();
    let found = machine.checks(&[]);
    found.has("tools.compiler", "skipped", &["no C compiler"]);
    found.has("tools.cargo", "skipped", &["rustup.rs"]);
    found.has("tools.emulators", "skipped", &["neither java nor gcloud"]);
    machine.tool("java", "echo 'java version \"1.8.0_392\"' >&2");
    machine
        .checks(&[])
        .has("tools.emulators", "skipped", &["no gcloud"]);
    machine.tool("gcloud", "true");
    machine.tool("cargo", "echo 'error: no default toolchain' >&2; exit 1");
    let found = machine.checks(&[]);
    found.has("tools.emulators", "warning", &["Java 8", "11 or newer"]);
    found.has("tools.cargo", "warning", &["no default toolchain"]);
}

#[test]
fn a_state_folder_that_is_of_no_use_is_told_and_not_touched() {
    let machine = Machine::new();
    let project = &machine.0;
    project.write("a.yaml", ALPHA);
    machine
        .checks(&[])
        .has("state.folder", "skipped", &["there is no .ork yet"]);
    project.ork(&["execute", "a.yaml"]).ok();
    let found = machine.checks(&[]);
    found.has("state.folder", "ok", &["version 1"]);
    found.has("state.store", "ok", &["1 workflow"]);
    fs::write(project.path(".ork/version"), "7\n").expect("written");
    let found = machine.checks(&[]);
    found.has(
        "state.folder",
        "failed",
        &["newer Ork", "version 7", "--state"],
    );
    assert_eq!(project.read(".ork/version"), "7\n");
    project.write("file", "");
    let found = machine.checks(&["--state", "file"]);
    found.has("state.folder", "failed", &["not a folder"]);
    fs::create_dir(project.path("other")).expect("a folder");
    project.write("other/letters", "");
    let found = machine.checks(&["--state", "other"]);
    found.has("state.folder", "skipped", &["there is no other yet"]);
    assert_eq!(
        fs::read_dir(project.path("other")).expect("listed").count(),
        1
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_nobody_can_write_is_told() {
    // Nobody makes files there, whoever it is.
    let found = Machine::new().checks(&["--state", "/proc/ork/.ork"]);
    found.has(
        "state.locks",
        "failed",
        &["/proc cannot be written", "--state DIR"],
    );
}

#[test]
fn files_that_are_wrong_are_named_with_their_first_mistake() {
    let machine = Machine::new();
    machine.0.write("ork.yaml", "pools: 3\n");
    machine.0.write("a.yaml", ALPHA);
    let found = machine.checks(&[]);
    found.has(
        "folder.settings",
        "failed",
        &["`ork.yaml` has 1 error", "ork validate ork.yaml"],
    );
    found.has("folder.workflows", "unknown", &["folder.settings"]);
    machine.0.write("ork.yaml", "");
    machine
        .0
        .write("b.yaml", "name: b\ntasks:\n  a: {depends_on: [c]}\n");
    let found = machine.checks(&[]);
    found.has(
        "folder.workflows",
        "failed",
        &["1 of 2 files", "b.yaml: line 3", "ork validate b.yaml"],
    );
    machine.0.write(
        "b.yaml",
        "name: b\ntasks:\n  a: {executor: docker, image: x, command: y}\n",
    );
    let found = machine.checks(&[]);
    found.has(
        "folder.workflows",
        "warning",
        &["1 of 2 files cannot run", "docs/deploy.md"],
    );
}

#[cfg(feature = "serve")]
#[test]
fn a_port_that_is_taken_is_told_and_one_of_our_own_is_fine() {
    // Somebody has it: this test, or another program of this machine.
    let _taken = TcpListener::bind("127.0.0.1:4000");
    let found = Machine::new().checks(&[]);
    found.has("dev.port", "warning", &["127.0.0.1:4000", "--port 0"]);
    let machine = Machine::new();
    machine.0.write("w.yaml", WAITS);
    let mut dev = machine.0.start(&["dev", "--port", "0"]);
    dev.until("1 workflow from");
    machine.checks(&[]).has(
        "dev.port",
        "ok",
        &["an `ork dev` of this state folder is at http"],
    );
    dev.signal(rustix::process::Signal::INT);
    dev.end().exits(0);
}

#[test]
fn options_of_a_project_are_refused_elsewhere() {
    for option in ["--name", "--region"] {
        Project::new()
            .ork(&["doctor", option, "x"])
            .exits(2)
            .says(&format!("{option} is about a project"));
    }
}

#[cfg(all(feature = "server", feature = "serve"))]
mod at_a_server {
    use super::*;
    use crate::server::Far;
    use crate::server_trouble::{Between, Fate, answer};

    fn checks(url: &str, env: &[(&str, &str)]) -> Checks {
        let project = Project::new();
        let mut command = project.command(&["doctor", "--server", url, "--json"]);
        for (name, value) in env {
            command.env(name, value);
        }
        Checks::of(&project.finish(&mut command))
    }

    #[test]
    fn one_that_is_well_is_told_so() {
        let far = Far::new("w.yaml", WAITS, &[]);
        let ran = far.here.ork(&["doctor", "--server", &far.url]).ok();
        let told = ran.text().replace(&far.url, "<url>");
        // Whose account it is, and how quick.
        let told: Vec<&str> = told
            .lines()
            .map(|line| line.split(":root").next().unwrap_or(line))
            .filter(|line| !line.contains("server.answers") && !line.contains("server.identity"))
            .collect();
        steady(|| insta::assert_snapshot!("doctor_server", told.join("\n")));
        let found = checks(&far.url, &[]);
        found.has("server.identity", "ok", &["local:", "admin"]);
        found.has("server.answers", "ok", &[&far.url]);
        far.end();
    }

    #[test]
    fn whoever_is_not_let_in_is_told_so_and_no_key_is_shown() {
        let far = Far::new("w.yaml", WAITS, &["--keys"]);
        let key = "ork_0123456789_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let env = [("ORK_SERVER", far.url.as_str()), ("ORK_API_KEY", key)];
        let found = checks(&far.url, &env);
        found.has("server.answers", "ok", &[]);
        found.has("server.identity", "failed", &["401", "ORK_API_KEY"]);
        found.has("server.api", "unknown", &["server.identity"]);
        found.has("system.wakes", "unknown", &[]);
        assert!(!found.told("server.identity").contains(key));
        let limited = [
            "auth",
            "key",
            "create",
            "ci",
            "--role",
            "viewer",
            "--workflow",
            "waits",
        ];
        let key = far.there.ork(&limited).ok().out;
        let found = checks(
            &far.url,
            &[("ORK_SERVER", &far.url), ("ORK_API_KEY", key.trim())],
        );
        found.has("server.identity", "ok", &["viewer, limited to 1 workflow"]);
        found.has("system.wakes", "unknown", &["limited to no workflows"]);
        assert_eq!(found.code, Some(0));
        far.end();
    }

    #[test]
    fn one_that_is_not_there_hangs_or_is_something_else_is_told() {
        let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", nobody.local_addr().expect("an address"));
        let found = checks(&url, &[]);
        found.has("server.answers", "failed", &["does not answer within 4 s"]);
        found.has("server.clock", "unknown", &[]);
        drop(nobody);
        let found = checks(&url, &[]);
        found.has(
            "server.answers",
            "failed",
            &["cannot be reached", "ork profile list"],
        );
        assert_eq!(found.of_state("failed"), ["server.answers"]);
        let page = Between::saying(
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>",
        );
        let found = checks(&page.url, &[]);
        found.has("server.answers", "failed", &["is it an Ork"]);
        let iam = Between::saying(
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
        let found = checks(&iam.url, &[]);
        found.has(
            "server.answers",
            "failed",
            &["Cloud Run's IAM", "ORK_ID_TOKEN"],
        );
    }

    #[test]
    fn another_version_a_wrong_clock_and_missing_ticks_are_told() {
        let system = r#"{"version":"9.9.9","now":"2026-11-22T18:10:20Z","is_ticked":true,"ticks":[],
            "next_wake":{"run_id":"late","at":"2026-11-22T17:10:20Z"},"overdue":4,"set_aside":1,"set_aside_why":"runs-x: broken"}"#;
        let other = Between::new("", move |head, _| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let body = match path {
                "/api/health" => r#"{"status":"ok","version":"9.9.9"}"#,
                "/api/me" => r#"{"actor":{"kind":"key","id":"k"},"role":"viewer","workflows":[]}"#,
                "/api/openapi.json" => r#"{"paths":{"/api/me":{"get":{}}}}"#,
                _ => system,
            };
            Fate::Say(answer(
                "200 OK",
                "date: Mon, 22 Nov 2010 18:10:20 GMT\r\n",
                body,
            ))
        });
        let found = checks(&other.url, &[]);
        found.has(
            "server.version",
            "warning",
            &["9.9.9", "same version at both ends"],
        );
        found.has(
            "server.api",
            "warning",
            &["does not know 32 of the 33", "GET /api/health"],
        );
        found.has("server.clock", "failed", &["behind this one", "beyond 1m"]);
        found.has(
            "system.ticks",
            "failed",
            &["nobody has ticked yet", "scheduler.tick"],
        );
        found.has("system.wakes", "failed", &["4 runs", "late for 1h already"]);
        found.has("system.set_aside", "warning", &["1: runs-x: broken"]);
    }
}

#[cfg(not(feature = "server"))]
#[test]
fn without_servers_it_says_so() {
    Project::new()
        .ork(&["doctor", "--server", "http://127.0.0.1:1"])
        .exits(2)
        .says("was built without what asks servers");
}

#[cfg(not(feature = "cloud"))]
#[test]
fn without_google_cloud_it_says_so() {
    let project = Project::new();
    project
        .ork(&["doctor", "--project", "p", "--bucket", "b"])
        .exits(2)
        .says("was built without Google Cloud");
    let told = project.ork(&["doctor"]).out;
    assert!(told.contains("built without --project"), "{told}");
}
