//! `ork auth …` and `ork audit`: keys are made, used, listed and revoked; changes are told.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::Project;

const WAITS: &str = "name: waits\ntasks:\n  first: {command: 'sleep 60'}\n";

#[test]
fn a_key_is_made_once_used_over_http_and_revoked() {
    let project = Project::with("w.yaml", WAITS);
    let create = ["auth", "key", "create", "nightly ci", "--role", "operator"];
    project
        .ork(&create)
        .exits(2)
        .says("there is no state folder");
    let mut dev = project.start(&["dev", "--port", "0", "--keys"]);
    let said = dev.until("1 workflow from");
    assert!(said.contains("for who shows an API key"), "{said}");
    let at = said
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split("/api").next());
    let at = at
        .unwrap_or_else(|| panic!("no address in {said}"))
        .to_owned();
    let ask = |method: &str, path: &str, key: &str| {
        let mut stream = TcpStream::connect(&at).expect("it listens");
        let asked = format!(
            "{method} {path} HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {key}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(asked.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    };
    // The key is all there is on standard output, so that a variable can take it.
    let made = project.ork(&create).ok();
    let key = made.out.trim().to_owned();
    assert!(key.starts_with("ork_") && !key.contains(' '), "{key}");
    let id = key.split('_').nth(1).expect("an id").to_owned();
    made.says("it is shown only now");
    let start = "/api/workflows/waits/runs";
    assert!(ask("POST", start, "ork_x").starts_with("HTTP/1.1 401"));
    let started = ask("POST", start, &key);
    assert!(started.starts_with("HTTP/1.1 201"), "{started}");
    // A run that is cancelled before anybody executes it is told by nobody.
    dev.until("first");
    let refused = ask("GET", "/api/keys", &key);
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.contains("needs the role admin"), "{refused}");
    let listed = project.ork(&["auth", "key", "list"]).ok();
    assert!(listed.out.contains("nightly ci"), "{}", listed.out);
    project.ork(&["auth", "key", "revoke", &id]).ok();
    assert!(ask("POST", start, &key).starts_with("HTTP/1.1 401"));
    let listed = project.ork(&["auth", "key", "list", "--json"]).ok();
    assert!(!listed.out.contains(&key[key.len() - 32..]));
    assert_eq!(listed.json()["keys"][0]["status"], "revoked");
    assert!(listed.json()["keys"][0]["last_used_at"].is_string());

    project.ork(&["run", "cancel", "latest"]).ok();
    let told = project.ork(&["audit", "--json"]).ok().json();
    let records = told["records"].as_array().expect("records");
    let seen: Vec<(&str, &str)> = records
        .iter()
        .filter_map(|one| Some((one["actor"]["kind"].as_str()?, one["action"].as_str()?)))
        .collect();
    assert_eq!(
        seen,
        [
            ("cli", "run.cancel"),
            ("cli", "key.revoke"),
            ("key", "run.start"),
            ("cli", "key.create"),
            ("cli", "workflow.deploy"),
        ]
    );
    assert_eq!(told["more"], Value::Bool(false));
    let by = format!("key:{id}");
    let told = project.ork(&["audit", "--actor", &by]).ok();
    assert!(told.out.contains("run.start"), "{}", told.out);
    project
        .ork(&["audit", "--limit", "1"])
        .ok()
        .says("there are more");
    project
        .ork(&["audit", "--actor", "nobody"])
        .ok()
        .says("nothing was changed");
    dev.until("cancelled");
    dev.signal(Signal::INT);
    dev.end().exits(0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let project = Project::with("w.yaml", WAITS);
    project.ork(&["workflow", "deploy", "w.yaml"]).ok();
    for (args, said) in [
        (&["auth", "key", "create", "ci"][..], "--role"),
        (
            &["auth", "key", "create", "ci", "--role", "king"],
            "viewer, operator, author and admin",
        ),
        (
            &["auth", "key", "create", "", "--role", "viewer"],
            "needs a name",
        ),
        (
            &[
                "auth",
                "key",
                "create",
                "ci",
                "--role",
                "admin",
                "--workflow",
                "waits",
            ],
            "cannot be limited",
        ),
        (
            &[
                "auth",
                "key",
                "create",
                "ci",
                "--role",
                "viewer",
                "--expires",
                "soon",
            ],
            "90s, 5m or 1h30m",
        ),
        (
            &["auth", "key", "revoke", "nobody"],
            "there is no key nobody",
        ),
        (&["auth", "key", "revoke", "No/body"], "record id"),
        (&["audit", "--since", "yesterday"], "yesterday"),
        (&["audit", "--limit", "0"], "0"),
    ] {
        project.ork(args).exits(2).says(said);
    }
    let made = project
        .ork(&[
            "auth",
            "key",
            "create",
            "ci",
            "--role",
            "viewer",
            "--workflow",
            "waits",
            "--expires",
            "90d",
            "--json",
        ])
        .ok()
        .json();
    assert!(
        made["token"]
            .as_str()
            .is_some_and(|key| key.starts_with("ork_"))
    );
    assert_eq!(made["workflows"], serde_json::json!(["waits"]));
    assert!(made["expires_at"].is_string());
}
