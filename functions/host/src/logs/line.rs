//! One event as one line.

use serde_json::{Map, Value, json};
use tracing::{Level, Metadata};

use super::Style;
use super::fields::Fields;

/// Fields by which people search: they become labels.
const LABELS: [&str; 4] = ["workflow", "run", "task", "attempt"];

/// The line, with its end.
pub(super) fn line(
    style: &Style,
    metadata: &Metadata<'_>,
    mut fields: Fields,
    now: jiff::Timestamp,
) -> String {
    let severity = fields
        .take_text("severity")
        .unwrap_or_else(|| severity(*metadata.level()).to_owned());
    let message = fields.take_text("message").unwrap_or_default();
    match style {
        Style::Json { project } => json(project, &severity, message, metadata, fields, now),
        Style::Plain => plain(&severity, &message, &fields, now),
    }
}

/// Cloud Logging's word for a level.
const fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

fn json(
    project: &str,
    severity: &str,
    message: String,
    metadata: &Metadata<'_>,
    mut fields: Fields,
    now: jiff::Timestamp,
) -> String {
    let mut line = Map::new();
    line.insert("severity".into(), severity.into());
    line.insert("time".into(), format!("{now:.6}").into());
    line.insert("message".into(), message.into());
    line.insert("target".into(), metadata.target().into());
    if let Some(trace) = fields.take_text("trace_id") {
        let name = format!("projects/{project}/traces/{trace}");
        line.insert("logging.googleapis.com/trace".into(), name.into());
    }
    if let Some(span) = fields.take_text("span_id") {
        line.insert("logging.googleapis.com/spanId".into(), span.into());
    }
    if let Some(sampled) = fields.0.remove("trace_sampled") {
        line.insert("logging.googleapis.com/trace_sampled".into(), sampled);
    }
    let mut labels = Map::new();
    for label in LABELS {
        if let Some(text) = fields.take_text(label) {
            labels.insert(label.into(), text.into());
        }
    }
    if !labels.is_empty() {
        line.insert("logging.googleapis.com/labels".into(), labels.into());
    }
    if let (Some(file), Some(number)) = (metadata.file(), metadata.line()) {
        // Cloud Logging wants the number as text.
        let place = json!({"file": file, "line": number.to_string()});
        line.insert("logging.googleapis.com/sourceLocation".into(), place);
    }
    for (name, value) in fields.0 {
        // What is Cloud Logging's own cannot be overwritten.
        line.entry(name).or_insert(value);
    }
    let mut text = Value::Object(line).to_string();
    text.push('\n');
    text
}

fn plain(severity: &str, message: &str, fields: &Fields, now: jiff::Timestamp) -> String {
    let mut text = format!("{now:.3} {severity:8} {message}");
    for (name, value) in &fields.0 {
        if matches!(name.as_str(), "trace_id" | "span_id" | "trace_sampled") {
            continue;
        }
        let value = match value {
            Value::String(text) if !text.contains([' ', '\n']) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!(" {name}={value}"));
    }
    text.push('\n');
    text
}
