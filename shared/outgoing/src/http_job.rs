//! Jobs of type `custom_http`: asked about by a request that their description states.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::deferred::{Header, HttpJob};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};

use crate::answer::Answer;
use crate::classify::{unanswered, unclear, unreached};
use crate::client::Client;
use crate::error::shown_text;
use crate::field::{at, category, cut, is_stated, is_word, text};

/// What says that a job is done when its description does not; so does `true`.
const DONE: &[&str] = &["done", "success", "succeeded", "completed", "true"];
/// What says that it failed.
const FAILED: &[&str] = &["failed", "failure", "error", "cancelled", "canceled"];

/// Asks about jobs of type `custom_http`.
#[derive(Debug, Clone)]
pub struct HttpTracker {
    client: Client,
}

impl HttpTracker {
    /// A tracker that asks through a client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Where a job stands.
    pub async fn poll(&self, job: &HttpJob) -> Result<JobStatus, TrackerError> {
        let (what, body) = (what(job), job.body.as_ref());
        let answer = self
            .ask(&what, &job.method, &job.url, &job.headers, body)
            .await?;
        judge(job, &what, &answer)
    }

    /// Asks for a job to be stopped, and then whether it is over: that a service took the request does not say so, and neither does that
    /// it does not know the job, which whoever has it stopped may come to believe.
    pub async fn cancel(&self, job: &HttpJob) -> Result<Stopping, TrackerError> {
        let what = what(job);
        let Some(url) = &job.cancel_url else {
            let why = format!("{what} has no cancel_url: it cannot be stopped by Ork");
            return Err(TrackerError::Permanent(why));
        };
        let answer = self
            .ask(&what, &job.cancel_method, url, &job.headers, None)
            .await?;
        let status = answer.status;
        let refused = (!(200..300).contains(&status))
            .then(|| unanswered(&format!("{what}, cancel"), &answer, "200 to 299"));
        // It holds a part of what may be held at once, and the next answer needs one.
        drop(answer);
        match refused {
            None => match self.poll(job).await {
                Ok(over) if over != JobStatus::Running => Ok(Stopping::Over),
                // It has been asked; whether it is over is asked again.
                Ok(_) | Err(TrackerError::Transient { .. } | TrackerError::Elsewhere(_)) => {
                    Ok(Stopping::Asked)
                }
                Err(error) => Err(error),
            },
            Some(later @ TrackerError::Transient { .. }) => Err(later),
            Some(denied) if matches!(status, 401 | 403) => Err(denied),
            // Many services refuse to cancel what is over already, or what they are stopping already (409).
            Some(refused) => match self.poll(job).await {
                Ok(over) if over != JobStatus::Running => Ok(Stopping::Over),
                Ok(JobStatus::Running) if status == 409 => Ok(Stopping::Asked),
                Ok(_) => Err(unclear(format!("{refused}; the job is still at work"))),
                Err(later @ (TrackerError::Transient { .. } | TrackerError::Missing(_))) => {
                    Err(later)
                }
                Err(_) => Err(refused),
            },
        }
    }

    async fn ask(
        &self,
        what: &str,
        method: &str,
        url: &str,
        headers: &BTreeMap<String, Header>,
        body: Option<&Value>,
    ) -> Result<Answer, TrackerError> {
        let (mut texts, mut secrets) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in headers {
            match value {
                Header::Text(text) => texts.insert(name.clone(), text.clone()),
                Header::Secret(named) => secrets.insert(name.clone(), named.secret.clone()),
            };
        }
        self.client
            .request_with(method, url, &texts, &secrets, body)
            .await
            .map_err(|error| unreached(what, &error))
    }
}

fn what(job: &HttpJob) -> String {
    format!("job at {}", shown_text(&job.url))
}

fn judge(job: &HttpJob, what: &str, answer: &Answer) -> Result<JobStatus, TrackerError> {
    if !job.success_status_codes.contains(&answer.status) {
        let expected = format!("success_status_codes {:?}", job.success_status_codes);
        return Err(unanswered(what, answer, &expected));
    }
    let Some(field) = &job.completion_field else {
        return Ok(JobStatus::Succeeded);
    };
    let json = answer.json().map_err(|why| {
        unclear(format!(
            "{what} has the completion_field `{field}`, but {why}"
        ))
    })?;
    // A service may leave the field away until the job is over.
    let Some(found) = at(&json, field) else {
        return Ok(JobStatus::Running);
    };
    let is = |stated: &Option<Value>| stated.as_ref().map(|stated| is_stated(found, stated));
    let (done, failed) = (is(&job.completion_value), is(&job.failure_value));
    // What is stated counts before the usual words.
    Ok(match (done, failed) {
        (Some(true), _) => JobStatus::Succeeded,
        (_, Some(true)) => failure(job, field, found, &json),
        (None, _) if *found == Value::Bool(true) || is_word(found, DONE) => JobStatus::Succeeded,
        (_, None) if is_word(found, FAILED) => failure(job, field, found, &json),
        _ => JobStatus::Running,
    })
}

fn failure(job: &HttpJob, field: &str, found: &Value, json: &Value) -> JobStatus {
    let status = format!("`{}` is {}", cut(field, 100), cut(&found.to_string(), 100));
    let error = job.error_field.as_ref().and_then(|path| at(json, path));
    let why = match error {
        Some(error) => cut(
            &format!(
                "{}; {status}",
                cut(&text(error), crate::field::LONGEST - 256)
            ),
            crate::field::LONGEST,
        )
        .into_owned(),
        None => status,
    };
    // What a service calls a failure says nothing of its kind, unless it uses one of Ork's own words.
    JobStatus::Failed {
        category: category(found),
        why,
    }
}
