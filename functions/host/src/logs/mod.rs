//! Logs: one JSON line for each event, as Cloud Logging reads it; lines for people on a terminal.
//!
//! A formatter of our own, because the crates that write this format cannot join a line to the trace of its request.

mod fields;
mod line;
mod trace;

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use fields::Fields;
pub use trace::TraceContext;

use crate::settings::LogLevel;

/// How lines look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Style {
    /// JSON for Cloud Logging; the project is part of a trace's name.
    Json {
        /// Google Cloud project.
        project: String,
    },
    /// A line for people.
    Plain,
}

impl Style {
    /// Lines for people where people look, JSON everywhere else.
    pub fn fitting(project: &str) -> Self {
        if io::stderr().is_terminal() {
            Self::Plain
        } else {
            Self::Json {
                project: project.to_owned(),
            }
        }
    }
}

/// Where lines go.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Writes events as lines.
struct Lines {
    style: Style,
    sink: Sink,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }
    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(fields);
        }
    }
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.put_under(of_span);
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        own.put_under(&fields);
        let line = line::line(&self.style, event.metadata(), own, jiff::Timestamp::now());
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written cannot be complained about either.
        let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
    }
}

/// What collects events: Ork's own from `level` up, other crates' warnings only.
pub fn subscriber(style: Style, level: LogLevel, sink: Sink) -> impl Subscriber + Send + Sync {
    let own = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // At `trace` what the clients send is of interest too. They take URLs apart in their lines, so not below that.
    let others = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Trace => LevelFilter::DEBUG,
        LogLevel::Warn | LogLevel::Info | LogLevel::Debug => LevelFilter::WARN,
    };
    let filter = Targets::new().with_default(others).with_target("ork", own);
    Registry::default().with(Lines { style, sink }.with_filter(filter))
}

/// From now on events are lines on standard error, and a panic is one of severity CRITICAL. The first call of a process counts.
pub fn install(style: Style, level: LogLevel) {
    let sink: Sink = Arc::new(Mutex::new(io::stderr()));
    if tracing::subscriber::set_global_default(subscriber(style, level, sink)).is_ok() {
        panic::set_hook(Box::new(report_panic));
    }
}

/// Makes a line of a panic.
pub fn report_panic(info: &panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let why = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("something that is not text");
    let place = info.location().map(ToString::to_string);
    tracing::error!(
        severity = "CRITICAL",
        place = place.unwrap_or_default(),
        "panic: {why}"
    );
}
