//! A graph as a list for the terminal, layer by layer, and as JSON for programs.

use ork_core::Value;
use ork_graph::{Graph, State};
use serde_json::json;

use super::Subject;
use crate::output::{Paint, harmless};
use crate::table::{Cell, Table};
use crate::workflow_file::count;

/// Upstreams of one task that are named.
const NAMED: usize = 6;

/// What is drawn, in a line.
pub(super) fn title(subject: &Subject) -> String {
    let tasks = count(subject.graph.nodes().len(), "task");
    match &subject.run {
        None => format!("Workflow {}: {tasks}", subject.workflow),
        Some((run, status)) => format!(
            "Workflow {}, run {run}, {status}: {tasks}",
            subject.workflow
        ),
    }
}

/// The tasks by layer, each with what it comes after.
pub(super) fn text(subject: &Subject, critical: bool, paint: Paint) -> String {
    let graph = &subject.graph;
    let (layers, before) = (graph.layers(), before(graph));
    let depth = layers.iter().max().map_or(0, |last| last + 1);
    let mut text = paint.bold(&format!(
        "{} in {}",
        title(subject),
        count(depth as usize, "layer")
    ));
    text.push_str("\n\n");
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|&at| (layers[at], at));
    let mut table = Table::new(["layer", "task", "", "instances", "after"]);
    let mut last = None;
    for at in order {
        let node = &graph.nodes()[at];
        // A layer is named once, at its first task.
        let layer = Some(layers[at]).filter(|layer| last.replace(*layer) != Some(*layer));
        let (name, state) = (harmless(&node.name), node.state);
        let is_centre = graph.centre().map(|centre| centre as usize) == Some(at);
        table.row([
            Cell::right(
                layer
                    .map(|layer| (layer + 1).to_string())
                    .unwrap_or_default(),
            ),
            Cell::painted(name, move |paint, text| {
                if is_centre {
                    paint.bold(text)
                } else {
                    text.to_owned()
                }
            }),
            Cell::painted(harmless(&node.note), move |paint, text| match state {
                Some(state) => painted(paint, state, text),
                None => paint.dim(text),
            }),
            Cell::right(node.fan.map(|fan| fan.short()).unwrap_or_default()),
            Cell::new(named(graph, &before[at], hidden_before(graph, at))),
        ]);
    }
    text.push_str(&table.render(paint));
    if critical {
        text.push_str(&format!("\n{}\n", path(graph)));
    }
    text
}

fn path(graph: &Graph) -> String {
    let path = graph.critical_path();
    if path.is_empty() {
        return "critical path: unknown, for no task has a duration or an estimate".to_owned();
    }
    let nodes = || path.iter().map(|&at| &graph.nodes()[at as usize]);
    let total: u64 = nodes().map(|node| node.weight).fold(0, u64::saturating_add);
    let names: Vec<String> = nodes().map(|node| harmless(&node.name)).collect();
    format!(
        "critical path, {}: {}",
        ork_core::time::Millis(total),
        names.join(" → ")
    )
}

/// Positions of what each task comes after.
fn before(graph: &Graph) -> Vec<Vec<u32>> {
    let mut before = vec![Vec::new(); graph.nodes().len()];
    for &(from, to) in graph.edges() {
        before[to as usize].push(from);
    }
    before
}

fn named(graph: &Graph, before: &[u32], hidden: u32) -> String {
    let shown = before.iter().take(NAMED);
    let names: Vec<String> = shown
        .map(|&at| harmless(&graph.nodes()[at as usize].name))
        .collect();
    let more = before.len() - names.len() + hidden as usize;
    match (names.is_empty(), more) {
        (_, 0) => names.join(", "),
        (true, more) => format!("{more} not shown"),
        (false, more) => format!("{} and {more} more", names.join(", ")),
    }
}

fn painted(paint: Paint, state: State, text: &str) -> String {
    match state {
        State::Success => paint.green(text),
        State::Failed => paint.red(text),
        State::Cancelled | State::Retrying | State::Paused => paint.yellow(text),
        State::Dispatched | State::Running | State::Deferred | State::Recovering => {
            paint.cyan(text)
        }
        State::Pending | State::Queued | State::Skipped => paint.dim(text),
    }
}

/// Nodes and edges.
pub(super) fn json(subject: &Subject, critical: bool) -> Value {
    let graph = &subject.graph;
    let path = if critical {
        graph.critical_path()
    } else {
        Vec::new()
    };
    let nodes: Vec<Value> = (0u32..)
        .zip(graph.nodes())
        .zip(graph.layers())
        .map(|((at, node), layer)| {
            let mut entry = json!({ "name": node.name, "layer": layer + 1, "note": node.note });
            if let Some(state) = node.state {
                entry["status"] = json!(state.as_str());
            }
            if let Some(fan) = node.fan {
                entry["instances"] = json!({
                    "total": fan.total, "done": fan.done, "failed": fan.failed, "running": fan.running,
                });
            }
            // What was over within a millisecond took none.
            let ran = matches!(node.state, Some(State::Success | State::Failed));
            if node.weight > 0 || ran {
                entry["duration_ms"] = json!(node.weight);
            }
            let hidden = graph.hidden(at);
            if hidden != (0, 0) {
                entry["not_shown"] = json!({ "before": hidden.0, "after": hidden.1 });
            }
            entry
        })
        .collect();
    let name = |at: u32| &graph.nodes()[at as usize].name;
    let edges: Vec<Value> = graph
        .edges()
        .iter()
        .map(|&(from, to)| json!({ "from": name(from), "to": name(to) }))
        .collect();
    let mut document = json!({ "workflow": subject.workflow, "nodes": nodes, "edges": edges });
    if let Some((run, status)) = &subject.run {
        document["run_id"] = json!(run);
        document["status"] = json!(status);
    }
    if critical {
        document["critical_path"] = path.iter().map(|&at| json!(name(at))).collect();
    }
    document
}

fn hidden_before(graph: &Graph, at: usize) -> u32 {
    u32::try_from(at).map_or(0, |at| graph.hidden(at).0)
}
