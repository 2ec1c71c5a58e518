//! Telling others of runs from a laptop: a receiver of the test is told, again until it has time, and after `ork` was killed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use super::support::Project;

/// What came: the head of a request in small letters, and its body.
type Told = (String, Value);

/// A receiver that answers the n-th request with `answers[n]`, and the last one from then on; 0 says nothing at all.
fn receiver(answers: &'static [u16]) -> (String, Receiver<Told>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (told, seen) = channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for (at, stream) in listener.incoming().flatten().enumerate() {
            let answer = answers[at.min(answers.len() - 1)];
            kept.extend(take(stream, answer, &told));
        }
    });
    (format!("http://{address}/hook"), seen)
}

/// Reads one request and answers it; gives back the stream when nothing is to be said.
fn take(mut stream: TcpStream, answer: u16, told: &Sender<Told>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body).ok()?;
    told.send((head, serde_json::from_slice(&body).ok()?))
        .ok()?;
    if answer == 0 {
        return Some(stream);
    }
    write!(
        stream,
        "HTTP/1.1 {answer} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    None
}

fn project(url: &str, command: &str) -> Project {
    let text = format!(
        "name: w
notifications:
  - on: [failure, success]
    webhook: {url}
    headers: {{X-Key: {{secret: HOOK_KEY}}}}
tasks:
  a: {{command: \"{command}\"}}
"
    );
    Project::with("w.yaml", &text)
}

fn execute(project: &Project) -> std::process::Command {
    let mut command = project.command(&["execute", "--file", "w.yaml", "--json"]);
    command
        .env("ORK_OUTGOING_ALLOW", "127.0.0.1")
        .env("HOOK_KEY", "canary-7c1f");
    command
}

fn next(seen: &Receiver<Told>) -> Told {
    let wait = Duration::from_secs(60);
    seen.recv_timeout(wait).expect("somebody tells")
}

#[test]
fn a_receiver_is_told_of_a_failed_run_once_and_the_run_says_so() {
    let (url, seen) = receiver(&[200]);
    let project = project(&url, "echo no table >&2; exit 64");
    let ran = project.finish(&mut execute(&project)).exits(1);
    let (head, body) = next(&seen);
    assert!(head.contains("x-key: canary-7c1f"), "{head}");
    let run = body["run"].as_str().expect("a run").to_owned();
    let id = format!("{run}.failure.0.1");
    assert!(head.contains(&format!("ork-notice: {id}")), "{head}");
    assert_eq!(
        (&body["on"], &body["id"]),
        (&"failure".into(), &Value::from(id))
    );
    assert_eq!(body["failed_tasks"], serde_json::json!(["a"]));
    assert!(seen.try_recv().is_err(), "it is told once");
    assert!(!ran.out.contains("canary") && !ran.err.contains("canary"));
    let status = project.ork(&["run", "status", &run, "--json"]).ok();
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    let notice = &status["notices"][0];
    assert_eq!(
        (&notice["state"], &notice["attempts"]),
        (&"sent".into(), &1.into())
    );
    let shown = project.ork(&["run", "status", &run]).ok();
    let said = format!("{}{}", shown.out, shown.err);
    assert!(said.contains("webhook 127.0.0.1"), "{said}");
}

#[test]
fn a_receiver_without_time_is_told_again_before_the_command_ends() {
    let (url, seen) = receiver(&[503, 200]);
    let project = project(&url, "true");
    project.finish(&mut execute(&project)).ok();
    let (first, second) = (next(&seen), next(&seen));
    assert_eq!(first.1["on"], "success");
    assert_eq!(first.1, second.1, "the same is told under the same id");
}

#[test]
fn what_a_killed_command_had_not_said_is_said_by_whoever_goes_on() {
    let (url, seen) = receiver(&[0, 200]);
    let project = project(&url, "true");
    let mut command = execute(&project);
    let mut child = command.spawn().expect("it starts");
    // It is told, and nobody knows that it was: the request is open.
    let first = next(&seen);
    child.kill().expect("it is killed");
    child.wait().expect("it is over");
    let run = first.1["run"].as_str().expect("a run").to_owned();
    let mut command = project.command(&["run", "resume", &run]);
    command
        .env("ORK_OUTGOING_ALLOW", "127.0.0.1")
        .env("HOOK_KEY", "canary-7c1f");
    project.finish(&mut command);
    let second = next(&seen);
    assert_eq!(first.1, second.1, "the same is told under the same id");
    let status = project.ork(&["run", "status", &run, "--json"]).ok();
    let status: Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["notices"][0]["state"], "sent", "{status}");
}

/// A command that finds no secret for the header.
fn without_secret(project: &Project, args: &[&str]) -> std::process::Command {
    let mut command = project.command(args);
    command.env("ORK_OUTGOING_ALLOW", "127.0.0.1");
    command.env_remove("HOOK_KEY");
    command
}

fn with_secret(project: &Project, args: &[&str]) -> std::process::Command {
    let mut command = without_secret(project, args);
    command.env("HOOK_KEY", "canary-7c1f");
    command
}

const EXECUTE: [&str; 3] = ["execute", "--file", "w.yaml"];

#[test]
fn what_was_given_up_is_sent_when_somebody_asks_for_it_and_what_was_received_is_not() {
    let (url, seen) = receiver(&[200]);
    let project = project(&url, "true");
    project.finish(&mut without_secret(&project, &EXECUTE)).ok();
    let listed = project.ork(&["run", "notices"]).ok().out;
    for text in ["success.0.1", "webhook 127.0.0.1", "gave_up", "HOOK_KEY"] {
        assert!(listed.contains(text), "{text} is not in\n{listed}");
    }
    let resend = ["run", "resend", "latest", "success.0.1"];
    // As long as what was wrong is not mended it ends the same.
    project
        .finish(&mut without_secret(&project, &resend))
        .exits(3)
        .says("success.0.1: webhook 127.0.0.1")
        .says("could not be told: ")
        .says("HOOK_KEY");
    assert!(seen.try_recv().is_err(), "nobody was told yet");
    project
        .finish(&mut with_secret(&project, &resend))
        .ok()
        .says("was told");
    let (head, body) = next(&seen);
    let run = body["run"].as_str().expect("a run");
    let id = format!("{run}.success.0.1");
    assert!(head.contains(&format!("ork-notice: {id}")), "{head}");
    // By the id that receivers know it by, too.
    project
        .finish(&mut with_secret(&project, &["run", "resend", run, &id]))
        .exits(2)
        .says("is not sent again: its receiver has it since");
    project
        .ork(&["run", "resend", run, "--failed"])
        .exits(2)
        .says("was given up");
    project
        .ork(&["run", "resend", run, "failure.0.1"])
        .exits(2)
        .says("has no notice failure.0.1")
        .says("it has success.0.1");
    project
        .ork(&["run", "resend", run, "0.1"])
        .exits(2)
        .says("`0.1` is no notice");
    project.ork(&["run", "resend", run]).exits(2);
    assert!(seen.try_recv().is_err(), "it is told once");
    let audit = project.ork(&["audit", "--action", "run.resend", "--json"]);
    let audit = audit.ok().json();
    let records = audit["records"].as_array().expect("a list");
    assert_eq!(records.len(), 2, "refused ones leave no record: {audit}");
    assert_eq!(records[0]["detail"]["notice"], "success.0.1");
}

#[test]
fn a_wish_that_is_only_recorded_is_fulfilled_by_whoever_goes_on() {
    let (url, seen) = receiver(&[200]);
    let project = project(&url, "exit 64");
    project
        .finish(&mut without_secret(&project, &EXECUTE))
        .exits(1);
    let detached = ["run", "resend", "latest", "--failed", "--detach", "--json"];
    let recorded = project.ork(&detached).ok().json();
    let notice = &recorded["notices"][0];
    assert_eq!(notice["state"], "pending", "{recorded}");
    assert!(notice["asked_again_at"].is_string(), "{recorded}");
    assert!(seen.try_recv().is_err(), "nobody was told yet");
    // The command ends as the run did.
    let mut resume = with_secret(&project, &["run", "resume", "latest"]);
    project.finish(&mut resume).exits(1);
    assert_eq!(next(&seen).1["on"], "failure");
    let listed = project.ork(&["run", "notices", "--json"]).ok().json();
    assert_eq!(listed["notices"][0]["state"], "sent", "{listed}");
}

#[test]
fn a_run_that_tells_nobody_says_so() {
    let project = Project::with("w.yaml", "name: w\ntasks:\n  a: {command: 'true'}\n");
    project.ork(&EXECUTE).ok();
    project
        .ork(&["run", "notices"])
        .ok()
        .says("workflow w tells nobody");
    project
        .ork(&["run", "resend", "latest", "failure.0.1"])
        .exits(2)
        .says("workflow w tells nobody");
}
