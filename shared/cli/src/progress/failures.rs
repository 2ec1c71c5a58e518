//! A failed task for people: its error, the last lines of its log, where the rest is.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::run::{Graph, Instance, InstanceStatus, RunState};

use crate::output::{Paint, harmless};
use crate::site::{Attempt, LogEnd};
use crate::workflow_file::count;

/// The ends of the logs that are shown.
pub(crate) type Logs = BTreeMap<Attempt, LogEnd>;

/// Lines of a log that are shown.
const LINES: usize = 20;
/// Bytes of a log that are looked at for them.
pub(crate) const BYTES: u64 = 32 * 1024;
/// Failed instances of one task that are shown.
const INSTANCES: usize = 3;

fn failed_instances(state: &RunState, task: TaskIndex) -> Vec<(u32, &Instance)> {
    (0..)
        .zip(state.instances(task))
        .filter(|(_, one)| one.status() == InstanceStatus::Failed)
        .collect()
}

/// The attempts of `task` whose logs are shown.
pub(super) fn shown_attempts(state: &RunState, task: TaskIndex) -> impl Iterator<Item = Attempt> {
    let failed = failed_instances(state, task).into_iter().take(INSTANCES);
    failed.map(move |(index, instance)| Attempt {
        task,
        index,
        attempt: instance.attempt,
    })
}

/// Everything about the failure of `task`.
pub(super) fn failed(
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    logs: &Logs,
    paint: Paint,
    out: &mut String,
) {
    let definition = graph.task(task);
    let failed = failed_instances(state, task);
    for &(index, instance) in failed.iter().take(INSTANCES) {
        let name = if definition.fans_out() {
            format!("{}[{index}]", definition.name)
        } else {
            definition.name.to_string()
        };
        out.push_str(&format!("\n{} {}", paint.red("failed:"), paint.bold(&name)));
        match &instance.failure {
            Some(failure) => {
                out.push_str(&format!(
                    ", attempt {} ({})\n",
                    failure.attempt, failure.category
                ));
                for line in failure.message.lines() {
                    out.push_str(&format!("  {}\n", harmless(line)));
                }
            }
            None => out.push('\n'),
        }
        let of = Attempt {
            task,
            index,
            attempt: instance.attempt,
        };
        if let Some(end) = logs.get(&of) {
            for line in tail(&end.bytes) {
                out.push_str(&format!("  {} {}\n", paint.dim("|"), harmless(&line)));
            }
            out.push_str(&format!("  log: {}\n", end.place));
        }
    }
    if failed.len() > INSTANCES {
        let more = count(failed.len() - INSTANCES, "more failed instance");
        out.push_str(&format!(
            "\n{} {}: {more}; `ork run logs {} {}.INDEX` shows the log of one\n",
            paint.red("failed:"),
            definition.name,
            state.header.id,
            definition.name
        ));
    }
}

/// The last lines of a log.
fn tail(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    lines[from..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
