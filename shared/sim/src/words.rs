//! Short words for the trace.

use ork_core::run::{Attempt, Event, Graph, InstanceStatus, RunState};
use ork_core::task::{AttemptId, Verdict};

/// An attempt across runs.
pub(crate) fn id(id: &AttemptId) -> String {
    format!(
        "{}/{}.{}/{}^{}",
        id.run, id.task, id.index, id.attempt, id.fence
    )
}

fn attempt(at: &Attempt) -> String {
    format!("{}.{}/{}^{}", at.task, at.index, at.attempt, at.fence)
}

/// An event.
pub(crate) fn event(event: &Event) -> String {
    match event {
        Event::Started(at) => format!("started {}", attempt(at)),
        Event::Heartbeat(at) => format!("heartbeat {}", attempt(at)),
        Event::NotStarted { attempt: at, .. } => format!("not started {}", attempt(at)),
        Event::Finished {
            attempt: at,
            verdict,
            ..
        } => {
            let how = match verdict {
                Verdict::Success { .. } => "success".to_owned(),
                Verdict::Failed {
                    category, message, ..
                } => format!("{category}: {message}"),
                Verdict::Deferred { count, .. } => format!("deferred to {count}"),
            };
            format!("finished {} {how}", attempt(at))
        }
        Event::Job {
            attempt: at,
            job,
            answer,
        } => format!("job {job} of {} {answer:?}", attempt(at)),
        Event::DeferredLate {
            attempt: at, count, ..
        } => format!("{} had deferred to {count}", attempt(at)),
        Event::JobsStopped {
            attempt: at,
            over,
            denied,
        } => format!("stopped jobs {over:b} of {} {denied:?}", attempt(at)),
        Event::ChildEnded {
            attempt: at,
            run,
            status,
            ..
        } => format!("run {run} of {} is {status}", attempt(at)),
        Event::Claim(offer) => format!("claim {}", offer.places),
        other => format!("{other:?}"),
    }
}

/// Where a run stands.
pub(crate) fn state(graph: &Graph, state: &RunState) -> String {
    let mut text = format!("{}:", state.header.status);
    for (at, (task, definition)) in (0u32..).zip(state.tasks().iter().zip(&graph.workflow.tasks)) {
        text.push_str(&format!(" {}={}", definition.name, task.status()));
        let shown: Vec<String> = state
            .instances(at)
            .iter()
            .take(6)
            .filter(|instance| instance.attempt > 0)
            .map(|instance| {
                format!(
                    "{}/{}^{}",
                    letter(instance.status()),
                    instance.attempt,
                    instance.fence
                )
            })
            .collect();
        if !shown.is_empty() {
            text.push_str(&format!("[{}]", shown.join(" ")));
        }
    }
    text
}

const fn letter(status: InstanceStatus) -> &'static str {
    match status {
        InstanceStatus::Pending => "-",
        InstanceStatus::Queued => "q",
        InstanceStatus::Dispatched => "d",
        InstanceStatus::Running => "r",
        InstanceStatus::Deferred => "D",
        InstanceStatus::Retrying => "w",
        InstanceStatus::Paused => "p",
        InstanceStatus::Success => "S",
        InstanceStatus::Failed => "F",
        InstanceStatus::Skipped => "s",
        InstanceStatus::Cancelled => "c",
    }
}
