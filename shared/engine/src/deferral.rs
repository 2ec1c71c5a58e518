//! Deferred jobs: asking about them before a commit, and having them stopped after one.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Attempt, Event, Graph, JobAnswer, NotStopped, RunState, State, Unstopped};
use ork_core::task::Output;
use ork_core::time::Time;

use crate::Engine;
use crate::error::{EngineError, EngineErrorKind};
use crate::outputs;
use crate::perform::Answers;
use crate::ports::{Clock, JobStatus, Ports, Stopping, Tracker, TrackerError};

/// What was said of deferred jobs in the course of one step: a commit that has to be tried again asks nobody twice.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    answers: BTreeMap<Place, Vec<(u32, JobAnswer)>>,
    /// Attempts about which not everything was answered in time for the commit that the others' answers are for.
    late: BTreeSet<Place>,
}

/// Task, index, attempt.
type Place = (TaskIndex, u32, u32);

impl Heard {
    /// Whether it is to be asked about again after the commit, with more patience.
    pub(crate) fn is_late(&self, attempt: Attempt) -> bool {
        self.late.contains(&place(attempt))
    }
}

fn place(attempt: Attempt) -> Place {
    (attempt.task, attempt.index, attempt.attempt)
}

/// How long answers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As long as a question may take.
    Whole,
    /// [`limits::POLL_QUICK`]: a commit waits for them, and with it whoever answered at once. What starts a job is waited for all the same,
    /// because nobody knows what becomes of a start that is given up.
    Quick,
}

impl<P: Ports> Engine<P> {
    /// Asks about the jobs of attempts that are not done, all at the same time; gives what to apply. Who is not done within `patience` is [late](Heard::is_late).
    pub(crate) async fn ask(
        &self,
        graph: &Graph,
        state: &RunState,
        attempts: &[Attempt],
        heard: &mut Heard,
        patience: Patience,
    ) -> Vec<Event> {
        let run = &state.header.id;
        let mut questions = Vec::new();
        for &attempt in attempts {
            let place = place(attempt);
            if heard.answers.contains_key(&place) || heard.late.contains(&place) {
                continue;
            }
            let Some(State::Deferred(deferral)) = state
                .instance(attempt.task, attempt.index)
                .map(|instance| &instance.state)
            else {
                continue;
            };
            let jobs = self.jobs(run, graph, attempt, &deferral.jobs, deferral.count);
            match jobs.await {
                Ok(jobs) => questions.extend(
                    (0u32..)
                        .zip(jobs)
                        .filter(|(job, _)| deferral.done & (1 << job) == 0)
                        .map(|(job, description)| (attempt, job, description)),
                ),
                // Nobody will ever be able to ask about them.
                Err(error) if error.kind == EngineErrorKind::Corrupt => {
                    let lost = JobAnswer::Lost(error.message);
                    heard.answers.insert(place, vec![(0, lost)]);
                }
                // They are asked about when their list can be read.
                Err(_) => {}
            }
        }
        let slot = state.header.slot;
        let starts = |description: &Value| {
            let work = Work::read(description);
            matches!(work, Some(Ok(work)) if work.operator.starts_a_job())
        };
        let (patient, hasty): (Vec<_>, Vec<_>) = questions
            .into_iter()
            .partition(|(.., description)| patience == Patience::Whole || starts(description));
        let mut open: BTreeMap<Place, usize> = BTreeMap::new();
        for (attempt, ..) in &hasty {
            *open.entry(place(*attempt)).or_default() += 1;
        }
        let ask = |(attempt, job, description): (Attempt, u32, Value)| async move {
            let said = self.say(run, graph, attempt, &description, slot).await;
            (place(attempt), job, said)
        };
        let at_once = limits::POLLS as usize;
        let patient = stream::iter(patient).map(ask).buffer_unordered(at_once);
        let quickly = self.ports.clock().pause(limits::POLL_QUICK);
        let hasty = stream::iter(hasty).map(ask).buffer_unordered(at_once);
        let hasty = hasty.take_until(Box::pin(quickly));
        let (mut answers, quick): (Vec<_>, Vec<_>) = join(patient.collect(), hasty.collect()).await;
        for (place, ..) in &quick {
            if let Some(left) = open.get_mut(place) {
                *left -= 1;
            }
        }
        answers.extend(quick);
        heard.late.extend(
            open.into_iter()
                .filter(|(_, left)| *left > 0)
                .map(|(place, _)| place),
        );
        answers.sort_by_key(|(place, job, _)| (*place, *job));
        // Who asks for time has the last word on when its neighbours are asked again.
        answers.sort_by_key(|(_, _, answer)| {
            matches!(
                answer,
                JobAnswer::Unanswered {
                    retry_after: Some(_),
                    ..
                }
            )
        });
        for (place, job, answer) in answers {
            heard.answers.entry(place).or_default().push((job, answer));
        }
        let mut events = Vec::new();
        for attempt in attempts {
            let said = heard.answers.get(&place(*attempt)).into_iter().flatten();
            events.extend(said.map(|(job, answer)| Event::Job {
                attempt: *attempt,
                job: *job,
                answer: answer.clone(),
            }));
        }
        events
    }

    /// What is said of a job.
    pub(crate) async fn say(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        description: &Value,
        slot: Time,
    ) -> JobAnswer {
        if graph.task(attempt.task).executor.is_remote() {
            return Box::pin(self.inquire(run, graph, attempt, description, slot)).await;
        }
        answer(self.ports.tracker().poll(description).await)
    }

    /// Asks for the jobs of an attempt that is over to be stopped. What is not known to be over afterwards is asked about again.
    pub(crate) async fn stop_jobs(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        answers: &mut Answers,
    ) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        let found = loaded
            .state
            .cancellations()
            .find(|(task, index, one)| {
                (*task, *index, one.attempt) == (attempt.task, attempt.index, attempt.attempt)
            })
            .map(|(_, _, one)| one.clone());
        self.memory.put_back(run, loaded);
        let Some(found) = found else {
            return Ok(());
        };
        let (mut over, mut denied, mut unanswered, mut taken) = (0, None, None, false);
        // An answer says what was so between the question and the answer.
        let asked_at = self.ports.clock().now();
        match self
            .jobs(run, graph, attempt, &found.jobs, found.count)
            .await
        {
            Ok(jobs) => {
                let left = (0u32..)
                    .zip(jobs)
                    .filter(|(job, _)| found.over & (1 << job) == 0);
                let asked = stream::iter(left).map(|(job, description)| async move {
                    // What is only looked for leaves nothing behind.
                    let said = match Work::read(&description) {
                        Some(Ok(work)) if !work.operator.starts_a_job() => Ok(Stopping::Over),
                        _ => self.ports.tracker().cancel(&description).await,
                    };
                    (job, said)
                });
                let mut said = asked.buffered(limits::POLLS as usize);
                while let Some((job, said)) = said.next().await {
                    match said {
                        Ok(Stopping::Over) => over |= 1 << job,
                        Ok(Stopping::Asked) => taken = true,
                        Err(TrackerError::Elsewhere(_)) => {}
                        Err(TrackerError::Transient { message, .. }) => {
                            unanswered.get_or_insert(NotStopped {
                                why: message,
                                because: Unstopped::Unanswered,
                            });
                        }
                        // It may only not be known yet.
                        Err(TrackerError::Missing(why)) => {
                            // Not by one question in bad luck.
                            let asked = found.asked > limits::DENIALS;
                            // Whoever was held up in starting it may have come to it since.
                            let fresh = self.ports.clock().now() < asked_at + limits::JOB_UNKNOWN;
                            if asked && fresh && asked_at >= found.since + limits::STOP_UNKNOWN {
                                over |= 1 << job;
                            } else {
                                unanswered.get_or_insert(NotStopped {
                                    why,
                                    because: Unstopped::Unanswered,
                                });
                            }
                        }
                        // Also what this process cannot do for good: another one, or the next version of it, may be told how.
                        Err(TrackerError::Denied(why) | TrackerError::Permanent(why)) => {
                            denied.get_or_insert(NotStopped {
                                why,
                                because: Unstopped::Refused,
                            });
                        }
                    }
                }
            }
            Err(error) if error.kind == EngineErrorKind::Corrupt => {
                denied = Some(NotStopped {
                    why: error.message,
                    because: Unstopped::ForGood,
                });
            }
            Err(error) => return Err(error),
        }
        let learnt = over != 0 || denied.is_some();
        // What is no more than why nobody answered, or that somebody does again, is not worth a commit.
        let told = unanswered.is_some() || (taken && found.trouble.is_some());
        if learnt || told {
            let event = Event::JobsStopped {
                attempt,
                over,
                denied: denied.or(unanswered),
            };
            if learnt {
                answers.push(event);
            } else {
                self.memory.tell_later(run, event);
            }
        }
        Ok(())
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
            // Beside the list its output may stand already.
            Output::Object { .. } if graph.task(attempt.task).executor.is_remote() => {
                let verdict = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
                outputs::verdict_text(&self.ports, verdict.clone(), &verdict).await?
            }
            Output::Object { .. } => {
                let name = |file| Self::attempt_object(run, graph, attempt, file);
                let own = name(AttemptFile::Output);
                let ports = &self.ports;
                match outputs::stored_text(ports, own.clone(), name(AttemptFile::Result)).await {
                    // Its verdict may have come too late to be the one that stands.
                    Err(error) if error.kind == EngineErrorKind::Corrupt => {
                        let late = outputs::verdict_text(ports, name(AttemptFile::Late), &own);
                        match late.await {
                            // That it is nowhere is what the first look said.
                            Err(other) if other.kind == EngineErrorKind::Corrupt => {
                                return Err(error);
                            }
                            read => read?,
                        }
                    }
                    read => read?,
                }
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
}

pub(crate) fn answer(said: Result<JobStatus, TrackerError>) -> JobAnswer {
    match said {
        Ok(JobStatus::Running) => JobAnswer::Running,
        Ok(JobStatus::Succeeded | JobStatus::Gave(_)) => JobAnswer::Done,
        Ok(JobStatus::Broke { category, why }) => JobAnswer::Broke { category, why },
        Ok(JobStatus::Failed { category, why }) => JobAnswer::Failed { category, why },
        Err(TrackerError::Transient {
            message,
            retry_after,
        }) => JobAnswer::Unanswered {
            retry_after,
            why: Some(message),
        },
        Err(TrackerError::Elsewhere(_)) => JobAnswer::Unanswered {
            retry_after: None,
            why: None,
        },
        Err(TrackerError::Missing(why)) => JobAnswer::Missing(why),
        Err(TrackerError::Denied(why)) => JobAnswer::Denied(why),
        Err(TrackerError::Permanent(why)) => JobAnswer::Lost(why),
    }
}
