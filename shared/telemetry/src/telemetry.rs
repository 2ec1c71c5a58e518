//! The one thing that others hold: what is told of runs and requests becomes spans and metrics, and is sent when a request ends.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use ork_core::ids::RunId;
use ork_core::run::Attempt;
use ork_core::usage::Usage;

use crate::export::Exporter;
use crate::gathered::{Attributes, Gathered, key};
use crate::ids::{Context, SpanId, TraceId, span_of_attempt, span_of_run, trace_of};
use crate::names::{self, Metric};
use crate::sampling::Sampler;
use crate::settings::TelemetrySettings;

/// How long a collector is left alone after it could not be reached: nobody waits for it meanwhile.
pub const REST: Duration = Duration::from_secs(30);

/// Who sends, and what of.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The service, such as `ork-dispatch`; settings may name another.
    pub service: String,
    /// Which deployment the runs are of: a part of the ids of their traces. The project, or nothing on a laptop.
    pub place: String,
    /// What use costs, in billionths of a US dollar; `None`: nobody says.
    pub price: Option<fn(&Usage) -> u64>,
    /// Further attributes of whoever sends.
    pub attributes: Vec<(&'static str, String)>,
}

/// Records and sends, or does nothing at all. Clones are the same.
#[derive(Clone, Default)]
pub struct Telemetry(Option<Arc<Inner>>);

struct Inner {
    exporter: Exporter,
    sampler: Sampler,
    place: String,
    price: Option<fn(&Usage) -> u64>,
    gathered: Mutex<Gathered>,
    health: Mutex<Health>,
    /// Whoever sends has it; the others wait and find that all was sent.
    sending: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Health {
    /// Not before this.
    rests_until: Option<Instant>,
    /// Why it fails, once that was said.
    why: Option<String>,
    /// What was given up since it was last said or sent.
    dropped: (u64, u64),
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Telemetry").field(&self.is_on()).finish()
    }
}

/// It is a connection, so one is the same as itself only.
impl PartialEq for Telemetry {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Telemetry {}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nanoseconds since 1970.
pub(crate) fn nanos(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Random bytes, never all zeroes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness spans of requests cannot be told apart; runs and attempts have ids of their own.
    if getrandom::fill(&mut bytes).is_err() || bytes == [0; N] {
        bytes[N - 1] = 1;
    }
    bytes
}

impl Telemetry {
    /// Nothing is recorded, nothing is sent, nothing is added to what others send.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Sends where `settings` say, as `identity`; nothing without settings.
    pub fn new(settings: Option<&TelemetrySettings>, identity: Identity) -> Result<Self, String> {
        let Some(settings) = settings else {
            return Ok(Self::off());
        };
        let exporter = Exporter::new(settings, resource(settings, &identity))?;
        let now = nanos(SystemTime::now());
        Ok(Self(Some(Arc::new(Inner {
            exporter,
            sampler: settings.sampler,
            place: identity.place,
            price: identity.price,
            gathered: Mutex::new(Gathered::from(now)),
            health: Mutex::default(),
            sending: tokio::sync::Mutex::default(),
        }))))
    }

    /// Whether anything is sent.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether spans are.
    pub fn has_traces(&self) -> bool {
        self.0.as_ref().is_some_and(|on| on.exporter.has_traces())
    }

    /// The span of a run, if spans are sent and its trace is recorded.
    pub fn run(&self, run: &RunId) -> Option<Context> {
        let on = self.0.as_ref().filter(|on| on.exporter.has_traces())?;
        let trace = trace_of(&on.place, run);
        on.sampler.records(trace).then(|| Context {
            trace,
            span: span_of_run(run),
            sampled: true,
        })
    }

    /// The span of an attempt, under the same conditions.
    pub fn attempt(&self, run: &RunId, attempt: Attempt) -> Option<Context> {
        let root = self.run(run)?;
        Some(Context {
            span: span_of_attempt(run, attempt),
            ..root
        })
    }

    /// Where a request stands that came with `parent`, if spans are sent.
    pub(crate) fn request(&self, parent: Option<Context>) -> Option<Context> {
        let on = self.0.as_ref().filter(|on| on.exporter.has_traces())?;
        let trace = parent.map_or_else(|| TraceId(random()), |parent| parent.trace);
        let decided = parent.map(|parent| parent.sampled);
        Some(Context {
            trace,
            span: SpanId(random()),
            sampled: on.sampler.records_request(trace, decided),
        })
    }

    /// What use costs in US dollars, where that is known.
    pub(crate) fn dollars(
        &self,
        nanodollars: impl FnOnce(fn(&Usage) -> u64) -> u64,
    ) -> Option<f64> {
        let price = self.0.as_ref()?.price?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "nine digits behind the point are enough"
        )]
        let dollars = nanodollars(price) as f64 / 1e9;
        Some(dollars)
    }

    pub(crate) fn add_span(&self, span: impl FnOnce() -> Span) {
        if let Some(on) = self.0.as_ref().filter(|on| on.exporter.has_traces()) {
            lock(&on.gathered).span(span());
        }
    }

    /// Counts or measures a metric of the table.
    pub fn record(&self, metric: &Metric, value: f64, attributes: impl FnOnce() -> Attributes) {
        self.with(|gathered| gathered.record(metric, value, attributes()));
    }

    /// Does something with the metrics that are gathered, if any are sent.
    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut Gathered) -> T) -> Option<T> {
        let on = self.0.as_ref().filter(|on| on.exporter.has_metrics())?;
        Some(what(&mut lock(&on.gathered)))
    }

    /// What could not be sent since it last worked, in a sentence; nothing when it works.
    pub fn given_up(&self) -> Option<String> {
        let health = lock(&self.0.as_ref()?.health);
        let (spans, points) = health.dropped;
        let why = health.why.as_ref()?;
        Some(format!(
            "{spans} spans and {points} numbers were given up; the collector of traces and metrics: {why}"
        ))
    }

    /// Sends what was gathered. Takes twice the time of an export at most: whoever comes while another sends waits for that, and finds that his
    /// own was sent along. Never fails: what cannot be sent is given up and counted, and said once until it works again.
    pub async fn flush(&self) {
        let Some(on) = &self.0 else { return };
        if lock(&on.gathered).is_empty() || on.rests() {
            return;
        }
        let turn = tokio::time::timeout(on.exporter.timeout(), on.sending.lock()).await;
        let Ok(_turn) = turn else { return };
        if on.rests() {
            return;
        }
        let now = nanos(SystemTime::now());
        let gathered = std::mem::replace(&mut *lock(&on.gathered), Gathered::from(now));
        if gathered.is_empty() {
            return;
        }
        let crowded_out = gathered.crowded_out;
        let sent = on.exporter.send(gathered, now).await;
        on.learn(sent.spans + crowded_out, sent.points, &sent);
    }
}

impl Inner {
    fn rests(&self) -> bool {
        let until = lock(&self.health).rests_until;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// What an export came to.
    fn learn(&self, spans: u64, points: u64, sent: &crate::export::Sent) {
        if self.exporter.has_metrics() {
            let mut gathered = lock(&self.gathered);
            for (signal, number) in [("traces", spans), ("metrics", points)] {
                if number > 0 {
                    let attributes = vec![(names::SIGNAL.to_owned(), signal.to_owned())];
                    #[expect(clippy::cast_precision_loss, reason = "a count of what was lost")]
                    gathered.record(&names::DROPPED, number as f64, attributes);
                }
            }
        }
        let mut health = lock(&self.health);
        health.dropped.0 += spans;
        health.dropped.1 += points;
        health.rests_until = sent.down.then(|| Instant::now() + REST);
        match &sent.trouble {
            Some(why) if health.why.is_none() => {
                health.why = Some(why.clone());
                tracing::warn!(
                    spans,
                    points,
                    "the collector of traces and metrics: {why}; what is not sent is given up, and this is not said again until it works"
                );
            }
            None if health.why.is_some() => {
                let (spans, points) = std::mem::take(&mut health.dropped);
                health.why = None;
                tracing::info!(
                    spans,
                    points,
                    "the collector of traces and metrics takes them again"
                );
            }
            _ => {}
        }
    }
}

/// Who sends, as OTLP has it. What the settings say holds over what is known.
fn resource(settings: &TelemetrySettings, identity: &Identity) -> Resource {
    let instance: String = random::<8>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let mut attributes: Vec<KeyValue> = vec![
        key(
            "service.name",
            settings.service.as_ref().unwrap_or(&identity.service),
        ),
        key("service.version", env!("CARGO_PKG_VERSION")),
        key("service.instance.id", instance),
    ];
    let own = identity.attributes.iter();
    attributes.extend(own.map(|(name, value)| key(name, value)));
    for (name, value) in &settings.resource {
        match attributes.iter_mut().find(|known| known.key == *name) {
            Some(_) if name == "service.name" && settings.service.is_some() => {}
            Some(known) => *known = key(name, value),
            None => attributes.push(key(name, value)),
        }
    }
    Resource {
        attributes,
        ..Resource::default()
    }
}
