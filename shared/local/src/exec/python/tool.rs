//! Runs a tool that builds an environment, telling the user what it says.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::super::ExecEvent;
use super::super::shared::Shared;
use super::Trouble;

/// Lines of a failed tool that go into the message.
const LAST: usize = 6;

/// Runs `program` in `dir` to its end; `doing` says in a few words what it is for.
pub(super) fn run(
    shared: &Shared,
    dir: &Path,
    program: &Path,
    args: &[&str],
    doing: &str,
) -> Result<(), Trouble> {
    let trouble = |error: std::io::Error| {
        Trouble::recoverable(format!(
            "{doing}: {} cannot be started: {error}",
            program.display()
        ))
    };
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| trouble(error.into()))?;
    let both = write.try_clone().map_err(trouble)?;
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(
        shared
            .config
            .env_passthrough
            .iter()
            .map(|(name, value)| (name, value)),
    );
    command
        .current_dir(dir)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::from(write))
        .stderr(Stdio::from(both));
    let mut child = command.spawn().map_err(trouble)?;
    drop(command);
    let pid = Pid::from_child(&child);
    if !shared.building(pid) {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let mut last: VecDeque<String> = VecDeque::new();
    for line in BufReader::new(File::from(read)).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if line.is_empty() {
            continue;
        }
        shared.say(ExecEvent::Setup {
            text: format!("{doing}: {line}"),
        });
        if last.len() == LAST {
            last.pop_front();
        }
        last.push_back(line);
    }
    while let Err(rustix::io::Errno::INTR) = waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {}
    shared.built(pid);
    let status = child.wait().map_err(trouble)?;
    if status.success() {
        return Ok(());
    }
    let said: Vec<String> = last.into();
    Err(Trouble::recoverable(format!(
        "{doing} failed ({} ended with {status}): {}",
        program.display(),
        said.join(" / ")
    )))
}
