//! What must hold when faults have stopped, and when everything is over.

use std::collections::BTreeSet;

use ork_core::definition::{Catchup, Overlap};
use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::run::{InstanceStatus, RunStatus, State};
use ork_core::schedule::{Compiled, last_slot, slots_between};
use ork_core::time::Millis;
use ork_engine::WorkflowDocument;
use ork_engine::ports::Key;

use crate::plan::Act;
use crate::world::Inner;

/// Whether a run is still to come to its end.
fn is_open(inner: &Inner, tracked: &super::Tracked) -> bool {
    if tracked.state.header.status.is_terminal() {
        return !tracked.state.is_at_rest();
    }
    // Whoever depends on what was garbled may wait for ever.
    let waits_for_others = || {
        tracked.graph.has_children()
            || tracked.state.header.status == RunStatus::Pending
            || tracked
                .graph
                .workflow
                .tasks
                .iter()
                .any(|task| task.pool.is_some())
    };
    !(inner.watch.is_tainted() && waits_for_others())
}

/// Whether every run is over.
pub(crate) fn all_over(inner: &Inner) -> bool {
    !inner.watch.runs.values().any(|run| is_open(inner, run))
}

/// A run that is not over, in words; `None` when all are.
pub(crate) fn unfinished(inner: &Inner) -> Option<String> {
    let mut runs = inner.watch.runs.iter();
    runs.find(|(_, tracked)| is_open(inner, tracked))
        .map(|(run, tracked)| {
            let shown = crate::words::state(&tracked.graph, &tracked.state);
            format!("run {run} is not over: {shown}")
        })
}

/// I7: every slot that was due until now has its run.
pub(crate) fn slots(inner: &mut Inner, undisturbed: bool) {
    if !undisturbed || inner.watch.is_tainted() {
        return;
    }
    let mut missing = None;
    for workflow in &inner.watch.prepared.workflows {
        let Some(document) = inner.documents.get(&Key::Workflow(workflow.name.clone())) else {
            continue;
        };
        let Ok(standing) = serde_json::from_slice::<WorkflowDocument>(&document.body) else {
            continue;
        };
        let has_run = |slot| {
            let run = RunId::for_slot(&workflow.name, slot);
            inner.watch.runs.contains_key(&run)
        };
        for schedule in workflow
            .schedules
            .iter()
            .filter(|schedule| schedule.enabled)
        {
            let Ok(compiled) = Compiled::of(schedule) else {
                continue;
            };
            let (cron, zone) = (&compiled.cron, &compiled.zone);
            // Behind the first instant nothing counts; the cursors started there.
            // A clock that is behind does not see the latest yet, and to one that is ahead a later one is the latest.
            let until = inner.now - Millis(inner.largest_skew);
            let ahead = inner.now + Millis(inner.largest_skew);
            let from = standing.deployed_at;
            let due: Vec<_> = match schedule.catchup {
                Catchup::All => slots_between(cron, zone, from + Millis(1), until, 10_000),
                Catchup::Latest => last_slot(cron, zone, from, until)
                    .filter(|slot| last_slot(cron, zone, from, ahead) == Some(*slot))
                    .into_iter()
                    .collect(),
                Catchup::None => Vec::new(),
            };
            // Others may keep a slot from running: that is what these are for.
            if schedule.overlap == Overlap::Skip {
                continue;
            }
            if let Some(slot) = due.into_iter().find(|&slot| !has_run(slot)) {
                missing = Some(format!(
                    "the slot {} of {} (`{}`, catchup {:?}, overlap {:?}) has no run",
                    slot.rfc3339(),
                    workflow.name,
                    schedule.cron,
                    schedule.catchup,
                    schedule.overlap
                ));
            }
        }
    }
    if let Some(what) = missing {
        inner.violated("I7", what);
    }
}

/// Whether nobody tampered with the schedules.
pub(crate) fn undisturbed(acts: impl Iterator<Item = Act>) -> bool {
    let mut acts = acts;
    !acts.any(|act| matches!(act, Act::Enable(_) | Act::Redeploy | Act::Delete))
}

/// What must hold when everything is over.
pub(crate) fn check(inner: &mut Inner) {
    outputs(inner);
    super::notices::all_told(inner);
    dead_letters(inner);
    pools(inner);
    super::jobs::refused(inner);
}

/// I19: what succeeded has its output where people look for it.
fn outputs(inner: &mut Inner) {
    let mut missing = None;
    for (run, tracked) in &inner.watch.runs {
        if !tracked.state.header.status.is_terminal() {
            continue;
        }
        for (task, definition) in (0u32..).zip(&tracked.graph.workflow.tasks) {
            let given = tracked.state.instances(task).iter().any(
                |instance| matches!(&instance.state, State::Success { output } if !output.is_null()),
            );
            if !given || tracked.state.task(task).status() != InstanceStatus::Success {
                continue;
            }
            let names = [
                ObjectName::TaskOutput(run.clone(), definition.name.clone()),
                ObjectName::TaskText(run.clone(), definition.name.clone()),
            ];
            if names.iter().all(|name| inner.objects.get(name).is_none()) {
                missing = Some(format!("{} is not there, and its task succeeded", names[0]));
            }
        }
    }
    if let Some(what) = missing {
        inner.violated("I19", what);
    }
}

/// C41: what was garbled, and nothing else, was written down as dead.
fn dead_letters(inner: &mut Inner) {
    let dead: BTreeSet<String> = inner
        .documents
        .iter()
        .filter_map(|(key, _)| match key {
            Key::Dead(id) => Some(id.clone()),
            _ => None,
        })
        .collect();
    let garbled: BTreeSet<String> = inner
        .watch
        .garbled
        .iter()
        .map(|run| format!("runs-{run}"))
        .collect();
    if let Some(odd) = dead.difference(&garbled).next() {
        inner.violated(
            "C41",
            format!("{odd} was set aside and nothing was wrong with it"),
        );
    }
}

/// I10: nobody holds a place of a pool when nothing runs.
fn pools(inner: &mut Inner) {
    if inner.watch.is_tainted() {
        return;
    }
    let mut held = None;
    for (key, document) in inner.documents.iter() {
        let Key::Pool(_) = key else { continue };
        let Ok(pool) = serde_json::from_slice::<ork_engine::PoolDocument>(&document.body) else {
            continue;
        };
        if !pool.held.is_empty() {
            held = Some(format!(
                "{key} is held by {:?} when everything is over",
                pool.held
            ));
        }
    }
    if let Some(what) = held {
        inner.violated("I10", what);
    }
}
