//! Steps of runs: most are over at once; one that asks other services goes on beside the loop, and nothing waits for it.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use ork_core::ids::RunId;
use ork_core::run::{Command, Effect, Event, InstanceStatus, NoteKind, Out};
use ork_core::time::{Millis, Time};
use ork_engine::ports::Clock;
use ork_engine::{ClaimRequest, EngineError, EngineErrorKind};

use super::Desk;
use crate::embedded::Embedded;
use crate::observer::Observer;

/// How long whatever else is due in a run waits at least while it is asked about jobs of it.
const CALM: Millis = Millis::from_secs(1);

/// A step that waits for an answer.
type Step = Pin<Box<dyn Future<Output = Ended>>>;

/// The steps under way. Who leaves the loop leaves them: what they ask for is asked again by whoever next drives their runs.
pub(super) type Steps = FuturesUnordered<Step>;

/// A step that is over. What it committed was learnt as it was committed.
pub(super) struct Ended {
    run: RunId,
    result: Result<(), EngineError>,
}

/// How far a step came at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// Its first commit is made, or there was none to be made.
    Through,
    /// It asks, and commits when it is answered.
    Asks,
}

impl Embedded {
    /// One step of one run, with everything that follows from it for the loop.
    pub(super) async fn act(
        &mut self,
        run: &RunId,
        events: Vec<Event>,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        self.begin_step(run, events, desk, observer).await.map(drop)
    }

    /// Cancels every run that is driven here.
    pub(super) async fn cancel(
        &mut self,
        reason: &str,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        for run in desk.mine.clone() {
            let command = Command::Cancel {
                reason: reason.to_owned(),
            };
            self.act(&run, vec![Event::Command(command)], desk, observer)
                .await?;
        }
        Ok(())
    }

    /// Time has passed for a run. That may call for questions about its jobs, which hold up nothing else of it.
    pub(super) async fn tick(
        &mut self,
        run: &RunId,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let defers = self.engine.peek(run, |_, state| {
            state.counts().of(InstanceStatus::Deferred) > 0
        });
        // What is committed along with a question waits for its answer.
        if defers != Some(false) && desk.pending.contains_key(run) {
            self.act(run, Vec::new(), desk, observer).await?;
        }
        let tick = || vec![Event::Tick];
        if self.begin_step(run, tick(), desk, observer).await? == Came::Through {
            return Ok(());
        }
        let Some((more, next)) = self.besides_questions(run).await else {
            return Ok(());
        };
        if more {
            // The questions are not asked twice: this one finds them open and goes on without.
            return self.act(run, tick(), desk, observer).await;
        }
        if let Some(next) = next {
            let calm = self.world().clock.now() + CALM;
            desk.timers.insert(run.clone(), next.max(calm));
        }
        Ok(())
    }

    /// What time alone changes in a run besides the questions that it calls for: whether something is due, and when something will be.
    async fn besides_questions(&self, run: &RunId) -> Option<(bool, Option<Time>)> {
        let known = self
            .engine
            .peek(run, |graph, state| (graph.clone(), state.clone()));
        let (graph, mut state) = match known {
            Some(known) => known,
            // The step that asks has it in hand.
            None => {
                let view = self.engine.find_run(run).await.ok()??;
                (view.graph, view.state)
            }
        };
        let (now, mut out) = (self.world().clock.now(), Out::default());
        let queued = state.counts().of(InstanceStatus::Queued);
        state.apply(&graph, &Event::Tick, now, &mut out).ok()?;
        let asks = |effect: &Effect| matches!(effect, Effect::Poll(_));
        let more = !out.effects.iter().all(asks)
            || !out.notes.is_empty()
            || state.counts().of(InstanceStatus::Queued) != queued;
        Some((more, state.next_timer(now)))
    }

    async fn begin_step(
        &mut self,
        run: &RunId,
        mut events: Vec<Event>,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<Came, EngineError> {
        let mut times = Vec::new();
        if let Some((gathered, happened)) = desk.pending.remove(run) {
            desk.gathered -= gathered.len();
            // What had happened comes before what is wanted.
            events.splice(0..0, gathered);
            times = happened;
            if desk.pending.is_empty() {
                desk.urgent = false;
                desk.since = None;
            }
        }
        let claim = desk.mine.contains(run).then(|| ClaimRequest {
            places: self.places(),
            supervised: true,
        });
        let (engine, of) = (Arc::clone(&self.engine), run.clone());
        let mut step: Step = Box::pin(async move {
            let stepped = engine.step_at(&of, events, times, claim).await;
            Ended {
                run: of,
                result: stepped.map(drop),
            }
        });
        // Nothing on a laptop waits but questions to others.
        let at_once = poll_fn(|cx| Poll::Ready(step.as_mut().poll(cx))).await;
        let learnt = self.learn(Some(run), desk, observer).await;
        let mut came = Came::Through;
        match at_once {
            Poll::Ready(ended) => self.settle(ended, desk, observer)?,
            Poll::Pending => {
                desk.steps.push(step);
                if learnt.commits == 0 {
                    came = Came::Asks;
                }
            }
        }
        // With places to spare, what is still ready waits for its task's concurrency or a pool: the end of an attempt or a hint
        // comes then. Places may have come free meanwhile, so what counts is what was offered.
        let exhausted = claim.is_some_and(|claim| learnt.claimed >= claim.places);
        if exhausted && self.has_ready(run) {
            desk.ready.insert(run.clone());
        }
        Ok(came)
    }

    fn has_ready(&self, run: &RunId) -> bool {
        self.engine.peek(run, |_, state| state.has_ready()) == Some(true)
    }

    /// Takes what the steps under way have come to.
    pub(super) async fn end_steps(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let mut over: Vec<Ended> = desk.over.take().into_iter().collect();
        let more = poll_fn(|cx| {
            let mut more = Vec::new();
            while let Poll::Ready(Some(ended)) = desk.steps.poll_next_unpin(cx) {
                more.push(ended);
            }
            Poll::Ready(more)
        });
        over.extend(more.await);
        self.learn(None, desk, observer).await;
        for ended in over {
            let run = ended.run.clone();
            self.settle(ended, desk, observer)?;
            // What its answers let start was not offered every place that there is by now.
            if desk.mine.contains(&run) && self.has_ready(&run) {
                desk.ready.insert(run);
            }
        }
        Ok(())
    }

    fn settle(
        &self,
        Ended { run, result }: Ended,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        match result {
            Ok(()) => {}
            // A command that came too late (the run has just ended) changes nothing.
            Err(error) if error.kind == EngineErrorKind::Refused => {}
            // One run that cannot be read does not stop the others.
            Err(error) if desk.forever && error.kind == EngineErrorKind::Corrupt => {
                observer.setup(&format!("run {run} is left alone: {error}"));
                desk.mine.remove(&run);
                desk.timers.remove(&run);
                desk.ended.insert(run);
            }
            // It ended elsewhere and was removed.
            Err(error) if desk.forever && error.kind == EngineErrorKind::NotFound => {
                desk.mine.remove(&run);
                desk.timers.remove(&run);
                desk.ended.insert(run);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Takes down what was committed here since the last time, in that order; counts what concerns `of`.
    pub(super) async fn learn(
        &self,
        of: Option<&RunId>,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Learnt {
        let mut learnt = Learnt::default();
        for commit in self.world().commits.take() {
            let run = &commit.run;
            for note in &commit.notes {
                if of == Some(run) && matches!(note.kind, NoteKind::Claimed { .. }) {
                    learnt.claimed += 1;
                }
                if let Some(text) = desk.unstopped.learn(&commit, note, desk.forever) {
                    observer.warn(&text);
                }
            }
            learnt.commits += u32::from(of == Some(run));
            match commit.next_timer {
                Some(at) => {
                    desk.timers.insert(run.clone(), at);
                }
                None => {
                    desk.timers.remove(run);
                }
            }
            if commit.status.is_terminal() {
                desk.ended.insert(run.clone());
                desk.mine.remove(run);
            }
            let told = self.engine.peek(run, |graph, state| {
                observer.committed(run, graph, state, &commit.notes)
            });
            if told.is_none() {
                // A step that asks has it in hand. Should it not be readable, the next step says so.
                if let Ok(Some(view)) = self.engine.find_run(run).await {
                    observer.committed(run, &view.graph, &view.state, &commit.notes);
                }
            }
        }
        learnt
    }
}

/// What the commits of one step say to whoever began it.
#[derive(Debug, Default)]
pub(super) struct Learnt {
    /// Commits of the run.
    commits: u32,
    /// Attempts of it that were claimed.
    claimed: u32,
}
