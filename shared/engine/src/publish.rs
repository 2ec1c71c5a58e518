//! Outputs where people look for them: `runs/<run>/<task>/output.json`.
//!
//! Nothing waits for them, so they are written after the commit that ends a task, and whoever commits the end of the run makes
//! up for those who died in between: a run that is over is looked at by nobody again.

use ork_core::definition::Executor as Kind;
use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::{Effect, Graph, Out, RunState, TaskPhase};

use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::Loaded;
use crate::ports::{ObjectError, Objects, Ports};
use crate::{Engine, outputs};

impl<P: Ports> Engine<P> {
    /// The object of a task's output, if the task gave any.
    async fn output_object(
        &self,
        graph: &Graph,
        state: &RunState,
        task: u32,
    ) -> Result<Option<(ObjectName, String)>, EngineError> {
        if !outputs::has_output(state, task) {
            return Ok(None);
        }
        let text = outputs::task_output(&self.ports, graph, state, task).await?;
        let (run, name) = (state.header.id.clone(), graph.task(task).name.clone());
        if !matches!(graph.task(task).executor, Kind::Script { .. }) {
            return Ok(Some((ObjectName::TaskOutput(run, name), text.to_string())));
        }
        let plain: String = serde_json::from_str(&text).map_err(|error| {
            EngineError::corrupt(format!("the output of {name} is not text: {error}"))
        })?;
        Ok(Some((ObjectName::TaskText(run, name), plain)))
    }

    /// Puts the output of a task that has just ended in its place.
    async fn publish(&self, loaded: &mut Loaded, task: u32) -> Result<(), EngineError> {
        if let Some((name, text)) = self
            .output_object(&loaded.graph, &loaded.state, task)
            .await?
        {
            self.ports
                .objects()
                .put(&name, text.as_bytes(), None)
                .await?;
        }
        let generation = loaded.state.task(task).generation;
        loaded.published.insert((task, generation));
        Ok(())
    }

    /// Puts the output of a task in its place unless it is there.
    async fn make_up(&self, loaded: &mut Loaded, task: u32) -> Result<(), EngineError> {
        let generation = loaded.state.task(task).generation;
        let ended = matches!(loaded.state.task(task).phase, TaskPhase::Ended(_));
        if !ended || loaded.published.contains(&(task, generation)) {
            return Ok(());
        }
        let wanted = self.output_object(&loaded.graph, &loaded.state, task);
        if let Some((name, text)) = wanted.await? {
            let there = match self.ports.objects().get(&name, text.len() as u64).await {
                Ok(object) => object.is_some_and(|object| object.bytes == text.as_bytes()),
                Err(ObjectError::TooLarge { .. }) => false,
                Err(error) => return Err(error.into()),
            };
            if !there {
                self.ports
                    .objects()
                    .put(&name, text.as_bytes(), None)
                    .await?;
            }
        }
        loaded.published.insert((task, generation));
        Ok(())
    }

    /// A run that has ended is looked at by nobody again, so its outputs are put in their place before the commit that ends it.
    pub(crate) async fn publish_last(
        &self,
        loaded: &mut Loaded,
        out: &mut Out,
    ) -> Result<(), EngineError> {
        let just_ended = |task: u32| out.effects.contains(&Effect::TaskEnded(task));
        for task in 0..loaded.state.tasks().len() {
            let task = u32::try_from(task).expect("at most 10,000 tasks");
            let published = if just_ended(task) {
                self.publish(loaded, task).await
            } else {
                self.make_up(loaded, task).await
            };
            match published {
                // An output that cannot be read must not keep the run from ending.
                Err(error) if error.kind == EngineErrorKind::Corrupt => {}
                other => other?,
            }
        }
        out.effects
            .retain(|effect| !matches!(effect, Effect::TaskEnded(_)));
        Ok(())
    }

    /// Puts the outputs of all ended tasks where people look for them: whoever died after a commit may not have come to it.
    pub async fn publish_outputs(&self, run: &RunId) -> Result<(), EngineError> {
        let mut loaded = self.recall(run).await?;
        let mut trouble = Ok(());
        for task in 0..loaded.state.tasks().len() {
            let task = u32::try_from(task).expect("at most 10,000 tasks");
            trouble = trouble.and(self.make_up(&mut loaded, task).await);
        }
        self.memory.put_back(run, loaded);
        trouble
    }

    pub(crate) async fn publish_ended(
        &self,
        run: &RunId,
        tasks: &[u32],
    ) -> Result<(), EngineError> {
        let mut loaded = self.recall(run).await?;
        let mut trouble = Ok(());
        for &task in tasks {
            trouble = trouble.and(self.publish(&mut loaded, task).await);
        }
        self.memory.put_back(run, loaded);
        trouble
    }
}
