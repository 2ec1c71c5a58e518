//! What follows from a commit: start, stop, reap, ask, tell. Everything here may be done twice.

use std::collections::VecDeque;
use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::protect::Protection;
use ork_core::run::{Attempt, Category, Effect, Event, Graph, NoticeKey, RunStatus, State};
use ork_core::task::Verdict;
use ork_core::time::{Millis, Time};

use crate::advance::{Advanced, ClaimRequest, JUST_NOW, Todo};
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::{Loaded, load};
use crate::ports::{Alive, Clock, Executor, Ports, StartError};
use crate::reap::Claimed;
use crate::{Engine, values};

/// How long after the first event of a step jobs are begun at the latest: a request has a minute, and a question may take half of it.
const BEGIN_WITHIN: Millis = Millis::from_secs(15);

impl<P: Ports> Engine<P> {
    /// Does all of it as far as it can be done; gives the first thing that could not.
    pub(crate) async fn perform(
        &self,
        run: &RunId,
        advanced: Advanced,
        claim: Option<ClaimRequest>,
        todo: &mut VecDeque<Todo>,
        questions: &mut VecDeque<Questions>,
    ) -> Option<EngineError> {
        let Advanced { graph, effects } = advanced;
        let mut starts = Vec::new();
        let mut ended = Vec::new();
        let mut begins = Vec::new();
        let mut stops = Vec::new();
        let mut notices = Vec::new();
        let mut alive = Vec::new();
        let mut answers = Answers::default();
        let mut trouble = None;
        let mut held_up = false;
        for effect in effects {
            let done =
                match effect {
                    Effect::Start(attempt) => {
                        starts.push((attempt, Handed::First));
                        Ok(())
                    }
                    Effect::CheckStart(_) if !self.holds(Protection::CheckStart) => Ok(()),
                    Effect::CheckStart(attempt) => self
                        .check_start(run, &graph, attempt)
                        .await
                        .map(|said| match said {
                            Some(event) => answers.push(event),
                            None => starts.push((attempt, Handed::Again)),
                        }),
                    Effect::Stop(attempt) => {
                        self.stop(run, &graph, attempt, &mut answers).await;
                        Ok(())
                    }
                    Effect::StartChild(attempt) => {
                        self.start_child(run, &graph, attempt, &mut answers, todo)
                            .await
                    }
                    Effect::StopChild(attempt) => self.stop_child(run, &graph, attempt, todo).await,
                    Effect::Reap { attempt, why } => self
                        .reap(run, &graph, attempt, why)
                        .await
                        .map(|(event, at)| {
                            if matches!(event, Event::Heartbeat(_)) {
                                alive.push(attempt);
                            }
                            answers.push_at(event, at);
                        }),
                    Effect::StopJobs(attempt) => {
                        stops.push(attempt);
                        Ok(())
                    }
                    Effect::BeginJobs(attempt) => {
                        begins.push(attempt);
                        Ok(())
                    }
                    Effect::Notify { notice, attempt } => {
                        notices.push((notice, attempt));
                        Ok(())
                    }
                    Effect::TaskEnded(task) => {
                        ended.push(task);
                        Ok(())
                    }
                    // What it gives may be an object of its parent's; whoever makes up for the others tells of it.
                    Effect::RunEnded(RunStatus::Success) if !self.writes_objects => Ok(()),
                    Effect::RunEnded(_) => self.tell_parent(run, todo).await,
                    Effect::Remove => {
                        let removed = Box::pin(self.remove(run, limits::OBJECTS_REMOVED));
                        removed.await.map(|_| ())
                    }
                    // Answered before the commit.
                    Effect::Resolve { .. }
                    | Effect::Poll(_)
                    | Effect::LookBack
                    | Effect::LookForLate => Ok(()),
                };
            trouble = trouble.or_else(|| done.err());
        }
        if !starts.is_empty() {
            let own = claim.is_some_and(|claim| claim.supervised);
            held_up = self
                .start_attempts(run, &graph, starts, own, &mut answers)
                .await;
        }
        // Nothing waits for this, so it comes after what was to be started.
        if !ended.is_empty() {
            trouble = trouble.or(self.publish_ended(run, &ended).await.err());
        }
        if !alive.is_empty() {
            let of = |attempt: Attempt| Alive {
                id: attempt.in_run(run),
                workflow: &graph.workflow,
                task: graph.task(attempt.task),
            };
            let alive: Vec<Alive<'_>> = alive.into_iter().map(of).collect();
            Box::pin(self.ports.executor().alive(&alive)).await;
        }
        let claim = claim.filter(|_| !held_up);
        answers.apply_to(run, claim, held_up, todo);
        if !begins.is_empty() || !stops.is_empty() || !notices.is_empty() {
            questions.push_back(Questions {
                run: run.clone(),
                graph,
                begins,
                stops,
                notices,
                claim,
                held_up,
            });
        }
        trouble
    }

    /// Has jobs stopped and begun, and notices sent; gives the first thing that could not be done. `began` is when the step did.
    pub(crate) async fn put(
        &self,
        questions: Questions,
        began: Time,
        todo: &mut VecDeque<Todo>,
    ) -> Option<EngineError> {
        let Questions {
            run, graph, begins, ..
        } = &questions;
        let (mut answers, mut trouble) = (Answers::default(), None);
        for attempt in &questions.stops {
            let stopped = self.stop_jobs(run, graph, *attempt, &mut answers);
            trouble = trouble.or(stopped.await.err());
        }
        // What is begun so late would be cut off with the request that this is done in, and done again: somebody else does it, when it is due.
        let in_time = self.owner.is_some() || self.ports.clock().now().since(began) <= BEGIN_WITHIN;
        if !begins.is_empty() && in_time {
            let begun = self.begin_jobs(run, graph, begins, &mut answers);
            trouble = trouble.or(begun.await.err());
        }
        if !questions.notices.is_empty() {
            let told = self.notify(run, graph, &questions.notices, &mut answers);
            trouble = trouble.or(told.await.err());
        }
        answers.apply_to(run, questions.claim, questions.held_up, todo);
        trouble
    }

    /// The run as this process knows it, or else as it is stored.
    pub(crate) async fn recall(&self, run: &RunId) -> Result<Loaded, EngineError> {
        match self.memory.take(run) {
            Some(loaded) => Ok(loaded),
            None => load(&self.ports, &self.memory, run, None)
                .await?
                .ok_or_else(|| EngineError::not_found(format!("there is no run {run}"))),
        }
    }

    /// Whether an attempt that was handed over has begun; `None`: it has not, and is to be handed over again.
    async fn check_start(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<Option<Event>, EngineError> {
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Claim);
        Ok(match self.claimed(&name).await? {
            Claimed::Nobody => None,
            Claimed::Worker => Some(self.begun(run, graph, attempt).await?),
            // Whoever sealed it could not say so any more.
            Claimed::Sealed => Some(Event::NotStarted {
                attempt,
                retry_after: limits::ANNOUNCE_AGAIN,
                why: "an earlier start of it was given up".into(),
            }),
        })
    }

    /// Builds the specs of claimed attempts and hands them to the executor. What cannot be handed over now goes back to the queue;
    /// says whether that was so because the executor has no place, or nobody can be asked.
    async fn start_attempts(
        &self,
        run: &RunId,
        graph: &Graph,
        attempts: Vec<(Attempt, Handed)>,
        own: bool,
        answers: &mut Answers,
    ) -> bool {
        let mut loaded = match self.recall(run).await {
            Ok(loaded) => loaded,
            Err(error) => {
                for handed in attempts {
                    let why = not_started(handed.0, error.message.clone());
                    self.give_up(run, graph, handed, own, why, answers).await;
                }
                return true;
            }
        };
        let (now, executor) = (self.ports.clock().now(), self.ports.executor());
        let mut specs = Vec::with_capacity(attempts.len());
        let mut started = Vec::with_capacity(attempts.len());
        let mut given_up = Vec::new();
        let mut attempts = attempts.into_iter();
        for handed in attempts.by_ref() {
            let attempt = handed.0;
            // Somebody may have cancelled it since it was claimed.
            let claimed = loaded
                .state
                .instance(attempt.task, attempt.index)
                .is_some_and(|instance| {
                    instance.attempt == attempt.attempt
                        && instance.fence == attempt.fence
                        && matches!(instance.state, State::Dispatched { .. })
                });
            if !claimed && self.holds(Protection::CancelCheck) {
                continue;
            }
            match self.prepared(graph, &mut loaded, attempt).await {
                Ok(prepared) => match values::spec(graph, &loaded.state, &prepared, attempt, now) {
                    Ok(spec) if spec.executor.is_remote() => {
                        match self.hand_over(run, graph, attempt, &spec).await {
                            Ok(event) => answers.push(event),
                            Err(error) => {
                                given_up.push((handed, not_started(attempt, error.message)));
                            }
                        }
                    }
                    Ok(spec) => match executor.refusal(&spec, graph.task(attempt.task)) {
                        None => {
                            specs.push(spec);
                            started.push(handed);
                        }
                        Some(no) => {
                            given_up.push((handed, refused(attempt, Category::Permanent, no)));
                        }
                    },
                    Err(why) => given_up.push((handed, refused(attempt, Category::Permanent, why))),
                },
                Err(error)
                    if matches!(
                        error.kind,
                        EngineErrorKind::Unavailable | EngineErrorKind::Store
                    ) =>
                {
                    let rest = std::iter::once(handed).chain(attempts.by_ref());
                    given_up.extend(
                        rest.map(|handed| (handed, not_started(handed.0, error.message.clone()))),
                    );
                    break;
                }
                Err(error) => {
                    given_up.push((handed, refused(attempt, Category::Permanent, error.message)))
                }
            }
        }
        self.memory.put_back(run, loaded);
        if !specs.is_empty() {
            let said = executor.start(specs).await;
            for (handed, answer) in started.into_iter().zip(said) {
                match answer {
                    // The claim lease looks after an answer that was lost.
                    Ok(()) | Err(StartError::Ambiguous(_)) => {}
                    Err(StartError::Busy(why)) => {
                        given_up.push((handed, not_started(handed.0, why)))
                    }
                    Err(StartError::Refused { category, message }) => {
                        given_up.push((handed, refused(handed.0, category, message)))
                    }
                }
            }
        }
        let mut held_up = false;
        for (handed, why) in given_up {
            held_up |= matches!(why, Event::NotStarted { .. });
            self.give_up(run, graph, handed, own, why, answers).await;
        }
        held_up
    }

    /// What the instances of an attempt's task share: made once for a fan-out.
    async fn prepared(
        &self,
        graph: &Graph,
        loaded: &mut Loaded,
        attempt: Attempt,
    ) -> Result<Arc<values::Prepared>, EngineError> {
        let generation = loaded.state.task(attempt.task).generation;
        let known = loaded
            .prepared
            .get(&attempt.task)
            .filter(|(made_for, _)| *made_for == generation && attempt.attempt == 1);
        if let Some((_, prepared)) = known {
            return Ok(prepared.clone());
        }
        let made = values::prepare(
            &self.ports,
            graph,
            &loaded.state,
            attempt.task,
            attempt.attempt,
        );
        let prepared = Arc::new(made.await?);
        // Only a task with more instances to come asks for the same again.
        if attempt.attempt == 1 && loaded.graph.task(attempt.task).fans_out() {
            loaded
                .prepared
                .insert(attempt.task, (generation, prepared.clone()));
        }
        Ok(prepared)
    }

    /// Says that an attempt was not started. One that was handed over before may yet begin, unless its claim is taken first.
    async fn give_up(
        &self,
        run: &RunId,
        graph: &Graph,
        (attempt, handed): (Attempt, Handed),
        own: bool,
        why: Event,
        answers: &mut Answers,
    ) {
        // A refusal to start speaks of its own claim only; an end would end whatever another claim of the attempt has begun.
        // An executor of this process's own has no second start.
        let alone = handed == Handed::First && matches!(why, Event::NotStarted { .. });
        if own || alone {
            return answers.push(why);
        }
        match self.seal(run, graph, attempt).await {
            Ok(Claimed::Worker) => answers.push(Event::Started(attempt)),
            Ok(Claimed::Sealed) => answers.push(why),
            // Nobody can tell now: the claim lease asks again.
            Ok(Claimed::Nobody) | Err(_) => {}
        }
    }

    /// Stops an attempt that is with a worker.
    async fn stop(&self, run: &RunId, graph: &Graph, attempt: Attempt, answers: &mut Answers) {
        self.ports.executor().stop(&attempt.in_run(run)).await;
        self.void(run, graph, attempt, answers).await;
    }

    /// Leaves word for the worker of an attempt that was stopped: it does not begin any more, or it finds that it is over.
    /// As far as that is possible: whatever it still does is void.
    async fn void(&self, run: &RunId, graph: &Graph, attempt: Attempt, answers: &mut Answers) {
        // Children of an engine's own process are told by their parent.
        let own = self
            .memory
            .peek(run, |loaded| loaded.state.header.owner.is_some());
        if self.owner.is_some() || own == Some(true) || !self.writes_objects {
            return;
        }
        // Should it fail, the look a minute later does it.
        if let Ok(Some(event)) = self.leave_word(run, graph, attempt).await {
            answers.push(event);
        }
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
        report: None,
    }
}

/// The executor had no place for an attempt, or could not be asked.
fn not_started(attempt: Attempt, why: String) -> Event {
    Event::NotStarted {
        attempt,
        retry_after: limits::ANNOUNCE_AGAIN,
        why,
    }
}

/// Whether an attempt may have reached an executor before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    First,
    Again,
}

/// What the world said, to be applied to the run, and when it was so.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    events: Vec<Event>,
    times: Vec<Time>,
}

/// What is asked of others about the jobs of a run, and told to others, once nothing else of a step is left to do, because it may take long.
pub(crate) struct Questions {
    run: RunId,
    graph: Arc<Graph>,
    begins: Vec<Attempt>,
    stops: Vec<Attempt>,
    notices: Vec<(NoticeKey, u32)>,
    claim: Option<ClaimRequest>,
    held_up: bool,
}

impl Answers {
    /// Has them applied to `run`.
    fn apply_to(
        self,
        run: &RunId,
        claim: Option<ClaimRequest>,
        held_up: bool,
        todo: &mut VecDeque<Todo>,
    ) {
        if !self.events.is_empty() {
            todo.push_back(Todo {
                run: run.clone(),
                events: self.events,
                times: self.times,
                claim,
                held_up,
                deed: None,
            });
        }
    }
    pub(crate) fn push(&mut self, event: Event) {
        self.push_at(event, None);
    }
    pub(crate) fn push_at(&mut self, event: Event, at: Option<Time>) {
        self.events.push(event);
        self.times.push(at.unwrap_or(JUST_NOW));
    }
}
