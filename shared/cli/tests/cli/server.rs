//! `--server`: the commands over the HTTP API of an `ork dev`, compared with the same commands on its state folder.

use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Project, Ran, Running, WAITS};

/// Fails in two instances of `b` until there is a file, skips `c`.
const MIXED: &str = "\
name: mixed
description: everything
schedule: '0 6 * * *'
params:
  day: {type: str, default: monday}
tasks:
  a:
    command: 'echo hello; sleep 0.02; echo ORK_OUTPUT:1'
  b:
    command: 'echo trying; test -e mended'
    parallel: 2
    depends_on: [a]
  c:
    command: 'true'
    depends_on: [b]
";

/// A folder with an `ork dev` on it, and somebody elsewhere who has nothing of it but its address.
pub(crate) struct Far {
    pub(crate) there: Project,
    pub(crate) here: Project,
    pub(crate) dev: Running,
    pub(crate) url: String,
}

impl Far {
    pub(crate) fn new(file: &str, text: &str, options: &[&str]) -> Self {
        let there = Project::with(file, text);
        let args = [&["dev", "--port", "0"], options].concat();
        let mut dev = there.start(&args);
        let said = dev.until("1 workflow from");
        let rest = said.split("http://").nth(1).unwrap_or_default();
        let at = rest.split("/api").next().unwrap_or_default();
        Self {
            url: format!("http://{at}"),
            here: Project::new(),
            there,
            dev,
        }
    }
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.here.command(args);
        command.env("ORK_SERVER", &self.url);
        command
    }
    pub(crate) fn ork(&self, args: &[&str]) -> Ran {
        self.here.finish(&mut self.command(args))
    }
    /// What a command prints here and there: on the state folder, which `ork dev` has open, too.
    #[track_caller]
    fn same(&self, args: &[&str]) -> Ran {
        let (far, near) = (self.ork(args).ok(), self.there.ork(args).ok());
        assert_eq!(far.out, near.out, "ork {args:?}");
        far
    }
    pub(crate) fn end(self) {
        self.dev.signal(Signal::INT);
        self.dev.end().exits(0);
    }
}

#[test]
fn what_is_shown_is_what_the_folder_shows() {
    let far = Far::new("m.yaml", MIXED, &[]);
    let start = ["run", "start", "mixed", "--id", "one", "--wait", "--json"];
    let ended = far.ork(&start).exits(1);
    ended.json()["tasks"]["b"]["error"]["category"]
        .as_str()
        .expect("it failed");
    for args in [
        &["run", "list"][..],
        &["run", "list", "--json"],
        &[
            "run",
            "list",
            "--status",
            "failed",
            "--workflow",
            "mixed",
            "--limit",
            "1",
        ],
        &["run", "status", "one"],
        &["run", "status", "latest", "--json"],
        &["tasks", "on"],
        &["run", "explain", "one"],
        &["run", "explain", "one", "b", "--json"],
        &["run", "explain", "one", "c"],
        &["run", "logs", "one"],
        &["run", "logs", "one", "b.1", "--attempt", "1"],
        &["run", "logs", "one", "a", "--follow"],
        &["run", "cost", "one", "--json"],
        &["graph", "--run", "one"],
        &["graph", "--run", "one", "--json"],
        &["graph", "--run", "one", "--svg", "-", "--gantt"],
        &["workflow", "versions", "mixed"],
        &["workflow", "versions", "mixed", "--json"],
        &["audit"],
        &["audit", "--json", "--run", "one"],
        &["open", "mixed", "--print"],
        &["open", "one", "--print"],
        &["open", "--print"],
    ] {
        far.same(args);
    }
    // Of a path on another machine the API tells the file's name.
    let file = |mut document: Value| {
        let named = match document.get_mut("workflows") {
            Some(all) => &mut all[0],
            None => &mut document,
        };
        named["file"] = json!("m.yaml");
        document
    };
    for args in [
        &["workflow", "list", "--json"][..],
        &["list-workflows", "--json"],
        &["workflow", "status", "mixed", "--json"],
    ] {
        let [here, there] = [far.ork(args), far.there.ork(args)].map(|ran| ran.ok().json());
        assert_eq!(file(here), file(there), "ork {args:?}");
    }
    assert!(far.ork(&["workflow", "list"]).ok().out.contains("m.yaml"));
    far.ork(&["workflow", "status", "mixed"]).ok();
    far.end();
}

#[test]
fn what_is_changed_is_changed_there() {
    let far = Far::new("m.yaml", MIXED, &[]);
    far.ork(&["run", "start", "mixed", "--id", "one", "--wait"])
        .exits(1)
        .says("2 instances");
    far.there.write("mended", "");
    let retried = far.ork(&["run", "retry", "one", "--wait", "--json"]).ok();
    assert_eq!(retried.json()["status"], "success");
    far.ork(&["run", "recover", "one", "--from-task", "b", "--wait"])
        .ok();
    let status = far.ork(&["run", "status", "one", "--json"]).json();
    assert_eq!(status["recovery_attempts"], 1, "{status}");
    // Nothing is executed of what begins paused.
    far.ork(&["workflow", "disable", "mixed"])
        .ok()
        .says("do not fire");
    let slots = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--to",
        "2026-01-02T12:00:00Z",
    ];
    let backfill = [&["workflow", "backfill", "mixed", "--json"], &slots[..]].concat();
    let dry = far
        .ork(&[&backfill[..], &["--dry-run"]].concat())
        .ok()
        .json();
    assert_eq!((&dry["missing"], &dry["started"]), (&json!(2), &json!(0)));
    let done = far.ork(&backfill).ok().json();
    assert_eq!(done["started"], 2, "{done}");
    assert_eq!(far.ork(&backfill).ok().json()["started"], 0);
    far.ork(&["workflow", "enable", "mixed"])
        .ok()
        .says("fire from now on");
    let start = ["run", "start", "mixed", "-p", "day=tuesday", "--json"];
    let ended = far.ork(&[&start[..], &["--wait"]].concat()).ok().json();
    assert_eq!(ended["params"]["day"], "tuesday");
    let started = far.ork(&start).ok().json();
    assert_eq!(started["created"], true);
    let run = started["run_id"].as_str().expect("an id").to_owned();
    assert!(run.starts_with("mixed-"), "{run}");
    let again = far.ork(&["run", "start", "mixed", "--id", &run, "--json"]);
    assert_eq!(again.ok().json()["created"], false);
    let actors = far.ork(&["audit", "--json"]).ok().json();
    let all = actors["records"].as_array().expect("records");
    assert!(
        all.iter()
            .any(|one| one["action"] == "run.retry" && one["actor"]["kind"] == "local"),
        "{actors:#}"
    );
    far.ork(&["workflow", "delete", "mixed"]).ok();
    far.ork(&["workflow", "status", "mixed"])
        .exits(2)
        .says("no workflow `mixed` is deployed at http://127.0.0.1");
    far.end();
}

#[test]
fn a_run_is_held_marked_and_cancelled() {
    let mut far = Far::new("w.yaml", WAITS, &[]);
    let mut watching = far
        .here
        .begin(&mut far.command(&["run", "start", "waits", "--id", "one", "--wait"]));
    far.dev.until("start     second");
    watching.until("second");
    // Ctrl-C stops watching and nothing else.
    watching.signal(Signal::INT);
    watching.end().exits(130).says("run one goes on");
    far.ork(&["run", "pause", "one", "--task", "second"]).ok();
    far.ork(&["run", "resume", "one", "--task", "second"]).ok();
    far.ork(&["run", "pause", "one"]).ok().says("it is paused");
    far.ork(&["run", "explain", "one"]).ok();
    far.ork(&["run", "resume", "one"]).ok().says("resumed");
    far.ork(&["run", "cancel", "one", "--reason", "enough"])
        .ok()
        .says("it is cancelled");
    far.ork(&["run", "cancel", "one"]).exits(2).says(&far.url);
    let mark = [
        "run",
        "mark-success",
        "one",
        "second",
        "--output",
        "{\"n\": 7}",
    ];
    far.ork(&mark).ok().says("counts as succeeded");
    far.ork(&["run", "mark-success", "one", "second", "--output", "{"])
        .exits(2)
        .says("not JSON");
    far.ork(&["run", "resume", "one", "--wait", "--timeout", "60s"])
        .exits(2)
        .says("is over");
    far.ork(&["run", "resume", "one", "--max-parallel", "3"])
        .exits(2)
        .says("a server executes runs itself");
    // What the API has not is not half done.
    for args in [
        &["run", "prune", "--older-than", "1h"][..],
        &["run", "prune", "--older-than", "1h", "--dry-run", "--json"],
    ] {
        far.ork(args)
            .exits(2)
            .says("removing runs is not in the API")
            .says("use --project or --state");
    }
    far.end();
}

#[test]
fn definitions_are_handed_in() {
    let far = Far::new("m.yaml", MIXED, &[]);
    far.here
        .write("new.yaml", "name: new\ntasks:\n  a: {command: 'true'}\n");
    let deploy = ["workflow", "deploy", "new.yaml", "--json"];
    let first = far.ork(&deploy).ok();
    assert_eq!(first.json()["workflows"][0]["changed"], true);
    let far_again = far
        .ork(&deploy)
        .ok()
        .says("only definitions go to a server");
    assert_eq!(far_again.json()["workflows"][0]["changed"], false);
    let listed = far.ork(&["workflow", "list", "--json"]).ok().json();
    assert_eq!(listed["workflows"].as_array().map(Vec::len), Some(2));
    far.here.write(
        "call.yaml",
        "name: call\ntasks:\n  a: {run_as: {workflow: new}}\n",
    );
    far.ork(&["run", "start", "call.yaml", "--wait"]).ok();
    // One is wrong: none is stored. What does not go along would change what a file says.
    far.here.write("ok.yaml", "name: fine\ntasks:\n  a: {}\n");
    far.here.write(
        "query.yaml",
        "name: q\ntasks:\n  a: {executor: bigquery, file: q.sql}\n",
    );
    far.here.write("q.sql", "select 1\n");
    far.ork(&["workflow", "deploy", "ok.yaml", "query.yaml"])
        .exits(2)
        .says("only the file itself goes");
    far.here.write(
        "ork.yaml",
        "notifications:\n  - {on: [failure], email: [a@example.com]}\n",
    );
    far.ork(&["workflow", "deploy", "ok.yaml"])
        .exits(2)
        .says("the `ork.yaml` of `ok.yaml` says more");
    let known = far.ork(&["workflow", "status", "fine"]).exits(2);
    known.says("no workflow `fine`");
    far.ork(&["workflow", "deploy", "new.yaml", "--timeout", "5s"])
        .exits(2)
        .says("--timeout is about a project, and this is a server");
    far.end();
}

#[test]
fn a_key_opens_what_its_role_opens_and_is_shown_to_nobody() {
    let far = Far::new("w.yaml", WAITS, &["--keys"]);
    let key = |role: &str, more: &[&str]| {
        let args = [&["auth", "key", "create", role, "--role", role], more].concat();
        let made = far.there.ork(&args).ok();
        made.out.trim().to_owned()
    };
    let (viewer, admin) = (key("viewer", &[]), key("admin", &[]));
    let only = key("operator", &["--workflow", "waits"]);
    let ork = |key: &str, args: &[&str]| {
        let ran = far.here.finish(far.command(args).env("ORK_API_KEY", key));
        let secret = key.rsplit('_').next().unwrap_or_default();
        assert!(
            secret.is_empty() || !format!("{}{}", ran.out, ran.err).contains(secret),
            "{ran:?}"
        );
        ran
    };
    // Nobody is let in without one, or with one that nobody made.
    far.ork(&["run", "list"])
        .exits(2)
        .says("it is not known who asks")
        .says("ORK_API_KEY holds a key");
    let wrong = format!("ork_aaaaaaaaaa_{}", "0".repeat(64));
    let refused = ork(&wrong, &["run", "list", "--json"]).exits(2);
    let said = refused.json()["errors"][0]["message"].clone();
    assert!(
        said.as_str().is_some_and(
            |said| said.contains("this API key is not known here") && said.contains(&far.url)
        ),
        "{said}"
    );
    ork("two words", &["run", "list"])
        .exits(2)
        .says("ORK_API_KEY holds nothing that can be the API key");
    ork(&admin, &["run", "start", "waits", "--id", "one"]).ok();
    ork(&viewer, &["run", "status", "one"]).ok();
    ork(&viewer, &["run", "logs", "gone"])
        .exits(2)
        .says("there is no run `gone` at http://127.0.0.1");
    ork(&viewer, &["run", "cancel", "one"])
        .exits(2)
        .says("this needs the role operator, and key:")
        .says("has the role viewer");
    ork(&viewer, &["workflow", "delete", "waits"])
        .exits(2)
        .says("needs the role author");
    ork(&viewer, &["auth", "key", "list"])
        .exits(2)
        .says("needs the role admin");
    // Whoever is limited to a workflow finds its runs all the same.
    let listed = ork(&only, &["run", "list", "--json"]).ok().json();
    assert_eq!(listed["runs"][0]["run_id"], "one");
    ork(&only, &["run", "status", "latest"]).ok();
    ork(&only, &["run", "status", "on"]).ok();
    // Keys are made, listed and revoked there.
    let create = [
        "auth",
        "key",
        "create",
        "ci",
        "--role",
        "viewer",
        "--expires",
        "90d",
        "--json",
    ];
    let made = ork(&admin, &create).ok().json();
    let listed = ork(&admin, &["auth", "key", "list", "--json"]).ok().json();
    let near = far
        .there
        .ork(&["auth", "key", "list", "--json"])
        .ok()
        .json();
    assert_eq!(listed, near);
    let id = made["id"].as_str().expect("an id");
    let new = made["token"].as_str().expect("a key");
    ork(new, &["run", "list"]).ok();
    let revoked = ork(&admin, &["auth", "key", "revoke", id, "--json"]).ok();
    assert_eq!(revoked.json()["status"], "revoked");
    ork(new, &["run", "list"])
        .exits(2)
        .says("lets nobody in any more");
    ork(&only, &["run", "cancel", "one"]).ok();
    far.end();
}
