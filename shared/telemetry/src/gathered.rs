//! What was measured and has not been sent: spans, and metrics added up since the last export.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1 as otlp;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::names::{self, Kind, Metric};

/// Spans that are kept until they are sent; two commits of the largest kind have 2,000.
pub(crate) const SPANS: usize = 8_192;
/// Points of metrics with different attributes that are kept apart. What goes beyond is added up as OpenTelemetry's overflow.
pub(crate) const SERIES: usize = 2_000;
/// The attribute of the overflow.
const OVERFLOW: &str = "otel.metric.overflow";

/// Attributes of a point, by name.
pub(crate) type Attributes = Vec<(String, String)>;

/// Which series: metric and attributes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    metric: String,
    attributes: Attributes,
}

/// The numbers of one series since the last export.
#[derive(Debug, Clone, PartialEq)]
enum Point {
    Sum {
        value: f64,
        monotonic: bool,
    },
    Last {
        value: f64,
        at: u64,
    },
    Buckets {
        bounds: &'static [f64],
        counts: Vec<u64>,
        sum: f64,
        min: f64,
        max: f64,
    },
}

/// What one number does to its series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    /// It is added; whether it can only grow.
    Add { value: f64, monotonic: bool },
    /// It is the level from now on.
    Level { value: f64, at: u64 },
    /// It falls into one of the buckets.
    Measured { value: f64, bounds: &'static [f64] },
}

/// Units and kinds of series are told once for each name.
#[derive(Debug, Clone, Default)]
struct About {
    unit: String,
    about: String,
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) spans: Vec<Span>,
    series: BTreeMap<Series, Point>,
    about: BTreeMap<String, About>,
    /// Spans for which there was no room.
    pub(crate) crowded_out: u64,
    /// When the numbers began to be gathered, in nanoseconds since 1970.
    since: u64,
}

impl Gathered {
    pub(crate) fn from(since: u64) -> Self {
        Self {
            since,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty() && self.series.is_empty() && self.crowded_out == 0
    }

    pub(crate) fn span(&mut self, span: Span) {
        if self.spans.len() < SPANS {
            self.spans.push(span);
        } else {
            self.crowded_out += 1;
        }
    }

    /// Counts or measures a metric of the table.
    pub(crate) fn record(&mut self, metric: &Metric, value: f64, attributes: Attributes) {
        let number = match metric.kind {
            Kind::Counter => Number::Add {
                value,
                monotonic: true,
            },
            Kind::Histogram(bounds) => Number::Measured { value, bounds },
        };
        self.number(metric.name, metric.unit, metric.about, number, attributes);
    }

    /// The same for any name; `false`: the name means something else already.
    pub(crate) fn number(
        &mut self,
        name: &str,
        unit: &str,
        about: &str,
        number: Number,
        mut attributes: Attributes,
    ) -> bool {
        attributes.sort();
        let full = self.series.len() >= SERIES;
        let mut series = Series {
            metric: name.to_owned(),
            attributes,
        };
        if full && !self.series.contains_key(&series) {
            series.attributes = vec![(OVERFLOW.to_owned(), "true".to_owned())];
        }
        // All series of a name are of one kind.
        let first = Series {
            metric: name.to_owned(),
            attributes: Vec::new(),
        };
        let of_name = self
            .series
            .range(first..)
            .next()
            .filter(|(one, _)| one.metric == name);
        if of_name.is_some_and(|(_, point)| !point.takes(number)) {
            return false;
        }
        self.about.entry(name.to_owned()).or_insert_with(|| About {
            unit: unit.to_owned(),
            about: about.to_owned(),
        });
        match self.series.entry(series) {
            Entry::Occupied(mut known) => known.get_mut().add(number),
            Entry::Vacant(new) => {
                new.insert(Point::of(number));
            }
        }
        true
    }

    /// The points there are.
    pub(crate) fn points(&self) -> u64 {
        self.series.len() as u64
    }

    /// The metrics as OTLP has them, as of `now`.
    pub(crate) fn metrics(&self, now: u64) -> Vec<otlp::Metric> {
        let mut metrics: Vec<otlp::Metric> = Vec::new();
        for (series, point) in &self.series {
            if metrics.last().is_none_or(|last| last.name != series.metric) {
                let about = self.about.get(&series.metric).cloned().unwrap_or_default();
                metrics.push(otlp::Metric {
                    name: series.metric.clone(),
                    unit: about.unit,
                    description: about.about,
                    ..otlp::Metric::default()
                });
            }
            if let Some(metric) = metrics.last_mut() {
                point.write(metric, &series.attributes, self.since, now);
            }
        }
        metrics
    }
}

impl Point {
    fn of(number: Number) -> Self {
        match number {
            Number::Add { value, monotonic } => Self::Sum { value, monotonic },
            Number::Level { value, at } => Self::Last { value, at },
            Number::Measured { bounds, .. } => {
                let mut point = Self::Buckets {
                    bounds,
                    counts: vec![0; bounds.len() + 1],
                    sum: 0.0,
                    min: f64::INFINITY,
                    max: f64::NEG_INFINITY,
                };
                point.add(number);
                point
            }
        }
    }

    fn takes(&self, number: Number) -> bool {
        matches!(
            (self, number),
            (Self::Sum { .. }, Number::Add { .. })
                | (Self::Last { .. }, Number::Level { .. })
                | (Self::Buckets { .. }, Number::Measured { .. })
        )
    }

    fn add(&mut self, number: Number) {
        match (self, number) {
            (
                Self::Sum { value, monotonic },
                Number::Add {
                    value: more,
                    monotonic: still,
                },
            ) => {
                *value += more;
                *monotonic &= still;
            }
            (
                Self::Last { value, at },
                Number::Level {
                    value: new,
                    at: now,
                },
            ) => {
                (*value, *at) = (new, now);
            }
            (
                Self::Buckets {
                    bounds,
                    counts,
                    sum,
                    min,
                    max,
                },
                Number::Measured { value, .. },
            ) => {
                // A bound belongs to the bucket below it.
                let bucket = bounds.partition_point(|bound| *bound < value);
                counts[bucket] += 1;
                *sum += value;
                *min = min.min(value);
                *max = max.max(value);
            }
            // Whoever adds has asked whether it fits.
            _ => {}
        }
    }

    fn write(&self, metric: &mut otlp::Metric, attributes: &Attributes, since: u64, now: u64) {
        use otlp::metric::Data;
        let attributes = keys(attributes);
        let number = |value: f64, at: u64| otlp::NumberDataPoint {
            attributes: attributes.clone(),
            start_time_unix_nano: since,
            time_unix_nano: at,
            value: Some(otlp::number_data_point::Value::AsDouble(value)),
            ..otlp::NumberDataPoint::default()
        };
        let delta = otlp::AggregationTemporality::Delta as i32;
        match self {
            Self::Sum { value, monotonic } => {
                let data = metric.data.get_or_insert_with(|| {
                    Data::Sum(otlp::Sum {
                        data_points: Vec::new(),
                        aggregation_temporality: delta,
                        is_monotonic: true,
                    })
                });
                if let Data::Sum(sum) = data {
                    sum.is_monotonic &= monotonic;
                    sum.data_points.push(number(*value, now));
                }
            }
            Self::Last { value, at } => {
                let data = metric
                    .data
                    .get_or_insert_with(|| Data::Gauge(otlp::Gauge::default()));
                if let Data::Gauge(gauge) = data {
                    gauge.data_points.push(number(*value, *at));
                }
            }
            Self::Buckets {
                bounds,
                counts,
                sum,
                min,
                max,
            } => {
                let data = metric.data.get_or_insert_with(|| {
                    Data::Histogram(otlp::Histogram {
                        data_points: Vec::new(),
                        aggregation_temporality: delta,
                    })
                });
                if let Data::Histogram(histogram) = data {
                    histogram.data_points.push(otlp::HistogramDataPoint {
                        attributes,
                        start_time_unix_nano: since,
                        time_unix_nano: now,
                        count: counts.iter().sum(),
                        sum: Some(*sum),
                        bucket_counts: counts.clone(),
                        explicit_bounds: bounds.to_vec(),
                        min: Some(*min),
                        max: Some(*max),
                        ..otlp::HistogramDataPoint::default()
                    });
                }
            }
        }
    }
}

/// A text as OTLP has it.
pub(crate) fn text(value: impl Into<String>) -> Option<AnyValue> {
    Some(AnyValue {
        value: Some(Value::StringValue(value.into())),
    })
}

/// An attribute that is a text.
pub(crate) fn key(name: &str, value: impl Into<String>) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: text(value),
        ..KeyValue::default()
    }
}

/// An attribute that is a number.
pub(crate) fn count(name: &str, value: impl Into<i64>) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::IntValue(value.into())),
        }),
        ..KeyValue::default()
    }
}

/// Attributes of a point. The status of an answer and the overflow are not texts by convention.
fn keys(attributes: &Attributes) -> Vec<KeyValue> {
    let one = |(name, value): &(String, String)| {
        if name == OVERFLOW {
            return KeyValue {
                key: name.clone(),
                value: Some(AnyValue {
                    value: Some(Value::BoolValue(true)),
                }),
                ..KeyValue::default()
            };
        }
        match value.parse::<i64>() {
            Ok(number) if name == "http.response.status_code" => count(name, number),
            _ => key(name, value.clone()),
        }
    };
    attributes.iter().map(one).collect()
}

/// The attributes of an attempt's points.
pub(crate) fn of_task(workflow: &str, task: &str) -> Attributes {
    vec![
        (names::WORKFLOW.to_owned(), workflow.to_owned()),
        (names::TASK.to_owned(), task.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_added_up_by_name_and_attributes() {
        let mut gathered = Gathered::from(1);
        for (task, seconds) in [("a", 0.005), ("a", 0.3), ("b", 7_200.0)] {
            gathered.record(&names::QUEUE_DELAY, seconds, of_task("w", task));
        }
        gathered.record(&names::COMMITS, 1.0, Vec::new());
        gathered.record(&names::COMMITS, 1.0, Vec::new());
        let metrics = gathered.metrics(9);
        let names: Vec<&str> = metrics.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["ork.store.commits", "ork.task.queue_delay"]);
        let Some(otlp::metric::Data::Sum(sum)) = &metrics[0].data else {
            panic!("{metrics:?}");
        };
        let value = sum.data_points[0].value;
        assert_eq!(value, Some(otlp::number_data_point::Value::AsDouble(2.0)));
        assert!(sum.is_monotonic);
        let Some(otlp::metric::Data::Histogram(histogram)) = &metrics[1].data else {
            panic!("{metrics:?}");
        };
        let [a, b] = &histogram.data_points[..] else {
            panic!("{histogram:?}");
        };
        assert_eq!((a.count, a.bucket_counts[0], a.sum), (2, 1, Some(0.305)));
        // Longer than the last bound.
        assert_eq!(b.bucket_counts.last(), Some(&1));
        assert_eq!(b.bucket_counts.len(), b.explicit_bounds.len() + 1);
        assert_eq!((a.start_time_unix_nano, a.time_unix_nano), (1, 9));
    }

    #[test]
    fn what_would_be_too_many_series_is_added_up_as_one() {
        let mut gathered = Gathered::default();
        for n in 0..SERIES + 10 {
            gathered.record(&names::RETRIES, 1.0, of_task("w", &n.to_string()));
        }
        assert_eq!(gathered.points(), SERIES as u64 + 1);
        let metrics = gathered.metrics(0);
        let Some(otlp::metric::Data::Sum(sum)) = &metrics[0].data else {
            panic!("{metrics:?}");
        };
        let over = sum.data_points.iter().find(|point| {
            let first = point.attributes.first();
            first.is_some_and(|one| one.key == OVERFLOW)
        });
        let value = over.and_then(|point| point.value);
        assert_eq!(value, Some(otlp::number_data_point::Value::AsDouble(10.0)));
    }

    #[test]
    fn a_name_is_of_one_kind() {
        let mut gathered = Gathered::default();
        let add = Number::Add {
            value: 1.0,
            monotonic: true,
        };
        let level = Number::Level { value: 1.0, at: 1 };
        assert!(gathered.number("n", "", "", add, vec![("a".into(), "1".into())]));
        assert!(!gathered.number("n", "", "", level, Vec::new()));
        assert!(gathered.number("m", "", "", level, Vec::new()));
    }

    #[test]
    fn more_spans_than_there_is_room_for_are_counted() {
        let mut gathered = Gathered::default();
        for _ in 0..SPANS + 3 {
            gathered.span(Span::default());
        }
        assert_eq!((gathered.spans.len(), gathered.crowded_out), (SPANS, 3));
    }
}
