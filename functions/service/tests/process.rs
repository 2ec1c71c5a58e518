//! The binary as a process: what it refuses, what it says, how it leaves.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

fn command(role: &str, variables: &BTreeMap<&str, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ork-service"));
    command.arg(role).env_clear().envs(variables);
    command
}

/// Variables of a service whose Google is at `address`.
fn variables(address: &str) -> BTreeMap<&'static str, String> {
    let here = format!("http://{address}");
    [
        ("ORK_PROJECT", "p"),
        ("ORK_BUCKET", "our-bucket"),
        ("ORK_REGION", "r"),
        ("ORK_TOPIC_DISPATCH", "projects/p/topics/dispatch"),
        ("ORK_TOPIC_POLL", "projects/p/topics/poll"),
        (
            "ORK_WORKER_JOBS",
            r#"{"default": "projects/p/locations/r/jobs/w"}"#,
        ),
        ("ORK_WAKE_QUEUE", "off"),
        ("ORK_AUTH", "off"),
        ("ORK_SUBSCRIPTION", "projects/p/subscriptions/s"),
        ("ORK_DEADLINE_SECONDS", "2"),
        ("PORT", "0"),
        ("FIRESTORE_EMULATOR_HOST", address),
        ("PUBSUB_EMULATOR_HOST", address),
        ("STORAGE_EMULATOR_HOST", &here),
        ("ORK_RUN_ENDPOINT", &here),
        ("ORK_BIGQUERY_ENDPOINT", &here),
        ("ORK_DATAPROC_ENDPOINT", &here),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// A running service; killed when the test is over, however it ends.
struct Service {
    child: Child,
    address: String,
    lines: Receiver<String>,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(role: &str, variables: &BTreeMap<&str, String>) -> Self {
        let mut child = command(role, variables)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the service starts");
        let stderr = child.stderr.take().expect("it is piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                // Whoever listened is gone; the rest is read all the same, so that the service is never kept waiting.
                let _ = send.send(line.expect("lines of text"));
            }
        });
        let mut service = Self {
            child,
            address: String::new(),
            lines,
        };
        let line = service.line("listens");
        assert_eq!(line["severity"], "INFO");
        assert_eq!(line["role"], role);
        let address = line["address"].as_str().expect("it says where");
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        service.address = address.to_owned();
        service
    }

    /// The next log line with this message.
    fn line(&self, message: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("it says so");
            let line: Value = serde_json::from_str(&line).expect("every line is JSON");
            if line["message"]
                .as_str()
                .is_some_and(|said| said.contains(message))
            {
                return line;
            }
        }
    }

    fn request(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let text = format!(
            "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    }

    fn tell(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it is there");
    }

    fn end(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().expect("it is our child") {
                Some(status) => return status,
                None if Instant::now() > until => panic!("it does not end"),
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}

/// Somebody who takes connections and says nothing.
fn silence() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port")
}

fn address(listener: &TcpListener) -> String {
    listener.local_addr().expect("an address").to_string()
}

#[test]
fn every_role_is_there_at_once_and_leaves_when_told_to() {
    let silent = silence();
    for role in ["tick", "dispatch", "monitor", "poll"] {
        let mut service = Service::start(role, &variables(&address(&silent)));
        let health = answer(service.request("GET /healthz"));
        assert!(health.starts_with("HTTP/1.1 200"), "{health}");
        assert!(health.contains(&format!(r#""role":"{role}""#)), "{health}");
        service.tell(Signal::TERM);
        assert_eq!(service.end().code(), Some(0), "{role}");
    }
}

#[test]
fn without_a_store_to_connect_to_it_does_not_start_and_says_why() {
    let mut variables = variables(&address(&silence()));
    variables.insert("ORK_LOG", "warn".into());
    let output = command("tick", &variables).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    let line: Value = serde_json::from_str(&text).expect("one line of JSON");
    let said = line["message"].as_str().expect("a message");
    assert!(said.contains("Firestore"), "{said}");
}

#[test]
fn a_request_that_is_open_is_answered_before_it_leaves() {
    let silent = silence();
    let mut service = Service::start("tick", &variables(&address(&silent)));
    let (mut store, _) = silent.accept().expect("it connects to the store");
    let open = service.request("POST /tick");
    until_asked(&mut store);
    service.tell(Signal::TERM);
    let line = service.line("stops");
    assert_eq!(line["message"], "stops: SIGTERM");
    assert!(
        TcpStream::connect(&service.address).is_err(),
        "nobody else is let in"
    );
    let said = answer(open);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.contains(r#""more":true"#), "its time was over: {said}");
    assert_eq!(service.end().code(), Some(0));
}

/// Reads HTTP/2 until a request begins: a frame of type HEADERS.
fn until_asked(store: &mut TcpStream) {
    let mut preface = [0; 24];
    store.read_exact(&mut preface).expect("the preface");
    assert!(preface.starts_with(b"PRI * HTTP/2.0"));
    loop {
        let mut head = [0; 9];
        store.read_exact(&mut head).expect("a frame");
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut body = vec![0; length as usize];
        store.read_exact(&mut body).expect("all of it");
        if head[3] == 1 {
            return;
        }
    }
}

#[test]
fn with_one_request_to_serve_it_ends_after_it() {
    let silent = silence();
    let mut variables = variables(&address(&silent));
    variables.insert("ORK_ONE_REQUEST", "1".into());
    let mut service = Service::start("poll", &variables);
    assert!(answer(service.request("GET /healthz")).starts_with("HTTP/1.1 200"));
    let said = answer(service.request("POST /push"));
    assert!(
        said.starts_with("HTTP/1.1 204"),
        "a broken message is understood as such: {said}"
    );
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn a_wrong_environment_is_refused_with_everything_that_is_wrong() {
    let mut variables = variables("127.0.0.1:1");
    variables.remove("ORK_BUCKET");
    variables.insert("ORK_BUKCET", "b".into());
    variables.insert("PORT", "http".into());
    let output = command("tick", &variables).output().expect("it runs");
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).expect("text");
    let line: Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_eq!(line["severity"], "ERROR");
    assert_eq!(
        line["message"],
        "the environment has 3 problems; nothing was started\n  \
         ORK_BUKCET is no variable of Ork; is ORK_BUCKET meant?\n  \
         ORK_BUCKET is not set (for example ORK_BUCKET=my-project-ork)\n  \
         PORT is `http`, which is not a port from 0 to 65535 (for example PORT=8080)"
    );
}

#[test]
fn a_worker_without_its_variables_says_which() {
    let output = command("worker", &BTreeMap::new())
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).expect("text");
    for name in ["ORK_BATCH", "ORK_BUCKET", "CLOUD_RUN_TASK_INDEX"] {
        assert!(
            text.contains(&format!("{name} is not set")),
            "{name}: {text}"
        );
    }
}

#[test]
fn a_worker_service_needs_no_store_and_leaves_when_told_to() {
    let objects = silence();
    let mut variables = variables(&address(&objects));
    let cache = tempfile::tempdir().expect("a folder");
    variables.insert("ORK_CACHE_DIR", cache.path().display().to_string());
    let mut service = Service::start("worker-service", &variables);
    let answer = answer(service.request("POST /compile"));
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");
    service.tell(Signal::TERM);
    assert_eq!(service.end().code(), Some(0));

    let output = command(
        "worker-service",
        &BTreeMap::from([("ORK_CODE_DIR", "app".to_owned())]),
    )
    .output()
    .expect("it runs");
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).expect("text");
    for what in ["ORK_SUBSCRIPTION is not set", "ORK_CODE_DIR is `app`"] {
        assert!(text.contains(what), "{what}: {text}");
    }
}

#[test]
fn roles_are_listed_and_others_refused() {
    let run = |word: &str| command(word, &BTreeMap::new()).output().expect("it runs");
    let help = run("--help");
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).expect("text");
    for word in [
        "tick",
        "dispatch",
        "monitor",
        "poll",
        "worker",
        "ORK_WORKER_JOBS",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let wrong = run("api");
    assert_eq!(wrong.status.code(), Some(64));
    assert!(wrong.stdout.is_empty());
}
