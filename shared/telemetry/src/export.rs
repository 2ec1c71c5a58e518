//! Sending: one POST for traces, one for metrics, within bounded time, and not at all for a while after that failed.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::gathered::Gathered;
use crate::settings::TelemetrySettings;

/// Spans of one request: collectors take a few MiB.
const TOGETHER: usize = 2_048;
/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// What became of an export.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Spans that did not arrive.
    pub(crate) spans: u64,
    /// Points that did not arrive.
    pub(crate) points: u64,
    /// Why not; the first reason.
    pub(crate) trouble: Option<String>,
    /// Whether the collector is not worth another try for a while.
    pub(crate) down: bool,
}

/// Knows the collector.
#[derive(Debug)]
pub(crate) struct Exporter {
    client: Client,
    traces: Option<String>,
    metrics: Option<String>,
    timeout: Duration,
    resource: Resource,
}

impl Exporter {
    pub(crate) fn new(settings: &TelemetrySettings, resource: Resource) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let pair = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            );
            // The settings were checked; a value that came another way is missing at the collector, which says so.
            if let (Ok(name), Ok(mut value)) = pair {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        let kind = HeaderValue::from_static("application/x-protobuf");
        headers.insert(CONTENT_TYPE, kind);
        let client = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("ork/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("the client of the collector cannot be made: {error}"))?;
        Ok(Self {
            client,
            traces: settings.traces.clone(),
            metrics: settings.metrics.clone(),
            timeout: settings.timeout,
            resource,
        })
    }

    pub(crate) const fn has_traces(&self) -> bool {
        self.traces.is_some()
    }

    pub(crate) const fn has_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends what was gathered. Takes no longer than its time.
    pub(crate) async fn send(&self, gathered: Gathered, now: u64) -> Sent {
        let (spans, points) = (gathered.spans.len() as u64, gathered.points());
        let sending = async {
            let metrics = self.metrics(&gathered, now);
            // One after the other: the connection is the same, and a collector that is down is noticed once.
            let mut sent = metrics.await;
            if !sent.down {
                let traces = self.traces(gathered.spans).await;
                sent.spans = traces.spans;
                sent.down |= traces.down;
                sent.trouble = sent.trouble.or(traces.trouble);
            } else {
                sent.spans = spans;
            }
            sent
        };
        match tokio::time::timeout(self.timeout, sending).await {
            Ok(sent) => sent,
            Err(_) => Sent {
                spans,
                points,
                trouble: Some(format!(
                    "it did not answer within {} ms (OTEL_EXPORTER_OTLP_TIMEOUT)",
                    self.timeout.as_millis()
                )),
                down: true,
            },
        }
    }

    async fn traces(&self, spans: Vec<Span>) -> Sent {
        let mut sent = Sent::default();
        let Some(url) = &self.traces else {
            return sent;
        };
        for spans in spans.chunks(TOGETHER) {
            let number = spans.len() as u64;
            if sent.down {
                sent.spans += number;
                continue;
            }
            let request = ExportTraceServiceRequest {
                resource_spans: vec![ResourceSpans {
                    resource: Some(self.resource.clone()),
                    scope_spans: vec![ScopeSpans {
                        scope: scope(),
                        spans: spans.to_vec(),
                        ..ScopeSpans::default()
                    }],
                    ..ResourceSpans::default()
                }],
            };
            match self.post(url, request.encode_to_vec()).await {
                Ok(answer) => {
                    let partial = ExportTraceServiceResponse::decode(&*answer)
                        .ok()
                        .and_then(|answer| answer.partial_success);
                    if let Some(partial) = partial.filter(|partial| partial.rejected_spans > 0) {
                        sent.spans += u64::try_from(partial.rejected_spans).unwrap_or(0);
                        let why = || format!("it refused spans: {}", partial.error_message);
                        sent.trouble.get_or_insert_with(why);
                    }
                }
                Err(trouble) => {
                    sent.spans += number;
                    sent.down = true;
                    sent.trouble = Some(trouble);
                }
            }
        }
        sent
    }

    async fn metrics(&self, gathered: &Gathered, now: u64) -> Sent {
        let mut sent = Sent::default();
        let metrics = gathered.metrics(now);
        let Some(url) = self.metrics.as_ref().filter(|_| !metrics.is_empty()) else {
            return sent;
        };
        let request = ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: scope(),
                    metrics,
                    ..ScopeMetrics::default()
                }],
                ..ResourceMetrics::default()
            }],
        };
        match self.post(url, request.encode_to_vec()).await {
            Ok(answer) => {
                let partial = ExportMetricsServiceResponse::decode(&*answer)
                    .ok()
                    .and_then(|answer| answer.partial_success);
                if let Some(partial) = partial.filter(|partial| partial.rejected_data_points > 0) {
                    sent.points = u64::try_from(partial.rejected_data_points).unwrap_or(0);
                    sent.trouble = Some(format!(
                        "it refused points of metrics: {}",
                        partial.error_message
                    ));
                }
            }
            Err(trouble) => {
                sent.points = gathered.points();
                sent.down = true;
                sent.trouble = Some(trouble);
            }
        }
        sent
    }

    /// The answer's body, cut; or why there is none.
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let answer = self.client.post(url).body(body).send().await;
        let mut answer = answer.map_err(|error| {
            let error = error.without_url();
            let mut why = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                why = inner.to_string();
                cause = inner.source();
            }
            format!("it cannot be reached: {why}")
        })?;
        let status = answer.status();
        let mut read = Vec::new();
        while let Ok(Some(part)) = answer.chunk().await {
            if read.len() + part.len() > ANSWER {
                break;
            }
            read.extend_from_slice(&part);
        }
        if status.is_success() {
            Ok(read)
        } else {
            Err(format!("it answered {status}"))
        }
    }
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "ork".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    })
}
