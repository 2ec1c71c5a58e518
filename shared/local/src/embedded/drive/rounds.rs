//! What the loop looks at from time to time: timers, schedules, other processes, and what the dead left behind.

use std::collections::BTreeSet;

use ork_core::ids::RunId;
use ork_core::run::{RunState, RunStatus, State};
use ork_core::time::{Millis, Time};
use ork_engine::EngineError;
use ork_engine::ports::{Clock, Store};

use super::{Desk, NAP, Until};
use crate::embedded::Embedded;
use crate::observer::{Observer, Silent};

/// The shortest pause between two looks at the schedules.
const FIRE_AGAIN: Millis = Millis::from_secs(1);
/// Runs that are over and have jobs to be stopped or notices to be sent, taken up at a time.
const UNSTOPPED: usize = 200;

impl Embedded {
    pub(super) async fn fire_timers(
        &mut self,
        now: Time,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let due: Vec<RunId> = desk
            .timers
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(run, _)| run.clone())
            .collect();
        for run in due {
            desk.timers.remove(&run);
            self.tick(&run, desk, observer).await?;
        }
        Ok(())
    }

    pub(super) async fn fire_schedules(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let all = self.engine.fire_due(50).await?;
        // Whoever watches sees the runs as a whole below.
        self.learn(None, desk, &mut Silent).await;
        for fired in all {
            match fired.run {
                Ok(run) => {
                    let header = self.engine.run(&run).await?.header;
                    self.take(header, desk, observer).await?;
                }
                Err(why) => observer.setup(&format!(
                    "{}: the slot {} made no run: {why}",
                    fired.workflow, fired.slot
                )),
            }
        }
        // What cannot be dealt with stays due; it is not asked for more often than this.
        let now = self.world().clock.now();
        let next = self
            .world()
            .store
            .due_workflows(Time(i64::MAX), 1)
            .await?
            .first()
            .map_or(now + NAP, |(_, at)| *at);
        desk.fire_at = next.max(now + FIRE_AGAIN);
        Ok(())
    }

    /// Another process has committed something: read our runs again, stop what is no longer wanted, take what nobody owns.
    pub(super) async fn look_elsewhere(
        &mut self,
        until: &Until,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let watched: BTreeSet<RunId> = match until {
            Until::RunsEnd(runs) => desk
                .mine
                .iter()
                .chain(runs)
                .filter(|run| !desk.ended.contains(*run))
                .cloned()
                .collect(),
            Until::Forever => desk.mine.clone(),
        };
        for run in watched {
            self.engine.forget(&run);
            if desk.mine.contains(&run) {
                self.begin(&run, desk, observer).await?;
                self.tick(&run, desk, observer).await?;
            } else {
                let header = self.engine.run(&run).await?.header;
                self.take(header, desk, observer).await?;
            }
            if let Some((graph, state)) = self
                .engine
                .peek(&run, |graph, state| (graph.clone(), state.clone()))
            {
                observer.committed(&run, &graph, &state, &[]);
                if state.header.status.is_terminal() {
                    desk.ended.insert(run.clone());
                    desk.mine.remove(&run);
                }
            }
        }
        for id in self.world().executor.submitted() {
            let wanted = self.engine.peek(&id.run, |_, state| {
                state.instance(id.task, id.index).is_some_and(|instance| {
                    instance.attempt == id.attempt
                        && matches!(
                            instance.state,
                            State::Dispatched { .. } | State::Running { .. }
                        )
                })
            });
            if wanted == Some(false) {
                self.world().executor.exec.stop(&id);
            }
        }
        if *until == Until::Forever {
            desk.fire_at = self.world().clock.now();
            for header in self.ownerless().await? {
                if !desk.mine.contains(&header.id) {
                    self.take(header, desk, observer).await?;
                }
            }
        }
        Ok(())
    }

    /// A run of ours that waits for a place may wait for one that a dead engine's run holds: that run is taken over and ended here.
    pub(super) async fn free_places(
        &mut self,
        desk: &mut Desk,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        let waits_for = |run: &RunId| {
            let of = |state: &RunState| {
                let pending = state.header.status == RunStatus::Pending;
                pending.then(|| state.header.workflow.clone())
            };
            self.engine.peek(run, |_, state| of(state)).flatten()
        };
        let wanted: BTreeSet<_> = desk.mine.iter().filter_map(waits_for).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for header in self.ownerless().await? {
            let holds = wanted.contains(&header.workflow) && header.status != RunStatus::Pending;
            if holds && !desk.mine.contains(&header.id) {
                observer.setup(&format!(
                    "run {} holds the place and its engine is dead: going on with it first",
                    header.id
                ));
                self.take(header, desk, observer).await?;
            }
        }
        Ok(())
    }

    /// Takes up runs that are over and have jobs to be stopped or notices to be sent, unless somebody alive does.
    pub(super) async fn stop_jobs_of_the_dead(&self, desk: &mut Desk) -> Result<(), EngineError> {
        let due = self
            .world()
            .store
            .due_runs(self.world().clock.now(), UNSTOPPED);
        for (run, at) in due.await? {
            if desk.mine.contains(&run) || desk.timers.contains_key(&run) {
                continue;
            }
            let Ok(Some(view)) = self.engine.find_run(&run).await else {
                continue;
            };
            if view.header.status.is_terminal() && self.other_owner(&view.header)?.is_none() {
                desk.timers.insert(run, at);
            }
        }
        Ok(())
    }
}
