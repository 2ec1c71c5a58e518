//! Runs as JSON for programs: how one went, how far one is, one in a list.

use ork_core::Value;
use ork_core::definition::TaskIndex;
use ork_core::run::{
    InstanceStatus, RunState, RunStatus, SkipReason, State, TaskOutcome, TaskPhase,
};
use ork_core::task::Output;
use ork_core::time::Time;
use ork_engine::report::{self, RunReport, RunSummary};
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
                Failure::trouble(format!(
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
            "instances": report::instances(state, at),
        });
        if let TaskPhase::Ended(TaskOutcome::Skipped(reason)) = task.phase {
            entry["skipped_because"] = json!(reason.render(graph));
        }
        tasks.insert(definition.name.to_string(), entry);
    }
    let mut document = json!(RunSummary::of(&state.header));
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
    json!(RunReport::of(view, now))
}

/// Whether the run leaves this task out because others were asked for.
pub(crate) fn left_out(state: &RunState, task: TaskIndex) -> bool {
    matches!(
        state.task(task).phase,
        TaskPhase::Ended(TaskOutcome::Skipped(SkipReason::NotAskedFor))
    )
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
