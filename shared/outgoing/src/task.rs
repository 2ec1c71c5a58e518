//! A request as a task of its own: `executor: http`, and what a sensor asks.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::run::Category;
use ork_core::time::Millis;

use crate::answer::Answer;
use crate::classify::{is_later, retry_after_of};
use crate::client::Client;
use crate::error::OutgoingError;
use crate::field::{at, category, cut, is_stated};

/// A request, its templates rendered. It has no `Debug`: headers, body and query may be secret.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// GET, POST, …
    pub method: String,
    /// Where.
    pub url: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Headers whose values are secrets, by header and the secret's name.
    pub secrets: BTreeMap<String, String>,
    /// Sent as JSON.
    pub body: Option<Value>,
}

/// What makes an answer a success.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// Status codes; none for 200 to 299.
    pub status: Vec<u16>,
    /// A field of the JSON answer, with dots between its parts, that has to be there.
    pub field: Option<String>,
    /// What has to stand there: a value or a list of them. Without it anything but `false` will do.
    pub value: Option<Value>,
    /// What stands there when it came to nothing, which is [`SendError::Failed`]: a value or a list of them. What is a success by
    /// `value` is none.
    pub failure: Option<Value>,
    /// Status codes that say that it is not there yet, which is [`SendError::Unmet`].
    pub not_yet: Vec<u16>,
}

/// Why a request brought no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody answered, or the service has no time now (408, 425, 429, 5xx). It may have done what was asked all the same.
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// The answer came with a right status code, but does not say what it has to. A sensor asks again.
    #[error("{0}")]
    Unmet(String),
    /// The answer says that what it tells of has failed.
    #[error("{why}")]
    Failed {
        /// The kind of failure, if the value is one of Ork's words for them.
        category: Category,
        /// What stands where.
        why: String,
    },
    /// What came is not what this service answers: another status code, or nothing that can be read. One such answer may be that of
    /// somebody in its place, a page of maintenance say; a sensor asks again, and believes three in a row.
    #[error("{0}")]
    Unexpected(String),
    /// Asking again will not help: the request cannot or may not be made.
    #[error("{0}")]
    Permanent(String),
}

/// Makes a request; gives what it answers: JSON as such, other text as text, nothing as null.
pub async fn send(
    client: &Client,
    request: &Request,
    condition: &Condition,
) -> Result<Value, SendError> {
    let body = request.body.as_ref();
    let answer = client
        .request_with(
            &request.method,
            &request.url,
            &request.headers,
            &request.secrets,
            body,
        )
        .await
        .map_err(|error| match error {
            OutgoingError::Transient(message) => SendError::Transient {
                message,
                retry_after: None,
            },
            error if error.is_an_answer() => SendError::Unexpected(error.to_string()),
            error => SendError::Permanent(error.to_string()),
        })?;
    condition.judge(&answer)
}

impl Condition {
    fn judge(&self, answer: &Answer) -> Result<Value, SendError> {
        let (status, from) = (answer.status, &answer.from);
        let right = match self.status.as_slice() {
            [] => (200..300).contains(&status),
            codes => codes.contains(&status),
        };
        if !right && self.not_yet.contains(&status) {
            return Err(SendError::Unmet(format!("{from}: the answer is {status}")));
        }
        if !right {
            return Err(self.wrong_status(answer));
        }
        let Some(field) = &self.field else {
            return output(answer);
        };
        let json = answer
            .json()
            .map_err(|why| SendError::Unexpected(format!("{from}: {why}")))?;
        let unmet = |why: String| Err(SendError::Unmet(format!("{from}: `{field}` {why}")));
        let shown = |value: &Value| cut(&value.to_string(), 200).into_owned();
        let is = |stated: &Option<Value>, found| {
            stated
                .as_ref()
                .is_some_and(|stated| is_stated(found, stated))
        };
        match (at(&json, field), &self.value) {
            (Some(found), _) if is(&self.failure, found) && !is(&self.value, found) => {
                Err(SendError::Failed {
                    category: category(found),
                    why: format!("{from}: `{field}` is {}", shown(found)),
                })
            }
            (None, _) => unmet("is not in the answer".into()),
            (Some(found), Some(value)) if !is_stated(found, value) => {
                unmet(format!("is {}, not {}", shown(found), shown(value)))
            }
            (Some(Value::Bool(false)), None) => unmet("is false".into()),
            _ => Ok(json),
        }
    }

    fn wrong_status(&self, answer: &Answer) -> SendError {
        let expected = match self.status.as_slice() {
            [] => "200 to 299".into(),
            codes => format!("{codes:?}"),
        };
        let body = match answer.body.is_empty() {
            true => String::new(),
            false => format!(": {}", answer.start()),
        };
        let (status, from) = (answer.status, &answer.from);
        let message = format!("{from}: the answer {status} is not one of {expected}{body}");
        match is_later(status) {
            true => SendError::Transient {
                message,
                retry_after: retry_after_of(answer),
            },
            false => SendError::Unexpected(message),
        }
    }
}

/// The answer as a task's output. What claims to be JSON and is not is an error, what only looks like it is text.
fn output(answer: &Answer) -> Result<Value, SendError> {
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    let wrong = |why: String| SendError::Unexpected(format!("{}: {why}", answer.from));
    if answer.says_json() {
        return answer.json().map_err(wrong);
    }
    let text = str::from_utf8(&answer.body)
        .map_err(|_| wrong("the answer is neither JSON nor text in UTF-8".into()))?;
    let looks = text.trim_start().starts_with(['{', '[']);
    Ok(looks
        .then(|| serde_json::from_str(text).ok())
        .flatten()
        .unwrap_or_else(|| Value::String(text.into())))
}
