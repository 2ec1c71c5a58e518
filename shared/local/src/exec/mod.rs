//! Runs attempts on this machine: commands, Python functions on warm interpreters, scripts, shared objects.
//!
//! [`LocalExecutor`] is a handle on a few threads, the *reactors*: one per core, at most one per place. Each takes attempts
//! from one queue, starts them and polls all their pipes at once, so that an attempt costs its process and about twenty
//! system calls, no thread and no timer of its own. A task's process leads a process group; when it ends, what is left of
//! the group is killed before the leader is reaped, so that its number cannot be somebody else's.

mod attempt;
mod check;
mod command;
mod config;
mod environment;
mod exit;
mod finish;
mod handle;
mod log;
mod memory;
mod output;
mod pipe;
mod python;
mod reactor;
mod scratch;
mod serve;
mod shared;
mod spare;
mod start;
mod verdict;
mod warm;
mod watchdog;

pub use check::check;
pub use command::find as find_program;
pub use config::{ExecConfig, ExecEvent, RunDir};
pub use handle::LocalExecutor;
pub use python::{OLDEST_PYTHON, PYTHON_PACKAGE, find_python};
pub use watchdog::reaper_main;
