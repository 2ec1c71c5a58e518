//! What others may still need of a run.

use ork_core::definition::Executor as Kind;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Attempt, Graph, Header, RunState, RunTrigger, TO_BE_STOPPED};
use ork_core::time::Time;

use super::{READ_AT_ONCE, Work};
use crate::Engine;
use crate::documents::{WorkflowDocument, decode};
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::{graph, load};
use crate::ports::{Document, Key, Ports, Store};

impl<P: Ports> Engine<P> {
    /// The runs that this one started and that are stored; or why it must stay.
    pub(super) async fn needed(
        &self,
        header: &Header,
        document: &Document,
        work: &mut Work<'_>,
    ) -> Result<Result<Vec<(Header, Document)>, String>, EngineError> {
        if !header.removing {
            if document.index.wake_at.is_some() {
                let left = header.left_to_do();
                return Ok(Err(left.unwrap_or_else(|| TO_BE_STOPPED.to_owned())));
            }
            let own = RunId::for_slot(&header.workflow, header.slot) == header.id;
            if (own || header.trigger == RunTrigger::Schedule)
                && !self.is_past(&header.workflow, header.slot, work).await?
            {
                return Ok(Err(format!(
                    "its schedule has not gone past its slot {} yet",
                    header.slot
                )));
            }
        }
        let children = match self.children_of(header, document).await {
            Ok(children) => children,
            Err(error)
                if matches!(
                    error.kind,
                    EngineErrorKind::Corrupt | EngineErrorKind::NotFound
                ) =>
            {
                return Ok(Err(error.message));
            }
            Err(error) => return Err(error),
        };
        let live = children
            .iter()
            .find(|(child, _)| !child.status.is_terminal());
        if let Some((child, _)) = live.filter(|_| !header.removing) {
            return Ok(Err(format!(
                "its sub-workflow's run {} has not ended",
                child.id
            )));
        }
        Ok(Ok(children))
    }

    /// Whether every schedule that a workflow has now is past `slot`. Without the workflow nothing makes the run again.
    async fn is_past(
        &self,
        name: &WorkflowName,
        slot: Time,
        work: &mut Work<'_>,
    ) -> Result<bool, EngineError> {
        if !work.cursors.contains_key(name) {
            let key = Key::Workflow(name.clone());
            let found = self.ports.store().read(std::slice::from_ref(&key)).await?;
            let through = match found.into_iter().next().flatten() {
                None => None,
                // Nobody knows what it makes.
                Some(document) => {
                    match decode::<WorkflowDocument>(&key.to_string(), &document.body) {
                        Ok(standing) if standing.removed => None,
                        Ok(standing) => standing.cursors.into_iter().min(),
                        Err(_) => Some(Time(i64::MIN)),
                    }
                }
            };
            work.cursors.insert(name.clone(), through);
        }
        let through = work.cursors.get(name).copied().flatten();
        Ok(through.is_none_or(|through| through >= slot))
    }

    pub(super) async fn is_stored(&self, run: &RunId) -> Result<bool, EngineError> {
        let found = self.ports.store().read(&[Key::Run(run.clone())]).await?;
        Ok(found.into_iter().flatten().next().is_some())
    }

    /// The stored runs of sub-workflows that a run started.
    async fn children_of(
        &self,
        header: &Header,
        document: &Document,
    ) -> Result<Vec<(Header, Document)>, EngineError> {
        let shape = graph(&self.ports, &self.memory, &header.workflow, &header.version).await?;
        if !starts_others(&shape) {
            return Ok(Vec::new());
        }
        let seen = Some(document.clone());
        let Some(loaded) = load(&self.ports, &self.memory, &header.id, seen).await? else {
            return Ok(Vec::new());
        };
        let mut keys = Vec::new();
        for (task, definition) in (0u32..).zip(&shape.workflow.tasks) {
            let Kind::Workflow { name } = &definition.executor else {
                continue;
            };
            for (index, instance) in (0u32..).zip(loaded.state.instances(task)) {
                keys.extend((1..=instance.attempt).map(|attempt| {
                    let attempt = Attempt {
                        task,
                        index,
                        attempt,
                        fence: 0,
                    };
                    Key::Run(self.child_id(&header.id, name.as_str(), attempt))
                }));
            }
        }
        let mut children = Vec::new();
        for keys in keys.chunks(READ_AT_ONCE) {
            for (key, found) in keys.iter().zip(self.ports.store().read(keys).await?) {
                let Some(document) = found else { continue };
                let child = RunState::decode_header(&document.body).map_err(|error| {
                    EngineError::corrupt(format!(
                        "its sub-workflow's {key} cannot be read: {error}"
                    ))
                })?;
                children.push((child, document));
            }
        }
        Ok(children)
    }
}

fn starts_others(graph: &Graph) -> bool {
    let mut tasks = graph.workflow.tasks.iter();
    tasks.any(|task| matches!(task.executor, Kind::Workflow { .. }))
}
