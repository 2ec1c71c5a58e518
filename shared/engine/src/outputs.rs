//! What tasks gave: the text of their outputs, from the pages of a run or from objects.

use std::sync::Arc;

use ork_core::Value;
use ork_core::definition::TaskIndex;
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Graph, InstanceStatus, RunState, State, TaskOutcome, TaskPhase};
use ork_core::task::{Output, Verdict};

use crate::error::EngineError;
use crate::ports::{ObjectError, Objects, Ports};

/// The JSON text of one instance's output.
pub(crate) async fn output_text<P: Ports>(
    ports: &P,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
    index: u32,
) -> Result<Arc<str>, EngineError> {
    let Some(instance) = state.instance(task, index) else {
        return Ok("null".into());
    };
    let output = match &instance.state {
        State::Success { output } => output,
        _ => return Ok("null".into()),
    };
    match output {
        Output::Inline(text) => Ok(text.clone()),
        Output::Object { .. } => {
            let definition = graph.task(task);
            let name = |file| ObjectName::Attempt {
                run: state.header.id.clone(),
                task: definition.name.clone(),
                index: definition.fans_out().then_some(index),
                attempt: instance.attempt,
                file,
            };
            stored_text(ports, name(AttemptFile::Output), name(AttemptFile::Result)).await
        }
    }
}

/// A text that does not fit a page: it has an object of its own, or else it is inside the verdict.
pub(crate) async fn stored_text<P: Ports>(
    ports: &P,
    own: ObjectName,
    verdict: ObjectName,
) -> Result<Arc<str>, EngineError> {
    let limit = limits::OUTPUT_BYTES as u64;
    // What a worker left behind stays as it is: asking again would not help.
    let get = async |name: &ObjectName| match ports.objects().get(name, limit).await {
        Err(error @ ObjectError::TooLarge { .. }) => Err(EngineError::corrupt(error.to_string())),
        other => other.map_err(EngineError::from),
    };
    if let Some(object) = get(&own).await? {
        let text = String::from_utf8(object.bytes)
            .map_err(|_| EngineError::corrupt(format!("{own} is not UTF-8")))?;
        serde_json::from_str::<serde::de::IgnoredAny>(&text)
            .map_err(|error| EngineError::corrupt(format!("{own} is not JSON: {error}")))?;
        return Ok(text.into());
    }
    verdict_text(ports, verdict, &own).await
}

/// The text that is inside a verdict, where `own`, an object of its own, is not.
pub(crate) async fn verdict_text<P: Ports>(
    ports: &P,
    verdict: ObjectName,
    own: &ObjectName,
) -> Result<Arc<str>, EngineError> {
    let found = match ports
        .objects()
        .get(&verdict, limits::OUTPUT_BYTES as u64)
        .await
    {
        Err(error @ ObjectError::TooLarge { .. }) => {
            return Err(EngineError::corrupt(error.to_string()));
        }
        other => other?,
    };
    match found.and_then(|object| serde_json::from_slice::<Verdict>(&object.bytes).ok()) {
        Some(
            Verdict::Success {
                output: Output::Inline(text),
            }
            | Verdict::Deferred {
                jobs: Output::Inline(text),
                ..
            },
        ) => Ok(text),
        _ => Err(EngineError::corrupt(format!(
            "{own}, which a verdict names, is missing"
        ))),
    }
}

/// The JSON text of a task's output: the value, or for a fan-out the list in index order; `null` where there is none.
pub(crate) async fn task_output<P: Ports>(
    ports: &P,
    graph: &Graph,
    state: &RunState,
    task: TaskIndex,
) -> Result<Arc<str>, EngineError> {
    let definition = graph.task(task);
    let succeeded = matches!(
        state.task(task).phase,
        TaskPhase::Ended(TaskOutcome::Success)
    );
    if !definition.fans_out() {
        return output_text(ports, graph, state, task, 0).await;
    }
    if !succeeded {
        return Ok("null".into());
    }
    let mut list = String::from("[");
    for index in 0..state.task(task).count {
        if index > 0 {
            list.push(',');
        }
        list.push_str(&output_text(ports, graph, state, task, index).await?);
    }
    list.push(']');
    Ok(list.into())
}

/// The value of an output's text.
pub(crate) fn parse(text: &str) -> Result<Value, EngineError> {
    serde_json::from_str(text)
        .map_err(|error| EngineError::corrupt(format!("a stored output is not JSON: {error}")))
}

/// Whether a task ended with something to show, and whether all of it is in the pages.
pub(crate) fn has_output(state: &RunState, task: TaskIndex) -> bool {
    state
        .instances(task)
        .iter()
        .any(|instance| match &instance.state {
            State::Success { output } => !output.is_null(),
            _ => false,
        })
        && state.task(task).status() == InstanceStatus::Success
}
