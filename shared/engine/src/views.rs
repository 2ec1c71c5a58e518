//! Looking at runs without changing them.

use std::sync::Arc;

use ork_core::definition::TaskIndex;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Attempt, Graph, Header, RunState, RunStatus};

use crate::Engine;
use crate::error::EngineError;
use crate::loaded::load;
use crate::outputs;
use crate::ports::{Clock, ListQuery, Ports, Store};
use crate::values;

/// A run as it was read.
#[derive(Debug, Clone)]
pub struct RunView {
    /// The run as a whole.
    pub header: Header,
    /// The shape of its version.
    pub graph: Arc<Graph>,
    /// Every task and instance.
    pub state: RunState,
}

impl<P: Ports> Engine<P> {
    /// Reads a run, if there is one.
    pub async fn find_run(&self, run: &RunId) -> Result<Option<RunView>, EngineError> {
        let loaded = load(&self.ports, &self.memory, run, None).await?;
        Ok(loaded.map(|loaded| RunView {
            header: loaded.state.header.clone(),
            graph: loaded.graph,
            state: loaded.state,
        }))
    }

    /// Reads a run.
    pub async fn run(&self, run: &RunId) -> Result<RunView, EngineError> {
        self.find_run(run)
            .await?
            .ok_or_else(|| EngineError::not_found(format!("there is no run {run}")))
    }

    /// Lists runs, newest first.
    pub async fn runs(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Header>, Option<String>), EngineError> {
        let query = ListQuery::Runs {
            status,
            workflow: workflow.cloned(),
            made_by: None,
        };
        let page = self.ports.store().list(&query, cursor, limit).await?;
        let mut headers = Vec::with_capacity(page.items.len());
        for (key, document) in page.items {
            headers.push(
                RunState::decode_header(&document.body).map_err(|error| {
                    EngineError::corrupt(format!("{key} cannot be read: {error}"))
                })?,
            );
        }
        Ok((headers, page.cursor))
    }

    /// A task's output as JSON text: the value, or for a fan-out the list; `null` where there is none.
    pub async fn task_output(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        outputs::task_output(&self.ports, &view.graph, &view.state, task).await
    }

    /// One instance's output as JSON text; `null` where there is none.
    pub async fn instance_output(
        &self,
        view: &RunView,
        task: TaskIndex,
        index: u32,
    ) -> Result<Arc<str>, EngineError> {
        outputs::output_text(&self.ports, &view.graph, &view.state, task, index).await
    }

    /// The inputs of an instance as an attempt that began now would get them: a JSON object. Secrets are not among them. Refused with the
    /// reason where they cannot be had, as while what they refer to has not ended.
    pub async fn instance_inputs(
        &self,
        view: &RunView,
        task: TaskIndex,
        index: u32,
    ) -> Result<Box<str>, EngineError> {
        let Some(instance) = view.state.instance(task, index) else {
            return Err(EngineError::not_found(format!(
                "task {} has no instance {index}",
                view.graph.task(task).name
            )));
        };
        let attempt = Attempt {
            task,
            index,
            attempt: instance.attempt.max(1),
            fence: instance.fence,
        };
        let (graph, state) = (&view.graph, &view.state);
        let prepared = values::prepare(&self.ports, graph, state, task, attempt.attempt).await?;
        let now = self.ports.clock().now();
        let spec = values::spec(graph, state, &prepared, attempt, now);
        let spec = spec.map_err(EngineError::refused)?;
        Ok(spec.input.get().into())
    }
}
