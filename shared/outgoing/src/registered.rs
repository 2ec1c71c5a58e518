//! Types of jobs that a deployment registers by the URL of a service that knows them.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::deferred::{LONGEST_POLL, SERVICES};
use ork_core::run::Category;
use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use serde::Deserialize;
use serde_json::json;

use crate::answer::Answer;
use crate::classify::{unanswered, unclear, unreached};
use crate::client::Client;
use crate::error::OutgoingError;
use crate::field::{category, text};

/// The environment variable that holds them: a JSON object of names and URLs.
pub const TRACKERS: &str = "ORK_TRACKERS";

/// Why a registration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisteredError {
    /// It is not a JSON object of texts, or names one service twice.
    #[error("ORK_TRACKERS has to be a JSON object of names and URLs: {0}")]
    Unreadable(String),
    /// A name that cannot be a service's.
    #[error("`{name}` in ORK_TRACKERS {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A URL that may not be asked.
    #[error("`{name}` in ORK_TRACKERS: {error}")]
    Url {
        /// The name.
        name: String,
        /// What is wrong with its URL.
        error: OutgoingError,
    },
}

/// Asks the services that a deployment registered.
#[derive(Debug, Clone)]
pub struct Registered {
    client: Client,
    urls: BTreeMap<String, String>,
}

/// What such a service says. Keys that are not known are passed over.
#[derive(Deserialize)]
struct Reply {
    status: String,
    #[serde(default)]
    error: Option<Value>,
    #[serde(default)]
    link: Option<String>,
    /// Which kind of failure, in one of Ork's words.
    #[serde(default)]
    category: Option<Value>,
}

enum Stands {
    Running,
    Done,
    Failed(Category, String),
}

impl Registered {
    /// Reads `{"vertex": "https://tracker.example/jobs"}`. Every URL has to pass the client's guard.
    pub fn parse(text: &str, client: Client) -> Result<Self, RegisteredError> {
        let urls: Urls = serde_json::from_str(text)
            .map_err(|error| RegisteredError::Unreadable(error.to_string()))?;
        for (name, url) in &urls.0 {
            let wrong = |why| RegisteredError::Name {
                name: name.clone(),
                why,
            };
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            if !name.bytes().next().is_some_and(plain)
                || !name
                    .bytes()
                    .all(|byte| plain(byte) || b"_-.".contains(&byte))
            {
                return Err(wrong(
                    "is not a name of small letters, digits, `_`, `-` and `.`",
                ));
            }
            if SERVICES.contains(&name.as_str()) || name == "cloud_run" {
                return Err(wrong("is a service that Ork knows by itself"));
            }
            client
                .guard()
                .check(url)
                .map_err(|error| RegisteredError::Url {
                    name: name.clone(),
                    error,
                })?;
        }
        let urls = urls.0;
        Ok(Self { client, urls })
    }

    /// None at all.
    pub fn none(client: Client) -> Self {
        let urls = BTreeMap::new();
        Self { client, urls }
    }

    /// Whether a type of jobs is registered.
    pub fn knows(&self, service: &str) -> bool {
        self.urls.contains_key(service)
    }

    /// The types of jobs that are registered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.urls.keys().map(String::as_str)
    }

    /// Where a job stands.
    pub async fn poll(&self, service: &str, job: &Value) -> Result<JobStatus, TrackerError> {
        Ok(match self.ask(service, "poll", job).await? {
            Stands::Running => JobStatus::Running,
            Stands::Done => JobStatus::Succeeded,
            Stands::Failed(category, why) => JobStatus::Failed { category, why },
        })
    }

    /// Asks for a job to be stopped. It is over when the service's reply says anything but `running`.
    pub async fn cancel(&self, service: &str, job: &Value) -> Result<Stopping, TrackerError> {
        Ok(match self.ask(service, "cancel", job).await? {
            Stands::Running => Stopping::Asked,
            Stands::Done | Stands::Failed(..) => Stopping::Over,
        })
    }

    async fn ask(&self, service: &str, action: &str, job: &Value) -> Result<Stands, TrackerError> {
        let Some(url) = self.urls.get(service) else {
            return Err(TrackerError::Permanent(format!(
                "nobody is registered for jobs of `{service}`; {TRACKERS} of the deployment may name a URL for them"
            )));
        };
        let what = format!("tracker of `{service}`, {action}");
        let body = json!({"action": action, "job": job});
        let answer = self
            .client
            .request("POST", url, &BTreeMap::new(), Some(&body))
            .await
            .map_err(|error| unreached(&what, &error))?;
        if !(200..300).contains(&answer.status) {
            let error = unanswered(&what, &answer, "200 to 299");
            return Err(later(error, &answer));
        }
        let reply = answer.json().and_then(|json| {
            Reply::deserialize(&json)
                .map_err(|error| format!("the answer is not a reply ({error}): {}", answer.start()))
        });
        let reply = reply.map_err(|why| unclear(format!("{what}: {why}")))?;
        match reply.status.as_str() {
            "running" => Ok(Stands::Running),
            "done" => Ok(Stands::Done),
            "failed" => Ok(Stands::Failed(
                reply.category.as_ref().map_or(Category::Unknown, category),
                why(&reply, "it failed"),
            )),
            "cancelled" | "canceled" => Ok(Stands::Failed(
                Category::Unknown,
                why(&reply, "it was cancelled"),
            )),
            other => Err(unclear(format!(
                "{what}: the status `{}` is none of running, done, failed, cancelled",
                crate::field::cut(other, 100)
            ))),
        }
    }
}

/// A service that answers in JSON may say there when to come back.
fn later(error: TrackerError, answer: &Answer) -> TrackerError {
    match error {
        TrackerError::Transient {
            message,
            retry_after: None,
        } => TrackerError::Transient {
            message,
            retry_after: answer.json().ok().and_then(|json| {
                let seconds = json.get("retry_after")?.as_f64()?;
                let wait = Millis((seconds.max(0.0) * 1000.0) as u64);
                Some(wait.min(LONGEST_POLL))
            }),
        },
        other => other,
    }
}

fn why(reply: &Reply, otherwise: &str) -> String {
    let why = match reply.error.as_ref().map(text) {
        Some(error) if !error.trim().is_empty() => error,
        _ => otherwise.into(),
    };
    // Somebody will click on it.
    let link = reply.link.as_deref().filter(|link| {
        link.len() <= 1024 && (link.starts_with("https://") || link.starts_with("http://"))
    });
    match link {
        Some(link) => format!("{why} ({})", crate::field::visible(link)),
        None => why,
    }
}

/// Names and URLs, each name once.
struct Urls(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Once;
        impl<'de> serde::de::Visitor<'de> for Once {
            type Value = Urls;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of names and URLs")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Urls, A::Error> {
                let mut urls = BTreeMap::new();
                while let Some((name, url)) = map.next_entry::<String, String>()? {
                    if urls.contains_key(&name) {
                        let twice = format!("`{name}` is there twice");
                        return Err(serde::de::Error::custom(twice));
                    }
                    urls.insert(name, url);
                }
                Ok(Urls(urls))
            }
        }
        from.deserialize_map(Once)
    }
}
