//! What may follow what: a run as it was stored and as it is stored now.

use ork_core::run::{Instance, RunState, State, TaskPhase};

use super::{Left, Seen, Tracked, expect, leaves_verdicts, left};
use crate::world::Inner;

pub(super) fn runs(inner: &Inner, before: &Tracked, after: &RunState) -> Seen {
    let (was, is) = (&before.state.header, &after.header);
    expect(was.version == is.version, "I13", || {
        format!(
            "run {} went from version {} to {}",
            is.id, was.version, is.version
        )
    })?;
    if was.status.is_terminal() && was.status != is.status {
        expect(inner.watch.commanding, "I4", || {
            format!(
                "run {} went from {} to {} by itself",
                is.id, was.status, is.status
            )
        })?;
    }
    own_slot(after)?;
    super::jobs::left_behind(inner, &before.state, after)?;
    super::word::left(inner, before, after)?;
    for task in 0..u32::try_from(after.tasks().len()).unwrap_or(u32::MAX) {
        let (old, new) = (before.state.task(task), after.task(task));
        let same = old.generation == new.generation;
        expect(old.generation <= new.generation, "I4", || {
            format!("run {}: a task went back to an earlier life", is.id)
        })?;
        expect(same || inner.watch.commanding, "I4", || {
            format!(
                "run {}: task {} was reset by nobody",
                is.id,
                before.graph.task(task).name
            )
        })?;
        if same && matches!(old.phase, TaskPhase::Ended(_)) {
            expect(old.phase == new.phase, "I4", || {
                format!(
                    "run {}: task {} went from {:?} to {:?}",
                    is.id,
                    before.graph.task(task).name,
                    old.phase,
                    new.phase
                )
            })?;
        }
        let pairs = before
            .state
            .instances(task)
            .iter()
            .zip(after.instances(task));
        for (index, (old, new)) in (0u32..).zip(pairs) {
            if old == new {
                continue;
            }
            instance(inner, before, after, (task, index), (old, new), same).map_err(
                |(rule, what)| {
                    (
                        rule,
                        format!(
                            "run {}, {}.{index}: {what}",
                            is.id,
                            before.graph.task(task).name
                        ),
                    )
                },
            )?;
        }
    }
    Ok(())
}

/// A slot that takes the place of what is active leaves itself and later ones alone.
fn own_slot(after: &RunState) -> Seen {
    let header = &after.header;
    let Some(error) = &header.error else {
        return Ok(());
    };
    let Some(slot) = error
        .strip_prefix("the slot ")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(slot, _)| ork_core::time::Time::parse(slot).ok())
    else {
        return Ok(());
    };
    let scheduled = header.trigger == ork_core::run::RunTrigger::Schedule;
    expect(!scheduled || slot > header.slot, "I7", || {
        format!(
            "the slot {} cancelled {}, which is not before it",
            slot.rfc3339(),
            header.id
        )
    })
}

fn instance(
    inner: &Inner,
    before: &Tracked,
    after: &RunState,
    (task, index): (u32, u32),
    (old, new): (&Instance, &Instance),
    same_life: bool,
) -> Seen {
    expect(new.attempt >= old.attempt, "I9", || {
        format!("its attempt went from {} to {}", old.attempt, new.attempt)
    })?;
    expect(new.fence >= old.fence, "I12", || {
        format!("its fence went from {} to {}", old.fence, new.fence)
    })?;
    if same_life && old.status().is_terminal() {
        expect(old.state == new.state, "I4", || {
            format!("it went from {:?} to {:?}", old.state, new.state)
        })?;
    }
    if new.attempt > old.attempt {
        expect(new.attempt == old.attempt + 1, "I9", || {
            format!("its attempt went from {} to {}", old.attempt, new.attempt)
        })?;
        expect(
            !before.state.header.status.is_terminal() || inner.watch.commanding,
            "I14",
            || "a new attempt after the end of its run".into(),
        )?;
        expect(
            new.fence > old.fence || !leaves_verdicts(inner, &before.graph, task),
            "I12",
            || "a new attempt under an old fence".into(),
        )?;
    }
    if let (State::Deferred(old_jobs), State::Deferred(new_jobs)) = (&old.state, &new.state) {
        expect(
            new.attempt != old.attempt || new_jobs.done & old_jobs.done == old_jobs.done,
            "I2",
            || "what its jobs had done was forgotten".into(),
        )?;
    }
    let charged = new.attempt == old.attempt
        && (new.failures > old.failures || matches!(new.state, State::Failed))
        && matches!(old.state, State::Dispatched { .. } | State::Running { .. });
    if charged && leaves_verdicts(inner, &before.graph, task) {
        let said = left(inner, after, &before.graph, task, index, new.attempt);
        expect(!matches!(said, Left::Success(_)), "I2", || {
            "it failed and its verdict says that it succeeded".into()
        })?;
    }
    if let State::Success { output } = &new.state
        && !old.status().is_terminal()
        && leaves_verdicts(inner, &before.graph, task)
        // What has no worker leaves none.
        && !before.graph.task(task).executor.is_remote()
    {
        match left(inner, after, &before.graph, task, index, new.attempt) {
            Left::Success(said) => expect(said == *output, "I2", || {
                format!("it gave {output:?}, its verdict says {said:?}")
            })?,
            Left::Deferred => {}
            Left::Failed => {
                return Err((
                    "I2",
                    "it succeeded and its verdict says that it failed".into(),
                ));
            }
            Left::Nothing => return Err(("I2", "it succeeded and there is no verdict".into())),
        }
    }
    Ok(())
}
