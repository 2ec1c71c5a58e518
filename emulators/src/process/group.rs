//! A process group that is killed when it goes out of scope.

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::Child;

use super::warden;

/// The process group of a child that was started with `process_group(0)`.
///
/// Dropping it kills whatever is left in the group. Should this process die without dropping anything (SIGKILL), the warden
/// does it.
#[derive(Debug)]
pub(crate) struct Group {
    id: Pid,
}

impl Group {
    /// Takes charge of the group that `child` leads. `None` when the child was already waited for.
    pub(crate) fn of(child: &Child) -> Option<Self> {
        let id = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw)?;
        warden::watch(id);
        Some(Self { id })
    }

    pub(crate) fn id(&self) -> Pid {
        self.id
    }

    /// Sends a signal to every process of the group. A group that is already gone is no error: that is what a signal is for.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.id, signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        warden::forget(self.id);
    }
}
