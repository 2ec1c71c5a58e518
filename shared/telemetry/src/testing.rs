//! For tests: a collector that keeps what it is sent, as OTLP over HTTP has it, and can be slow, refuse, or break.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
pub use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

/// How a recorder answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    /// It takes everything.
    #[default]
    Takes,
    /// It answers with 500.
    Breaks,
    /// It never answers.
    Hangs,
}

/// A collector on a free port of this machine, which ends with the runtime.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// What to put into `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub endpoint: String,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    spans: Mutex<Vec<Span>>,
    points: Mutex<Vec<Point>>,
    resource: Mutex<BTreeMap<String, String>>,
    headers: Mutex<HeaderMap>,
    requests: AtomicU64,
    manner: Mutex<Manner>,
}

/// A point of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric's name.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// The point's attributes.
    pub attributes: BTreeMap<String, String>,
    /// How many numbers are in it; 1 where that is not told.
    pub count: u64,
    /// What they come to.
    pub sum: f64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attribute as text.
fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let one = |attribute: &KeyValue| {
        let value = attribute.value.as_ref().and_then(|any| any.value.as_ref());
        let text = match value {
            Some(Value::StringValue(text)) => text.clone(),
            Some(Value::IntValue(number)) => number.to_string(),
            Some(Value::BoolValue(yes)) => yes.to_string(),
            other => format!("{other:?}"),
        };
        (attribute.key.clone(), text)
    };
    attributes.iter().map(one).collect()
}

/// The attributes of a span as texts.
pub fn attributes(span: &Span) -> BTreeMap<String, String> {
    texts(&span.attributes)
}

/// An id in hexadecimal digits.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Recorder {
    /// Opens a port and records what comes.
    pub async fn start() -> Self {
        let inner = Arc::new(Inner::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let routes = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            endpoint: format!("http://{address}"),
            inner,
        }
    }
    /// Answers like this from now on.
    pub fn set(&self, manner: Manner) {
        *lock(&self.inner.manner) = manner;
    }
    /// Requests that came so far.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(SeqCst)
    }
    /// Every span so far, in the order they came.
    pub fn spans(&self) -> Vec<Span> {
        lock(&self.inner.spans).clone()
    }
    /// Every point so far.
    pub fn points(&self) -> Vec<Point> {
        lock(&self.inner.points).clone()
    }
    /// How many numbers of a metric came, and their sum, of the points whose attributes have these values.
    pub fn sum(&self, metric: &str, attributes: &[(&str, &str)]) -> (u64, f64) {
        let points = self.points();
        let fits = |point: &&Point| {
            point.metric == metric
                && attributes.iter().all(|(name, value)| {
                    point.attributes.get(*name).map(String::as_str) == Some(*value)
                })
        };
        let found = points.iter().filter(fits);
        found.fold((0, 0.0), |(count, sum), point| {
            (count + point.count, sum + point.sum)
        })
    }
    /// Who sent last.
    pub fn resource(&self) -> BTreeMap<String, String> {
        lock(&self.inner.resource).clone()
    }
    /// A header of the last request.
    pub fn header(&self, name: &str) -> Option<String> {
        let headers = lock(&self.inner.headers);
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }
}

impl Inner {
    /// Notes a request; an answer where there is nothing to be taken.
    async fn comes(&self, headers: &HeaderMap) -> Option<Response> {
        self.requests.fetch_add(1, SeqCst);
        *lock(&self.headers) = headers.clone();
        let manner = *lock(&self.manner);
        match manner {
            Manner::Takes => None,
            Manner::Breaks => Some(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
            Manner::Hangs => std::future::pending().await,
        }
    }
}

fn broken(error: &prost::DecodeError) -> Response {
    (StatusCode::BAD_REQUEST, error.to_string()).into_response()
}

async fn traces(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(answer) = inner.comes(&headers).await {
        return answer;
    }
    let request = match ExportTraceServiceRequest::decode(body) {
        Ok(request) => request,
        Err(error) => return broken(&error),
    };
    for of_resource in request.resource_spans {
        if let Some(resource) = &of_resource.resource {
            *lock(&inner.resource) = texts(&resource.attributes);
        }
        let spans = of_resource
            .scope_spans
            .into_iter()
            .flat_map(|one| one.spans);
        lock(&inner.spans).extend(spans);
    }
    ExportTraceServiceResponse::default()
        .encode_to_vec()
        .into_response()
}

async fn metrics(State(inner): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(answer) = inner.comes(&headers).await {
        return answer;
    }
    let request = match ExportMetricsServiceRequest::decode(body) {
        Ok(request) => request,
        Err(error) => return broken(&error),
    };
    let mut points = lock(&inner.points);
    for of_resource in request.resource_metrics {
        if let Some(resource) = &of_resource.resource {
            *lock(&inner.resource) = texts(&resource.attributes);
        }
        for metric in of_resource
            .scope_metrics
            .into_iter()
            .flat_map(|one| one.metrics)
        {
            let mut add = |attributes: &[KeyValue], count: u64, sum: f64| {
                points.push(Point {
                    metric: metric.name.clone(),
                    unit: metric.unit.clone(),
                    attributes: texts(attributes),
                    count,
                    sum,
                });
            };
            let number = |value: Option<number_data_point::Value>| match value {
                Some(number_data_point::Value::AsDouble(value)) => value,
                Some(number_data_point::Value::AsInt(_)) | None => f64::NAN,
            };
            match &metric.data {
                Some(Data::Sum(sum)) => {
                    for point in &sum.data_points {
                        add(&point.attributes, 1, number(point.value));
                    }
                }
                Some(Data::Gauge(gauge)) => {
                    for point in &gauge.data_points {
                        add(&point.attributes, 1, number(point.value));
                    }
                }
                Some(Data::Histogram(histogram)) => {
                    for point in &histogram.data_points {
                        add(
                            &point.attributes,
                            point.count,
                            point.sum.unwrap_or(f64::NAN),
                        );
                    }
                }
                _ => {}
            }
        }
    }
    ExportMetricsServiceResponse::default()
        .encode_to_vec()
        .into_response()
}
