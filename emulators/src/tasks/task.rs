//! A task: read from a request, written as a resource.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::retry::seconds;
use crate::http::{ApiError, Code};

/// How far ahead a task may be scheduled.
const SCHEDULE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How large the body of a task may be.
const BODY_MAX: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(600);
const DEADLINE_MIN: Duration = Duration::from_secs(15);
const DEADLINE_MAX: Duration = Duration::from_secs(1800);
/// Headers that Cloud Tasks sets itself, whatever the task says.
const OWN_HEADERS: [&str; 5] = [
    "host",
    "content-length",
    "x-google-",
    "x-appengine-",
    "x-cloudtasks-",
];

/// The request a task makes.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) method: Method,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
    /// The identity whose token the request would carry; recorded only.
    pub(super) oidc_token: Option<Value>,
}

/// An attempt to deliver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) scheduled: Timestamp,
    pub(super) dispatched: Timestamp,
    pub(super) answered: Option<(Timestamp, u16)>,
}

/// A task in a queue.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) schedule: Timestamp,
    pub(super) deadline: Duration,
    pub(super) request: Request,
    pub(super) dispatches: u32,
    pub(super) responses: u32,
    pub(super) first: Option<Attempt>,
    pub(super) last: Option<Attempt>,
    /// A request of it is on its way: then deleting it does not stop that request.
    pub(super) in_flight: bool,
    pub(super) run_now: Arc<Notify>,
    pub(super) driver: Option<AbortHandle>,
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(Code::InvalidArgument, message)
}

impl Task {
    /// Reads the `task` of a create request for this queue.
    pub(super) fn read(
        queue: &str,
        task: &Value,
        now: Timestamp,
        new_id: impl FnOnce() -> String,
    ) -> Result<Self, ApiError> {
        let name = match task["name"].as_str() {
            None | Some("") => format!("{queue}/tasks/{}", new_id()),
            Some(name) => check_name(queue, name)?.to_owned(),
        };
        if !task["appEngineHttpRequest"].is_null() {
            return Err(ApiError::new(
                Code::Unimplemented,
                "the stand-in for Cloud Tasks delivers HTTP requests only",
            ));
        }
        if !task["retryConfig"].is_null() {
            return Err(ApiError::new(
                Code::Unimplemented,
                "the stand-in for Cloud Tasks knows a queue's retries, not a task's own",
            ));
        }
        let schedule = match &task["scheduleTime"] {
            Value::Null => now,
            value => {
                let schedule: Option<Timestamp> = value.as_str().and_then(|text| text.parse().ok());
                schedule
                    .ok_or_else(|| invalid(format!("task.schedule_time: {value} is no instant")))?
            }
        };
        if schedule.duration_since(now) > SCHEDULE_MAX {
            return Err(invalid(format!(
                "task.schedule_time: {schedule} is more than 30 days ahead"
            )));
        }
        let deadline = match &task["dispatchDeadline"] {
            Value::Null => DEADLINE,
            value => seconds(value)
                .filter(|deadline| (DEADLINE_MIN..=DEADLINE_MAX).contains(deadline))
                .ok_or_else(|| {
                    invalid(format!(
                        "task.dispatch_deadline: {value} is not between 15 s and 30 min"
                    ))
                })?,
        };
        Ok(Self {
            name,
            created: now,
            // A time in the past means at once, and the resource says so.
            schedule: schedule.max(now),
            deadline,
            request: Request::read(&task["httpRequest"])?,
            dispatches: 0,
            responses: 0,
            first: None,
            last: None,
            in_flight: false,
            run_now: Arc::default(),
            driver: None,
        })
    }

    pub(super) fn resource(&self, full: bool) -> Value {
        let mut request = json!({
            "url": self.request.url,
            "httpMethod": self.request.method.as_str(),
            "headers": self.request.headers,
        });
        if let Some(token) = &self.request.oidc_token {
            request["oidcToken"] = token.clone();
        }
        if full {
            request["body"] = json!(STANDARD.encode(&self.request.body));
        }
        let mut value = json!({
            "name": self.name,
            "createTime": self.created,
            "scheduleTime": self.schedule,
            "dispatchDeadline": format!("{}s", self.deadline.as_secs_f64()),
            "dispatchCount": self.dispatches,
            "responseCount": self.responses,
            "view": if full { "FULL" } else { "BASIC" },
            "httpRequest": request,
        });
        if let Some(first) = &self.first {
            // Of the first attempt Cloud Tasks tells the dispatch time only.
            value["firstAttempt"] = json!({"dispatchTime": first.dispatched});
        }
        if let Some(last) = &self.last {
            value["lastAttempt"] = last.resource();
        }
        value
    }
}

impl Attempt {
    fn resource(&self) -> Value {
        let mut value = json!({"scheduleTime": self.scheduled, "dispatchTime": self.dispatched});
        if let Some((at, status)) = self.answered {
            value["responseTime"] = json!(at);
            let code = if (200..300).contains(&status) { 0 } else { 2 };
            value["responseStatus"] =
                json!({"code": code, "message": format!("HTTP status code {status}")});
        }
        value
    }
}

impl Request {
    fn read(request: &Value) -> Result<Self, ApiError> {
        let url = request["url"].as_str().unwrap_or_default();
        let parsed = reqwest::Url::parse(url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if parsed.is_none() {
            return Err(invalid(format!(
                "task.http_request.url: `{url}` must begin with http:// or https:// and name a host"
            )));
        }
        let method = read_method(&request["httpMethod"])?;
        let body = STANDARD
            .decode(request["body"].as_str().unwrap_or_default())
            .map_err(|error| {
                invalid(format!("task.http_request.body: it is not base64: {error}"))
            })?;
        if body.len() > BODY_MAX {
            return Err(invalid(format!(
                "task.http_request.body: {} bytes are more than {BODY_MAX}",
                body.len()
            )));
        }
        if !body.is_empty() && ![Method::POST, Method::PUT, Method::PATCH].contains(&method) {
            return Err(invalid(format!(
                "task.http_request.body: a {method} request has none"
            )));
        }
        let mut headers = BTreeMap::new();
        for (name, value) in request["headers"].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            if HeaderName::from_bytes(name.as_bytes()).is_err()
                || HeaderValue::from_str(text).is_err()
            {
                return Err(invalid(format!(
                    "task.http_request.headers: `{name}: {text}` is no header"
                )));
            }
            let lower = name.to_lowercase();
            if !OWN_HEADERS.iter().any(|own| lower.starts_with(own)) {
                headers.insert(name.clone(), text.to_owned());
            }
        }
        Ok(Self {
            url: url.to_owned(),
            method,
            headers,
            body,
            oidc_token: Some(request["oidcToken"].clone()).filter(|token| !token.is_null()),
        })
    }
}

/// By name or by number, as clients send either.
fn read_method(value: &Value) -> Result<Method, ApiError> {
    const METHODS: [Method; 7] = [
        Method::POST,
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
        Method::OPTIONS,
    ];
    let found = match value {
        Value::Null => Some(Method::POST),
        Value::String(name) if name == "HTTP_METHOD_UNSPECIFIED" => Some(Method::POST),
        Value::String(name) => METHODS.into_iter().find(|method| method.as_str() == name),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(Method::POST),
            Some(number) => usize::try_from(number - 1)
                .ok()
                .and_then(|at| METHODS.get(at).cloned()),
            None => None,
        },
        _ => None,
    };
    found.ok_or_else(|| invalid(format!("task.http_request.http_method: {value} is none")))
}

fn check_name<'a>(queue: &str, name: &'a str) -> Result<&'a str, ApiError> {
    let id = name
        .strip_prefix(queue)
        .and_then(|rest| rest.strip_prefix("/tasks/"))
        .ok_or_else(|| {
            invalid(format!(
                "task.name: `{name}` is no task of the queue {queue}"
            ))
        })?;
    let fine = (1..=500).contains(&id.len())
        && id.chars().all(|character| {
            character.is_ascii_alphanumeric() || character == '-' || character == '_'
        });
    if fine {
        Ok(name)
    } else {
        Err(invalid(format!(
            "task.name: `{id}` must be 1 to 500 letters, digits, dashes and underscores"
        )))
    }
}
