//! One task as a process in a group of its own.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::drive::cancelled;
use crate::process::Group;

/// What a container would inherit from its image comes from the stand-in's own environment.
const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];

/// A process to run.
#[derive(Debug)]
pub(super) struct TaskProcess {
    pub(super) command: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) dir: Option<PathBuf>,
    pub(super) log: PathBuf,
    pub(super) timeout: Duration,
    /// Between SIGTERM and SIGKILL.
    pub(super) grace: Duration,
    /// When it is killed on demand.
    pub(super) kill_after: Option<Duration>,
}

impl TaskProcess {
    /// Runs it to its end. `note` is told its process group. An error without text: it was cancelled.
    pub(super) async fn run(
        self,
        mut cancel: watch::Receiver<bool>,
        note: impl FnOnce(Pid),
    ) -> Result<(), Option<String>> {
        let mut child = self.spawn().map_err(|error| {
            let why = format!("`{}` cannot be started: {error}", self.command.join(" "));
            self.complain(&why);
            why
        })?;
        let Some(group) = Group::of(&child) else {
            return Err(Some("it ended before it began".to_owned()));
        };
        note(group.id());
        let kill = async {
            match self.kill_after {
                Some(delay) => tokio::time::sleep(delay).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            status = child.wait() => status,
            () = cancelled(&mut cancel) => {
                self.end(&mut child, &group).await;
                return Err(None);
            }
            () = tokio::time::sleep(self.timeout) => {
                self.end(&mut child, &group).await;
                let why = format!("the configured timeout of {} s was reached", self.timeout.as_secs_f64());
                self.complain(&why);
                return Err(Some(why));
            }
            () = kill => {
                group.signal(Signal::KILL);
                child.wait().await
            }
        };
        // What the process left behind ends with its container: the group is killed when it is dropped here.
        drop(group);
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => {
                let why = describe(status);
                self.complain(&why);
                Err(Some(why))
            }
            Err(error) => Err(Some(format!("it cannot be waited for: {error}"))),
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let log = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&self.log)
                .map(Stdio::from)
        };
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(std::io::Error::other("the command is empty"));
        };
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command
            .envs(&self.env)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?)
            .spawn()
    }

    /// As Cloud Run ends a container: SIGTERM, some time, SIGKILL.
    async fn end(&self, child: &mut Child, group: &Group) {
        group.signal(Signal::TERM);
        if tokio::time::timeout(self.grace, child.wait())
            .await
            .is_err()
        {
            group.signal(Signal::KILL);
            let _ = child.wait().await;
        }
    }

    /// A line in the log for whoever reads it; the task's end does not depend on it.
    fn complain(&self, why: &str) {
        if let Ok(mut log) = OpenOptions::new().create(true).append(true).open(&self.log) {
            let index = self
                .env
                .get("CLOUD_RUN_TASK_INDEX")
                .map_or("?", String::as_str);
            let _ = writeln!(log, "[task {index}: {why}]");
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("terminated on signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}
