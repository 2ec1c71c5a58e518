//! The handle of the local executors.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ork_core::task::{AttemptId, TaskSpec};
use tokio::sync::mpsc::UnboundedSender;

use super::reactor::Reactor;
use super::shared::Shared;
use super::{ExecConfig, ExecEvent, RunDir, python};

/// Runs attempts on this machine. Clones are the same executor; the last one to go shuts it down.
///
/// A few threads (one per core, at most one per place) each look after many attempts: they start processes, poll
/// their pipes and settle their ends. What happens is told through the channel given to [`LocalExecutor::new`].
#[derive(Clone)]
pub struct LocalExecutor {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    slots: Vec<usize>,
    threads: Mutex<Vec<Option<JoinHandle<()>>>>,
    builders: Mutex<Vec<JoinHandle<()>>>,
}

impl LocalExecutor {
    /// An executor that tells `events` what happens. Fails only when the process has no descriptors left.
    pub fn new(config: ExecConfig, events: UnboundedSender<ExecEvent>) -> std::io::Result<Self> {
        let parallel = config.parallel.max(1);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let seats = parallel.min(cores);
        let slots: Vec<usize> = (0..seats)
            .map(|seat| parallel / seats + usize::from(seat < parallel % seats))
            .collect();
        let shared = Arc::new(Shared::new(config, events, &slots)?);
        let threads = Mutex::new(slots.iter().map(|_| None).collect());
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                slots,
                threads,
                builders: Mutex::new(Vec::new()),
            }),
        })
    }

    /// Queues an attempt. An attempt that is already queued or running is not queued again.
    pub fn submit(&self, spec: TaskSpec, dir: Arc<RunDir>) {
        let (wake, prepare) = self.inner.shared.push(spec, dir);
        self.inner.wake(&wake);
        if let Some(dir) = prepare {
            self.inner.build(dir);
        }
    }

    /// Prepares the Python environment of a folder ahead of its first task. Harmless when there is nothing to do.
    pub fn prepare(&self, dir: &Arc<RunDir>) {
        if let Some(dir) = self.inner.shared.prepare(dir) {
            self.inner.build(dir);
        }
    }

    /// Looks at the Python environment of a folder again, after its `requirements.txt` may have changed. Tasks that run keep
    /// theirs; waiting ones get the new one.
    pub fn refresh(&self, dir: &Arc<RunDir>) {
        if let Some(dir) = self.inner.shared.refresh(dir) {
            self.inner.build(dir);
        }
    }

    /// Takes an attempt out of the queue, or ends its process group: SIGTERM, then SIGKILL after the grace period.
    /// Either way its `Ended` follows. Fine when it is unknown or over.
    pub fn stop(&self, id: &AttemptId) {
        self.inner.shared.stop(id);
    }

    /// Attempts that are queued or running.
    pub fn backlog(&self) -> usize {
        self.inner.shared.backlog()
    }

    /// Attempts that are running.
    pub fn running(&self) -> Vec<AttemptId> {
        self.inner.shared.running()
    }

    /// The settings.
    pub fn config(&self) -> &ExecConfig {
        &self.inner.shared.config
    }

    /// Kills everything that runs, drops what waits, and returns when it is gone (some milliseconds). Every attempt gets its `Ended`.
    pub fn shutdown(&self) {
        self.inner.shutdown();
    }
}

impl Inner {
    /// Wakes reactors, starting the threads of those that never ran.
    fn wake(&self, seats: &[usize]) {
        if seats.is_empty() {
            return;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for seat in seats.iter().copied() {
            if threads[seat].is_none() {
                let (shared, slots) = (Arc::clone(&self.shared), self.slots[seat]);
                let run = move || Reactor::new(shared, seat, slots).run();
                let thread = std::thread::Builder::new()
                    .name(format!("ork-exec-{seat}"))
                    .spawn(run);
                // No thread means no memory for one: the machine is beyond help, and so is this engine.
                threads[seat] = Some(thread.expect("the system gives a thread"));
            } else {
                self.shared.bells[seat].ring();
            }
        }
    }

    /// Prepares an environment beside everything else; a first start wakes every reactor, so they must exist.
    fn build(&self, dir: Arc<RunDir>) {
        let shared = Arc::clone(&self.shared);
        let seats: Vec<usize> = (0..self.slots.len()).collect();
        let run = move || {
            let found = python::prepare(&shared, &dir);
            shared.prepared(&dir, found);
        };
        let thread = std::thread::Builder::new()
            .name("ork-setup".to_owned())
            .spawn(run)
            .expect("the system gives a thread");
        self.builders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        self.wake(&seats);
    }

    fn shutdown(&self) {
        self.shared.close();
        let threads: Vec<_> = self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter_mut()
            .filter_map(Option::take)
            .collect();
        let builders: Vec<_> = self
            .builders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for thread in threads.into_iter().chain(builders) {
            // A thread that panicked has said so on stderr; the others are still to be waited for.
            let _ = thread.join();
        }
        self.shared.watchdog.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shutdown();
    }
}
