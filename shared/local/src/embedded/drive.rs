//! The loop that feeds the use cases: ends of attempts, hints, timers, schedules, and what other processes commit.

mod rounds;
mod steps;
mod stopping;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use ork_core::ids::RunId;
use ork_core::run::{Attempt, Event, RunStatus};
use ork_core::task::Verdict;
use ork_core::time::{Millis, Time};
use ork_engine::EngineError;
use ork_engine::ports::Clock;
use tokio::time::sleep;

use self::steps::{Ended, Steps};
use self::stopping::Unstopped;
use super::control::Control;
use super::open::Embedded;
use super::world::Commits;
use crate::exec::ExecEvent;
use crate::observer::{Observer, Silent};
use crate::queue::Message;

/// How often to see whether another process committed something.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(100);
/// Attempts claimed beyond those that run, so that executors never wait for a commit.
const AHEAD: usize = 32;
/// While executors have work in hand, ends of attempts are gathered for this long …
const GATHER: Duration = Duration::from_millis(1);
/// … or until there are this many, and then committed together.
const GATHERED: usize = 128;
/// How often a waiting run looks for places that the dead hold.
const ORPHANS: Millis = Millis::from_secs(1);
/// The longest sleep, whatever the timers say.
const NAP: Millis = Millis::from_secs(60);

/// When the loop returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// When these runs have ended.
    RunsEnd(Vec<RunId>),
    /// When it is stopped; schedules fire, and runs without a living owner are taken over.
    Forever,
}

/// What the loop knows between two turns.
#[derive(Default)]
struct Desk {
    /// Runs to be driven.
    mine: BTreeSet<RunId>,
    /// Events that wait for a commit.
    pending: BTreeMap<RunId, (Vec<Event>, Vec<Time>)>,
    /// How many those are.
    gathered: usize,
    /// When the first of them came.
    since: Option<Instant>,
    /// Whether any of them may let something else start.
    urgent: bool,
    /// Runs with something to claim.
    ready: BTreeSet<RunId>,
    /// When time alone changes a run.
    timers: BTreeMap<RunId, Time>,
    /// Runs that have ended.
    ended: BTreeSet<RunId>,
    /// When to see whether a dead engine's run holds a place that one of ours waits for.
    orphans_at: Time,
    /// Whether the loop outlives any single run.
    forever: bool,
    /// When to look at the schedules.
    fire_at: Time,
    /// What an executor said while the loop slept.
    heard: Option<ExecEvent>,
    /// Steps that wait for an answer.
    steps: Steps,
    /// One that came to its end while the loop slept.
    over: Option<Ended>,
    /// Jobs that are to be stopped.
    unstopped: Unstopped,
}

impl Embedded {
    /// Drives runs until `until` is reached or `control` asks otherwise. On a store that no longer takes commits it stops all processes
    /// and returns the error; nothing that was committed is lost, and the runs can be resumed.
    pub async fn drive(
        &mut self,
        until: Until,
        observer: &mut dyn Observer,
        control: Control,
    ) -> Result<(), EngineError> {
        let mut desk = Desk {
            forever: until == Until::Forever,
            ..Desk::default()
        };
        self.world().commits.keep(true);
        let driven = self.turn(&until, observer, &control, &mut desk).await;
        self.world().commits.keep(false);
        if driven.is_err() || control.stopped() {
            self.world().executor.exec.shutdown();
        }
        driven
    }

    async fn turn(
        &mut self,
        until: &Until,
        observer: &mut dyn Observer,
        control: &Control,
        desk: &mut Desk,
    ) -> Result<(), EngineError> {
        self.take_up(until, desk, observer).await?;
        let mut looked = self.world().clock.now();
        loop {
            if control.stopped() {
                return Ok(());
            }
            if let Some(reason) = control.take_cancel() {
                self.cancel(&reason, desk, observer).await?;
            }
            self.hear(desk, observer);
            self.end_steps(desk, observer).await?;
            self.commit_pending(desk, observer).await?;
            self.deliver(desk, observer).await?;
            let now = self.world().clock.now();
            self.fire_timers(now, desk, observer).await?;
            if *until == Until::Forever && desk.fire_at <= now {
                self.fire_schedules(desk, observer).await?;
            }
            if now.since(looked).to_duration() >= LOOK_ELSEWHERE {
                looked = now;
                if self.world().store.changed_elsewhere()? {
                    self.look_elsewhere(until, desk, observer).await?;
                }
                if desk.orphans_at <= now {
                    desk.orphans_at = now + ORPHANS;
                    self.free_places(desk, observer).await?;
                    if desk.forever {
                        self.stop_jobs_of_the_dead(desk).await?;
                    }
                }
            }
            self.claim(desk, observer).await?;
            if let Until::RunsEnd(runs) = until
                && runs.iter().all(|run| desk.ended.contains(run))
                && desk.pending.is_empty()
                && self.world().executor.exec.backlog() == 0
                && !self
                    .waits_for_jobs(runs, &mut desk.unstopped, observer)
                    .await
            {
                return Ok(());
            }
            self.wait(until, control, desk).await?;
        }
    }

    /// Takes the runs that are to be driven, and their sub-workflows' runs.
    async fn take_up(
        &mut self,
        until: &Until,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        match until {
            Until::RunsEnd(runs) => {
                for run in runs {
                    let header = match self.engine.peek(run, |_, state| state.header.clone()) {
                        Some(header) => header,
                        None => self.engine.run(run).await?.header,
                    };
                    self.take(header, desk, observer).await?;
                }
                // A run that was taken over may have left sub-workflows' runs behind.
                if desk.mine.iter().any(|run| {
                    self.engine
                        .peek(run, |_, state| state.counts().in_flight() > 0)
                        .unwrap_or(false)
                }) {
                    for header in self.ownerless().await? {
                        if header
                            .parent
                            .as_ref()
                            .is_some_and(|parent| desk.mine.contains(&parent.run))
                        {
                            self.take(header, desk, observer).await?;
                        }
                    }
                }
            }
            Until::Forever => {
                for header in self.ownerless().await? {
                    self.take(header, desk, observer).await?;
                }
            }
        }
        Ok(())
    }

    async fn take(
        &mut self,
        header: ork_core::run::Header,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let run = header.id.clone();
        if header.status.is_terminal() {
            // Its jobs may have to be stopped yet, and somebody to be told.
            let view = self.engine.run(&run).await?;
            if view.state.has_pending_notices() && self.other_owner(&header)?.is_none() {
                self.end_leases(&header).await?;
            }
            if view.state.cancellations().next().is_some() || view.state.has_pending_notices() {
                desk.timers.insert(run.clone(), self.world().clock.now());
            }
            desk.ended.insert(run);
            return Ok(());
        }
        if self.other_owner(&header)?.is_none() {
            self.adopt(&header).await?;
            // Whoever watches sees it as a whole below.
            self.learn(None, desk, &mut Silent).await;
            desk.mine.insert(run.clone());
        }
        self.tick(&run, desk, observer).await?;
        if let Some((graph, state)) = self
            .engine
            .peek(&run, |graph, state| (graph.clone(), state.clone()))
        {
            observer.committed(&run, &graph, &state, &[]);
        }
        Ok(())
    }

    /// Takes what the executors have said so far.
    fn hear(&mut self, desk: &mut Desk, observer: &mut dyn Observer) {
        if let Some(event) = desk.heard.take() {
            self.note(event, desk, observer);
        }
        while let Ok(event) = self.events.try_recv() {
            self.note(event, desk, observer);
        }
    }

    fn note(&self, event: ExecEvent, desk: &mut Desk, observer: &mut dyn Observer) {
        let (id, event) = match event {
            ExecEvent::Setup { text } => return observer.setup(&text),
            ExecEvent::Started { id, .. } => {
                let event = Event::Started(Attempt::from(&id));
                (id, event)
            }
            ExecEvent::Ended {
                id,
                verdict,
                stopped,
                ..
            } => {
                self.world().executor.ended(&id);
                if let Verdict::Failed { log_tail, .. } = &verdict {
                    observer.attempt_ended(&id, log_tail);
                }
                desk.urgent = true;
                let attempt = Attempt::from(&id);
                let event = match verdict {
                    // Whoever stopped it has settled it, but for jobs that it began before it could be told.
                    Verdict::Deferred { jobs, count, .. } if stopped => Event::DeferredLate {
                        attempt,
                        jobs,
                        count,
                    },
                    // Its end only frees a place.
                    _ if stopped => return,
                    verdict => Event::Finished {
                        attempt,
                        verdict,
                        report: None,
                    },
                };
                (id, event)
            }
        };
        desk.gathered += 1;
        desk.since.get_or_insert_with(Instant::now);
        let (events, times) = desk.pending.entry(id.run).or_default();
        events.push(event);
        times.push(self.world().clock.now());
    }

    /// Commits what was gathered, run by run, unless the executors are busy and more is about to come.
    async fn commit_pending(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        if self.patience(desk).is_some_and(|left| !left.is_zero()) {
            return Ok(());
        }
        for run in desk.pending.keys().cloned().collect::<Vec<_>>() {
            self.act(&run, Vec::new(), desk, observer).await?;
        }
        Ok(())
    }

    /// How long what was gathered may wait for company; `None` when nothing was.
    fn patience(&self, desk: &Desk) -> Option<Duration> {
        let since = desk.since?;
        let most = if desk.gathered >= GATHERED {
            Duration::ZERO
        } else if !desk.urgent {
            // Starts alone let nothing else begin: they go with the next end.
            LOOK_ELSEWHERE
        } else if self.world().executor.exec.backlog() > self.parallel {
            GATHER
        } else {
            Duration::ZERO
        };
        Some(most.saturating_sub(since.elapsed()))
    }

    /// Hands out hints and wakes.
    async fn deliver(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        while let Some(delivery) = self.world().queue.next(self.world().clock.now()) {
            let run = match delivery.message() {
                Message::Hint(hint) => hint.run.clone(),
                Message::Wake(run) => run.clone(),
            };
            delivery.done();
            if desk.mine.contains(&run) {
                if self
                    .engine
                    .peek(&run, |_, state| state.header.status == RunStatus::Pending)
                    .unwrap_or(true)
                {
                    self.begin(&run, desk, observer).await?;
                }
                desk.ready.insert(run);
            } else if !desk.ended.contains(&run) {
                // A sub-workflow's run, or one that a schedule made.
                let header = match self.engine.peek(&run, |_, state| state.header.clone()) {
                    Some(header) => header,
                    None => self.engine.run(&run).await?.header,
                };
                self.take(header, desk, observer).await?;
                desk.ready.insert(run);
            }
        }
        Ok(())
    }

    /// Lets a pending run go when its place has come.
    async fn begin(
        &mut self,
        run: &RunId,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let view = self.engine.run(run).await?;
        if view.header.status == RunStatus::Pending && !self.waits_for_a_place(&view.header).await?
        {
            self.act(run, vec![Event::Start], desk, observer).await?;
        }
        Ok(())
    }

    /// Starts what is ready while there are places.
    async fn claim(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        for run in std::mem::take(&mut desk.ready) {
            if !desk.mine.contains(&run) {
                continue;
            }
            if self.places() == 0 {
                desk.ready.insert(run);
                continue;
            }
            self.act(&run, Vec::new(), desk, observer).await?;
        }
        Ok(())
    }

    fn places(&self) -> u32 {
        let most = self.parallel + AHEAD;
        u32::try_from(most.saturating_sub(self.world().executor.exec.backlog())).unwrap_or(u32::MAX)
    }

    /// Sleeps until something can have changed.
    async fn wait(
        &mut self,
        until: &Until,
        control: &Control,
        desk: &mut Desk,
    ) -> Result<(), EngineError> {
        let patience = self.patience(desk);
        if patience.is_some_and(|left| left.is_zero())
            || (!desk.ready.is_empty() && self.places() > 0)
        {
            return Ok(());
        }
        let now = self.world().clock.now();
        let mut wake_at = now + NAP;
        wake_at = desk
            .timers
            .values()
            .copied()
            .chain(self.world().queue.next_wake())
            .fold(wake_at, Time::min);
        if *until == Until::Forever {
            wake_at = wake_at.min(desk.fire_at);
        }
        let nap = wake_at
            .since(now)
            .to_duration()
            .min(LOOK_ELSEWHERE)
            .min(patience.unwrap_or(LOOK_ELSEWHERE));
        let world = self.engine.ports();
        tokio::select! {
            biased;
            event = self.events.recv() => {
                // The executor lives as long as this engine, so there always is one.
                desk.heard = event;
            }
            over = step_over(&mut desk.steps, &world.commits) => desk.over = over,
            () = world.queue.changed() => {}
            () = control.changed() => {}
            () = sleep(nap) => {}
        }
        Ok(())
    }
}

/// Waits until a step under way has ended, or has committed something.
async fn step_over(steps: &mut Steps, commits: &Commits) -> Option<Ended> {
    poll_fn(|cx| match steps.poll_next_unpin(cx) {
        Poll::Ready(Some(ended)) => Poll::Ready(Some(ended)),
        Poll::Ready(None) | Poll::Pending if commits.any() => Poll::Ready(None),
        Poll::Ready(None) | Poll::Pending => Poll::Pending,
    })
    .await
}
