//! The command `ork-emulators`: what it prints, how it ends, and that nothing survives it.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use ork_emulators::google::testing::sdk_or_skip;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Receiver, lives, number_in, until};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ork-emulators"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

pub(crate) const WITHOUT_GOOGLE: [&str; 4] = ["--without", "firestore", "--without", "pubsub"];

/// A running command that is killed with the test.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self(Some(command(arguments).spawn().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.0.as_ref().unwrap()), signal).unwrap();
    }

    pub(crate) fn wait(mut self) -> Output {
        self.0.take().unwrap().wait_with_output().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for the file and returns the value of a variable in it.
pub(crate) async fn variable(file: &Path, name: &str) -> String {
    let text = until("the environment is written", || async {
        std::fs::read_to_string(file).ok()
    })
    .await;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("export {name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
        .trim_matches('\'')
        .to_owned()
}

#[tokio::test]
async fn a_signal_stops_everything_and_the_table_says_what_listened() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env.sh");
    let receiver = Receiver::answering(&[200]).await;
    for signal in [Signal::INT, Signal::TERM] {
        let tick = receiver.url("/tick");
        let mut arguments = WITHOUT_GOOGLE.to_vec();
        arguments.extend([
            "--env-file",
            file.to_str().unwrap(),
            "--project",
            "prj",
            "--tick",
            &tick,
            "--tick-every",
            "100ms",
        ]);
        let running = Running::start(&arguments);
        assert_eq!(variable(&file, "ORK_PROJECT").await, "prj");
        let endpoint = variable(&file, "ORK_RUN_ENDPOINT").await;
        let before = receiver.received().len();
        receiver.until_received(before + 2).await;
        running.signal(signal);
        let output = running.wait();
        assert!(output.status.success(), "{output:?}");
        let table = String::from_utf8(output.stdout).unwrap();
        let address = endpoint.strip_prefix("http://").unwrap();
        assert!(
            table.contains(&format!("Cloud Run jobs (stand-in)      {address}"))
                || table.contains(address),
            "{table}"
        );
        assert!(table.contains(&format!("POST {tick}")), "{table}");
        assert!(!file.exists(), "the file describes what is gone");
    }
}

#[tokio::test]
async fn sigkill_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env.sh");
    let sdk = sdk_or_skip("sigkill_leaves_no_process_behind (its part about Google's emulators)");
    let script = format!(
        "sleep 1000 & echo $! > {0}/child; echo $$ > {0}/leader; wait",
        folder.path().display()
    );
    let mut arguments = vec!["--env-file", file.to_str().unwrap()];
    if sdk.is_none() {
        arguments.extend(WITHOUT_GOOGLE);
    }
    arguments.extend(["--", "sh", "-c", &script]);
    let running = Running::start(&arguments);
    let endpoint = variable(&file, "ORK_RUN_ENDPOINT").await;
    let run = format!("{endpoint}/v2/projects/ork-local/locations/local/jobs/ork-worker:run");
    let started = reqwest::Client::new().post(run).send().await.unwrap();
    assert!(
        started.status().is_success(),
        "{}",
        started.text().await.unwrap()
    );
    let worker = [
        number_in(&folder.path().join("child")).await,
        number_in(&folder.path().join("leader")).await,
    ];
    let mut processes = worker.to_vec();
    if sdk.is_some() {
        let java = children_of(
            Pid::from_child(running.0.as_ref().unwrap())
                .as_raw_nonzero()
                .get(),
        );
        assert!(java.len() >= 2, "{java:?}");
        processes.extend(java);
    }
    assert!(processes.iter().copied().all(lives));
    running.signal(Signal::KILL);
    running.wait();
    until("every process is gone", || async {
        (!processes.iter().copied().any(lives)).then_some(())
    })
    .await;
}

/// The numbers of the processes that this one started.
pub(crate) fn children_of(parent: i32) -> Vec<i32> {
    let numbers = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
            let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            fields.split_whitespace().nth(1) == Some(&parent.to_string())
        })
        .collect()
}

#[tokio::test]
async fn what_is_missing_or_taken_is_said_and_the_code_is_1() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port().to_string();
    let file = "/nowhere/env.sh";
    let no_sdk: &[&str] = &["--sdk", "/nowhere"];
    let taken: Vec<&str> = [&WITHOUT_GOOGLE[..], &["--tasks-port", &port]].concat();
    let no_folder: Vec<&str> = [&WITHOUT_GOOGLE[..], &["--env-file", file]].concat();
    let no_url: Vec<&str> = [&WITHOUT_GOOGLE[..], &["--tick", "nonsense"]].concat();
    for (arguments, said) in [
        (no_sdk, "install"),
        (&taken, "is taken"),
        (&no_folder, file),
        (&no_url, "`nonsense` is no URL"),
    ] {
        let output = command(arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(
            error.starts_with("ork-emulators: ") && error.contains(said),
            "{arguments:?}: {error}"
        );
    }
    // A command line that cannot be read is told apart from one that cannot be done.
    assert_eq!(
        command(&["--tick-every", "soon"])
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
}

#[tokio::test]
async fn an_emulator_that_dies_ends_the_command_with_its_last_words() {
    let Some(_) = sdk_or_skip("an_emulator_that_dies_ends_the_command_with_its_last_words") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env.sh");
    let running = Running::start(&["--env-file", file.to_str().unwrap(), "--without", "pubsub"]);
    variable(&file, "FIRESTORE_EMULATOR_HOST").await;
    let children = children_of(
        Pid::from_child(running.0.as_ref().unwrap())
            .as_raw_nonzero()
            .get(),
    );
    let java = children.into_iter().find(|child| {
        std::fs::read_to_string(format!("/proc/{child}/cmdline"))
            .is_ok_and(|line| line.contains("CloudFirestore"))
    });
    kill_process(
        Pid::from_raw(java.expect("the emulator runs")).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    let output = running.wait();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("the Firestore emulator ended by itself"),
        "{error}"
    );
}
