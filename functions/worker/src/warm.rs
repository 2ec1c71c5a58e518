//! What runs the attempts of a service: one executor for the life of the process, so that its interpreters stay warm from task to task.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ork_core::names::AttemptFile;
use ork_core::task::{AttemptId, TaskSpec};
use ork_local::exec::{ExecEvent, LocalExecutor};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{debug, info};

use crate::code::own;
use crate::machine::Machine;
use crate::runner::config;

/// One executor for many attempts.
pub(crate) struct Warm {
    executor: LocalExecutor,
    seats: Arc<Seats>,
    /// Below it lies what running attempts write.
    files: tempfile::TempDir,
}

/// Who is told about which attempt.
#[derive(Debug, Default)]
struct Seats(Mutex<BTreeMap<AttemptId, UnboundedSender<ExecEvent>>>);

impl Seats {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, UnboundedSender<ExecEvent>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn tell(&self, event: ExecEvent) {
        let id = match &event {
            ExecEvent::Started { id, .. } | ExecEvent::Ended { id, .. } => id,
            ExecEvent::Setup { text } => return info!("{text}"),
        };
        if let Some(listener) = self.lock().get(id) {
            // Whoever listened may be gone.
            let _ = listener.send(event);
        }
    }
}

impl Warm {
    /// An executor with so many places. To be called within a tokio runtime.
    pub(crate) fn new(machine: &Machine, places: usize) -> io::Result<Self> {
        let files = own(&machine.cache_dir.join("attempts"), "service-")?;
        let (sender, mut events) = unbounded_channel();
        let config = config(places, files.path().to_owned(), machine);
        let executor = LocalExecutor::new(config, sender)?;
        let seats = Arc::new(Seats::default());
        let told = Arc::clone(&seats);
        // It ends with the executor, which has the only sender.
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                told.tell(event);
            }
        });
        Ok(Self {
            executor,
            seats,
            files,
        })
    }

    pub(crate) const fn executor(&self) -> &LocalExecutor {
        &self.executor
    }

    /// A seat for the attempt, and what is told about it.
    pub(crate) fn seat(&self, spec: &TaskSpec) -> io::Result<(Seat, UnboundedReceiver<ExecEvent>)> {
        let root = self.files.path().to_owned();
        let log = root.join(spec.object(AttemptFile::Log).to_string());
        let folder = log.parent().unwrap_or(&root).to_owned();
        let mut seats = self.seats.lock();
        // While it is there and the lock is held by whoever removes, the folders above it stay.
        fs::create_dir_all(&folder)?;
        let (sender, events) = unbounded_channel();
        seats.insert(spec.id.clone(), sender);
        drop(seats);
        let seat = Seat {
            executor: self.executor.clone(),
            seats: Arc::clone(&self.seats),
            id: spec.id.clone(),
            root,
            folder,
        };
        Ok((seat, events))
    }
}

/// An attempt's place at the executor of a service. Gone, it leaves nothing behind.
pub(crate) struct Seat {
    executor: LocalExecutor,
    seats: Arc<Seats>,
    id: AttemptId,
    root: PathBuf,
    folder: PathBuf,
}

impl Seat {
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        // Nothing, if it is over.
        self.executor.stop(&self.id);
        let mut seats = self.seats.lock();
        seats.remove(&self.id);
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            debug!(%error, "an attempt's files cannot be removed");
        }
        let above = self.folder.ancestors().skip(1);
        for folder in above.take_while(|folder| *folder != self.root) {
            // Others of the same run are there.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn machine(folder: &Path) -> Machine {
        Machine {
            code_dir: folder.to_owned(),
            cache_dir: folder.join("cache"),
            python: None,
            env: Vec::new(),
            exe: None,
            telemetry: ork_telemetry::Telemetry::off(),
            patience: Duration::ZERO,
        }
    }

    fn spec(index: u32) -> TaskSpec {
        let text = format!(
            r#"{{"format":1,"id":{{"run":"r","task":0,"index":{index},"attempt":1,"fence":3}},"task_name":"t","workflow_name":"w","workflow_version":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","executor":{{"kind":"marker"}},"input":{{}},"upstream":{{}},"env":[],"parallel_index":{index},"parallel_count":2,"timeout":1000,"heartbeat":1000,"fans_out":true,"created_at":5}}"#
        );
        serde_json::from_str(&text).expect("a spec")
    }

    #[tokio::test]
    async fn a_seat_that_is_given_up_leaves_no_files_and_disturbs_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let warm = Warm::new(&machine(folder.path()), 2).expect("an executor");
        let (one, _events) = warm.seat(&spec(0)).expect("a seat");
        let (other, mut events) = warm.seat(&spec(1)).expect("a seat");
        fs::write(one.folder.join("log.txt"), "x").expect("written");
        drop(one);
        assert!(other.folder.is_dir());
        let id = other.id.clone();
        warm.seats.tell(ExecEvent::Started { id, pid: None });
        assert!(matches!(
            events.recv().await,
            Some(ExecEvent::Started { .. })
        ));
        let root = other.root().to_owned();
        drop(other);
        let left: Vec<_> = fs::read_dir(root).expect("listed").collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(warm.seats.lock().is_empty());
    }
}
