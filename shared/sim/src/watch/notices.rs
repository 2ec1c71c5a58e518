//! I24: who is to be told of a run is decided with what they are told of, they are told, and of nothing else.

use std::collections::BTreeSet;

use ork_core::definition::Occasion;
use ork_core::limits;
use ork_core::run::{Graph, Notice, NoticeKey, NoticeState, RunState, RunStatus, RunTrigger};
use ork_engine::ports::Letter;

use super::{Seen, Tracked, expect};
use crate::world::Inner;

/// A rule, kept by what a commit made of a run.
pub(super) fn decided(graph: &Graph, before: Option<&Tracked>, after: &RunState) -> Seen {
    let header = &after.header;
    let rule = |holds: bool, what: &dyn Fn() -> String| {
        expect(holds, "I24", || format!("run {}: {}", header.id, what()))
    };
    let known: &[_] = before.map_or(&[], |before| &before.state.header.notices);
    let of: BTreeSet<(u32, u32)> = header
        .notices
        .iter()
        .map(|one| (one.key.target, one.key.round))
        .collect();
    rule(of.len() == header.notices.len(), &|| {
        format!("somebody is told twice of the same: {:?}", header.notices)
    })?;
    for old in known {
        let settled = old.next_at().is_none();
        let now = after.notice(old.key);
        // One that was given up may be asked for again, and it may be heard late that it was received.
        let goes_on = |now: &Notice| match now.state {
            NoticeState::Pending { .. } => now.again != old.again,
            NoticeState::Sent { .. } => true,
            NoticeState::GaveUp { .. } => now.again != old.again,
        };
        let kept = now.is_some_and(|now| {
            !settled || now.state == old.state || (old.is_given_up() && goes_on(now))
        });
        rule(kept || header.notices.len() == limits::NOTICES, &|| {
            format!("the notice {} is gone, or was settled and is not", old.key)
        })?;
    }
    for new in &header.notices {
        if known.iter().all(|old| old.key != new.key) {
            rule(is_true(graph, after, new.key, new.status), &|| {
                format!("the notice {} is not true", new.key)
            })?;
        }
    }
    let was_open = before.is_none_or(|before| !before.state.header.status.is_terminal());
    if !was_open || !header.status.is_terminal() {
        return Ok(());
    }
    // Whether a success is a recovery may hang on another run; that one who wants to know of both is told is known.
    let missed = header.error.as_deref();
    let missed = missed.is_some_and(|error| error.starts_with("the run's deadline"));
    for (target, one) in (0u32..).zip(&graph.workflow.notifications) {
        let wants = |on: Occasion| one.on.contains(&on);
        let due = match header.status {
            RunStatus::Failed => wants(Occasion::Failure) || (missed && wants(Occasion::Deadline)),
            RunStatus::Success => wants(Occasion::Success),
            _ => false,
        };
        rule(!due || of.contains(&(target, header.ends)), &|| {
            format!("it is {}, and nobody tells {target}", header.status)
        })?;
    }
    Ok(())
}

/// Whether a notice that a commit decides tells what is so, to somebody who wants to know.
fn is_true(graph: &Graph, after: &RunState, key: NoticeKey, status: RunStatus) -> bool {
    let known = graph.workflow.notifications.get(key.target as usize);
    let header = &after.header;
    known.is_some_and(|one| one.on.contains(&key.on))
        && match key.on {
            Occasion::Failure | Occasion::Deadline => status == RunStatus::Failed,
            Occasion::Success | Occasion::Recovery => status == RunStatus::Success,
            Occasion::LateStart => header.trigger == RunTrigger::Schedule && key.round == 0,
        }
}

/// A notice came to its receiver: it must be one that the run as it is stored has to tell, or had.
pub(crate) fn told(inner: &mut Inner, letter: &Letter) {
    let Some(tracked) = inner.watch.runs.get(&letter.run) else {
        return;
    };
    let mut notices = tracked.state.header.notices.iter();
    if !notices.any(|one| one.key.in_run(&letter.run) == letter.id) {
        let what = format!("{} was told, and nothing of that is stored", letter.id);
        inner.violated("I24", what);
    }
}

/// When everything is over everybody was told, or it was tried for as long as that is promised.
pub(super) fn all_told(inner: &mut Inner) {
    let mut wrong = None;
    for (run, tracked) in &inner.watch.runs {
        for notice in &tracked.state.header.notices {
            let id = notice.key.in_run(run);
            let came = inner.receiver.counts.contains_key(&id);
            // Clocks may differ by as much.
            let kept = limits::NOTICE_KEPT.0.saturating_sub(2 * inner.largest_skew);
            let good = match notice.state {
                NoticeState::Sent { .. } => came,
                NoticeState::GaveUp { gave_up_at } => {
                    let tried = gave_up_at.since(notice.tried_since()).0 >= kept;
                    tried || inner.receiver.refused.contains(&id)
                }
                NoticeState::Pending { .. } => false,
            };
            if !good {
                let state = notice.state.as_str();
                wrong = Some(format!("{id} is {state}, and came: {came}"));
            }
        }
    }
    if let Some(what) = wrong {
        inner.violated("I24", what);
    }
}
