//! Times of a task without a worker that do not go together. All of them are warnings: the task runs, and not as it seems to be meant.

use crate::definition::{Binding, Executor, Input, Task};
use crate::diagnostic::{Diagnostics, Position};
use crate::limits;
use crate::time::Millis;

use super::codes;
use super::settings::Settings;

/// Looks at a task whose settings are read.
pub(super) fn check(task: &Task, settings: &Settings<'_>, found: &mut Diagnostics) {
    match &task.executor {
        Executor::Http { .. } => request(task, settings, found),
        Executor::Remote { request, .. } => questions(task, request, settings, found),
        _ => {}
    }
}

/// A default is for the other tasks of the file, too.
fn request(task: &Task, settings: &Settings<'_>, found: &mut Diagnostics) {
    let Some(field) = settings.own.field("timeout") else {
        return;
    };
    // Whoever reads the key says what is wrong with it.
    let legible = field.duration(Millis(1), &mut Diagnostics::new(""));
    if legible.is_some() && task.timeout > limits::POLL_TIMEOUT {
        let message = format!(
            "{} is {}, and a request has {} for its whole answer, whatever `timeout` is",
            field.label,
            task.timeout,
            limits::POLL_TIMEOUT
        );
        found
            .warning(codes::CUT_SHORT, field.node.at, message)
            .hint("leave it out; what takes longer is begun by one request and waited for by a `sensor`");
    }
}

fn questions(task: &Task, request: &[Input], settings: &Settings<'_>, found: &mut Diagnostics) {
    let stated = request.iter().find(|one| one.name == "poll_interval");
    let Some(Binding::Const(seconds)) = stated.map(|one| &one.value) else {
        return;
    };
    let every = Millis((seconds.as_f64().unwrap_or_default() * 1000.0) as u64);
    if every > task.timeout {
        let message = format!(
            "`poll_interval` of {} is {every}, longer than its `timeout` of {}: its time is over before Ork asks a second time",
            settings.own.owner, task.timeout
        );
        found
            .warning(codes::CUT_SHORT, place(settings), message)
            .hint(
                "shorten `poll_interval`, or raise `timeout`, which is how long all of it may take",
            );
    }
}

/// Where `poll_interval` is written: among the keys of the task, or in its `sensor`.
fn place(settings: &Settings<'_>) -> Position {
    let own = &settings.own;
    let field = own.field("sensor").and_then(|field| {
        let inner = field.node.get("poll_interval");
        inner.map(|node| node.at)
    });
    field
        .or_else(|| own.field("poll_interval").map(|field| field.node.at))
        .unwrap_or(own.at)
}
