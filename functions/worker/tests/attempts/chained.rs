//! A worker service that tells dispatch of its verdicts, and what it does with the answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use ork_core::Value;
use ork_core::names::AttemptFile;
use ork_core::task::TaskSpec;
use serde_json::json;

use crate::harness::*;
use crate::served::{Served, TOPIC};

/// Stands for dispatch: hands on what it is told to, in order, and keeps what it is told.
struct Dispatch {
    url: String,
    told: Arc<Mutex<Vec<Value>>>,
}

/// An answer: its status and its body.
type Said = (u16, String);

fn next(spec: Option<&TaskSpec>) -> Said {
    (200, json!({"next": spec}).to_string())
}

impl Dispatch {
    /// Gives these answers, and `nothing` after them.
    fn saying(answers: Vec<Said>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/finished", listener.local_addr().expect("bound"));
        let told = Arc::new(Mutex::new(Vec::new()));
        let keep = told.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let body = body(&stream);
                keep.lock().expect("nobody panicked").push(body);
                let (status, body) = answers.next().unwrap_or_else(|| next(None));
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).expect("sent");
                stream.write_all(body.as_bytes()).expect("sent");
            }
        });
        Self { url, told }
    }

    fn told(&self) -> Vec<Value> {
        self.told.lock().expect("nobody panicked").clone()
    }

    fn serve(&self, bench: &Bench) -> Served {
        Served::with(bench, &[("ORK_CHAIN_URL", &self.url)])
    }
}

fn body(stream: &TcpStream) -> Value {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        if line == "\r\n" {
            break;
        }
        let line = line.to_lowercase();
        if let Some(text) = line.strip_prefix("content-length:") {
            length = text.trim().parse().expect("a length");
        }
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).expect("a body");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Tasks that leave a line each, one after the other in the same run.
fn chain(bench: &Bench, count: u32) -> Vec<TaskSpec> {
    let effect = bench.path("effect").display().to_string();
    let at = |task: u32| {
        let mut spec = shell(&format!("echo {task} >> {effect}"));
        spec.id.task = task;
        spec.task_name = ork_core::ids::TaskName::new(&format!("t{task}")).expect("a name");
        spec
    };
    (0..count).map(at).collect()
}

fn effects(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("effect")).unwrap_or_default()
}

#[test]
fn what_dispatch_hands_on_is_run_without_a_message() {
    let bench = Bench::new();
    let specs = chain(&bench, 3);
    let batch = bench.batch(&specs[..1]);
    let dispatch = Dispatch::saying(vec![next(Some(&specs[1])), next(Some(&specs[2]))]);
    let served = dispatch.serve(&bench);
    assert_eq!(served.push(&batch, 0), 204);
    assert_eq!(effects(&bench), "0\n1\n2\n");
    let told: Vec<Value> = specs
        .iter()
        .map(
            |spec| json!({"verdict": spec.object(AttemptFile::Result).to_string(), "topic": TOPIC}),
        )
        .collect();
    assert_eq!(dispatch.told(), told);
    for spec in &specs {
        assert_eq!(bench.output(spec), "null");
    }
}

#[test]
fn what_is_handed_on_twice_or_comes_as_a_message_too_runs_once() {
    let bench = Bench::new();
    let specs = chain(&bench, 2);
    let batch = bench.batch(&specs);
    // The second time the worker itself has the claim, and goes no further.
    let again = || next(Some(&specs[1]));
    let dispatch = Dispatch::saying(vec![again(), again(), again()]);
    let served = dispatch.serve(&bench);
    assert_eq!(served.push(&batch, 0), 204);
    assert_eq!((served.push(&batch, 1), served.push(&batch, 0)), (204, 204));
    assert_eq!(effects(&bench), "0\n1\n");
    assert_eq!(dispatch.told().len(), 2, "only of verdicts it wrote itself");
}

#[test]
fn a_dispatch_that_is_not_there_changes_nothing_and_is_left_alone_for_a_while() {
    let bench = Bench::new();
    let specs = chain(&bench, 2);
    let batch = bench.batch(&specs);
    let dispatch = Dispatch::saying(vec![(503, String::new())]);
    let served = dispatch.serve(&bench);
    assert_eq!(served.push(&batch, 0), 204);
    let line = served.line("dispatch was not told");
    assert!(
        line["message"]
            .as_str()
            .is_some_and(|said| said.contains("503")),
        "{line}"
    );
    assert_eq!(served.push(&batch, 1), 204);
    assert_eq!(dispatch.told().len(), 1);
    assert_eq!(effects(&bench), "0\n1\n");
}

#[test]
fn ends_of_a_fan_out_are_left_to_the_notices_and_other_runs_alone() {
    let bench = Bench::new();
    let mut specs = chain(&bench, 3);
    specs[0].fans_out = true;
    let mut foreign = specs[2].clone();
    foreign.id.run = ork_core::ids::RunId::new("run2").expect("valid");
    let batch = bench.batch(&specs);
    let dispatch = Dispatch::saying(vec![next(Some(&foreign))]);
    let served = dispatch.serve(&bench);
    assert_eq!(served.push(&batch, 0), 204);
    assert_eq!(dispatch.told().len(), 0);
    assert_eq!(served.push(&batch, 1), 204);
    assert_eq!(dispatch.told().len(), 1);
    assert_eq!(effects(&bench), "0\n1\n");
}
