//! A worker service that tells dispatch of its verdicts, and what it does with the answers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use ork_core::Value;
use ork_core::names::AttemptFile;
use ork_core::task::TaskSpec;
use serde_json::json;

use crate::harness::*;
use crate::served::{Served, TOPIC, answer, message};

/// Stands for dispatch: hands on what it is told to, in order, and keeps what it is told.
struct Dispatch {
    url: String,
    told: Arc<Mutex<Vec<Told>>>,
}

/// What came: its request line, its headers in small letters, its body.
#[derive(Clone)]
struct Told {
    line: String,
    headers: BTreeMap<String, String>,
    body: Value,
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
        let all = Arc::new(Mutex::new(Vec::new()));
        let keep = all.clone();
        // It ends with the test's process.
        std::thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let told = told(&stream);
                keep.lock().expect("nobody panicked").push(told);
                let said = answers.next().unwrap_or_else(|| next(None));
                say(&mut stream, &said);
            }
        });
        Self { url, told: all }
    }

    fn told(&self) -> Vec<Value> {
        self.all().into_iter().map(|told| told.body).collect()
    }

    fn all(&self) -> Vec<Told> {
        self.told.lock().expect("nobody panicked").clone()
    }

    fn serve(&self, bench: &Bench) -> Served {
        Served::with(bench, &[("ORK_CHAIN_URL", &self.url)])
    }
}

fn told(stream: &TcpStream) -> Told {
    let mut reader = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        line.trim_end().to_owned()
    };
    let (line, mut headers) = (next(), BTreeMap::new());
    loop {
        let line = next();
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length");
    let mut bytes = vec![0; length.map_or(0, |text| text.parse().expect("a length"))];
    reader.read_exact(&mut bytes).expect("a body");
    let body = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&bytes).expect("JSON"),
    };
    Told {
        line,
        headers,
        body,
    }
}

fn say(stream: &mut TcpStream, (status, body): &Said) {
    let bytes = body.len();
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body.as_bytes()).expect("sent");
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

#[test]
fn what_is_handed_on_begins_while_dispatch_does_the_rest_with_its_request_open() {
    let bench = Bench::new();
    let specs = chain(&bench, 2);
    let batch = bench.batch(&specs[..1]);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/finished", listener.local_addr().expect("bound"));
    let served = Served::with(&bench, &[("ORK_CHAIN_URL", &url)]);
    let before = now();
    let request = served.begin(&batch, 0);
    let (mut first, _) = listener.accept().expect("it tells of the first end");
    let until = told(&first).headers["ork-waits-until"].parse::<u128>();
    let until = until.expect("milliseconds");
    assert!((before..=now() + 10_000).contains(&until), "{until}");
    let line = format!("{}\n", next(Some(&specs[1])).1);
    let bytes = line.len();
    let begun = format!(
        "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{bytes:x}\r\n{line}\r\n"
    );
    first.write_all(begun.as_bytes()).expect("sent");
    let (mut second, _) = listener.accept().expect("it tells of the second end");
    told(&second);
    assert_eq!(effects(&bench), "0\n1\n");
    first.set_nonblocking(true).expect("a socket");
    let open = first.read(&mut [0]).expect_err("it is still open");
    assert_eq!(open.kind(), ErrorKind::WouldBlock);
    say(&mut second, &next(None));
    assert_eq!(answer(request).0, 204);
}

fn now() -> u128 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.expect("it is after 1970").as_millis()
}

/// The token of a push, as Cloud Run passes it on: issuer, audience, address, until 2100.
const PUSHED: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FjY291bnRzLmdvb2dsZS5jb20iLCJhdWQiOiJodHRwczovL3dvcmtlci5leGFtcGxlIiwiZW1haWwiOiJwdXNoQHAuaWFtLmdzZXJ2aWNlYWNjb3VudC5jb20iLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwiaWF0IjowLCJleHAiOjQxMDI0NDQ4MDB9.SIGNATURE_REMOVED_BY_GOOGLE";
/// The token of the service's own account.
const OWN: &str = "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjQxMDI0NDQ4MDB9.c2lnbmVk";

#[test]
fn dispatch_is_told_with_a_token_for_its_url_without_the_path() {
    let bench = Bench::new();
    let specs = chain(&bench, 2);
    let batch = bench.batch(&specs[..1]);
    let dispatch = Dispatch::saying(vec![next(Some(&specs[1]))]);
    // It has the manners of dispatch: what is said of it is a status and a body.
    let metadata = Dispatch::saying(vec![(200, OWN.to_owned())]);
    let host = metadata.url.strip_prefix("http://");
    let host = host.and_then(|url| url.strip_suffix("/finished"));
    let served = Served::with(
        &bench,
        &[
            ("ORK_CHAIN_URL", &dispatch.url),
            ("ORK_AUTH", "iam"),
            ("ORK_AUTH_AUDIENCE", "https://worker.example"),
            ("ORK_AUTH_EMAIL", "push@p.iam.gserviceaccount.com"),
            ("K_SERVICE", "ork-worker"),
            ("GCE_METADATA_HOST", host.expect("a host and a port")),
        ],
    );
    let body = message(&batch.to_string(), "0");
    assert_eq!(served.post("/push", &body).0, 401);
    let bearer = format!("authorization: Bearer {PUSHED}\r\n");
    let pushed = served.send_with("POST /push", &bearer, &body);
    let (status, _, said) = answer(pushed);
    assert_eq!(status, 204, "{said}");
    assert_eq!(effects(&bench), "0\n1\n");
    let told = dispatch.all();
    assert_eq!(told.len(), 2);
    for told in &told {
        assert_eq!(told.headers["authorization"], format!("Bearer {OWN}"));
    }
    let asked = metadata.all();
    assert_eq!(asked.len(), 1, "it is kept as long as it is good");
    assert_eq!(asked[0].headers["metadata-flavor"], "Google");
    let audience = dispatch.url.strip_suffix("/finished").expect("its path");
    let audience = audience.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(
        asked[0].line,
        format!(
            "GET /computeMetadata/v1/instance/service-accounts/default/identity?audience={audience}&format=full HTTP/1.1"
        )
    );
}
