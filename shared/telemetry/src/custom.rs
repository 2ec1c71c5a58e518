//! What tasks count and measure themselves: the lines `ORK_METRIC:…` of an attempt's log, within bounds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::gathered::{Number, of_task};
use crate::names::{self, CUSTOM, CUSTOM_TIMES};
use crate::telemetry::{Telemetry, nanos};

/// What such a line begins with.
const PREFIX: &[u8] = b"ORK_METRIC:";
/// Bytes of a line that are looked at: 16 labels of 128 characters each, with their names, in JSON.
const LINE: usize = 32 * 1024;
/// Lines of one attempt.
const LINES: usize = 10_000;
/// Series of one attempt: what the labels say must not be without end.
const SERIES: usize = 100;
/// Labels of one line.
const LABELS: usize = 16;
/// Characters of a name or of a label's value.
const TEXT: usize = 128;

#[derive(Deserialize)]
struct Line {
    kind: Kind,
    name: String,
    value: f64,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Count,
    Gauge,
    Timing,
}

/// What became of an attempt's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Custom {
    /// Lines that are sent on, as numbers.
    pub taken: usize,
    /// Lines that are not: no metric, or too many.
    pub refused: usize,
}

/// A name as OpenTelemetry has it: a letter, then letters, digits and `_.-/`.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= TEXT
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(byte))
}

impl Line {
    fn read(line: &[u8]) -> Option<Self> {
        let json = line.strip_prefix(PREFIX)?;
        let line: Self = serde_json::from_slice(json.get(..json.len().min(LINE))?).ok()?;
        let fits = is_name(&line.name)
            && line.value.is_finite()
            && line.tags.len() <= LABELS
            && line.tags.keys().all(|name| is_name(name));
        fits.then_some(line)
    }
}

impl Telemetry {
    /// Sends on what a task reported in the log of one attempt, as `ork.custom.<name>` with the names of workflow and task. A count is added up,
    /// of a gauge the last value holds, a timing is in seconds.
    pub fn custom(&self, workflow: &str, task: &str, log: &[u8]) -> Custom {
        let mut done = Custom::default();
        if !self.is_on() {
            return done;
        }
        let mut series = BTreeSet::new();
        let now = nanos(std::time::SystemTime::now());
        let lines = log
            .split(|byte| *byte == b'\n')
            .filter(|line| line.starts_with(PREFIX));
        for line in lines {
            let taken = Line::read(line).filter(|line| {
                let one = (line.kind, line.name.clone(), line.tags.clone());
                done.taken < LINES
                    && (series.contains(&one) || (series.len() < SERIES && series.insert(one)))
            });
            let Some(line) = taken else {
                done.refused += 1;
                continue;
            };
            if self.reported(workflow, task, line, now) {
                done.taken += 1;
            } else {
                done.refused += 1;
            }
        }
        if done.refused > 0 {
            #[expect(clippy::cast_precision_loss, reason = "a count of lines")]
            let refused = done.refused as f64;
            self.record(&names::CUSTOM_REFUSED, refused, || of_task(workflow, task));
        }
        done
    }

    fn reported(&self, workflow: &str, task: &str, line: Line, now: u64) -> bool {
        let value = line.value;
        let (number, unit) = match line.kind {
            Kind::Count => {
                let monotonic = value >= 0.0;
                (Number::Add { value, monotonic }, "1")
            }
            Kind::Gauge => (Number::Level { value, at: now }, "1"),
            Kind::Timing => {
                let bounds = CUSTOM_TIMES;
                (Number::Measured { value, bounds }, "s")
            }
        };
        let mut attributes = of_task(workflow, task);
        attributes.extend(line.tags.into_iter().map(|(name, value)| {
            let value = value.chars().take(TEXT).collect();
            (name, value)
        }));
        let name = format!("{CUSTOM}{}", line.name);
        let about = "Reported by tasks";
        self.with(|gathered| gathered.number(&name, unit, about, number, attributes))
            .unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_metric_or_it_is_not() {
        let read = |json: &str| Line::read(format!("ORK_METRIC:{json}").as_bytes());
        let line =
            read(r#"{"kind":"count","name":"rows","value":3,"tags":{"table":"a b"},"new":1}"#);
        let line = line.expect("a metric, with something newer");
        assert_eq!((line.name.as_str(), line.value), ("rows", 3.0));
        assert_eq!(line.tags["table"], "a b");
        for wrong in [
            "",
            "{}",
            r#"{"kind":"sum","name":"rows","value":3}"#,
            r#"{"kind":"count","name":"","value":3}"#,
            r#"{"kind":"count","name":"9rows","value":3}"#,
            r#"{"kind":"count","name":"rows!","value":3}"#,
            r#"{"kind":"count","name":"rows","value":"3"}"#,
            r#"{"kind":"count","name":"rows","value":1e999}"#,
            r#"{"kind":"count","name":"rows","value":3,"tags":{"a b":"c"}}"#,
            r#"{"kind":"count","name":"rows","value":3,"tags":{"a":1}}"#,
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        let tags: Vec<String> = (0..=LABELS).map(|n| format!(r#""t{n}":"x""#)).collect();
        let many = format!(
            r#"{{"kind":"count","name":"rows","value":3,"tags":{{{}}}}}"#,
            tags.join(",")
        );
        assert!(read(&many).is_none());
        assert!(Line::read(b"ORK_METRIC:\xff\xfe").is_none());
    }
}
