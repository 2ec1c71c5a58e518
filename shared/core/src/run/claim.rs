//! Handing ready instances to an executor.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::tasks::Step;
use super::{Attempt, ClaimOffer, Effect, HeldBack, InstanceStatus, NoteKind, RunStatus, State};
use crate::definition::TaskIndex;
use crate::ids::PoolName;
use crate::limits;

impl Step<'_> {
    /// Takes up to the offered number of ready instances: higher priority first, then the order of the file, then by index.
    pub(super) fn claim(&mut self, offer: &ClaimOffer) {
        if !matches!(
            self.run.header.status,
            RunStatus::Running | RunStatus::Recovering
        ) {
            return;
        }
        let mut places = offer.places;
        let mut pools = offer.pools.clone();
        let mut next = self.run.ready.first().copied();
        while let Some(candidate) = next {
            // Without a place only sub-workflows can start, which need none.
            if places == 0 && !self.graph.has_children() {
                return;
            }
            self.claim_of(candidate.1, &mut places, &mut pools, offer.supervised);
            next = self
                .run
                .ready
                .range((Bound::Excluded(candidate), Bound::Unbounded))
                .next()
                .copied();
        }
    }

    fn claim_of(
        &mut self,
        task: TaskIndex,
        places: &mut u32,
        pools: &mut BTreeMap<PoolName, u32>,
        supervised: bool,
    ) {
        let definition = self.definition(task);
        let child = self.is_child(task);
        loop {
            let queued = self.run.task(task).counts.of(InstanceStatus::Queued);
            if queued == 0 {
                return;
            }
            let pool = definition
                .pool
                .as_ref()
                .map(|pool| pools.entry(pool.clone()).or_insert(0));
            let held_by = if definition
                .concurrency
                .is_some_and(|most| self.run.task(task).counts.in_flight() >= most)
            {
                Some(HeldBack::Concurrency)
            } else if pool.as_deref().is_some_and(|free| *free == 0) {
                Some(HeldBack::Pool)
            } else if *places == 0 && !child {
                Some(HeldBack::Places)
            } else {
                None
            };
            if let Some(by) = held_by {
                if by != HeldBack::Places {
                    self.note(
                        task,
                        None,
                        NoteKind::HeldBack {
                            instances: queued,
                            by,
                        },
                    );
                }
                return;
            }
            if let Some(free) = pool {
                *free -= 1;
            }
            if !child {
                *places -= 1;
            }
            let index = self.next_queued(task);
            let begin = (!supervised && !child).then(|| {
                (
                    self.now + definition.claim_lease(),
                    self.now + definition.start_timeout,
                )
            });
            let now = self.now;
            let instance = self.run.instance_mut(task, index);
            instance.attempt += 1;
            instance.handed_over &= !super::deferral::bit_of(instance.attempt);
            instance.fence += 1;
            instance.started_at = None;
            instance.finished_at = None;
            let attempt = Attempt {
                task,
                index,
                attempt: instance.attempt,
                fence: instance.fence,
            };
            self.note(
                task,
                Some(index),
                NoteKind::Claimed {
                    attempt: attempt.attempt,
                },
            );
            if child {
                self.run.instance_mut(task, index).started_at = Some(now);
                // The net under a lost notice of the child's end: look at it again from time to time.
                self.set(
                    definition,
                    task,
                    index,
                    State::Running {
                        beat_by: Some(now + limits::CHILD_CHECK),
                        end_by: Some(now + definition.timeout),
                    },
                );
                self.effect(Effect::StartChild(attempt));
            } else {
                self.set(
                    definition,
                    task,
                    index,
                    State::Dispatched { since: now, begin },
                );
                self.effect(Effect::Start(attempt));
            }
        }
    }

    /// The lowest queued index; the cursor makes a whole fan-out cost one pass, retries included.
    fn next_queued(&mut self, task: TaskIndex) -> u32 {
        while let Some(index) = self.run.tasks[task as usize].requeued.pop_first() {
            if self
                .run
                .instance(task, index)
                .is_some_and(|instance| instance.status() == InstanceStatus::Queued)
            {
                return index;
            }
        }
        let cursor = self.run.task(task).cursor;
        let index = (cursor..)
            .zip(&self.run.instances(task)[cursor as usize..])
            .find(|(_, instance)| matches!(instance.state, State::Queued { .. }))
            .map(|(index, _)| index)
            .expect("the counts say one is queued, and it is at the cursor or behind it");
        self.run.tasks[task as usize].cursor = index + 1;
        index
    }
}
