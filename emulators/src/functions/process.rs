//! One function as a process: started, awaited, told to stop, killed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::FunctionsOptions;
use super::log::Log;
use super::role::Role;
use crate::http::client;
use crate::process::Group;

/// A program that was not optimised, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// What a container would have from its image or its configuration, and what is for finding faults.
const INHERITED: [&str; 6] = [
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "ORK_LOG",
    "RUST_BACKTRACE",
];

/// A running function. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) role: Role,
    pub(super) address: SocketAddr,
    child: Child,
    group: Group,
    log: Log,
}

impl Function {
    /// Starts it; that it answers is another matter.
    pub(super) fn spawn(
        role: Role,
        address: SocketAddr,
        env: &BTreeMap<String, String>,
        options: &FunctionsOptions,
    ) -> anyhow::Result<Self> {
        let what = role.name();
        let mut log = Log::open(&options.logs, what, options.verbose)?;
        let mut command = Command::new(&options.program);
        command.arg(what).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let mut child = command
            .envs(env)
            .env("PORT", address.port().to_string())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(log.stream()?)
            .stderr(log.stream()?)
            .spawn()
            .with_context(|| {
                let program = options.program.display();
                format!("{what}: `{program}` cannot be started")
            })?;
        let group = Group::of(&child).ok_or_else(|| anyhow!("{what}: it has no process id"))?;
        log.read(&mut child);
        Ok(Self {
            role,
            address,
            child,
            group,
            log,
        })
    }

    /// Waits until it answers. An error when it ends instead.
    pub(super) async fn until_it_answers(&mut self) -> anyhow::Result<()> {
        let what = self.role.name();
        let deadline = Instant::now() + START_TIMEOUT;
        let client = client();
        let url = self.url("/healthz");
        loop {
            let answer = client
                .get(&url)
                .timeout(Duration::from_secs(2))
                .send()
                .await;
            // Whoever answers on the port of a dead function is somebody else.
            if let Some(status) = self
                .child
                .try_wait()
                .with_context(|| format!("{what}: its process cannot be waited for"))?
            {
                self.log.complete().await;
                bail!("{what} ended at once ({status}){}", self.last_words());
            }
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let limit = START_TIMEOUT.as_secs();
                bail!(
                    "{what} did not answer at {url} within {limit} s{}",
                    self.last_words()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whether it ended because somebody else took its port between choosing and using it.
    pub(super) fn port_was_taken(&self) -> bool {
        let said = self.log.last_lines().to_lowercase();
        said.contains("cannot be listened on") || said.contains("address already in use")
    }

    fn last_words(&self) -> String {
        let (lines, path) = (self.log.last_lines(), self.log.path().display());
        if lines.is_empty() {
            format!(", and said nothing in {path}")
        } else {
            format!("; the end of {path}:\n{lines}")
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Resolves when it has ended without being told to.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        let what = self.role.name();
        match self.child.wait().await {
            Ok(status) => {
                self.log.complete().await;
                anyhow!("{what} ended by itself ({status}){}", self.last_words())
            }
            Err(error) => anyhow!("{what} cannot be waited for: {error}"),
        }
    }

    /// Asks it to finish what it is doing and to end.
    pub(super) fn tell_to_stop(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Waits until it has ended; kills it after `grace`.
    pub(super) async fn finish(mut self, grace: Duration) {
        if tokio::time::timeout(grace, self.child.wait())
            .await
            .is_err()
        {
            self.group.signal(Signal::KILL);
            // It cannot refuse.
            let _ = self.child.wait().await;
        }
        self.log.complete().await;
    }
}
