//! Sub-workflows: the run of another workflow that a task starts, waits for, stops and hears from.

use std::collections::VecDeque;

use ork_core::Value;
use ork_core::definition::Executor as Kind;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::protect::Protection;
use ork_core::run::{
    Attempt, Category, Command, Event, Graph, ParentRef, RunStatus, RunTrigger, State,
};
use ork_core::task::Output;

use crate::advance::Todo;
use crate::error::{EngineError, EngineErrorKind};
use crate::perform::{Answers, refused};
use crate::ports::{Clock, Function, Objects, Ports};
use crate::{Engine, RunView, StartRun, outputs, values};

impl<P: Ports> Engine<P> {
    /// The run of a sub-workflow: made once for each attempt, whatever dies on the way.
    pub(crate) async fn start_child(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        answers: &mut Answers,
        todo: &mut VecDeque<Todo>,
    ) -> Result<(), EngineError> {
        let Kind::Workflow { name } = &graph.task(attempt.task).executor else {
            return Ok(());
        };
        let child = self.child_id(run, name.as_str(), attempt);
        if let Some(view) = self.find_run(&child).await? {
            if view.header.status.is_terminal() {
                answers.push(self.child_ended(&view, attempt).await?);
            } else {
                self.hint(Function::Dispatch, &child).await;
            }
            return Ok(());
        }
        let loaded = self.recall(run).await?;
        // Somebody may have cancelled it since it was claimed, and what is remembered may be older than the claim.
        let waits = loaded
            .state
            .instance(attempt.task, attempt.index)
            .is_some_and(|instance| {
                instance.attempt == attempt.attempt
                    && matches!(instance.state, State::Running { .. })
            });
        if !waits {
            // If it does wait after all, the check of its child looks again.
            return Ok(());
        }
        let depth = loaded.state.header.depth + 1;
        let prepared = values::prepare(
            &self.ports,
            graph,
            &loaded.state,
            attempt.task,
            attempt.attempt,
        )
        .await;
        let spec = prepared.and_then(|prepared| {
            values::spec(
                graph,
                &loaded.state,
                &prepared,
                attempt,
                self.ports.clock().now(),
            )
            .map_err(EngineError::refused)
        });
        self.memory.put_back(run, loaded);
        let started = match spec {
            Ok(_) if depth > limits::SUBWORKFLOW_DEPTH => Err(EngineError::refused(format!(
                "sub-workflows go deeper than {}",
                limits::SUBWORKFLOW_DEPTH
            ))),
            Ok(spec) => {
                let params = serde_json::from_str(spec.input.get())
                    .map_err(|error| EngineError::corrupt(error.to_string()))?;
                let parent = ParentRef {
                    run: run.clone(),
                    task: attempt.task,
                    index: attempt.index,
                    attempt: attempt.attempt,
                };
                let trigger = RunTrigger::Parent;
                self.create(
                    StartRun {
                        id: Some(child),
                        params,
                        trigger,
                        parent: Some(parent),
                        depth,
                        ..StartRun::of(name.clone())
                    },
                    None,
                    None,
                )
                .await
            }
            Err(error) => Err(error),
        };
        match started {
            Ok(made) => {
                if made.begin {
                    todo.push_back(Todo {
                        run: made.started.id,
                        events: vec![Event::Start],
                        times: Vec::new(),
                        claim: None,
                        held_up: false,
                        deed: None,
                    });
                }
                Ok(())
            }
            Err(error)
                if matches!(
                    error.kind,
                    EngineErrorKind::NotFound | EngineErrorKind::Refused | EngineErrorKind::Corrupt
                ) =>
            {
                answers.push(refused(attempt, Category::Permanent, error.message));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn stop_child(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        todo: &mut VecDeque<Todo>,
    ) -> Result<(), EngineError> {
        let Kind::Workflow { name } = &graph.task(attempt.task).executor else {
            return Ok(());
        };
        let child = self.child_id(run, name.as_str(), attempt);
        if self
            .find_run(&child)
            .await?
            .is_some_and(|view| !view.header.status.is_terminal())
        {
            let reason = format!("its parent run {run} no longer waits for it");
            todo.push_back(Todo {
                run: child,
                events: vec![Event::Command(Command::Cancel { reason })],
                times: Vec::new(),
                claim: None,
                held_up: false,
                deed: None,
            });
        }
        Ok(())
    }

    pub(crate) async fn tell_parent(
        &self,
        run: &RunId,
        todo: &mut VecDeque<Todo>,
    ) -> Result<(), EngineError> {
        // Most runs have none; who is in memory need not be read for that.
        if self
            .memory
            .peek(run, |loaded| loaded.state.header.parent.is_none())
            == Some(true)
        {
            return Ok(());
        }
        let Some(view) = self.find_run(run).await? else {
            return Ok(());
        };
        let Some(parent) = view.header.parent.clone() else {
            return Ok(());
        };
        // The fence of the parent's attempt is not known here; the attempt number decides.
        let attempt = Attempt {
            task: parent.task,
            index: parent.index,
            attempt: parent.attempt,
            fence: 0,
        };
        let event = self.child_ended(&view, attempt).await?;
        todo.push_back(Todo {
            run: parent.run,
            events: vec![event],
            times: Vec::new(),
            claim: None,
            held_up: false,
            deed: None,
        });
        Ok(())
    }

    /// The end of a sub-workflow's run: its output is the outputs of its last tasks, by name.
    async fn child_ended(&self, view: &RunView, attempt: Attempt) -> Result<Event, EngineError> {
        let header = &view.header;
        let output = if header.status == RunStatus::Success {
            self.child_output(view).await
        } else {
            Ok(Output::null())
        };
        match output {
            Ok(output) => Ok(Event::ChildEnded {
                attempt,
                run: header.id.clone(),
                status: header.status,
                output,
            }),
            // It would be the same however often the parent asks.
            Err(error)
                if matches!(
                    error.kind,
                    EngineErrorKind::Corrupt | EngineErrorKind::Refused
                ) =>
            {
                Ok(refused(
                    attempt,
                    Category::Permanent,
                    format!(
                        "run {} of the sub-workflow succeeded, but: {}",
                        header.id, error.message
                    ),
                ))
            }
            Err(error) => Err(error),
        }
    }

    async fn child_output(&self, view: &RunView) -> Result<Output, EngineError> {
        let (graph, state) = (&view.graph, &view.state);
        let mut outputs = serde_json::Map::new();
        let mut bytes = 0;
        for &task in graph.order() {
            if graph.dependents(task).is_empty() && outputs::has_output(state, task) {
                let text = outputs::task_output(&self.ports, graph, state, task).await?;
                bytes += text.len();
                if bytes > limits::OUTPUT_BYTES {
                    return Err(EngineError::refused(format!(
                        "its outputs have more than the {} bytes allowed",
                        limits::OUTPUT_BYTES
                    )));
                }
                outputs.insert(
                    graph.task(task).name.to_string(),
                    serde_json::from_str(&text)
                        .map_err(|error| EngineError::corrupt(error.to_string()))?,
                );
            }
        }
        let text = Value::Object(outputs).to_string();
        match &view.header.parent {
            Some(parent) if text.len() > limits::INLINE_OUTPUT_BYTES => {
                self.store_child_output(parent, text).await
            }
            _ => Ok(Output::Inline(text.into())),
        }
    }

    async fn store_child_output(
        &self,
        parent: &ParentRef,
        text: String,
    ) -> Result<Output, EngineError> {
        let Some(view) = self.find_run(&parent.run).await? else {
            return Ok(Output::null());
        };
        let attempt = Attempt {
            task: parent.task,
            index: parent.index,
            attempt: parent.attempt,
            fence: 0,
        };
        let name = Self::attempt_object(&parent.run, &view.graph, attempt, AttemptFile::Output);
        self.ports
            .objects()
            .put(&name, text.as_bytes(), None)
            .await?;
        Ok(Output::Object {
            bytes: text.len() as u64,
        })
    }

    /// The id of the run that an attempt waits for: the same whenever it is asked for.
    pub(crate) fn child_id(&self, parent: &RunId, workflow: &str, attempt: Attempt) -> RunId {
        let salt = if self.holds(Protection::ChildId) {
            String::new()
        } else {
            format!("/{}", self.ports.random())
        };
        let seed = format!(
            "{parent}/{}/{}/{}{salt}",
            attempt.task, attempt.index, attempt.attempt
        );
        let hash = ork_core::ids::VersionHash::of(seed.as_bytes());
        RunId::new(&format!("{workflow}-{}", hash.short()))
            .expect("a workflow name and hexadecimal digits make a run id")
    }
}
