//! Firing schedules: every slot that is due makes its run, once.

use ork_core::definition::{Overlap, Workflow};
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::protect::Protection;
use ork_core::run::{Command, Event, Graph, RunTrigger};
use ork_core::schedule::{self, Admission};
use ork_core::time::Time;

use crate::documents::{WorkflowDocument, decode};
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::graph;
use crate::ports::{Clock, Index, Key, Ports, Store, StoreErrorKind};
use crate::start::DueSlot;
use crate::{Engine, StartRun};

/// What a slot came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// Of which workflow.
    pub workflow: WorkflowName,
    /// Its instant.
    pub slot: Time,
    /// The run it made, or why it made none.
    pub run: Result<RunId, String>,
}

/// The searchable fields of a workflow: when its next slot is due.
pub(crate) fn workflow_index(document: &WorkflowDocument, workflow: &Workflow, now: Time) -> Index {
    let next = |(schedule, cursor): (&ork_core::definition::Schedule, &Time)| {
        // A schedule that cannot be read (a newer time zone database, say) is due now and then, so that firing it reports why.
        let Ok(compiled) = schedule::Compiled::of(schedule) else {
            return Some(now + limits::WAKE_NET);
        };
        // The first slot after the cursor: one that is past is due at once.
        schedule::next_slot(
            &compiled.cron,
            &compiled.zone,
            *cursor + ork_core::time::Millis(1),
        )
    };
    let enabled = workflow
        .schedules
        .iter()
        .zip(&document.cursors)
        .filter(|(schedule, _)| schedule.enabled && document.enabled);
    Index {
        wake_at: enabled.filter_map(next).min(),
        status: None,
        workflow: Some(document.name.clone()),
        created_at: None,
    }
}

impl<P: Ports> Engine<P> {
    /// Fires every schedule that is due. Each slot's run is made before the cursor moves past it, under an id made of the slot,
    /// so that dying in between or doing it twice makes no second run. A workflow that cannot be fired is reported and keeps no other back.
    pub async fn fire_due(&self, limit: usize) -> Result<Vec<Fired>, EngineError> {
        let now = self.ports.clock().now();
        let mut fired = Vec::new();
        let mut trouble = None;
        for (name, due) in self.ports.store().due_workflows(now, limit).await? {
            match self.fire(&name, now, &mut fired).await {
                Ok(()) => {}
                // It was removed in the meantime.
                Err(error)
                    if error.kind == EngineErrorKind::NotFound && self.is_gone(&name).await? => {}
                Err(error)
                    if matches!(
                        error.kind,
                        EngineErrorKind::Corrupt
                            | EngineErrorKind::NotFound
                            | EngineErrorKind::Refused
                    ) =>
                {
                    fired.push(Fired {
                        workflow: name,
                        slot: due,
                        run: Err(error.message),
                    });
                }
                // One that is busy keeps no other back; it is due again at the next tick.
                Err(error) => trouble = trouble.or(Some(error)),
            }
        }
        trouble.map_or(Ok(fired), Err)
    }

    async fn is_gone(&self, name: &WorkflowName) -> Result<bool, EngineError> {
        let key = [Key::Workflow(name.clone())];
        let Some(document) = self.ports.store().read(&key).await?.pop().flatten() else {
            return Ok(true);
        };
        let standing: WorkflowDocument = decode(&format!("workflow {name}"), &document.body)?;
        Ok(standing.removed)
    }

    async fn fire(
        &self,
        name: &WorkflowName,
        now: Time,
        fired: &mut Vec<Fired>,
    ) -> Result<(), EngineError> {
        let (_, document) = self.workflow(name).await?;
        if !document.enabled {
            return Ok(());
        }
        let graph = graph(&self.ports, &self.memory, name, &document.current).await?;
        let mut cursors = document.cursors.clone();
        let mut slots = Vec::new();
        let schedules = graph.workflow.schedules.iter().enumerate();
        for ((at, schedule), cursor) in schedules.zip(&mut cursors) {
            let due = match schedule::due(schedule, *cursor, now) {
                Ok(due) => due,
                // Its cursor stays, so that its slots come once it can be read again.
                Err(error) => {
                    let why = format!(
                        "schedule `{}` of workflow {name} cannot be read: {error}",
                        schedule.cron
                    );
                    fired.push(Fired {
                        workflow: name.clone(),
                        slot: now,
                        run: Err(why),
                    });
                    continue;
                }
            };
            slots.extend(due.slots.into_iter().map(|slot| DueSlot {
                version: document.current.clone(),
                schedule: at,
                overlap: schedule.overlap,
                slot,
            }));
            *cursor = due.cursor;
        }
        if !self.holds(Protection::CursorAfterRuns) {
            self.move_cursors(&graph, &document.current, &cursors, now)
                .await?;
        }
        for due in slots {
            let run = self.fire_slot(&graph.workflow, &due).await?;
            fired.push(Fired {
                workflow: name.clone(),
                slot: due.slot,
                run,
            });
        }
        // Only now may the cursors move: a slot that was not dealt with is due again.
        self.move_cursors(&graph, &document.current, &cursors, now)
            .await
    }

    /// Moves the cursors of a workflow forward, if it still has the version they were made for.
    async fn move_cursors(
        &self,
        graph: &Graph,
        made_for: &VersionHash,
        cursors: &[Time],
        now: Time,
    ) -> Result<(), EngineError> {
        for _ in 0..8 {
            let (version, mut next) = self.workflow(&graph.workflow.name).await?;
            if next.current != *made_for {
                return Ok(());
            }
            for (mine, cursor) in cursors.iter().zip(&mut next.cursors) {
                *cursor = (*cursor).max(*mine);
            }
            match self
                .ports
                .store()
                .commit(&[self.put_workflow(&next, graph, version, now)])
                .await
            {
                Ok(_) => return Ok(()),
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn fire_slot(
        &self,
        workflow: &Workflow,
        due: &DueSlot,
    ) -> Result<Result<RunId, String>, EngineError> {
        let slot = due.slot;
        let id = RunId::for_slot(&workflow.name, slot);
        let made = match self.find_run(&id).await {
            Ok(found) => found.is_some(),
            // It is there, which is all that matters here: others must not wait for somebody to mend it.
            Err(error) if error.kind == EngineErrorKind::Corrupt => return Ok(Err(error.message)),
            Err(error) => return Err(error),
        };
        if due.overlap == Overlap::Cancel && !made {
            self.make_way(workflow, &id, slot).await?;
        }
        let wish = StartRun {
            id: Some(id).filter(|_| self.holds(Protection::SlotId)),
            slot: Some(slot),
            trigger: RunTrigger::Schedule,
            ..StartRun::of(workflow.name.clone())
        };
        match self.start_due(wish, Some(due)).await {
            Ok(started) => Ok(Ok(started.id)),
            // A slot whose run cannot be made (a param without default, no place) is dealt with: it would fail the same way for ever.
            Err(error) if error.kind == EngineErrorKind::Refused => Ok(Err(error.message)),
            Err(error) => Err(error),
        }
    }

    /// Cancels the active runs whose place a slot takes: not its own, nor those of later slots.
    async fn make_way(
        &self,
        workflow: &Workflow,
        id: &RunId,
        slot: Time,
    ) -> Result<(), EngineError> {
        let (_, document) = self.workflow(&workflow.name).await?;
        let mut others = Vec::new();
        for active in document.active {
            // Another tick may have made this very run, or that of a later slot, since.
            if active == *id && self.holds(Protection::OwnSlot) {
                continue;
            }
            let stays = match self.find_run(&active).await {
                Ok(Some(view)) => {
                    view.header.trigger == RunTrigger::Schedule
                        && view.header.slot > slot
                        && self.holds(Protection::LaterSlot)
                }
                Ok(None) => true,
                // It holds its place all the same.
                Err(error) if error.kind == EngineErrorKind::Corrupt => false,
                Err(error) => return Err(error),
            };
            if !stays {
                others.push(active);
            }
        }
        let places = workflow.max_active_runs;
        if schedule::admit(Overlap::Cancel, others.len(), places) != Admission::CancelThenStart {
            return Ok(());
        }
        for active in &others {
            let reason = format!("the slot {slot} takes its place (overlap: cancel)");
            let cancel = Event::Command(Command::Cancel { reason });
            match self.step(active, vec![cancel], None).await {
                Ok(_) => {}
                // It ended by itself, or nobody can read it.
                Err(error)
                    if matches!(
                        error.kind,
                        EngineErrorKind::Refused
                            | EngineErrorKind::NotFound
                            | EngineErrorKind::Corrupt
                    ) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
