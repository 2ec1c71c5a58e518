//! SIGTERM: somebody wants this process to end, and Cloud Run gives it ten seconds.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

/// How long the tasks of a service may go on to end by themselves: most are short.
const FINISH: Duration = Duration::from_secs(2);
/// When the task is killed that SIGTERM did not end.
pub(crate) const KILL: Duration = Duration::from_secs(4);
/// Until when the log is offered.
pub(crate) const LOG: Duration = Duration::from_secs(6);
/// Until when the verdict is offered.
pub(crate) const VERDICT: Duration = Duration::from_millis(7_700);

/// Listens for the signal, or for Ctrl-C, which means the same.
pub(crate) struct Stop {
    told: watch::Receiver<Option<Instant>>,
    listener: JoinHandle<()>,
    /// From the signal to when it is heeded.
    patience: Duration,
}

impl Stop {
    /// Heeds the signal at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Self::after(Duration::ZERO)
    }

    /// Lets tasks end by themselves for a moment.
    pub(crate) fn letting_finish() -> std::io::Result<Self> {
        Self::after(FINISH)
    }

    fn after(patience: Duration) -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (tell, told) = watch::channel(None);
        let listener = tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // The receiver lives as long as this task.
            let _ = tell.send(Some(Instant::now()));
            // A sender that is gone would look like a signal to nobody in particular.
            tell.closed().await;
        });
        Ok(Self {
            told,
            listener,
            patience,
        })
    }

    /// Whether the signal has come.
    pub(crate) fn is_near(&self) -> bool {
        self.told.borrow().is_some()
    }

    /// Waits until the signal is to be heeded.
    pub(crate) async fn asked(&self) {
        self.since(self.patience).await;
    }

    /// Waits for the signal and says when it came.
    async fn signal(&self) -> Instant {
        let mut told = self.told.clone();
        loop {
            if let Some(at) = *told.borrow_and_update() {
                return at;
            }
            if told.changed().await.is_err() {
                // Nobody listens any more, so nothing will ever be heard.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until the signal is `after` ago.
    pub(crate) async fn since(&self, after: Duration) {
        sleep_until(self.signal().await + after).await;
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listener.abort();
    }
}
