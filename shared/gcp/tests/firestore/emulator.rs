//! Google's Firestore emulator as a process, and the plain HTTP it also speaks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const MAIN: &str = "com.google.cloud.datastore.emulator.firestore.CloudFirestore";
const JAR: &str = "platform/cloud-firestore-emulator/cloud-firestore-emulator.jar";
const MISSING: &str = "no Firestore emulator: install java and the gcloud SDK, then `gcloud components install cloud-firestore-emulator`";

/// Kills java as soon as standard input ends: when the guard is dropped, and also when the tests end or die.
const KEEPER: &str = r#""$@" >"$LOG" 2>&1 </dev/null & pid=$!; echo; cat >/dev/null; kill -9 $pid"#;

pub(crate) struct Emulator {
    keeper: Child,
    address: String,
    log: tempfile::NamedTempFile,
}

/// The one that all cases share; `None` after saying that they are skipped.
pub(crate) fn shared() -> Option<&'static Emulator> {
    static SHARED: OnceLock<Option<Emulator>> = OnceLock::new();
    SHARED.get_or_init(start).as_ref()
}

/// One of its own.
pub(crate) fn start() -> Option<Emulator> {
    let Some(jar) = jar() else {
        assert!(
            std::env::var_os("ORK_REQUIRE_ALL").is_none_or(|value| value != "1"),
            "may not be skipped (ORK_REQUIRE_ALL=1): {MISSING}"
        );
        // Not through `eprintln!`: the test harness would swallow it.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED the tests of the Firestore store: {MISSING}"
        );
        return None;
    };
    for _ in 0..3 {
        if let Some(emulator) = Emulator::try_start(&jar) {
            return Some(emulator);
        }
    }
    panic!("the emulator does not start")
}

fn jar() -> Option<PathBuf> {
    let java = Command::new("java")
        .arg("-version")
        .stderr(Stdio::null())
        .status();
    if !java.is_ok_and(|status| status.success()) {
        return None;
    }
    let usual = ["/usr/lib", "/usr/share", "/opt"]
        .map(|folder| PathBuf::from(folder).join("google-cloud-sdk").join(JAR));
    if let Some(jar) = usual.into_iter().find(|jar| jar.is_file()) {
        return Some(jar);
    }
    let root = Command::new("gcloud")
        .args(["info", "--format=value(installation.sdk_root)"])
        .output()
        .ok()?;
    let jar = PathBuf::from(String::from_utf8(root.stdout).ok()?.trim()).join(JAR);
    jar.is_file().then_some(jar)
}

impl Emulator {
    /// `None` when it ended at once, as it does when somebody else was given the port in between.
    fn try_start(jar: &PathBuf) -> Option<Self> {
        let free = ork_emulators::unclaimed_port(Ipv4Addr::LOCALHOST.into());
        let port = free.expect("a free port");
        let log = tempfile::NamedTempFile::new().expect("a file for its output");
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper", "java", "-cp"])
            .arg(jar)
            .args([
                MAIN,
                "start",
                "--host=127.0.0.1",
                &format!("--port={port}"),
                "--database-mode=firestore-native",
            ])
            .env("LOG", log.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let told = BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut line);
        told.expect("the keeper says when java was started");
        let emulator = Self {
            keeper,
            address: format!("127.0.0.1:{port}"),
            log,
        };
        let deadline = Instant::now() + Duration::from_secs(90);
        while Instant::now() < deadline {
            if emulator
                .http("GET", "/", "")
                .is_some_and(|answer| answer.contains("200 OK"))
            {
                return Some(emulator);
            }
            let output = std::fs::read_to_string(emulator.log.path()).unwrap_or_default();
            if output.contains("already in use") || output.contains("Failed to bind") {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!(
            "no answer from the emulator: {}",
            std::fs::read_to_string(emulator.log.path()).unwrap_or_default()
        );
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it answers to a request as the owner, head and body.
    pub(crate) fn http(&self, method: &str, path: &str, body: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer owner\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        // It keeps the connection open, whatever is asked: read up to the end that the head tells.
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !is_whole(&answer) {
            match stream.read(&mut buffer).ok()? {
                0 => return None,
                bytes => answer.extend_from_slice(&buffer[..bytes]),
            }
        }
        String::from_utf8(answer).ok()
    }

    /// Writes a document as somebody else would: `fields` in the protocol's JSON.
    pub(crate) fn write_by_hand(&self, project: &str, path: &str, fields: &str) {
        let url = format!("/v1/projects/{project}/databases/(default)/documents/{path}");
        let answer = self
            .http("PATCH", &url, &format!(r#"{{"fields":{fields}}}"#))
            .expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// A document as the protocol's JSON shows it.
    pub(crate) fn read_by_hand(&self, project: &str, path: &str) -> String {
        let url = format!("/v1/projects/{project}/databases/(default)/documents/{path}");
        self.http("GET", &url, "").expect("an answer")
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => body.len() >= length,
        None => body.ends_with("0\r\n\r\n"),
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
