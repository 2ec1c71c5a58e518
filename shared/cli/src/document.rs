//! Runs as JSON for programs: how one went, how far one is, one in a list.

use ork_core::Value;
use ork_core::definition::TaskIndex;
use ork_core::run::{
    Header, InstanceStatus, RunState, RunStatus, SkipReason, State, TaskOutcome, TaskPhase,
};
use ork_core::task::Output;
use ork_core::time::Time;
use ork_local::RunView;
use serde_json::{Map, json};

use crate::failure::Failure;
use crate::site::Site;

/// Bytes of outputs in one document; what is beyond is named by its path.
const OUTPUTS: u64 = 1 << 20;

/// How a run went: the document `ork execute --json` ends with.
pub(crate) async fn result(site: &Site, view: &RunView) -> Result<Value, Failure> {
    let (graph, state) = (&view.graph, &view.state);
    let mut room = OUTPUTS;
    let mut tasks = Map::new();
    for (at, task) in (0..).zip(state.tasks()) {
        let definition = graph.task(at);
        let instances = state.instances(at);
        let first = instances
            .iter()
            .find_map(|instance| instance.failure.as_deref());
        let bytes = output_bytes(state, at);
        let output = if task.status() != InstanceStatus::Success || bytes == 0 {
            Value::Null
        } else if bytes <= room {
            room -= bytes;
            let text = site.output_of(view, at).await?;
            serde_json::from_str(&text).map_err(|error| {
                Failure::new(format!(
                    "the stored output of task {} is not JSON: {error}",
                    definition.name
                ))
            })?
        } else {
            json!({ "$object": site.output_place(view, at), "bytes": bytes })
        };
        let took = match instances {
            [only] if !definition.fans_out() => only.took(),
            _ => task
                .finished_at
                .zip(task.ready_at)
                .map(|(end, start)| end.since(start)),
        };
        let mut entry = json!({
            "status": task.status(),
            "attempts": instances.iter().map(|instance| u64::from(instance.attempt)).sum::<u64>(),
            "output": output,
            "error": first.filter(|_| task.status() != InstanceStatus::Success).map(|failure| json!({
                "category": failure.category, "message": failure.message, "attempt": failure.attempt,
            })),
            "duration_ms": took,
            "instances": counts(state, at),
        });
        if let TaskPhase::Ended(TaskOutcome::Skipped(reason)) = task.phase {
            entry["skipped_because"] = json!(reason.render(graph));
        }
        tasks.insert(definition.name.to_string(), entry);
    }
    let mut document = about(&state.header);
    document["error"] = json!(
        state
            .header
            .error
            .clone()
            .filter(|_| state.header.status != RunStatus::Success)
    );
    document["tasks"] = Value::Object(tasks);
    Ok(document)
}

/// How far a run is.
pub(crate) fn progress(view: &RunView, now: Time) -> Value {
    let seen = view.state.progress(&view.graph, now);
    let counts = view.state.counts();
    let tasks: Map<String, Value> = (0..)
        .zip(&seen.tasks)
        .map(|(at, task)| {
            let entry = json!({
                "status": task.status,
                "step": task.step,
                "attempts": task.attempts,
                "error": task.error,
                "instances": self::counts(&view.state, at),
                "estimated_duration_ms": task.estimated_duration,
                "actual_duration_ms": task.actual_duration,
            });
            (task.name.to_string(), entry)
        })
        .collect();
    let mut document = about(&view.state.header);
    let more = json!({
        "error": view.state.header.error,
        "progress": seen.percent,
        "counts": words(|status| counts.of(status)),
        "current_step": seen.current_step,
        "total_steps": seen.total_steps,
        "recovery_attempts": seen.recovery_attempts,
        "estimated_duration_ms": seen.estimated_duration,
        "actual_duration_ms": seen.actual_duration,
        "eta": seen.eta.map(Time::rfc3339),
        "tasks": tasks,
    });
    if let (Value::Object(document), Value::Object(more)) = (&mut document, more) {
        document.extend(more);
    }
    let stopping: Vec<Value> = view
        .state
        .cancellations()
        .map(|(task, index, one)| {
            json!({
                "task": view.graph.task(task).name, "index": index, "attempt": one.attempt,
                "jobs": one.count, "left": one.left(), "since": one.since.rfc3339(),
            })
        })
        .collect();
    // Only a run that has any says so.
    if !stopping.is_empty() {
        document["stopping"] = json!(stopping);
    }
    document
}

/// What a header says.
pub(crate) fn about(header: &Header) -> Value {
    json!({
        "run_id": header.id,
        "workflow": header.workflow,
        "version": header.version,
        "status": header.status,
        "trigger": header.trigger,
        "slot": header.slot.rfc3339(),
        "created_at": header.created_at.rfc3339(),
        "started_at": header.started_at.map(Time::rfc3339),
        "finished_at": header.finished_at.map(Time::rfc3339),
        "duration_ms": header.finished_at.zip(header.started_at).map(|(end, start)| end.since(start)),
        "params": header.params,
    })
}

/// Whether the run leaves this task out because others were asked for.
pub(crate) fn left_out(state: &RunState, task: TaskIndex) -> bool {
    matches!(
        state.task(task).phase,
        TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor))
    )
}

fn counts(state: &RunState, task: TaskIndex) -> Value {
    let counts = state.task(task).counts();
    words(|status| counts.of(status))
}

fn words(of: impl Fn(InstanceStatus) -> u32) -> Value {
    InstanceStatus::ALL
        .iter()
        .filter(|&&status| of(status) > 0)
        .map(|&status| (status.as_str().to_owned(), json!(of(status))))
        .collect::<Map<_, _>>()
        .into()
}

fn output_bytes(state: &RunState, task: TaskIndex) -> u64 {
    let bytes = state
        .instances(task)
        .iter()
        .map(|instance| match &instance.state {
            State::Success {
                output: Output::Inline(text),
            } => text.len() as u64,
            State::Success {
                output: Output::Object { bytes },
            } => *bytes,
            _ => 0,
        });
    bytes.sum()
}
