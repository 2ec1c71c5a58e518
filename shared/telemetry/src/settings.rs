//! OpenTelemetry's own variables, read strictly: what is not understood is said before anything starts.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::sampling::Sampler;

/// How long whoever measures waits for the collector at most, unless told.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// The longest that can be asked for.
const LONGEST: u64 = 10_000;
/// Bytes of all resource attributes, which go with every export.
const RESOURCE_BYTES: usize = 8 * 1024;

/// Where traces and metrics go, and which.
#[derive(Clone, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// URL that takes traces; `None`: there are none.
    pub traces: Option<String>,
    /// URL that takes metrics; `None`: there are none.
    pub metrics: Option<String>,
    /// Headers of every export. Their values may be secret.
    pub headers: Vec<(String, String)>,
    /// How long an export may take.
    pub timeout: Duration,
    /// The name of the service, where somebody gave it one.
    pub service: Option<String>,
    /// Attributes of whoever exports.
    pub resource: Vec<(String, String)>,
    /// Which traces are recorded.
    pub sampler: Sampler,
}

impl fmt::Debug for TelemetrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("TelemetrySettings")
            .field("traces", &self.traces)
            .field("metrics", &self.metrics)
            .field("headers", &headers)
            .field("timeout", &self.timeout)
            .field("service", &self.service)
            .field("resource", &self.resource)
            .field("sampler", &self.sampler)
            .finish()
    }
}

/// A variable and what is wrong with it.
pub type Wrong = (&'static str, String);

impl TelemetrySettings {
    /// Reads the variables that begin with `OTEL_`. `None`: nothing is to be sent. All that is wrong is reported at once; variables that
    /// are not read here are those of somebody else, such as a task's own SDK.
    pub fn read(variables: &BTreeMap<String, String>) -> Result<Option<Self>, Vec<Wrong>> {
        let mut reader = Reader {
            variables,
            wrong: Vec::new(),
        };
        let read = reader.read();
        if reader.wrong.is_empty() {
            Ok(read)
        } else {
            Err(reader.wrong)
        }
    }
}

struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    wrong: Vec<Wrong>,
}

impl Reader<'_> {
    /// An empty one counts as absent.
    fn text(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?.trim();
        (!text.is_empty()).then_some(text)
    }

    fn value<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(self.text(name)?) {
            Ok(value) => Some(value),
            Err(why) => {
                self.wrong.push((name, why));
                None
            }
        }
    }

    fn read(&mut self) -> Option<TelemetrySettings> {
        let disabled = self.value("OTEL_SDK_DISABLED", |text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("is `{text}`, which is neither true nor false")),
        });
        let base = self.value("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let signal = |reader: &mut Self, own, exporter, path: &str| {
            let own = reader.value(own, endpoint);
            let wanted = reader.value(exporter, |text| match text {
                "otlp" => Ok(true),
                "none" => Ok(false),
                _ => Err(format!("is `{text}`, which is neither otlp nor none")),
            });
            let base = base.as_deref();
            let below = || base.map(|base| format!("{}{path}", base.trim_end_matches('/')));
            own.or_else(below).filter(|_| wanted != Some(false))
        };
        let traces = signal(
            self,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "OTEL_TRACES_EXPORTER",
            "/v1/traces",
        );
        let metrics = signal(
            self,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "OTEL_METRICS_EXPORTER",
            "/v1/metrics",
        );
        self.value("OTEL_EXPORTER_OTLP_PROTOCOL", |text| match text {
            "http/protobuf" => Ok(()),
            _ => Err(format!(
                "is `{text}`: only http/protobuf is spoken here, which every collector takes on port 4318"
            )),
        });
        self.value("OTEL_EXPORTER_OTLP_COMPRESSION", |text| match text {
            "none" => Ok(()),
            _ => Err(format!("is `{text}`: only none is there")),
        });
        self.value(
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            |text| match text.to_ascii_lowercase().as_str() {
                "delta" => Ok(()),
                _ => Err(format!(
                    "is `{text}`: only delta is there, since a process that may live for one request has nothing to add up (a collector's deltatocumulative processor does)"
                )),
            },
        );
        let headers = self.value("OTEL_EXPORTER_OTLP_HEADERS", headers);
        let timeout = self.value("OTEL_EXPORTER_OTLP_TIMEOUT", |text| {
            match text.parse::<u64>() {
                Ok(ms) if (1..=LONGEST).contains(&ms) => Ok(Duration::from_millis(ms)),
                _ => Err(format!(
                    "is `{text}`, which is no number of milliseconds from 1 to {LONGEST}"
                )),
            }
        });
        let service = self.value("OTEL_SERVICE_NAME", |text| {
            if text.len() <= 255 {
                Ok(text.to_owned())
            } else {
                Err("is longer than 255 bytes".to_owned())
            }
        });
        let resource = self.value("OTEL_RESOURCE_ATTRIBUTES", |text| {
            if text.len() > RESOURCE_BYTES {
                return Err(format!("is longer than {RESOURCE_BYTES} bytes"));
            }
            pairs(text).map_err(|why| format!("is `{text}`: {why}"))
        });
        let argument = self.text("OTEL_TRACES_SAMPLER_ARG").map(str::to_owned);
        let sampler = self.text("OTEL_TRACES_SAMPLER").map(str::to_owned);
        let sampler = match sampler {
            None if argument.is_some() => {
                self.wrong.push((
                    "OTEL_TRACES_SAMPLER_ARG",
                    "is set, and OTEL_TRACES_SAMPLER is not".to_owned(),
                ));
                None
            }
            None => None,
            Some(name) => match Sampler::read(&name, argument.as_deref()) {
                Ok(sampler) => Some(sampler),
                Err(wrong) => {
                    self.wrong.push(wrong);
                    None
                }
            },
        };
        if disabled == Some(true) || (traces.is_none() && metrics.is_none()) {
            return None;
        }
        Some(TelemetrySettings {
            traces,
            metrics,
            headers: headers.unwrap_or_default(),
            timeout: timeout.unwrap_or(PATIENCE),
            service,
            resource: resource.unwrap_or_default(),
            sampler: sampler.unwrap_or_default(),
        })
    }
}

/// An http or https URL without a name, a question or a part.
fn endpoint(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("is `{}`, {why}", shown(text)));
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return wrong("which begins with neither https:// nor http://");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return wrong(
            "which has a user: what the collector wants to be shown goes into OTEL_EXPORTER_OTLP_HEADERS",
        );
    }
    if text.contains(['?', '#']) || text.contains(char::is_whitespace) {
        return wrong("which is more than a URL without a query");
    }
    match reqwest::Url::parse(text) {
        Ok(url) if url.has_host() => Ok(text.to_owned()),
        _ => wrong("which is no URL"),
    }
}

/// A URL as it may be repeated: what stands before an `@` may be a password.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

/// `name=value,name=value`, values percent-encoded. What is wrong is said without any value: they are secret.
fn headers(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = pairs(text)?;
    for (name, value) in &pairs {
        if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err("has a name that no header can have".to_owned());
        }
        if reqwest::header::HeaderValue::from_str(value).is_err() {
            return Err(format!("has a value of `{name}` that no header can have"));
        }
    }
    Ok(pairs)
}

/// As W3C's Baggage has it, without properties. What is wrong is said without any text of it.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = BTreeMap::new();
    for (at, pair) in (1..).zip(text.split(',')) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!("entry {at} is not name=value"));
        };
        let name = name.trim();
        if name.is_empty() {
            return Err(format!("entry {at} has no name"));
        }
        let Some(value) = decoded(value.trim()) else {
            return Err(format!(
                "the value of entry {at} is not percent-encoded UTF-8"
            ));
        };
        if found.insert(name.to_owned(), value).is_some() {
            return Err(format!("entry {at} has a name that was there before"));
        }
    }
    Ok(found.into_iter().collect())
}

/// Percent-encoding taken away.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<TelemetrySettings>, Vec<Wrong>> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        TelemetrySettings::read(&variables.collect())
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where_to() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "ork"), ("OTEL_PYTHON_ANYTHING", "x")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
                ("OTEL_SDK_DISABLED", "true"),
            ],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
                ("OTEL_TRACES_EXPORTER", "none"),
                ("OTEL_METRICS_EXPORTER", "none"),
            ],
        ] {
            assert_eq!(read(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn the_signals_go_below_the_endpoint_or_where_they_are_told() {
        let settings = read(&[
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://collector.example/in/",
            ),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://10.0.0.1:9/m"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%3Db%20c, x=1"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            ),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ]);
        let settings = settings.expect("all is right").expect("it is on");
        assert_eq!(
            settings.traces.as_deref(),
            Some("https://collector.example/in/v1/traces")
        );
        assert_eq!(settings.metrics.as_deref(), Some("http://10.0.0.1:9/m"));
        let headers = [("api-key", "a=b c"), ("x", "1")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(settings.headers, headers);
        assert_eq!(settings.timeout, Duration::from_millis(250));
        let shown = format!("{settings:?}");
        assert!(!shown.contains("a=b c"), "{shown}");
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_and_no_secret_with_it() {
        let wrong = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hunter2@c.example"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization hunter2"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                "cumulative",
            ),
            ("OTEL_METRICS_EXPORTER", "prometheus"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=1,a=2"),
            ("OTEL_SDK_DISABLED", "yes"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ]);
        let wrong = wrong.expect_err("nearly everything is wrong");
        let named: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
        assert_eq!(wrong.len(), 11, "{named:?}");
        let said = format!("{wrong:?}");
        assert!(!said.contains("hunter2"), "{said}");
        for word in ["grpc", "4318", "gzip", "10s", "delta", "prometheus", "yes"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}
