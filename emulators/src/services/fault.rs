//! What goes wrong on demand.

use serde::{Deserialize, Serialize};

use super::job::Service;
use crate::http::ApiError;

/// What happens to the next calls that match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// Only this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Call>,
    /// Only calls about this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Only calls about the job (or batch, or service account) with this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How often; without it, until the faults are cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How long the call waits before anything else.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// The status of the answer, 400 to 599; without one the call is only late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The call does what it should, and only its answer is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after: bool,
    /// BigQuery's word for it, such as `rateLimitExceeded`; without it the one that belongs to the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the error says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The header `Retry-After`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A call, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A job or batch is made: `jobs.insert`, `jobs:submit`, `batches.create`.
    Insert,
    /// A job or batch is asked about.
    Get,
    /// They are listed.
    List,
    /// One is to be cancelled: `jobs.cancel`, `operations.cancel`.
    Cancel,
    /// One is forgotten.
    Delete,
    /// `getQueryResults`.
    Results,
    /// `jobs.query`.
    Query,
    /// `operations.get`.
    Operation,
    /// `signBlob`.
    Sign,
    /// The public keys of a service account.
    Keys,
}

/// What a call is about, for faults and counters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) service: Service,
    pub(super) on: Call,
    pub(super) project: &'a str,
    pub(super) job: Option<&'a str>,
}

impl Fault {
    /// Why this fault makes no sense; `None` when it does.
    pub(super) fn nonsense(&self) -> Option<String> {
        if self.times == Some(0) {
            return Some("0 times is never".to_owned());
        }
        match self.status {
            Some(status) if !(400..600).contains(&status) => {
                Some(format!("the status {status} is no error: give 400 to 599"))
            }
            None if self.delay_ms == 0 => {
                Some("nothing happens: give a status, a delay_ms, or both".to_owned())
            }
            _ => None,
        }
    }

    fn meets(&self, asked: &Asked<'_>) -> bool {
        self.service.is_none_or(|service| service == asked.service)
            && self.on.is_none_or(|on| on == asked.on)
            && self
                .project
                .as_deref()
                .is_none_or(|project| project == asked.project)
            && self.job.as_deref().is_none_or(|job| Some(job) == asked.job)
    }

    /// The answer that it makes.
    pub(super) fn refusal(&self, service: Service) -> Option<ApiError> {
        let status = self.status?;
        let message = self
            .message
            .clone()
            .unwrap_or_else(|| format!("The call failed with {status} (on demand)."));
        let mut error = ApiError::of_status(status, message)?.retry_after(self.retry_after);
        // Only BigQuery has reasons.
        if service == Service::Bigquery {
            let reason = self.reason.as_deref().unwrap_or(match status {
                401 => "authError",
                403 => "accessDenied",
                404 => "notFound",
                409 => "duplicate",
                429 => "rateLimitExceeded",
                502..=504 => "backendError",
                500.. => "internalError",
                _ => "invalid",
            });
            error = error.because(reason);
        }
        Some(error)
    }
}

/// The faults that are still to happen, in the order they were given.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Those of one project are over.
    pub(super) fn wipe(&mut self, project: &str) {
        self.0
            .retain(|fault| fault.project.as_deref() != Some(project));
    }

    pub(super) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// The first fault that fits this call, used up by once.
    pub(super) fn take(&mut self, asked: &Asked<'_>) -> Option<Fault> {
        let at = self.0.iter().position(|fault| fault.meets(asked))?;
        let fault = &mut self.0[at];
        let met = fault.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(met)
    }
}
