//! What a simulated job does: how long it takes, how it ends, what it costs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a job does. What is not said is taken from what stands behind it: the request, and at last the defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// How long it waits before it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_seconds: Option<f64>,
    /// How long it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// It never ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forever: Option<bool>,
    /// It fails: `reason: message`, or a reason alone. Empty: it does not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail: Option<String>,
    /// The bytes that are processed and billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The rows of a query's answer: objects, lists, or plain values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Value>>,
    /// The columns, as `{"name", "type", "mode"}`; without them they are read off the first row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Vec<Value>>,
    /// How long it goes on after it was asked to be cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_seconds: Option<f64>,
    /// How many requests to cancel it are answered and forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_cancels: Option<u32>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// One word, as BigQuery gives it.
    pub(crate) reason: String,
    pub(crate) message: String,
}

/// The longest time that a script may ask for, in seconds.
const LONGEST: f64 = 30.0 * 86_400.0;

impl Script {
    /// This script, with what `other` says instead.
    pub(crate) fn overlaid(self, other: Self) -> Self {
        Self {
            pending_seconds: other.pending_seconds.or(self.pending_seconds),
            // Whoever says how long it takes does not want the "forever" of somebody before.
            forever: other
                .forever
                .or_else(|| other.seconds.map(|_| false))
                .or(self.forever),
            seconds: other.seconds.or(self.seconds),
            fail: other.fail.or(self.fail),
            bytes: other.bytes.or(self.bytes),
            rows: other.rows.or(self.rows),
            schema: other.schema.or(self.schema),
            cancel_seconds: other.cancel_seconds.or(self.cancel_seconds),
            ignore_cancels: other.ignore_cancels.or(self.ignore_cancels),
        }
    }

    /// Why this script makes no sense; `None` when it does.
    pub(crate) fn nonsense(&self) -> Option<String> {
        for (name, seconds) in [
            ("pending_seconds", self.pending_seconds),
            ("seconds", self.seconds),
            ("cancel_seconds", self.cancel_seconds),
        ] {
            if let Some(seconds) = seconds
                && !(0.0..=LONGEST).contains(&seconds)
            {
                return Some(format!("{name}: {seconds} is not between 0 and {LONGEST}"));
            }
        }
        for column in self.schema.iter().flatten() {
            if !(column["name"].is_string() && column["type"].is_string()) {
                return Some(format!("schema: {column} has no name and type"));
            }
        }
        None
    }

    /// The JSON of a script, checked.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let script: Self =
            serde_json::from_str(text).map_err(|error| format!("`{text}`: {error}"))?;
        match script.nonsense() {
            Some(why) => Err(why),
            None => Ok(script),
        }
    }

    /// What the comments of a query say: lines that begin with `-- ork:`. Later ones go before earlier ones.
    pub(super) fn of_query(query: &str) -> Result<Self, String> {
        let mut script = Self::default();
        for line in query.lines() {
            let comment = line
                .split_once("--")
                .map(|(_, comment)| comment.trim_start());
            if let Some(text) = comment.and_then(|comment| comment.strip_prefix("ork:")) {
                script = script.overlaid(Self::parse(text.trim())?);
            }
        }
        Ok(script)
    }

    /// What labels say: `ork-seconds: "2"` (or `500ms`), `ork-fail`, `ork-bytes`, `ork-pending-seconds`, `ork-forever`,
    /// `ork-cancel-seconds`, `ork-ignore-cancels`.
    pub(super) fn of_labels(labels: &Value) -> Result<Self, String> {
        let labels: BTreeMap<&str, &str> = labels
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.strip_prefix("ork-")?, value.as_str()?)))
            .collect();
        let mut script = Self::default();
        for (name, text) in labels {
            let wrong = |_| format!("the label ork-{name}: `{text}` is no number");
            match name {
                "seconds" => script.seconds = Some(seconds(name, text)?),
                "pending-seconds" => script.pending_seconds = Some(seconds(name, text)?),
                "cancel-seconds" => script.cancel_seconds = Some(seconds(name, text)?),
                "forever" => script.forever = Some(text != "false"),
                "fail" => script.fail = Some(text.to_owned()),
                "bytes" => script.bytes = Some(text.parse().map_err(wrong)?),
                "ignore-cancels" => script.ignore_cancels = Some(text.parse().map_err(wrong)?),
                // Ork marks what it starts with labels of its own.
                _ => {}
            }
        }
        match script.nonsense() {
            Some(why) => Err(why),
            None => Ok(script),
        }
    }

    /// Why it fails; `None` when it does not.
    pub(crate) fn failure(&self) -> Option<Failure> {
        let text = self.fail.as_deref().filter(|text| !text.is_empty())?;
        let (reason, message) = match text.split_once(':') {
            Some((reason, message)) if !reason.contains(char::is_whitespace) => {
                (reason, message.trim())
            }
            _ if text.contains(char::is_whitespace) => ("internalError", text),
            _ => (text, "The job failed (on demand)."),
        };
        Some(Failure {
            reason: reason.to_owned(),
            message: message.to_owned(),
        })
    }

    pub(crate) fn pending(&self) -> Duration {
        duration(self.pending_seconds)
    }

    /// How long it runs; `None` when it never ends.
    pub(crate) fn running(&self) -> Option<Duration> {
        (self.forever != Some(true)).then(|| duration(self.seconds))
    }

    pub(crate) fn cancelling(&self) -> Duration {
        duration(self.cancel_seconds)
    }
}

/// A checked number of seconds; no time when nothing is said.
fn duration(seconds: Option<f64>) -> Duration {
    Duration::try_from_secs_f64(seconds.unwrap_or(0.0)).unwrap_or_default()
}

/// `2`, `2s` or `500ms`: a label may have no point.
fn seconds(label: &str, text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| format!("the label ork-{label}: `{text}` is no time such as 2 or 500ms"))?;
    Ok(number * scale)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_and_labels_are_read() {
        let query = "-- ork: {\"seconds\": 2}\nSELECT 1 -- ork: {\"fail\": \"invalidQuery: no\"}";
        let script = Script::of_query(query).unwrap();
        assert_eq!(script.seconds, Some(2.0));
        assert_eq!(
            script.failure().unwrap(),
            Failure {
                reason: "invalidQuery".into(),
                message: "no".into()
            }
        );
        let labels =
            json!({"ork-seconds": "500ms", "ork-run": "r1", "ork-bytes": "7", "team": "x"});
        let script = Script::of_labels(&labels).unwrap();
        assert_eq!((script.seconds, script.bytes), (Some(0.5), Some(7)));
    }

    #[test]
    fn nonsense_is_told() {
        for query in [
            "-- ork: {\"second\": 1}",
            "-- ork: {\"seconds\": -1}",
            "-- ork: {",
        ] {
            assert!(Script::of_query(query).is_err(), "{query}");
        }
        assert!(Script::of_labels(&json!({"ork-seconds": "soon"})).is_err());
        assert!(Script::of_query("SELECT 'x' -- orkish").is_ok());
    }

    #[test]
    fn a_time_goes_before_a_forever_that_stood_there() {
        let forever = Script::parse("{\"forever\": true}").unwrap();
        assert_eq!(forever.running(), None);
        let ended = forever.overlaid(Script::parse("{\"seconds\": 0}").unwrap());
        assert_eq!(ended.running(), Some(Duration::ZERO));
    }
}
