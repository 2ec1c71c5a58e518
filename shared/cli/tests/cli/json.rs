//! `--json`: the keys of every document, as programs rely on them. A key may come; none may go or hold something else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Map, Value, json};

use crate::shells::commands;
use crate::support::{Project, steady};

/// Takes some time, which a drawing tells only where there is any; fails in two instances of `b`, skips `c`; every kind of entry is in it.
const MIXED: &str = "\
name: mixed
description: everything
schedule: '0 6 * * *'
params:
  day: {type: str, default: monday}
tasks:
  a:
    command: 'sleep 0.02; echo ORK_OUTPUT:1'
    estimated_duration: 1s
  b:
    command: 'test -e mended'
    parallel: 2
    depends_on: [a]
  c:
    command: 'true'
    depends_on: [b]
";

/// A profile of each kind, none of them the default.
const PROFILES: &str = "\
profiles:
  a: {server: 'https://ork.example', key: {env: KEY}, id_token: {command: [printer]}}
  b: {server: 'https://ork.example', key: {file: key}}
  c: {project: p, bucket: b, database: d}
  d: {state: s}
";

/// Objects whose keys are names of somebody's, not of the document.
const BY_NAME: [&str; 7] = [
    "tasks",
    "counts",
    "instances",
    "functions",
    "params",
    "upstream",
    "detail",
];
/// Values of somebody's.
const ANY: [&str; 2] = ["output", "value"];

/// What a value looks like: objects with their keys, lists with what their members have in common, and the kinds of the rest.
fn shape(key: &str, value: &Value) -> Value {
    match value {
        _ if ANY.contains(&key) => "any".into(),
        Value::Null => "null".into(),
        Value::Bool(_) => "boolean".into(),
        Value::Number(_) => "number".into(),
        Value::String(_) => "string".into(),
        Value::Array(all) => Value::Array(common(all.iter().map(|one| shape("", one)))),
        // Those of a drawing's node have keys of their own.
        Value::Object(all) if BY_NAME.contains(&key) && !all.contains_key("total") => {
            let mut named = Map::new();
            // Whatever their names, they look alike.
            let alike = common(all.iter().map(|(_, one)| shape("", one)));
            named.extend(alike.into_iter().map(|one| ("NAME".to_owned(), one)));
            Value::Object(named)
        }
        Value::Object(all) => all
            .iter()
            .map(|(key, one)| (key.clone(), shape(key, one)))
            .collect(),
    }
}

/// One shape for all of them, or none for nothing.
fn common(all: impl Iterator<Item = Value>) -> Vec<Value> {
    all.reduce(both).into_iter().collect()
}

/// What may be one or the other.
fn both(one: Value, other: Value) -> Value {
    let ((one, ours), (other, theirs)) = (apart(one), apart(other));
    let kind = match (one, other) {
        (Some(one), Some(other)) => Some(two(one, other)),
        (one, other) => one.or(other),
    };
    match kind {
        None => "null".into(),
        Some(kind) if !ours && !theirs => kind,
        Some(Value::String(kind)) => format!("{kind} or null").into(),
        Some(kind) => json!({ "or null": kind }),
    }
}

/// What it is where it is not null, and whether it may be that.
fn apart(shape: Value) -> (Option<Value>, bool) {
    match shape {
        Value::String(kind) if kind == "null" => (None, true),
        Value::String(kind) => match kind.strip_suffix(" or null") {
            Some(kind) => (Some(kind.into()), true),
            None => (Some(kind.into()), false),
        },
        Value::Object(mut keys) => match keys.remove("or null") {
            Some(kind) => (Some(kind), true),
            None => (Some(Value::Object(keys)), false),
        },
        other => (Some(other), false),
    }
}

/// Of two that are not null. A key that only one of them has gets a question mark.
fn two(one: Value, other: Value) -> Value {
    match (one, other) {
        (one, other) if one == other => one,
        (Value::Object(mut one), Value::Object(other)) => {
            let mut all = Map::new();
            for (key, theirs) in other {
                let base = key.trim_end_matches('?').to_owned();
                let optional = format!("{base}?");
                match (one.remove(&base), one.remove(&optional)) {
                    (Some(ours), _) if key == base => all.insert(base, both(ours, theirs)),
                    (Some(ours), _) | (None, Some(ours)) => {
                        all.insert(optional, both(ours, theirs))
                    }
                    (None, None) => all.insert(optional, theirs),
                };
            }
            let rest = one.into_iter();
            all.extend(rest.map(|(key, ours)| (format!("{}?", key.trim_end_matches('?')), ours)));
            Value::Object(all)
        }
        (Value::Array(one), Value::Array(other)) => {
            Value::Array(common(one.into_iter().chain(other)))
        }
        (one, other) => {
            let text = |shape: Value| match shape {
                Value::String(kinds) => kinds,
                other => other.to_string(),
            };
            let (one, other) = (text(one), text(other));
            let kinds: BTreeSet<&str> = one.split(" or ").chain(other.split(" or ")).collect();
            Vec::from_iter(kinds).join(" or ").into()
        }
    }
}

/// Runs commands and notes what their JSON looks like.
struct Shapes<'a> {
    project: &'a Project,
    text: String,
    seen: BTreeSet<String>,
}

impl Shapes<'_> {
    /// `args` names the command first; `about` says what it is about, where one command has several documents.
    #[track_caller]
    fn of(&mut self, args: &[&str], about: &str, code: i32) -> Value {
        let ran = self.project.ork(&[args, &["--json"]].concat()).exits(code);
        let document = ran.json();
        let words = args.iter().filter(|word| !word.starts_with('-'));
        let words: Vec<&str> = words.copied().collect();
        for n in 1..=words.len() {
            self.seen.insert(words[..n].join(" "));
        }
        let shape = shape("", &document);
        self.text.push_str(&format!(
            "ork {} --json{about}\n{shape:#}\n\n",
            args.join(" ")
        ));
        document
    }
}

#[test]
fn the_keys_of_every_document_stay() {
    let project = Project::with("m.yaml", MIXED);
    project.write("w.yaml", "name: w\ntasks:\n  a: {depends_on: [b]}\n");
    let mut shapes = Shapes {
        project: &project,
        text: String::new(),
        seen: BTreeSet::new(),
    };
    let s = &mut shapes;
    s.of(&["validate", "w.yaml"], "", 2);
    s.of(&["schedule", "preview", "m.yaml", "--count", "2"], "", 0);
    s.of(&["graph", "m.yaml"], "", 0);
    s.of(&["execute", "m.yaml", "--dry-run"], "", 0);
    s.of(&["execute", "m.yaml"], " (failed)", 1);
    s.of(&["graph", "--run", "latest"], "", 0);
    s.of(&["run", "list"], "", 0);
    s.of(&["run", "status", "latest"], "", 0);
    s.of(&["run", "explain", "latest"], "", 0);
    s.of(&["run", "explain", "latest", "b"], "", 0);
    s.of(&["run", "cost", "latest"], "", 0);
    s.of(&["run", "recover", "latest"], " (failed)", 1);
    project.write("mended", "");
    s.of(&["run", "retry", "latest"], " (success)", 0);
    s.of(&["run", "m.yaml"], "", 0);
    s.of(&["workflow", "deploy", "m.yaml"], "", 0);
    s.of(&["workflow", "list"], "", 0);
    s.of(&["workflow", "status", "mixed"], "", 0);
    s.of(&["workflow", "versions", "mixed"], "", 0);
    let slots = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--to",
        "2026-01-02T12:00:00Z",
    ];
    let backfill = [&["workflow", "backfill", "mixed"], &slots[..]].concat();
    s.of(&[&backfill[..], &["--dry-run"]].concat(), "", 0);
    s.of(&backfill, "", 0);
    s.of(&["run", "start", "mixed", "--wait"], "", 0);
    s.of(&["run", "start", "mixed", "--id", "one"], "", 0);
    s.of(&["run", "pause", "one"], "", 0);
    s.of(&["run", "resume", "one", "--detach"], "", 0);
    let mark = ["run", "mark-success", "one", "a", "--detach"];
    s.of(&mark, "", 0);
    s.of(&["run", "resume", "one"], "", 0);
    project.ork(&["run", "start", "mixed", "--id", "two"]).ok();
    s.of(&["run", "cancel", "two"], "", 0);
    let create = ["auth", "key", "create", "ci", "--role", "viewer"];
    let key = s.of(&create, "", 0);
    s.of(&["auth", "key", "list"], "", 0);
    let id = key["id"].as_str().expect("an id").to_owned();
    let revoked = project.ork(&["auth", "key", "revoke", &id, "--json"]);
    let revoked = shape("", &revoked.ok().json());
    s.seen.insert("auth key revoke".to_owned());
    s.text
        .push_str(&format!("ork auth key revoke KEY --json\n{revoked:#}\n\n"));
    s.of(&["audit"], "", 0);
    fs::create_dir_all(project.path("config/ork")).expect("a folder");
    project.write("config/ork/config.yaml", PROFILES);
    s.of(&["profile", "list"], "", 0);
    fs::remove_file(project.path("config/ork/config.yaml")).expect("removed");
    // One of the files of this folder is wrong.
    s.of(&["doctor"], "", 3);
    s.of(&["run", "status", "gone"], " (any error)", 2);
    // The older spellings are the same commands.
    for (older, newer) in [
        (&["list-workflows"][..], &["workflow", "list"][..]),
        (&["status", "one"], &["run", "status", "one"]),
        (&["tasks", "one"], &["run", "status", "one"]),
    ] {
        let print = |args: &[&str]| project.ork(&[args, &["--json"]].concat()).ok().json();
        assert_eq!(shape("", &print(older)), shape("", &print(newer)));
    }
    let s = &mut shapes;
    // No server takes letters here.
    let told = "name: told\nnotifications: [{on: success, email: a@example.com}]\ntasks:\n  a: {command: 'true'}\n";
    project.write("told.yaml", told);
    project.ork(&["execute", "told.yaml"]).ok();
    s.of(&["run", "notices", "latest"], "", 0);
    s.of(&["run", "resend", "latest", "--failed"], " (in vain)", 3);
    s.of(&["run", "prune", "--older-than", "1ms"], "", 0);
    let without: Vec<Vec<String>> = commands(&project)
        .into_iter()
        .filter(|command| !shapes.seen.contains(&command[1..].join(" ")))
        .filter(|command| {
            let words: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
            let help = project.ork(&[&words[..], &["--help"]].concat()).ok().out;
            help.contains("  --json")
        })
        .collect();
    assert_eq!(without, Vec::<Vec<String>>::new(), "these print JSON, too");
    steady(|| insta::assert_snapshot!("json_shapes", shapes.text.trim_end()));
}

#[test]
fn shapes_tell_documents_apart() {
    let alike = json!({"tasks": {"a": {"n": 1, "x": null}, "b": {"n": 2, "x": "y", "z": true}}});
    assert_eq!(
        shape("", &alike),
        json!({"tasks": {"NAME": {"n": "number", "x": "string or null", "z?": "boolean"}}})
    );
    assert_eq!(
        shape(
            "",
            &json!([{"a": 1}, {"b": {"c": 1}}, {"a": null, "b": null}])
        ),
        json!([{"a?": "number or null", "b?": {"or null": {"c": "number"}}}])
    );
    assert_eq!(shape("", &json!([1, "x", 2])), json!(["number or string"]));
}
