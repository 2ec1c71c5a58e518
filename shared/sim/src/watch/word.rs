//! I25: whoever an attempt is taken from is told, whoever took it.

use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::RunState;
use ork_core::time::Millis;
use ork_engine::ClaimObject;

use super::{Seen, Tracked, expect};
use crate::world::Inner;

/// After a look at a run for the sake of its workers, each that had begun before it finds how its attempt ended.
pub(super) fn left(inner: &Inner, before: &Tracked, after: &RunState) -> Seen {
    let Some(look) = before.state.header.late else {
        return Ok(());
    };
    // One that could not look through everything is followed by another before the last.
    let whole = after.header.late.is_none_or(|next| {
        next.at == next.until && next.until == look.until && look.at < look.until
    });
    if !whole {
        return Ok(());
    }
    // The clock of whoever looked may be wrong.
    let begun_by = look.at - Millis(2 * inner.largest_skew);
    for task in 0..u32::try_from(after.tasks().len()).unwrap_or(u32::MAX) {
        let definition = before.graph.task(task);
        for (index, instance) in (0u32..).zip(after.instances(task)) {
            for attempt in 1..=instance.attempt {
                let object = |file| ObjectName::Attempt {
                    run: after.header.id.clone(),
                    task: definition.name.clone(),
                    index: definition.fans_out().then_some(index),
                    attempt,
                    file,
                };
                let claim = inner.objects.get(&object(AttemptFile::Claim));
                let has_begun = claim.is_some_and(|(claim, at)| {
                    *at < begun_by && !ClaimObject::is_seal(&claim.bytes)
                });
                let told = || inner.objects.get(&object(AttemptFile::Result)).is_some();
                let over = after.is_over(task, index, attempt);
                expect(!has_begun || !over || told(), "I25", || {
                    format!(
                        "nobody tells the worker of attempt {attempt} of instance {task}.{index} of run {} that it is over",
                        after.header.id
                    )
                })?;
            }
        }
    }
    Ok(())
}
