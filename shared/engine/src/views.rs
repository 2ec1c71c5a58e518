//! Looking at runs without changing them.

use std::sync::Arc;

use ork_core::definition::TaskIndex;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Graph, Header, RunState, RunStatus};

use crate::Engine;
use crate::error::EngineError;
use crate::loaded::load;
use crate::outputs;
use crate::ports::{ListQuery, Ports, Store};

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
}
