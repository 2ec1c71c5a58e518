//! Secrets in headers: they reach the service that is asked, and nothing that stays.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::support::Project;

const CANARY: &str = "canary-7c1f";

/// A service that says what it was sent, in its answer too; it goes on for as long as the tests do.
fn service() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            if let Some(head) = answer(stream) {
                told.lock().expect("not poisoned").push(head);
            }
        }
    });
    (format!("http://{address}"), seen)
}

fn answer(mut stream: TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut key, mut length) = (String::new(), String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match &*name.to_ascii_lowercase() {
                "authorization" => key = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().ok()?,
                _ => {}
            }
        }
        head.push_str(&line);
    }
    reader.take(length).read_to_end(&mut Vec::new()).ok()?;
    let body = format!(r#"{{"state": "done", "you": "{key}"}}"#);
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").ok()?;
    Some(head)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn workflow(url: &str) -> Project {
    let job = format!(
        r#"{{"service_type": "custom_http", "url": "{url}/job", "headers": {{"Authorization": {{"secret": "PARTNER_TOKEN"}}}}, "completion_field": "state", "poll_interval": 1}}"#
    );
    let text = format!(
        "name: w
tasks:
  call: {{url: \"{url}/call\", headers: {{Authorization: {{secret: PARTNER_TOKEN}}}}}}
  look: {{sensor: {{http: {{url: \"{url}/look\", headers: {{Authorization: {{secret: projects/p/secrets/PARTNER_TOKEN/versions/1}}}}, success_field: state}}}}, depends_on: [call]}}
  job: {{command: [sh, job.sh], depends_on: [look]}}
"
    );
    let project = Project::with("w.yaml", &text);
    project.write(
        "job.sh",
        format!("echo 'ORK_OUTPUT:{{\"deferred\": [{job}]}}'\n"),
    );
    project
}

#[test]
fn a_secret_of_a_header_reaches_its_service_and_nothing_that_stays() {
    let (url, seen) = service();
    let project = workflow(&url);
    let mut command = project.command(&["execute", "--file", "w.yaml", "--json", "-v"]);
    command
        .env("ORK_OUTGOING_ALLOW", "127.0.0.1")
        .env("PARTNER_TOKEN", format!("Bearer {CANARY}"));
    // What is not a task has no environment to show.
    let ran = project.finish(&mut command).ok();
    let seen = seen.lock().expect("not poisoned").clone();
    for path in ["/call", "/look", "/job"] {
        let asked = seen.iter().find(|head| head.contains(path));
        let asked = asked.unwrap_or_else(|| panic!("nobody asked for {path}: {seen:?}"));
        assert!(asked.contains(CANARY), "{asked}");
    }
    assert!(
        ran.out.contains(r#""you":"***""#) || ran.out.contains(r#""you": "***""#),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains(CANARY) && !ran.err.contains(CANARY));
    let mut kept = Vec::new();
    files(&project.path(".ork"), &mut kept);
    assert!(kept.len() > 3, "{kept:?}");
    for file in kept {
        let bytes = fs::read(&file).expect("read");
        let there = bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes());
        assert!(!there, "{} holds the secret", file.display());
    }
}

#[test]
fn a_secret_that_is_not_there_fails_for_good_and_nobody_is_asked() {
    let (url, seen) = service();
    let project = workflow(&url);
    let mut command = project.command(&["execute", "--file", "w.yaml"]);
    command
        .env("ORK_OUTGOING_ALLOW", "127.0.0.1")
        .env_remove("PARTNER_TOKEN");
    let ran = project.finish(&mut command).exits(1);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("`PARTNER_TOKEN`") && said.contains("set the environment variable"),
        "{said}"
    );
    assert!(seen.lock().expect("not poisoned").is_empty());
}
