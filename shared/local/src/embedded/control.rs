//! How a signal handler reaches the engine's loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// A handle on a running loop. Clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Control(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cancel: Mutex<Option<String>>,
    stop: AtomicBool,
    changed: Notify,
}

impl Control {
    /// A handle that asks for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Cancels every run the loop drives; it returns once their processes are gone.
    pub fn cancel_all(&self, reason: &str) {
        *self.0.cancel.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        self.0.changed.notify_one();
    }
    /// Leaves the loop now: processes are killed, runs stay as they are and can be resumed.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.changed.notify_one();
    }
    /// Makes the loop look at the store again.
    pub fn look(&self) {
        self.0.changed.notify_one();
    }
    pub(super) fn take_cancel(&self) -> Option<String> {
        self.0
            .cancel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
    pub(super) fn stopped(&self) -> bool {
        self.0.stop.load(Ordering::SeqCst)
    }
    pub(super) async fn changed(&self) {
        self.0.changed.notified().await;
    }
}
