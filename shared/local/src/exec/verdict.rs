//! From how a process ended to what is said about its attempt.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use ork_core::run::Category;
use ork_core::task::{TaskSpec, Verdict};
use ork_core::time::Millis;

use super::output::failed;

/// Why we killed an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It ran longer than it may.
    Timeout,
    /// Somebody asked.
    Stopped,
    /// It held so many bytes.
    Memory(u64),
}

/// How a process ended: by itself with a code, or by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

/// The verdict of an attempt that we killed.
pub(crate) fn killed(why: Why, spec: &TaskSpec, grace: Duration, by_force: bool) -> Verdict {
    match why {
        Why::Timeout => {
            let how = if by_force {
                format!(
                    ", ignored SIGTERM for {} and was killed",
                    Millis(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX))
                )
            } else {
                " and was stopped".to_owned()
            };
            failed(
                Category::Timeout,
                format!("ran longer than its timeout of {}{how}", spec.timeout),
            )
        }
        Why::Stopped => failed(Category::Unknown, "stopped"),
        Why::Memory(bytes) => {
            let limit = spec.memory_bytes.unwrap_or(0);
            failed(
                Category::Oom,
                format!(
                    "held {} of memory, more than its limit of {}, and was killed",
                    mebibytes(bytes),
                    mebibytes(limit)
                ),
            )
        }
    }
}

/// The verdict of a process that ended badly by itself. `last` is the last line it printed.
pub(crate) fn ended(end: End, spec: &TaskSpec, shown: &str, last: Option<&str>) -> Verdict {
    let limited = spec.memory_bytes.is_some();
    let (category, what) = match end {
        End::Signal(9) | End::Code(137) if limited => {
            let limit = mebibytes(spec.memory_bytes.unwrap_or(0));
            (
                Category::Oom,
                format!(
                    "`{shown}` was killed by SIGKILL: the system ran out of memory for it (its limit is {limit})"
                ),
            )
        }
        End::Signal(signal) => (
            Category::Unknown,
            format!("`{shown}` was killed by {}", signal_name(signal)),
        ),
        End::Code(64) => (
            Category::Permanent,
            format!("`{shown}` exited with code 64 (permanent)"),
        ),
        End::Code(75) => (
            Category::Transient,
            format!("`{shown}` exited with code 75 (transient)"),
        ),
        End::Code(code @ 129..=192) => (
            Category::Unknown,
            format!(
                "`{shown}` exited with code {code} ({} in a child)",
                signal_name(code - 128)
            ),
        ),
        End::Code(code) => (
            Category::Unknown,
            format!("`{shown}` exited with code {code}"),
        ),
    };
    let message = match last {
        Some(last) if !last.trim().is_empty() => format!(
            "{what}: {}",
            last.trim().chars().take(300).collect::<String>()
        ),
        _ => what,
    };
    let mut verdict = failed(category, message);
    if let (Verdict::Failed { exit_code, .. }, End::Code(code)) = (&mut verdict, end) {
        *exit_code = Some(code);
    }
    verdict
}

/// A size as people say it.
pub(crate) fn mebibytes(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes / 1024)
    } else {
        format!("{} MiB", bytes >> 20)
    }
}

/// `SIGSEGV`, or `signal 40` where there is no name.
pub(crate) fn signal_name(signal: i32) -> String {
    use rustix::process::Signal;
    const NAMES: [(Signal, &str); 22] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::USR2, "SIGUSR2"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::ALARM, "SIGALRM"),
        (Signal::TERM, "SIGTERM"),
        (Signal::CHILD, "SIGCHLD"),
        (Signal::STOP, "SIGSTOP"),
        (Signal::XCPU, "SIGXCPU"),
        (Signal::XFSZ, "SIGXFSZ"),
        (Signal::VTALARM, "SIGVTALRM"),
        (Signal::PROF, "SIGPROF"),
        (Signal::SYS, "SIGSYS"),
    ];
    let known = NAMES.iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}
