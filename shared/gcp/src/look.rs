//! Questions to the administration APIs of Google's services: how a deployment is set up, for people who ask what is wrong with it.
//!
//! Nothing is changed and nothing is tried again: who asks has a few seconds. These calls are made with the permissions of whoever asks, who may
//! lack any of them; that is told apart from everything else.

use std::error::Error;
use std::time::Duration;

use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use reqwest::header::{DATE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::Value;

use crate::endpoints::{ConnectError, plain};

/// For one question and its answer.
const ANSWER: Duration = Duration::from_secs(4);
/// Bytes of an answer that are read: those of the longest policies and lists, and some more.
const BYTES: usize = 8 << 20;

/// Where questions go that do not go to Google.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StandIns {
    /// For all services: paths begin with the name of the service's host.
    pub all: Option<String>,
    /// For Pub/Sub.
    pub pubsub: Option<String>,
    /// For Cloud Storage.
    pub storage: Option<String>,
}

/// What a question came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// This.
    Found(Value),
    /// There is no such thing.
    Absent,
    /// Whoever asks lacks a permission: which one, where Google says it, or what Google says.
    Denied(String),
    /// The API is not enabled in the project: the name of the service.
    Off(String),
    /// It was not told, for another reason.
    Refused(String),
    /// Nobody answered, or nobody could be asked.
    Unreachable(String),
    /// Stand-ins are asked, and there is none for this service.
    NoStandIn,
}

/// An answer, and what it says of the clock of whoever gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// What it came to.
    pub seen: Seen,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The header `Date`, as it came.
    pub date: Option<String>,
}

impl Looked {
    fn nothing(seen: Seen) -> Self {
        Self {
            seen,
            status: None,
            date: None,
        }
    }
}

/// Asks.
#[derive(Debug, Clone)]
pub struct Looks {
    client: Client,
    /// None where stand-ins are asked.
    credentials: Option<Credentials>,
    stand_ins: StandIns,
}

impl Looks {
    /// Makes the client. Nobody is asked yet.
    ///
    /// # Errors
    /// There are no credentials, or an address is none.
    pub fn connect(stand_ins: StandIns) -> Result<Self, ConnectError> {
        let stand_ins = StandIns {
            all: plain("Google's services", stand_ins.all.as_deref())?,
            pubsub: plain("Pub/Sub", stand_ins.pubsub.as_deref())?,
            storage: plain("Cloud Storage", stand_ins.storage.as_deref())?,
        };
        let is_real = stand_ins == StandIns::default();
        let failed = |error: &dyn Error| ConnectError::client("Google's services", error);
        let client = Client::builder()
            .user_agent(concat!("ork/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(ANSWER)
            .timeout(ANSWER)
            // Wherever one leads, the token would go along.
            .redirect(Policy::none());
        let client = match is_real {
            true => client.https_only(true),
            false => client.no_proxy(),
        };
        let credentials = match is_real {
            true => Some(Builder::default().build().map_err(|error| failed(&error))?),
            false => None,
        };
        Ok(Self {
            client: client.build().map_err(|error| failed(&error))?,
            credentials,
            stand_ins,
        })
    }

    /// Whether Google is asked.
    pub const fn is_real(&self) -> bool {
        self.credentials.is_some()
    }

    /// Gets a token, and throws it away.
    ///
    /// # Errors
    /// There is none, in words.
    pub async fn token(&self) -> Result<(), String> {
        self.headers().await.map(drop)
    }

    /// Asks `host`, such as `run.googleapis.com`, for what is at `path`; with a body it is a `POST`.
    pub async fn ask(&self, host: &str, path: &str, body: Option<&Value>) -> Looked {
        let headers = match self.headers().await {
            Ok(headers) => headers,
            Err(why) => return Looked::nothing(Seen::Unreachable(why)),
        };
        self.send(host, path, headers, body).await
    }

    /// Asks as somebody whom nobody knows.
    pub async fn ask_as_nobody(&self, host: &str, path: &str) -> Looked {
        self.send(host, path, HeaderMap::new(), None).await
    }

    async fn headers(&self) -> Result<HeaderMap, String> {
        let Some(credentials) = &self.credentials else {
            return Ok(HeaderMap::new());
        };
        let asked = tokio::time::timeout(ANSWER, credentials.headers(Default::default())).await;
        match asked {
            Ok(Ok(CacheableResource::New { data, .. })) => Ok(data),
            Ok(Ok(CacheableResource::NotModified)) => Err("no credentials came".to_owned()),
            Ok(Err(error)) => Err(reasons(&error)),
            Err(_) => Err(format!("no token came within {} s", ANSWER.as_secs())),
        }
    }

    fn url(&self, host: &str, path: &str) -> Option<String> {
        let StandIns {
            all,
            pubsub,
            storage,
        } = &self.stand_ins;
        let own = match host {
            "pubsub.googleapis.com" => pubsub,
            "storage.googleapis.com" => storage,
            _ => &None,
        };
        match (own, all) {
            (Some(own), _) => Some(format!("{own}{path}")),
            (None, Some(all)) => Some(format!("{all}/{host}{path}")),
            (None, None) if self.is_real() => Some(format!("https://{host}{path}")),
            (None, None) => None,
        }
    }

    async fn send(
        &self,
        host: &str,
        path: &str,
        headers: HeaderMap,
        body: Option<&Value>,
    ) -> Looked {
        let Some(url) = self.url(host, path) else {
            return Looked::nothing(Seen::NoStandIn);
        };
        let method = match body {
            Some(_) => Method::POST,
            None => Method::GET,
        };
        let mut request = self.client.request(method, &url).headers(headers);
        if let Some(body) = body {
            request = request.json(body);
        }
        // Of a stand-in it matters where it is.
        let place = match (&self.credentials, url.split('/').nth(2)) {
            (None, Some(at)) => format!("the stand-in for {host} at {at}"),
            _ => host.to_owned(),
        };
        let lost = |error: reqwest::Error| {
            let why = match error.is_timeout() {
                true => format!("{place} does not answer within {} s", ANSWER.as_secs()),
                false => format!(
                    "{place} cannot be reached: {}",
                    reasons(&error.without_url())
                ),
            };
            Looked::nothing(Seen::Unreachable(why))
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return lost(error),
        };
        let status = response.status().as_u16();
        let date = response.headers().get(DATE);
        let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
        let seen = match whole(response).await {
            Ok(bytes) => seen(status, &bytes),
            Err(Some(error)) => return lost(error),
            Err(None) => Seen::Refused(format!("more than {} MiB", BYTES >> 20)),
        };
        Looked {
            seen,
            status: Some(status),
            date,
        }
    }
}

/// The body; `None` when it is too large.
async fn whole(mut response: Response) -> Result<Vec<u8>, Option<reqwest::Error>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Some)? {
        if body.len() + chunk.len() > BYTES {
            return Err(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What an answer means.
fn seen(status: u16, bytes: &[u8]) -> Seen {
    let body: Option<Value> = serde_json::from_slice(bytes).ok();
    if (200..300).contains(&status) {
        return body.map_or_else(
            || Seen::Refused(format!("{status}, and the answer is not JSON")),
            Seen::Found,
        );
    }
    let error = body.map_or(Value::Null, |mut body| body["error"].take());
    let said = error["message"].as_str().unwrap_or("without a word");
    let details = error["details"].as_array().cloned().unwrap_or_default();
    let of = |name: &str| {
        let found = details.iter().find(|one| one["reason"] == name)?;
        Some(found["metadata"].clone())
    };
    match status {
        404 => Seen::Absent,
        403 => {
            if let Some(about) = of("SERVICE_DISABLED") {
                let service = about["service"].as_str().unwrap_or("the service's API");
                return Seen::Off(service.to_owned());
            }
            let permission = of("IAM_PERMISSION_DENIED");
            let permission =
                permission.and_then(|about| Some(about["permission"].as_str()?.to_owned()));
            Seen::Denied(permission.unwrap_or_else(|| said.to_owned()))
        }
        _ => Seen::Refused(format!("{status}: {said}")),
    }
}

/// An error with its reasons.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_text = reason.to_string();
        if !text.contains(&reason_text) {
            text.push_str(&format!(": {reason_text}"));
        }
        source = reason.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_told_apart() {
        let of = |status: u16, body: Value| seen(status, body.to_string().as_bytes());
        assert_eq!(of(200, json!({"a": 1})), Seen::Found(json!({"a": 1})));
        assert_eq!(of(404, json!({})), Seen::Absent);
        let details = |reason: &str, about: Value| {
            json!({"error": {"message": "no", "details": [
                {"@type": "type.googleapis.com/google.rpc.Help"},
                {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "metadata": about},
            ]}})
        };
        let off = details("SERVICE_DISABLED", json!({"service": "run.googleapis.com"}));
        assert_eq!(of(403, off), Seen::Off("run.googleapis.com".to_owned()));
        let denied = details(
            "IAM_PERMISSION_DENIED",
            json!({"permission": "run.jobs.get"}),
        );
        assert_eq!(of(403, denied), Seen::Denied("run.jobs.get".to_owned()));
        let plain = json!({"error": {"message": "you may not"}});
        assert_eq!(
            of(403, plain.clone()),
            Seen::Denied("you may not".to_owned())
        );
        assert_eq!(of(503, plain), Seen::Refused("503: you may not".to_owned()));
        assert_eq!(
            seen(200, b"<html>"),
            Seen::Refused("200, and the answer is not JSON".to_owned())
        );
        assert_eq!(
            seen(500, b""),
            Seen::Refused("500: without a word".to_owned())
        );
    }

    #[test]
    fn each_service_has_its_address() {
        let looks = Looks::connect(StandIns {
            all: None,
            pubsub: Some("127.0.0.1:1".to_owned()),
            storage: None,
        });
        let looks = looks.expect("a client");
        assert!(!looks.is_real());
        assert_eq!(
            looks.url("pubsub.googleapis.com", "/v1/x").as_deref(),
            Some("http://127.0.0.1:1/v1/x")
        );
        assert_eq!(looks.url("run.googleapis.com", "/v2/x"), None);
        let looks = Looks::connect(StandIns {
            all: Some("http://127.0.0.1:2".to_owned()),
            ..StandIns::default()
        });
        assert_eq!(
            looks
                .expect("a client")
                .url("run.googleapis.com", "/v2/x")
                .as_deref(),
            Some("http://127.0.0.1:2/run.googleapis.com/v2/x")
        );
        assert!(
            Looks::connect(StandIns {
                all: Some("https://google.example".to_owned()),
                ..StandIns::default()
            })
            .is_err()
        );
    }
}
