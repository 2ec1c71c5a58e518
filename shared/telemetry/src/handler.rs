//! The span of a request: a trace of its own unless it came with one, linked to the runs it touched and to the message it came by.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use ork_core::ids::RunId;

use crate::gathered::{count, key};
use crate::ids::Context;
use crate::names;
use crate::runs::link;
use crate::telemetry::{Telemetry, nanos};

/// Links that a span keeps: a tick may look at many runs.
const LINKS: usize = 128;

tokio::task_local! {
    static CURRENT: Handler;
}

/// A request that is being worked on. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Handler(Option<Arc<Open>>);

#[derive(Debug)]
struct Open {
    telemetry: Telemetry,
    context: Option<Context>,
    parent: Option<Context>,
    /// When it came, by the two clocks.
    began: (SystemTime, Instant),
    links: Mutex<BTreeSet<Context>>,
}

impl Telemetry {
    /// A request that came with `parent` begins.
    pub fn handler(&self, parent: Option<Context>) -> Handler {
        if !self.is_on() {
            return Handler(None);
        }
        Handler(Some(Arc::new(Open {
            telemetry: self.clone(),
            context: self.request(parent),
            parent,
            began: (SystemTime::now(), Instant::now()),
            links: Mutex::default(),
        })))
    }
}

impl Handler {
    /// Does `work` as a part of this request.
    pub async fn scope<F: Future>(&self, work: F) -> F::Output {
        CURRENT.scope(self.clone(), work).await
    }

    /// The request was answered: `route` is the pattern of its path, `service` who answered.
    pub fn answered(&self, method: &str, route: &str, status: u16) {
        let Some(open) = &self.0 else { return };
        let took = open.began.1.elapsed();
        open.telemetry
            .record(&names::REQUEST_DURATION, took.as_secs_f64(), || {
                vec![
                    ("http.request.method".to_owned(), method.to_owned()),
                    ("http.route".to_owned(), route.to_owned()),
                    ("http.response.status_code".to_owned(), status.to_string()),
                ]
            });
        let Some(context) = open.context.filter(|context| context.sampled) else {
            return;
        };
        let links = open.links.lock().unwrap_or_else(PoisonError::into_inner);
        let parent = open.parent;
        open.telemetry.add_span(|| Span {
            trace_id: context.trace.0.to_vec(),
            span_id: context.span.0.to_vec(),
            parent_span_id: parent.map_or_else(Vec::new, |parent| parent.span.0.to_vec()),
            flags: 1,
            name: format!("{method} {route}"),
            kind: SpanKind::Server as i32,
            start_time_unix_nano: nanos(open.began.0),
            end_time_unix_nano: nanos(open.began.0 + took),
            attributes: vec![
                key("http.request.method", method),
                key("http.route", route),
                count("http.response.status_code", status),
            ],
            links: links.iter().copied().map(link).collect(),
            status: Some(Status {
                code: if status >= 500 {
                    StatusCode::Error as i32
                } else {
                    StatusCode::Unset as i32
                },
                ..Status::default()
            }),
            ..Span::default()
        });
    }
}

/// Does `work`, which goes on by itself, as a part of the request that this is called in.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let current = CURRENT.try_with(Clone::clone).unwrap_or_default();
    CURRENT.scope(current, work)
}

fn with(what: impl FnOnce(&Open)) {
    // Outside of a request there is nobody to tell.
    let _ = CURRENT.try_with(|handler| {
        if let Some(open) = &handler.0 {
            what(open);
        }
    });
}

fn add_link(open: &Open, to: Context) {
    let mut links = open.links.lock().unwrap_or_else(PoisonError::into_inner);
    if links.len() < LINKS {
        links.insert(to);
    }
}

/// The request at work has to do with `run`.
pub fn touch(telemetry: &Telemetry, run: &RunId) {
    if let Some(context) = telemetry.run(run) {
        with(|open| add_link(open, context));
    }
}

/// The request at work came by a message that was sent by this.
pub fn came_by(traceparent: &str) {
    if let Some(context) = Context::parse(traceparent) {
        with(|open| add_link(open, context));
    }
}

/// What a message that is sent now says it was sent by; nothing outside of a request, or of one that is not recorded.
pub fn traceparent() -> Option<String> {
    let mut found = None;
    with(|open| found = open.context.filter(|context| context.sampled));
    found.map(|context| context.traceparent())
}
