//! One of Google's emulators as a process: started, awaited, killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::Signal;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::http::{client, free_port};
use crate::process::Group;

/// A JVM on a busy machine with two cores takes its time.
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// How often a port that somebody else took between choosing and using it is replaced by another.
const TRIES: u32 = 3;
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of its output an error shows.
const SHOWN_LINES: usize = 20;

/// A running emulator. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Emulator {
    what: &'static str,
    address: SocketAddr,
    child: Child,
    group: Group,
    output: NamedTempFile,
}

impl Emulator {
    /// Starts java with what `arguments` makes of the address, and waits until it prints `ready` and answers HTTP.
    pub(super) async fn start(
        what: &'static str,
        ready: &str,
        java: &Path,
        wished: SocketAddr,
        arguments: impl Fn(SocketAddr) -> Vec<std::ffi::OsString>,
    ) -> anyhow::Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let address = free_port(what, wished).await?;
            let mut emulator = Self::spawn(what, java, address, arguments(address))?;
            match emulator.wait_until_it_answers(ready).await {
                Ok(()) => return Ok(emulator),
                Err(error) if wished.port() == 0 && tries < TRIES && emulator.port_was_taken() => {
                    drop(error)
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn spawn(
        what: &'static str,
        java: &Path,
        address: SocketAddr,
        arguments: Vec<std::ffi::OsString>,
    ) -> anyhow::Result<Self> {
        let output = NamedTempFile::new()
            .with_context(|| format!("{what}: no temporary file for its output"))?;
        let stream = || -> anyhow::Result<Stdio> {
            let file = File::options().append(true).open(output.path());
            Ok(Stdio::from(file.with_context(|| {
                format!(
                    "{what}: its output file {} cannot be written",
                    output.path().display()
                )
            })?))
        };
        let child = Command::new(java)
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(stream()?)
            .stderr(stream()?)
            .spawn()
            .with_context(|| format!("{what}: `{}` cannot be started", java.display()))?;
        let group = Group::of(&child).ok_or_else(|| anyhow!("{what}: it has no process id"))?;
        Ok(Self {
            what,
            address,
            child,
            group,
            output,
        })
    }

    async fn wait_until_it_answers(&mut self, ready: &str) -> anyhow::Result<()> {
        let what = self.what;
        let deadline = Instant::now() + START_TIMEOUT;
        let client = client();
        loop {
            if let Some(status) = self
                .child
                .try_wait()
                .with_context(|| format!("{what}: its process cannot be waited for"))?
            {
                bail!("{what} ended at once ({status}):\n{}", self.last_output());
            }
            let answer = client
                .get(format!("http://{}/", self.address))
                .timeout(Duration::from_secs(2))
                .send()
                .await;
            // Whoever answers may be somebody else who was given the port a moment ago.
            if answer.is_ok() && self.output().contains(ready) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "{what} did not answer at {} within {} s:\n{}",
                    self.address,
                    START_TIMEOUT.as_secs(),
                    self.last_output()
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn port_was_taken(&self) -> bool {
        let output = self.last_output().to_lowercase();
        output.contains("address already in use") || output.contains("failed to bind")
    }

    fn last_output(&self) -> String {
        let output = std::fs::read(self.output.path()).unwrap_or_default();
        let output = String::from_utf8_lossy(&output);
        let lines: Vec<&str> = output.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed so far.
    pub(super) fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.output.path()).unwrap_or_default()).into_owned()
    }

    /// Resolves when it has ended without being told to.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow!(
                "{} ended by itself ({status}):\n{}",
                self.what,
                self.last_output()
            ),
            Err(error) => anyhow!("{} cannot be waited for: {error}", self.what),
        }
    }

    /// Kills it and waits until it is gone, so that its port is free.
    pub(super) async fn stop(mut self) {
        // Nothing of an emulator is worth a gentle end: all it has is in memory.
        self.group.signal(Signal::KILL);
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await;
    }
}
