//! What the tasks of a run gave and printed, wherever that is.

use std::sync::Arc;

use ork_core::definition::{Executor, TaskIndex};
use ork_core::names::{AttemptFile, ObjectName};
use ork_engine::RunView;

use super::{Attempt, LogEnd, Site};
use crate::engine::failure;
use crate::failure::Failure;
use crate::workflow_file::{shown, unreadable};

impl Site {
    /// A task's output as JSON text.
    pub(crate) async fn output_of(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, Failure> {
        match self {
            Self::Folder(embedded) => embedded.output_of(view, task).await.map_err(failure),
            Self::Project(remote) => remote.output_of(view, task).await.map_err(failure),
            Self::Server(server) => server.output_of(view, task).await.map_err(failure),
        }
    }

    /// Where a task's output lies for people to look at.
    pub(crate) fn output_place(&self, view: &RunView, task: TaskIndex) -> String {
        match self {
            Self::Folder(embedded) => embedded.output_path(view, task).display().to_string(),
            Self::Project(remote) => {
                let definition = view.graph.task(task);
                let (run, name) = (view.header.id.clone(), definition.name.clone());
                let name = match definition.executor {
                    Executor::Script { .. } => ObjectName::TaskText(run, name),
                    _ => ObjectName::TaskOutput(run, name),
                };
                remote.place_of(&name)
            }
            Self::Server(server) => server.output_place(view, task),
        }
    }

    /// At most `most` bytes of a log; none when there is no log (yet).
    pub(crate) async fn log(
        &self,
        view: &RunView,
        of: Attempt,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Folder(embedded) => {
                let (files, name) = (embedded.files(), log_name(view, of));
                match files.part(&name, from, most) {
                    Ok(part) => Ok(part.map(|part| part.bytes).unwrap_or_default()),
                    Err(error) => Err(Failure::trouble(unreadable(&files.path_of(&name), &error))),
                }
            }
            Self::Project(remote) => remote.read(&log_name(view, of), from, most).await,
            Self::Server(server) => server.log(view, of, from, most).await.map_err(failure),
        }
    }

    /// The last bytes of a log; `None` when nothing was printed or it cannot be had.
    pub(crate) async fn log_end(&self, view: &RunView, of: Attempt, most: u64) -> Option<LogEnd> {
        let (bytes, place) = match self {
            Self::Folder(embedded) => {
                let (files, name) = (embedded.files(), log_name(view, of));
                let size = files.part(&name, 0, 0).ok()??.size;
                let part = files.part(&name, size.saturating_sub(most), most).ok()??;
                (part.bytes, shown(&files.path_of(&name)))
            }
            Self::Project(remote) => {
                let name = log_name(view, of);
                let size = remote.size(&name).await.ok()??;
                let from = size.saturating_sub(most);
                (
                    remote.read(&name, from, most).await.ok()?,
                    remote.place_of(&name),
                )
            }
            Self::Server(server) => server.log_end(view, of, most).await.ok()?,
        };
        (!bytes.is_empty()).then_some(LogEnd { bytes, place })
    }
}

/// The object that an attempt's log is.
fn log_name(view: &RunView, of: Attempt) -> ObjectName {
    let definition = view.graph.task(of.task);
    ObjectName::Attempt {
        run: view.header.id.clone(),
        task: definition.name.clone(),
        index: definition.fans_out().then_some(of.index),
        attempt: of.attempt,
        file: AttemptFile::Log,
    }
}
