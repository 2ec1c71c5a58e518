//! Tasks that wait for something: an object, a query that becomes true, an answer, a run of another workflow.

use crate::Value;
use crate::definition::{Binding, Executor, Input, Operator};
use crate::diagnostic::{Diagnostics, Position};
use crate::ids::WorkflowName;
use crate::schema::executors::METHODS;

use super::cloud::Name;
use super::codes;
use super::executors::needs;
use super::fields::{Field, Fields};
use super::node::Kind;
use super::remote::{Keys, Want, named, read, value};
use super::scope::Scope;
use super::settings::Settings;

const BIGQUERY_SENSOR: &Keys = &[
    ("query", Want::Text),
    ("project", Want::Name(Name::Project)),
    ("location", Want::Name(Name::Location)),
    ("params", Want::Params),
    ("maximum_bytes_billed", Want::Whole),
    ("labels", Want::Labels),
];
const WORKFLOW_SENSOR: &Keys = &[
    ("name", Want::Workflow),
    ("slot", Want::Instant),
    ("within", Want::Span),
];
const HTTP_SENSOR: &Keys = &[
    ("url", Want::Url),
    ("method", Want::Word(&METHODS)),
    ("headers", Want::Headers),
    ("body", Want::Any),
    ("success_status_codes", Want::Codes),
    ("success_field", Want::Text),
    ("success_value", Want::Any),
    ("failure_value", Want::Any),
];
const SENSORS: [&str; 4] = ["object", "bigquery", "http", "workflow"];

/// `sensor: {object | bigquery | http | workflow: …, poll_interval: …}`.
pub(super) fn sensor(
    task: &Settings<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Executor> {
    const HINT: &str =
        "`sensor: {object: \"gs://bucket/name\"}`, or one with bigquery, http or workflow";
    let Some(field) = task.field("sensor") else {
        return needs(task, "sensor", "sensor", HINT, found);
    };
    let known: Vec<&str> = SENSORS.into_iter().chain(["poll_interval"]).collect();
    let fields = field.fields(&known, found)?;
    let mut stated = SENSORS
        .into_iter()
        .filter_map(|key| Some((key, fields.field(key)?)));
    let Some((key, inner)) = stated.next() else {
        let message = format!("{} does not say what it waits for", field.label);
        found
            .error(codes::MISSING_KEY, field.node.at, message)
            .hint(format!("write {HINT}"));
        return None;
    };
    if let Some((other, second)) = stated.next() {
        let message = format!("{} waits for `{key}` and for `{other}`", field.label);
        found
            .error(codes::KEYS_EXCLUDE, second.key_at, message)
            .hint("make two tasks of it");
        return None;
    }
    let (operator, request) = match key {
        "object" => {
            if let Some(text) = inner.text(found)?.strip_prefix("gs://")
                && (text.contains("{{")
                    || text
                        .split_once('/')
                        .is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()))
            {
                let value = value(&inner, Want::Text, scope, found)?;
                (Operator::ObjectSensor, vec![named("object", value)])
            } else {
                let message = format!("{} must be gs://bucket/name", inner.label);
                found.error(codes::BAD_NAME, inner.node.at, message);
                return None;
            }
        }
        "bigquery" => (
            Operator::BigQuerySensor,
            map(&inner, BIGQUERY_SENSOR, "query", scope, found)?,
        ),
        "http" => (
            Operator::HttpSensor,
            map(&inner, HTTP_SENSOR, "url", scope, found)?,
        ),
        _ if matches!(inner.node.kind, Kind::Map(_)) => (
            Operator::WorkflowSensor,
            map(&inner, WORKFLOW_SENSOR, "name", scope, found)?,
        ),
        _ => {
            let value = value(&inner, Want::Workflow, scope, found)?;
            (Operator::WorkflowSensor, vec![named("name", value)])
        }
    };
    let mut request = request;
    if let Some(every) = fields.field("poll_interval") {
        request.push(named(
            "poll_interval",
            value(&every, Want::Span, scope, found)?,
        ));
    }
    Some(Executor::Remote { operator, request })
}

/// Where a task names the workflow whose run it waits for.
pub(super) fn awaited_at(task: &Fields<'_>) -> Option<Position> {
    let sensor = task.field("sensor")?;
    let workflow = sensor.node.get("workflow")?;
    Some(workflow.get("name").unwrap_or(workflow).at)
}

/// Whether what is asked for is a run of `workflow` for the slot of the run that asks: that one is still at work, and no other may have
/// its slot. An earlier slot may be waited for, and one that a template gives.
pub(super) fn awaits_itself(request: &[Input], workflow: &WorkflowName) -> bool {
    let of = |key: &str| request.iter().find(|input| input.name == key);
    let itself = of("name").is_some_and(|name| {
        matches!(&name.value, Binding::Const(Value::String(name)) if name == workflow.as_str())
    });
    let own_slot = match of("slot").map(|slot| &slot.value) {
        None => true,
        Some(Binding::Template(slot)) => {
            let text = slot.value.as_str().unwrap_or_default();
            let inner = text.trim().strip_prefix("{{");
            let inner = inner.and_then(|text| text.strip_suffix("}}"));
            inner.is_some_and(|path| ["run.slot", "slot"].contains(&path.trim()))
        }
        Some(_) => false,
    };
    itself && own_slot && of("within").is_none()
}

/// The settings of a sensor that are a map.
fn map(
    field: &Field<'_>,
    keys: &Keys,
    needed: &str,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Vec<Input>> {
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let fields = field.fields(&known, found)?;
    fields.need(needed, &format!("write `{needed}: …`"), found)?;
    read(keys, |key| fields.field(key), scope, found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::workflow_schema;

    #[test]
    fn what_is_read_of_a_sensor_are_the_keys_that_its_schema_has() {
        let schema = workflow_schema();
        let shown = |below: &str| {
            let pointer = format!("/$defs/task/properties/sensor/properties{below}");
            let keys = schema.pointer(&pointer).and_then(Value::as_object);
            let keys = keys.expect("it is there").keys();
            keys.cloned().collect::<BTreeSet<String>>()
        };
        let mut kinds = BTreeSet::from(SENSORS.map(str::to_owned));
        kinds.insert("poll_interval".to_owned());
        assert_eq!(kinds, shown(""));
        for (below, keys) in [
            ("/bigquery/properties", BIGQUERY_SENSOR),
            ("/http/properties", HTTP_SENSOR),
            ("/workflow/anyOf/1/properties", WORKFLOW_SENSOR),
        ] {
            let read: BTreeSet<String> = keys.iter().map(|(key, _)| (*key).to_owned()).collect();
            assert_eq!(read, shown(below), "sensor{below}");
        }
    }
}
