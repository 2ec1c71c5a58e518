//! The same, of the worker service: what it is asked and what it answers and tells.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use ork_core::Value;
use ork_core::names::ObjectName;
use serde_json::json;

use super::{READER, batch_of, cases, decoded, fanned, instead, load, put_batch, said};
use crate::harness::*;
use crate::served::{Served, TOPIC};

/// The tasks that `executes.json` asks for.
const TASKS: &str = "\
from ork import BigQueryJob, PermanentError, TransientError

def double(x):
    return {'twice': 2 * x}

def nothing():
    pass

def over():
    return BigQueryJob('p', 'j', location='EU')

def wrong():
    raise PermanentError('no such region')

def busy():
    raise TransientError('come back later')
";

#[test]
fn the_service_answers_as_the_fixtures_say() {
    let bench = Bench::new();
    bench.file("tasks.py", TASKS);
    let served = Served::start(&bench);
    let executes = load("executes.json");
    for case in cases(&executes, "valid") {
        let (status, mut answer) = served.ask("/execute", &case["requests"][READER]);
        let fields = answer.as_object_mut().expect("an object");
        // More than others say.
        fields.remove("log_tail");
        fields.remove("exit_code");
        if let Some(words) = case["says"].as_str() {
            let error = fields.remove("error").expect("an error");
            assert!(said(&error).contains(words), "{case}: {error}");
        }
        assert_eq!((status, &answer), (200, &case["answer"]), "{case}");
    }
    for case in cases(&executes, "broken") {
        let (status, _, text) = served.post("/execute", said(&case["text"]).as_bytes());
        assert_eq!(json!(status), case["status"], "{case}: {text}");
        let problem: Value = serde_json::from_str(&text).expect("a problem");
        let why = said(&problem["detail"]);
        assert!(why.contains(said(&case["says"])), "{case}: {why}");
    }
    let compiles = load("compiles.json");
    let file = |case: &&Value| case["workflow"].is_string();
    for case in cases(&compiles, "valid").iter().filter(file) {
        bench.file("workflow.yaml", said(&case["workflow"]));
        let found = served.ask("/compile", &case["request"]);
        assert_eq!(found, (200, case["answer"].clone()));
    }
    for case in cases(&compiles, "broken") {
        bench.file("workflow.yaml", said(&case["workflow"]));
        let (status, found) = served.ask("/compile", &case["request"]);
        assert_eq!(json!(status), case["status"], "{found}");
        let errors = found["errors"].as_array().expect("a list");
        let lines: BTreeSet<u64> = errors
            .iter()
            .filter_map(|one| one["line"].as_u64())
            .collect();
        let wanted = case["lines"].as_array().expect("lines");
        assert_eq!(lines, wanted.iter().filter_map(Value::as_u64).collect());
    }
}

#[test]
fn a_message_is_understood_or_counted() {
    let pushes = load("pushes.json");
    let bench = Bench::new();
    let specs = fanned([shell("echo ORK_OUTPUT:0"), shell("echo ORK_OUTPUT:1")]);
    let served = Served::start(&bench);
    let put = |case: &Value| {
        let name = said(&case["body"]["message"]["attributes"]["batch"]);
        let name = ObjectName::parse(name).expect("a name");
        let encoded: Vec<_> = specs.iter().map(|spec| json!(spec)).collect();
        bench.put(&name, &batch_of(&encoded));
    };
    for case in cases(&pushes, "valid") {
        put(case);
        let (status, _, text) = served.post("/push", case["body"].to_string().as_bytes());
        assert_eq!(json!(status), case["status"], "{case}: {text}");
        let index = usize::try_from(case["index"].as_u64().expect("a position")).expect("small");
        assert_eq!(bench.output(&specs[index]), index.to_string());
    }
    assert_eq!(served.broken(), 0);
    let mut broken = 0;
    for case in cases(&pushes, "broken") {
        let (status, _, text) = served.post("/push", case["body"].to_string().as_bytes());
        assert_eq!(json!(status), case["status"], "{case}: {text}");
        broken += u64::from(status == 204);
        assert_eq!(served.broken(), broken, "{case}");
    }
}

/// Stands for dispatch: gives each of the answers once, and then what it was told.
fn dispatch(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/finished", listener.local_addr().expect("bound"));
    let telling = std::thread::spawn(move || {
        let told = answers.into_iter().map(|answer| {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut reader = BufReader::new(&stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("a head");
                if line == "\r\n" {
                    break;
                }
                if let Some(text) = line.to_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a length");
                }
            }
            let mut bytes = vec![0; length];
            reader.read_exact(&mut bytes).expect("a body");
            let size = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n");
            stream.write_all((head + &answer).as_bytes()).expect("sent");
            serde_json::from_slice(&bytes).expect("JSON")
        });
        told.collect()
    });
    (url, telling)
}

#[test]
fn the_end_of_an_attempt_is_told_as_dispatch_reads_it() {
    let (finished, attempts) = (load("finished.json"), load("attempts.json"));
    let bench = Bench::new();
    for case in cases(&finished, "valid") {
        assert_eq!(case["request"]["topic"], TOPIC);
        let fields = instead(
            &case["spec"],
            &json!({"executor": {"kind": "process", "command": {"shell": {"source": "true"}}}}),
        );
        let spec = decoded(&instead(&attempts["valid"][0]["spec"], &fields));
        let mut answers = vec![case["answer"].to_string()];
        let next = Some(&case["answer"]["next"])
            .filter(|next| next.is_object())
            .map(decoded);
        // Whatever is handed on is told of as well.
        answers.extend(next.iter().map(|_| json!({"next": null}).to_string()));
        let (url, telling) = dispatch(answers);
        let served = Served::with(&bench, &[("ORK_CHAIN_URL", &url)]);
        let name = put_batch(&bench, &spec.id.run, &json!(spec));
        assert_eq!(served.push(&name, 0), 204);
        let told = telling.join().expect("it was told");
        assert_eq!(told[0], case["request"]);
        if let Some(next) = next {
            assert_eq!(bench.output(&next), "2");
        }
    }
}
