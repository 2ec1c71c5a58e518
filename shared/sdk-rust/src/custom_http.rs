//! A deferred job that is asked about over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The value of a header: text, or the name of a [`Secret`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a header's value must be text, or {\"secret\": NAME}"
)]
#[non_exhaustive]
pub enum Header {
    /// As it stands. It is stored with the run, where everybody reads it who may look at the run.
    Text(String),
    /// What the secret holds, all of it: `Bearer ` included.
    Secret(Secret),
}

/// A secret by its name. Its value is never in the task: whoever asks about the job looks it up.
///
/// ```
/// use ork::{CustomHttp, Secret};
///
/// let job = CustomHttp::new("https://example.com/jobs/7").header("Authorization", Secret::named("JOBS_TOKEN"));
/// assert_eq!(ork::json!(job)["headers"], ork::json!({"Authorization": {"secret": "JOBS_TOKEN"}}));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    secret: String,
}

impl Secret {
    /// The secret of this name: `projects/P/secrets/S/versions/V`, or an environment variable of whoever asks about the job.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            secret: name.into(),
        }
    }
}

impl<T: Into<String>> From<T> for Header {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl From<Secret> for Header {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// A job that is asked about over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CustomHttp {
    /// Where to ask.
    pub url: String,
    /// How.
    #[serde(default = "get")]
    pub method: String,
    /// Headers of the question.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Header>,
    /// Sent as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Answers that say something about the job; others are the service's own trouble.
    #[serde(default = "ok")]
    pub success_status_codes: Vec<u16>,
    /// The field of the answer that says how far it is, with dots between its parts; without it the job is done as soon as it
    /// is answered for.
    #[serde(
        default,
        alias = "status_field",
        skip_serializing_if = "Option::is_none"
    )]
    pub completion_field: Option<String>,
    /// What stands there when it is done.
    #[serde(
        default,
        alias = "success_value",
        skip_serializing_if = "Option::is_none"
    )]
    pub completion_value: Option<Value>,
    /// What stands there when it failed: one value, or a list of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_value: Option<Value>,
    /// The field that says why it failed, with dots between its parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_field: Option<String>,
    /// Where to ask for it to be stopped; without it such a job cannot be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_url: Option<String>,
    /// How.
    #[serde(default = "post")]
    pub cancel_method: String,
    /// The time between two questions, in seconds or as text such as `30s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub poll_interval: Option<Value>,
}

fn get() -> String {
    "GET".to_owned()
}
fn post() -> String {
    "POST".to_owned()
}
fn ok() -> Vec<u16> {
    vec![200]
}

impl CustomHttp {
    /// A job that is done as soon as a GET of this URL is answered with 200.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            method: get(),
            headers: BTreeMap::new(),
            body: None,
            success_status_codes: ok(),
            completion_field: None,
            completion_value: None,
            failure_value: None,
            error_field: None,
            cancel_url: None,
            cancel_method: post(),
            poll_interval: None,
        }
    }
    /// Asks by this method.
    #[must_use]
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }
    /// Asks with this header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Header>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }
    /// Asks with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }
    /// Takes answers with these codes for answers about the job.
    #[must_use]
    pub fn success_status_codes(mut self, codes: impl Into<Vec<u16>>) -> Self {
        self.success_status_codes = codes.into();
        self
    }
    /// The job is done when this stands in this field of the answer (`a.b` is `b` in `a`).
    #[must_use]
    pub fn done_when(mut self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.completion_field = Some(field.into());
        self.completion_value = Some(value.into());
        self
    }
    /// The job failed when this, or one of this list, stands in the field that says how far it is.
    #[must_use]
    pub fn failed_when(mut self, value: impl Into<Value>) -> Self {
        self.failure_value = Some(value.into());
        self
    }
    /// Why it failed stands in this field.
    #[must_use]
    pub fn error_field(mut self, field: impl Into<String>) -> Self {
        self.error_field = Some(field.into());
        self
    }
    /// A POST to this URL stops the job.
    #[must_use]
    pub fn cancel_url(mut self, url: impl Into<String>) -> Self {
        self.cancel_url = Some(url.into());
        self
    }
}
