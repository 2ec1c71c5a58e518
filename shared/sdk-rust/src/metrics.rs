//! Numbers about a task: one line of JSON each.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Number;

/// What a line on standard error starts with when it is a metric.
const PREFIX: &str = "ORK_METRIC:";

/// Where a task counts and measures: `ctx.metrics`.
///
/// Each number becomes one line of JSON in the file that `ORK_METRICS_FILE` names, or without one a line `ORK_METRIC:<json>` on
/// standard error, which is part of the attempt's log. Ork sets no such file; what stands in the log is
/// sent on where workers are told of a collector (docs/telemetry.md).
///
/// ```
/// # let ctx = ork::Context::default();
/// ctx.metrics.count("rows", 1200);
/// ctx.metrics.tagged(&[("table", "orders")]).gauge("lag_seconds", 3.5);
/// ctx.metrics.timing("query", std::time::Duration::from_millis(80));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    file: Option<PathBuf>,
    tags: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Metric<'a> {
    kind: &'static str,
    name: &'a str,
    value: Number,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    tags: std::collections::BTreeMap<&'a str, &'a str>,
}

impl Metrics {
    pub(crate) fn to_file(file: Option<PathBuf>) -> Self {
        Self {
            file,
            tags: Vec::new(),
        }
    }

    /// The same with tags on every number.
    #[must_use]
    pub fn tagged(&self, tags: &[(&str, &str)]) -> Self {
        let mut tagged = self.clone();
        tagged.tags.extend(
            tags.iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        tagged
    }
    /// Something happened `value` times. Counts of one name are to be added up by whoever reads them.
    pub fn count(&self, name: &str, value: impl Amount) {
        self.record("count", name, value.number());
    }
    /// A level. To whoever reads them, the last one of a name holds.
    pub fn gauge(&self, name: &str, value: impl Amount) {
        self.record("gauge", name, value.number());
    }
    /// How long something took; it is told in seconds.
    pub fn timing(&self, name: &str, took: std::time::Duration) {
        self.record("timing", name, took.as_secs_f64().number());
    }

    fn record(&self, kind: &'static str, name: &str, value: Option<Number>) {
        let Some(value) = value else {
            // Not worth the task, but not to be lost without a word.
            return say(format_args!(
                "WARNING the {kind} `{name}` is not a finite number and was left out"
            ));
        };
        let tags = self
            .tags
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        let metric = Metric {
            kind,
            name,
            value,
            tags: tags.collect(),
        };
        let json = serde_json::to_string(&metric).expect("a metric is texts and a finite number");
        let Some(file) = &self.file else {
            return say(format_args!("{PREFIX}{json}"));
        };
        // One write for the line: others append to the same file.
        let written = OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .and_then(|mut open| open.write_all(format!("{json}\n").as_bytes()));
        if let Err(error) = written {
            say(format_args!(
                "WARNING the {kind} `{name}` cannot be written to {}: {error}",
                file.display()
            ));
        }
    }
}

fn say(line: impl Display) {
    // Without a standard error there is nobody to tell.
    let _ = std::io::stderr()
        .lock()
        .write_all(format!("{line}\n").as_bytes());
}

/// What a metric can be made of: whole numbers and floating ones.
pub trait Amount: sealed::Sealed {}

mod sealed {
    pub trait Sealed {
        /// `None` for what JSON has no number for.
        fn number(self) -> Option<serde_json::Number>;
    }
}
use sealed::Sealed as _;

macro_rules! whole {
    ($($ty:ty),*) => {$(
        impl Amount for $ty {}
        impl sealed::Sealed for $ty {
            fn number(self) -> Option<Number> {
                Some(Number::from(self))
            }
        }
    )*};
}
whole!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl Amount for f64 {}
impl sealed::Sealed for f64 {
    fn number(self) -> Option<Number> {
        Number::from_f64(self)
    }
}
impl Amount for f32 {}
impl sealed::Sealed for f32 {
    fn number(self) -> Option<Number> {
        Number::from_f64(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_a_line_of_json() {
        let file = std::env::temp_dir().join(format!("ork-metrics-{}", std::process::id()));
        let metrics = Metrics::to_file(Some(file.clone()));
        metrics.count("rows", 3_usize);
        metrics
            .tagged(&[("table", "t")])
            .tagged(&[("day", "x")])
            .gauge("lag", -0.5);
        metrics.timing("query", std::time::Duration::from_millis(1500));
        metrics.gauge("lost", f64::NAN);
        let found = std::fs::read_to_string(&file).expect("written");
        std::fs::remove_file(&file).expect("it is there");
        let expected = [
            r#"{"kind":"count","name":"rows","value":3}"#,
            r#"{"kind":"gauge","name":"lag","value":-0.5,"tags":{"day":"x","table":"t"}}"#,
            r#"{"kind":"timing","name":"query","value":1.5}"#,
            "",
        ];
        assert_eq!(found, expected.join("\n"));
    }
}
