//! A running attempt, as its reactor holds it.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Child;
use std::time::Instant;

use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::TaskSpec;
use rustix::process::Pid;

use super::environment::Scratch;
use super::exit::ExitWatch;
use super::log::Log;
use super::memory::Watch;
use super::output::{OutputLine, Text};
use super::pipe::{Read, read};
use super::python::frames::ResultFrame;
use super::shared::{Job, Shared};
use super::verdict::Why;

/// See the module.
pub(crate) struct Attempt {
    pub(crate) job: Box<Job>,
    pub(crate) begun: Instant,
    /// Its own code runs since `begun`.
    pub(crate) started: bool,
    pub(crate) pid: Option<Pid>,
    /// When its time is up; `None` until it has started.
    pub(crate) deadline: Option<Instant>,
    /// When the template is to be asked to tell of its end at once.
    pub(crate) watch_at: Option<Instant>,
    /// Why we are killing it.
    pub(crate) why: Option<Why>,
    /// When SIGTERM turns into SIGKILL.
    pub(crate) kill_at: Option<Instant>,
    /// SIGKILL was needed.
    pub(crate) forced: bool,
    pub(crate) memory: Option<Watch>,
    pub(crate) log: Log,
    pub(crate) out: Option<OwnedFd>,
    pub(crate) err: Option<OwnedFd>,
    pub(crate) capture: Capture,
    /// Held for its end, which removes the files.
    pub(crate) _scratch: Scratch,
    pub(crate) body: Body,
}

/// What of standard output is more than log.
pub(crate) enum Capture {
    Nothing,
    Line(OutputLine),
    Text(Text),
}

/// What runs it.
pub(crate) enum Body {
    /// A process of ours.
    Process {
        child: Child,
        exit: ExitWatch,
        /// The file named by ORK_OUTPUT_FILE.
        output: PathBuf,
        /// For messages.
        shown: String,
    },
    /// A child forked from a template.
    Forked {
        template: u64,
        id: u64,
        result: Option<OwnedFd>,
        frame: ResultFrame,
    },
    /// A child that we talk to: it serves many attempts, or waited for this one.
    Served { template: u64, worker: u64 },
}

/// The path of one of an attempt's objects.
pub(crate) fn object(shared: &Shared, spec: &TaskSpec, file: AttemptFile) -> PathBuf {
    let name = ObjectName::Attempt {
        run: spec.id.run.clone(),
        task: spec.task_name.clone(),
        index: spec.fans_out.then_some(spec.id.index),
        attempt: spec.id.attempt,
        file,
    };
    shared.config.objects_root.join(name.to_string())
}

impl Attempt {
    /// Reads once from standard output (`true`) or standard error, and closes it at its end. False when there is nothing more now.
    pub(crate) fn read(&mut self, out: bool, buffer: &mut [u8]) -> bool {
        let pipe = if out { &mut self.out } else { &mut self.err };
        let Some(fd) = pipe else { return false };
        match read(fd, buffer) {
            Read::Some(n) => {
                if out {
                    match &mut self.capture {
                        Capture::Nothing => {}
                        Capture::Line(line) => line.push(&buffer[..n]),
                        Capture::Text(text) => text.push(&buffer[..n]),
                    }
                }
                self.log.push(&buffer[..n]);
                true
            }
            Read::Empty => false,
            Read::End => {
                *pipe = None;
                false
            }
        }
    }

    /// Reads once from the result pipe.
    pub(crate) fn read_result(&mut self, buffer: &mut [u8]) -> bool {
        let Body::Forked { result, frame, .. } = &mut self.body else {
            return false;
        };
        let Some(fd) = result else { return false };
        match read(fd, buffer) {
            Read::Some(n) => {
                frame.push(&buffer[..n]);
                true
            }
            Read::Empty => false,
            Read::End => {
                *result = None;
                false
            }
        }
    }

    /// Takes what is in the pipes without waiting for more, then closes them. A process that escaped its group and still
    /// prints cannot hold us: there is an end to what we read.
    pub(crate) fn drain(&mut self, buffer: &mut [u8]) {
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            if !self.read(true, buffer) {
                break;
            }
        }
        for _ in 0..ROUNDS {
            if !self.read(false, buffer) {
                break;
            }
        }
        while self.read_result(buffer) {}
        (self.out, self.err) = (None, None);
    }

    /// The next instant at which something is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let deadline = self.deadline.filter(|_| self.why.is_none());
        let memory = self
            .memory
            .as_ref()
            .filter(|_| self.why.is_none())
            .map(|watch| watch.next);
        [deadline, self.watch_at, self.kill_at, memory]
            .into_iter()
            .flatten()
            .min()
    }
}
