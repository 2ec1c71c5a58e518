//! What follows from a commit: start, stop, reap, ask, tell. Everything here may be done twice.

use std::collections::VecDeque;

use ork_core::Value;
use ork_core::definition::Executor as Kind;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Attempt, Category, Effect, Event, Graph, Overdue, RunState, State};
use ork_core::task::{Output, Verdict};

use crate::advance::{Advanced, ClaimRequest, Deferred, Todo};
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::{Loaded, load};
use crate::ports::{
    Clock, Executor, JobStatus, ObjectError, Objects, Ports, StartError, Tracker, TrackerError,
};
use crate::{Engine, values};

impl<P: Ports> Engine<P> {
    /// Does all of it as far as it can be done; gives the first thing that could not.
    pub(crate) async fn perform(
        &self,
        run: &RunId,
        advanced: Advanced,
        claim: Option<ClaimRequest>,
        todo: &mut VecDeque<Todo>,
    ) -> Option<EngineError> {
        let Advanced {
            graph,
            effects,
            deferred,
        } = advanced;
        let mut starts = Vec::new();
        let mut ended = Vec::new();
        let mut events = Vec::new();
        let mut trouble = None;
        for effect in effects {
            let done = match effect {
                Effect::Start(attempt) => {
                    starts.push(attempt);
                    Ok(())
                }
                Effect::CheckStart(attempt) => {
                    self.begun(run, &graph, attempt)
                        .await
                        .map(|begun| match begun {
                            true => events.push(Event::Started(attempt)),
                            false => starts.push(attempt),
                        })
                }
                Effect::Stop(attempt) => {
                    self.stop(run, &graph, attempt, &deferred).await;
                    Ok(())
                }
                Effect::StartChild(attempt) => {
                    self.start_child(run, &graph, attempt, &mut events, todo)
                        .await
                }
                Effect::StopChild(attempt) => self.stop_child(run, &graph, attempt, todo).await,
                Effect::Reap { attempt, why } => self
                    .reap(run, &graph, attempt, why)
                    .await
                    .map(|event| events.push(event)),
                Effect::Poll(attempt) => self.poll(run, &graph, attempt, &mut events).await,
                Effect::TaskEnded(task) => {
                    ended.push(task);
                    Ok(())
                }
                Effect::RunEnded(_) => self.tell_parent(run, todo).await,
                // Answered before the commit.
                Effect::Resolve { .. } => Ok(()),
            };
            trouble = trouble.or_else(|| done.err());
        }
        if !starts.is_empty() {
            self.start_attempts(run, &graph, starts, &mut events).await;
        }
        // Nothing waits for this, so it comes after what was to be started.
        if !ended.is_empty() {
            trouble = trouble.or(self.publish_ended(run, &ended).await.err());
        }
        if !events.is_empty() {
            todo.push_back(Todo {
                run: run.clone(),
                events,
                times: Vec::new(),
                claim,
            });
        }
        trouble
    }

    /// The run as this process knows it, or else as it is stored.
    pub(crate) async fn recall(&self, run: &RunId) -> Result<Loaded, EngineError> {
        match self.memory.take(run) {
            Some(loaded) => Ok(loaded),
            None => load(&self.ports, &self.memory, run)
                .await?
                .ok_or_else(|| EngineError::not_found(format!("there is no run {run}"))),
        }
    }

    /// Builds the specs of claimed attempts and hands them to the executor. What cannot be handed over now goes back to the queue.
    async fn start_attempts(
        &self,
        run: &RunId,
        graph: &Graph,
        attempts: Vec<Attempt>,
        events: &mut Vec<Event>,
    ) {
        let put_back = |attempt: Attempt, why: &EngineError| Event::NotStarted {
            attempt,
            retry_after: limits::ANNOUNCE_AGAIN,
            why: why.message.clone(),
        };
        let mut loaded = match self.recall(run).await {
            Ok(loaded) => loaded,
            Err(error) => {
                return events.extend(
                    attempts
                        .into_iter()
                        .map(|attempt| put_back(attempt, &error)),
                );
            }
        };
        let now = self.ports.clock().now();
        let mut specs = Vec::with_capacity(attempts.len());
        let mut started = Vec::with_capacity(attempts.len());
        let mut attempts = attempts.into_iter();
        for attempt in attempts.by_ref() {
            // Somebody may have cancelled it since it was claimed.
            let claimed = loaded
                .state
                .instance(attempt.task, attempt.index)
                .is_some_and(|instance| {
                    instance.attempt == attempt.attempt
                        && instance.fence == attempt.fence
                        && matches!(instance.state, State::Dispatched { .. })
                });
            if !claimed {
                continue;
            }
            let generation = loaded.state.task(attempt.task).generation;
            let known = loaded
                .prepared
                .get(&attempt.task)
                .filter(|(made_for, _)| *made_for == generation && attempt.attempt == 1);
            let prepared = match known {
                Some((_, prepared)) => prepared.clone(),
                None => match values::prepare(
                    &self.ports,
                    graph,
                    &loaded.state,
                    attempt.task,
                    attempt.attempt,
                )
                .await
                {
                    Ok(prepared) => {
                        let prepared = std::sync::Arc::new(prepared);
                        // Only a task with more instances to come asks for the same again.
                        if attempt.attempt == 1 && loaded.graph.task(attempt.task).fans_out() {
                            loaded
                                .prepared
                                .insert(attempt.task, (generation, prepared.clone()));
                        }
                        prepared
                    }
                    Err(error)
                        if matches!(
                            error.kind,
                            EngineErrorKind::Unavailable | EngineErrorKind::Store
                        ) =>
                    {
                        events.push(put_back(attempt, &error));
                        events.extend(attempts.by_ref().map(|attempt| put_back(attempt, &error)));
                        break;
                    }
                    Err(error) => {
                        events.push(refused(attempt, Category::Permanent, error.message));
                        continue;
                    }
                },
            };
            match values::spec(graph, &loaded.state, &prepared, attempt, now) {
                Ok(spec) => {
                    specs.push(spec);
                    started.push(attempt);
                }
                Err(why) => events.push(refused(attempt, Category::Permanent, why)),
            }
        }
        self.memory.put(run.clone(), loaded);
        if specs.is_empty() {
            return;
        }
        for (attempt, answer) in started
            .into_iter()
            .zip(self.ports.executor().start(specs).await)
        {
            match answer {
                // The claim lease looks after an answer that was lost.
                Ok(()) | Err(StartError::Ambiguous(_)) => {}
                Err(StartError::Busy(why)) => events.push(Event::NotStarted {
                    attempt,
                    retry_after: limits::ANNOUNCE_AGAIN,
                    why,
                }),
                Err(StartError::Refused { category, message }) => {
                    events.push(refused(attempt, category, message))
                }
            }
        }
    }

    pub(crate) fn attempt_object(
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        file: AttemptFile,
    ) -> ObjectName {
        let task = graph.task(attempt.task);
        ObjectName::Attempt {
            run: run.clone(),
            task: task.name.clone(),
            index: task.fans_out().then_some(attempt.index),
            attempt: attempt.attempt,
            file,
        }
    }

    /// Whether the worker of an attempt has made its claim object.
    async fn begun(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<bool, EngineError> {
        Ok(self
            .ports
            .objects()
            .get(
                &Self::attempt_object(run, graph, attempt, AttemptFile::Claim),
                limits::VERDICT_OUTPUT_BYTES as u64,
            )
            .await?
            .is_some())
    }

    /// Writes the verdict "lost" or "timeout", unless the worker was first; gives the verdict that stands.
    async fn reap(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        why: Overdue,
    ) -> Result<Event, EngineError> {
        let task = graph.task(attempt.task);
        let message = match why {
            Overdue::Start => format!("it did not begin within {}", task.start_timeout),
            Overdue::Heartbeat => format!(
                "its worker gave no sign of life for {}",
                task.heartbeat_timeout
            ),
            Overdue::Timeout => format!("it ran longer than its timeout of {}", task.timeout),
        };
        let verdict = Verdict::Failed {
            category: why.category(),
            message,
            log_tail: Vec::new(),
            exit_code: None,
        };
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
        let bytes = serde_json::to_vec(&verdict).expect("a verdict is plain data");
        let verdict = match self.ports.objects().create(&name, &bytes).await {
            Ok(_) => {
                self.ports.executor().stop(&attempt.in_run(run)).await;
                verdict
            }
            Err(ObjectError::Precondition(_)) => self.read_verdict(&name).await?,
            Err(error) => return Err(error.into()),
        };
        Ok(Event::Finished { attempt, verdict })
    }

    /// Reads a verdict object; one that cannot be read is a failure of its worker, not of Ork.
    pub(crate) async fn read_verdict(&self, name: &ObjectName) -> Result<Verdict, EngineError> {
        let bad = |why: String| Verdict::Failed {
            category: Category::Unknown,
            message: format!("bad verdict object: {why}"),
            log_tail: Vec::new(),
            exit_code: None,
        };
        let object = match self
            .ports
            .objects()
            .get(name, 4 * limits::VERDICT_OUTPUT_BYTES as u64)
            .await
        {
            Ok(Some(object)) => object,
            Ok(None) => {
                return Err(EngineError::new(
                    EngineErrorKind::Unavailable,
                    format!("{name} cannot be found although it exists"),
                ));
            }
            Err(error @ ObjectError::TooLarge { .. }) => return Ok(bad(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        Ok(match serde_json::from_slice::<Verdict>(&object.bytes) {
            // What does not fit a page stays in the object.
            Ok(Verdict::Success {
                output: Output::Inline(text),
            }) if text.len() > limits::INLINE_OUTPUT_BYTES => Verdict::Success {
                output: Output::Object {
                    bytes: text.len() as u64,
                },
            },
            Ok(Verdict::Deferred {
                jobs: Output::Inline(text),
                count,
            }) if text.len() > limits::INLINE_OUTPUT_BYTES => Verdict::Deferred {
                jobs: Output::Object {
                    bytes: text.len() as u64,
                },
                count,
            },
            // The text goes into lists as it is, so it must be one value and nothing else.
            Ok(Verdict::Success {
                output: Output::Inline(text),
            }) => match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Ok(_) => Verdict::Success {
                    output: Output::Inline(text),
                },
                Err(error) => bad(format!("its output is not JSON: {error}")),
            },
            Ok(verdict) => verdict,
            Err(error) => bad(error.to_string()),
        })
    }

    /// Stops an attempt and asks for its deferred jobs to be stopped.
    async fn stop(&self, run: &RunId, graph: &Graph, attempt: Attempt, deferred: &Deferred) {
        self.ports.executor().stop(&attempt.in_run(run)).await;
        let Some(known) = deferred.get(&(attempt.task, attempt.index, attempt.attempt)) else {
            return;
        };
        let Ok(jobs) = self
            .jobs(run, graph, attempt, &known.jobs, known.count)
            .await
        else {
            return;
        };
        for (job, description) in (0u32..).zip(&jobs) {
            if known.done & (1 << job) == 0 {
                // As far as that is possible: the attempt is over either way, and jobs have limits of their own.
                let _ = self.ports.tracker().cancel(description).await;
            }
        }
    }

    /// The descriptions of an attempt's deferred jobs.
    async fn jobs(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        jobs: &Output,
        count: u32,
    ) -> Result<Vec<Value>, EngineError> {
        let task = &graph.task(attempt.task).name;
        let text = match jobs {
            Output::Inline(text) => text.clone(),
            Output::Object { .. } => {
                let name = |file| Self::attempt_object(run, graph, attempt, file);
                values::stored_text(
                    &self.ports,
                    name(AttemptFile::Output),
                    name(AttemptFile::Result),
                )
                .await?
            }
        };
        let list: Vec<Value> = serde_json::from_str(&text).map_err(|error| {
            EngineError::corrupt(format!(
                "the deferred jobs of {task} cannot be read: {error}"
            ))
        })?;
        if list.len() != count as usize || list.len() > limits::DEFERRED_JOBS {
            return Err(EngineError::corrupt(format!(
                "{task} deferred to {count} job(s), but describes {}",
                list.len()
            )));
        }
        Ok(list)
    }

    /// Asks about the deferred jobs of an attempt that are not done.
    async fn poll(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        events: &mut Vec<Event>,
    ) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        let deferral = match loaded.state.instance(attempt.task, attempt.index) {
            Some(instance) if instance.attempt == attempt.attempt => match &instance.state {
                State::Deferred(deferral) => Some(deferral.clone()),
                _ => None,
            },
            _ => None,
        };
        self.memory.put(run.clone(), loaded);
        let Some(deferral) = deferral else {
            return Ok(());
        };
        let jobs = match self
            .jobs(run, graph, attempt, &deferral.jobs, deferral.count)
            .await
        {
            Ok(jobs) => jobs,
            // Nobody will ever be able to ask about them.
            Err(error) if error.kind == EngineErrorKind::Corrupt => {
                events.push(Event::Job {
                    attempt,
                    job: 0,
                    result: Some(Err(error.message)),
                    poll_at: self.ports.clock().now(),
                });
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        for (job, description) in (0u32..).zip(&jobs) {
            if deferral.done & (1 << job) != 0 {
                continue;
            }
            let answer = self.ports.tracker().poll(description).await;
            let now = self.ports.clock().now();
            let (result, pause) = match answer {
                Ok(JobStatus::Running) => (None, limits::POLL_INTERVAL),
                Ok(JobStatus::Succeeded) => (Some(Ok(())), limits::POLL_INTERVAL),
                Ok(JobStatus::Failed(why)) => (Some(Err(why)), limits::POLL_INTERVAL),
                Err(TrackerError::Transient { retry_after, .. }) => {
                    (None, retry_after.unwrap_or(limits::POLL_INTERVAL))
                }
                Err(TrackerError::Permanent(why)) => (Some(Err(why)), limits::POLL_INTERVAL),
            };
            events.push(Event::Job {
                attempt,
                job,
                result,
                poll_at: now + pause,
            });
        }
        Ok(())
    }

    /// Puts a task's output where people look for it.
    pub(crate) async fn publish_output(
        &self,
        graph: &Graph,
        state: &RunState,
        task: u32,
    ) -> Result<(), EngineError> {
        if !values::has_output(state, task) {
            return Ok(());
        }
        let text = values::task_output(&self.ports, graph, state, task).await?;
        let (run, name) = (state.header.id.clone(), graph.task(task).name.clone());
        if matches!(graph.task(task).executor, Kind::Script { .. }) {
            let plain: String = serde_json::from_str(&text).map_err(|error| {
                EngineError::corrupt(format!("the output of {name} is not text: {error}"))
            })?;
            self.ports
                .objects()
                .put(&ObjectName::TaskText(run, name), plain.as_bytes(), None)
                .await?;
        } else {
            self.ports
                .objects()
                .put(&ObjectName::TaskOutput(run, name), text.as_bytes(), None)
                .await?;
        }
        Ok(())
    }

    /// Puts the outputs of all ended tasks where people look for them: whoever died after a commit may not have come to it.
    pub async fn publish_outputs(&self, run: &RunId) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        let mut trouble = Ok(());
        for task in 0..loaded.state.tasks().len() {
            let task = u32::try_from(task).expect("at most 10,000 tasks");
            trouble = trouble.and(
                self.publish_output(&loaded.graph, &loaded.state, task)
                    .await,
            );
        }
        self.memory.put(run.clone(), loaded);
        trouble
    }

    async fn publish_ended(&self, run: &RunId, tasks: &[u32]) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        let mut trouble = Ok(());
        for &task in tasks {
            trouble = trouble.and(
                self.publish_output(&loaded.graph, &loaded.state, task)
                    .await,
            );
        }
        self.memory.put(run.clone(), loaded);
        trouble
    }
}

/// An attempt that failed before it could be started.
pub(crate) fn refused(attempt: Attempt, category: Category, message: String) -> Event {
    Event::Finished {
        attempt,
        verdict: Verdict::Failed {
            category,
            message,
            log_tail: Vec::new(),
            exit_code: None,
        },
    }
}
