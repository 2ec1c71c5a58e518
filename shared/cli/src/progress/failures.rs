//! A failed task for people: its error, the last lines of its log, where the rest is.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ork_core::definition::TaskIndex;
use ork_core::run::{Graph, Instance, InstanceStatus, RunState};

use super::summary::LogPath;
use crate::output::{Paint, harmless};
use crate::workflow_file::{count, shown};

/// Lines of a log that are shown.
const LINES: usize = 20;
/// Bytes of a log that are looked at for them.
const BYTES: u64 = 32 * 1024;
/// Failed instances of one task that are shown.
const INSTANCES: usize = 3;

/// Everything about the failure of `task`.
pub(super) fn failed(
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    log: &LogPath<'_>,
    paint: Paint,
    out: &mut String,
) {
    let definition = graph.task(task);
    let failed: Vec<(u32, &Instance)> = (0..)
        .zip(state.instances(task))
        .filter(|(_, one)| one.status() == InstanceStatus::Failed)
        .collect();
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
        let path = log(task, index, instance.attempt);
        if let Some(tail) = tail(&path) {
            for line in tail {
                out.push_str(&format!("  {} {}\n", paint.dim("|"), harmless(&line)));
            }
            out.push_str(&format!("  log: {}\n", shown(&path)));
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

/// The last lines of a log; `None` when there is none or it is empty.
fn tail(path: &Path) -> Option<Vec<String>> {
    let mut file = File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(BYTES)))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    (!lines.is_empty()).then(|| {
        lines[from..]
            .iter()
            .map(|line| (*line).to_owned())
            .collect()
    })
}
