//! A worker service as a process, and requests to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use ork_core::Value;
use ork_core::names::ObjectName;
use rustix::process::{Pid, Signal};
use serde_json::json;

use crate::harness::{Bench, PATIENCE};

/// What the messages say they came by.
pub(crate) const TOPIC: &str = "projects/p/topics/work";
pub(crate) const SUBSCRIPTION: &str = "projects/p/subscriptions/work";

/// A running service; killed when the test is over, however it ends.
pub(crate) struct Served {
    child: Child,
    address: String,
    lines: Receiver<String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer: status, head, body.
pub(crate) type Answer = (u16, String, String);

/// The environment of a service over `bench`.
fn env(bench: &Bench) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = ["PATH", "HOME", "ORK_PYTHON"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    for (name, value) in [
        ("ORK_PROJECT", "project"),
        ("ORK_BUCKET", "bucket"),
        ("ORK_AUTH", "off"),
        ("ORK_SUBSCRIPTION", SUBSCRIPTION),
        // Nobody is asked there: the objects are in a folder. It says that everything is emulated.
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1"),
        ("PORT", "0"),
        ("ORK_CODE_DIR", &bench.path("code").display().to_string()),
        ("ORK_CACHE_DIR", &bench.path("cache").display().to_string()),
    ] {
        env.insert(name.to_owned(), value.to_owned());
    }
    env
}

impl Served {
    pub(crate) fn start(bench: &Bench) -> Self {
        Self::with(bench, &[])
    }

    pub(crate) fn with(bench: &Bench, more: &[(&str, &str)]) -> Self {
        let more = more
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        let mut variables = env(bench);
        variables.extend(more);
        let mut child = Command::new(env!("CARGO_BIN_EXE_ork-folder-worker"))
            .arg(bench.path("objects"))
            .args(["5", "service"])
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built with the tests");
        let stderr = child.stderr.take().expect("piped");
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                // Whoever listened is gone; the rest is read all the same, so that the service is never kept waiting.
                let _ = send.send(line.expect("lines of text"));
            }
        });
        let mut served = Self {
            child,
            address: String::new(),
            lines,
        };
        let line = served.line("listens");
        assert_eq!(line["role"], "worker-service");
        let address = line["address"].as_str().expect("it says where");
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        served.address = address.to_owned();
        served
    }

    /// The next log line with this message.
    pub(crate) fn line(&self, message: &str) -> Value {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("it says so");
            let line: Value = serde_json::from_str(&line).expect("every line is JSON");
            let said = line["message"].as_str();
            if said.is_some_and(|said| said.contains(message)) {
                return line;
            }
        }
    }

    pub(crate) fn tell(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it is our child");
    }

    /// Waits for its end; gives the exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.child.wait().expect("it is our child").code()
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn send(&self, head: &str, body: &[u8]) -> TcpStream {
        self.send_with(head, "", body)
    }

    /// The same with further headers, a line each.
    pub(crate) fn send_with(&self, head: &str, headers: &str, body: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let bytes = body.len();
        let head = format!(
            "{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {bytes}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body).expect("sent");
        stream
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Answer {
        answer(self.send(&format!("POST {path}"), body))
    }

    /// The answer as JSON, with its status.
    pub(crate) fn ask(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, text) = self.post(path, body.to_string().as_bytes());
        let json = serde_json::from_str(&text);
        (
            status,
            json.unwrap_or_else(|error| panic!("{error}: {text}")),
        )
    }

    /// Pushes a message without waiting for its answer.
    pub(crate) fn begin(&self, batch: &ObjectName, index: usize) -> TcpStream {
        self.send(
            "POST /push",
            &message(&batch.to_string(), &index.to_string()),
        )
    }

    pub(crate) fn push(&self, batch: &ObjectName, index: usize) -> u16 {
        answer(self.begin(batch, index)).0
    }

    /// Messages that made no sense so far.
    pub(crate) fn broken(&self) -> u64 {
        let (_, _, body) = answer(self.send("GET /healthz", b""));
        let body: Value = serde_json::from_str(&body).expect("JSON");
        body["broken"].as_u64().expect("a number")
    }
}

/// The answer that comes on `stream`.
pub(crate) fn answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("a status"), head.to_owned(), body.to_owned())
}

/// The body of a push.
pub(crate) fn message(batch: &str, index: &str) -> Vec<u8> {
    let attributes = json!({"batch": batch, "index": index, "topic": TOPIC});
    let message = json!({"attributes": attributes, "data": "", "messageId": "1"});
    json!({"message": message, "subscription": SUBSCRIPTION})
        .to_string()
        .into_bytes()
}
