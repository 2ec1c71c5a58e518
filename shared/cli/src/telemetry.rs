//! Traces and metrics of the runs that this process executes, where OpenTelemetry's variables say where to.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ork_core::run::{Attempt, RunState};
use ork_core::task::AttemptId;
use ork_engine::Committed;
use ork_local::Measure;
use ork_telemetry::{Identity, Telemetry, TelemetrySettings, names};

use crate::config;
use crate::failure::Failure;
use crate::output::Output;

/// How often a process that goes on sends.
const EVERY: Duration = Duration::from_secs(1);

/// The one of this process, once it executes anything.
static ON: OnceLock<Telemetry> = OnceLock::new();

/// What sends, as an engine is told of it.
#[derive(Debug)]
struct Sends(Telemetry);

impl Measure for Sends {
    fn committed(&self, commit: &Committed, state: &RunState) {
        self.0.record(&names::COMMITS, 1.0, Vec::new);
        self.0.committed(commit, state);
    }
    fn trace(&self, attempt: &AttemptId) -> Option<String> {
        let span = self.0.attempt(&attempt.run, Attempt::from(attempt));
        span.map(|span| span.traceparent())
    }
}

/// Who measures here; nobody unless it is asked for. Within a runtime it is sent from time to time.
pub(crate) fn measure() -> Result<Option<Arc<dyn Measure>>, Failure> {
    let variables: BTreeMap<String, String> = config::whole_environment()
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let settings = TelemetrySettings::read(&variables).map_err(|wrong| {
        let lines: Vec<String> = wrong
            .iter()
            .map(|(variable, what)| format!("{variable} {what}"))
            .collect();
        Failure::new(lines.join("\n")).hint("without OTEL_EXPORTER_OTLP_ENDPOINT nothing is sent")
    })?;
    let Some(settings) = settings else {
        return Ok(None);
    };
    let identity = Identity {
        service: "ork".to_owned(),
        place: String::new(),
        price: None,
        attributes: Vec::new(),
    };
    let made = Telemetry::new(Some(&settings), identity).map_err(Failure::trouble)?;
    let telemetry = ON.get_or_init(|| made).clone();
    let often = telemetry.clone();
    // It ends with the runtime. Without one all is sent at the end.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                often.flush().await;
            }
        });
    }
    Ok(Some(Arc::new(Sends(telemetry))))
}

/// Sends what is left.
pub(crate) async fn flush() {
    if let Some(telemetry) = ON.get() {
        telemetry.flush().await;
    }
}

/// Says at the end of the process what could not be sent.
pub(crate) fn say(out: &Output) {
    if let Some(why) = ON.get().and_then(Telemetry::given_up) {
        out.warn(&why);
    }
}
