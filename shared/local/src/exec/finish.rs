//! Ends attempts: reads what is left, judges, tells.

use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use ork_core::limits::OUTPUT_BYTES;
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::{TaskSpec, Verdict};
use ork_core::time::Millis;
use rustix::process::{Signal, kill_process_group};

use super::ExecEvent;
use super::attempt::{Attempt, Body, Capture, object};
use super::output::{self, failed, too_large};
use super::python::frames::ResultFrame;
use super::reactor::Reactor;
use super::start::watch_slot;
use super::verdict::{End, Why, ended, killed};

impl Reactor {
    /// The leader of a process attempt has ended.
    pub(crate) fn exited(&mut self, slot: usize) {
        let Some(mut attempt) = self.vacate(slot) else {
            return;
        };
        let Body::Process {
            child,
            output,
            shown,
            ..
        } = &mut attempt.body
        else {
            return;
        };
        let (output, shown) = (std::mem::take(output), std::mem::take(shown));
        self.shared.watchdog.leave(watch_slot(self.seat, slot));
        if let Some(pid) = attempt.pid {
            // Daemons it left behind; none is the usual case.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let end = match child.wait() {
            Ok(status) => End::from(status),
            Err(_) => End::Signal(0),
        };
        attempt.drain(&mut self.buffer);
        let written = take_file(&output);
        let object = object(&self.shared, &attempt.job.spec, AttemptFile::Output);
        self.end(attempt, None, |attempt| match end {
            End::Code(0) => match std::mem::replace(&mut attempt.capture, Capture::Nothing) {
                Capture::Line(line) => from_process(line.finish(), written, &object),
                _ => failed(Category::Unknown, "the output was not looked for"),
            },
            _ => ended(
                end,
                &attempt.job.spec,
                &shown,
                attempt.log.last_line().as_deref(),
            ),
        });
    }

    /// Takes an attempt out of its place.
    pub(crate) fn vacate(&mut self, slot: usize) -> Option<Attempt> {
        let attempt = self.slots[slot].take()?;
        self.free += 1;
        Some(attempt)
    }

    /// Settles an attempt whose pipes are read: judged by `judge`, unless we killed it and it has not handed over to jobs. Those are
    /// somebody's to stop, whoever is to blame.
    pub(crate) fn end(
        &mut self,
        mut attempt: Attempt,
        maxrss: Option<u64>,
        judge: impl FnOnce(&mut Attempt) -> Verdict,
    ) {
        let log_bytes = attempt.log.finish();
        let grace = self.shared.config.grace;
        let mut verdict = match attempt.why {
            Some(why) => match judge(&mut attempt) {
                handed_over @ Verdict::Deferred { .. } => handed_over,
                Verdict::Success { .. } | Verdict::Failed { .. } => {
                    killed(why, &attempt.job.spec, grace, attempt.forced)
                }
            },
            None => judge(&mut attempt),
        };
        if let Verdict::Failed { log_tail, .. } = &mut verdict {
            *log_tail = attempt.log.tail();
        }
        if let Some(error) = attempt.log.error() {
            self.news(ExecEvent::Setup {
                text: error.to_owned(),
            });
        }
        let since = if attempt.started {
            attempt.begun
        } else {
            attempt.job.submitted
        };
        let sampled = attempt
            .memory
            .as_ref()
            .map(|watch| watch.peak)
            .filter(|peak| *peak > 0);
        let event = ExecEvent::Ended {
            id: attempt.job.spec.id.clone(),
            verdict,
            log_bytes,
            started: attempt.started,
            stopped: attempt.why == Some(Why::Stopped),
            maxrss: maxrss.max(sampled),
            duration: elapsed(since),
        };
        self.shared.done(&attempt.job.spec.id);
        self.news(event);
    }
}

fn elapsed(since: Instant) -> Millis {
    Millis(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// The output of a process: its last `ORK_OUTPUT:` line, else its output file, else null.
fn from_process(
    line: Option<(Vec<u8>, u64)>,
    written: Option<std::io::Result<(Vec<u8>, u64)>>,
    object: &Path,
) -> Verdict {
    let (source, found) = match (line, written) {
        (Some(line), _) => ("the ORK_OUTPUT line", line),
        (None, Some(Ok(file))) => ("the file ORK_OUTPUT_FILE", file),
        (None, Some(Err(error))) => {
            return failed(
                Category::Permanent,
                format!("the file ORK_OUTPUT_FILE cannot be read: {error}"),
            );
        }
        (None, None) => return output::success(b"", "", object),
    };
    let (json, bytes) = found;
    if bytes > OUTPUT_BYTES as u64 {
        too_large(bytes)
    } else {
        output::success(&json, source, object)
    }
}

/// Reads and removes the file a task may have written; `None` when it did not.
fn take_file(path: &Path) -> Option<std::io::Result<(Vec<u8>, u64)>> {
    // A task may have left anything under this name; opening a pipe must not wait for its writer.
    let open = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = match open {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => return Some(Err(error)),
    };
    let mut bytes = Vec::new();
    let read = file.metadata().and_then(|meta| {
        if !meta.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        file.take(OUTPUT_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map(|_| meta.len())
    });
    // Left behind it would only wait for the end of the engine, which sweeps the folder.
    let _ = std::fs::remove_file(path);
    Some(read.map(|size| (bytes, size)))
}

/// What a child's result frame says, if it is whole and kept.
pub(crate) fn from_frame(
    frame: &ResultFrame,
    text: Option<&output::Text>,
    object: &Path,
) -> Option<Verdict> {
    if let Some(bytes) = frame.too_large() {
        return frame.is_whole().then(|| too_large(bytes));
    }
    let outcome = match serde_json::from_slice::<super::python::frames::Outcome<'_>>(frame.json()?)
    {
        Ok(outcome) => outcome,
        Err(error) => {
            return Some(failed(
                Category::Unknown,
                format!("the interpreter's answer cannot be understood: {error}"),
            ));
        }
    };
    if !outcome.ok {
        let message = outcome
            .message
            .unwrap_or_else(|| "the task failed without a message".to_owned());
        let mut verdict = failed(outcome.category.unwrap_or(Category::Unknown), message);
        if let Verdict::Failed { exit_code, .. } = &mut verdict {
            *exit_code = outcome.code;
        }
        return Some(verdict);
    }
    Some(match text {
        Some(text) if text.total > OUTPUT_BYTES as u64 => too_large(text.total),
        Some(text) => output::success_text(&text.bytes, object),
        None => output::success(
            outcome
                .output
                .map_or(b"".as_slice(), |output| output.get().as_bytes()),
            "the function's result",
            object,
        ),
    })
}

/// Settles the attempt of a forked child that has ended.
pub(crate) fn judge_forked(
    attempt: &mut Attempt,
    end: End,
    shared: &super::shared::Shared,
) -> Verdict {
    let spec: &TaskSpec = &attempt.job.spec;
    let object = object(shared, spec, AttemptFile::Output);
    let text = match &attempt.capture {
        Capture::Text(text) => Some(text),
        _ => None,
    };
    let said = match &attempt.body {
        Body::Forked { frame, .. } => from_frame(frame, text, &object),
        _ => None,
    };
    let code = match end {
        End::Code(code) => Some(code),
        End::Signal(_) => None,
    };
    match said {
        Some(mut verdict) => {
            if let Verdict::Failed { exit_code, .. } = &mut verdict {
                *exit_code = code;
            }
            verdict
        }
        None if end == End::Code(0) => {
            failed(Category::Unknown, "the interpreter ended without an answer")
        }
        None => ended(end, spec, "python", attempt.log.last_line().as_deref()),
    }
}
