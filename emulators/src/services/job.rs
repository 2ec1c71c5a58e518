//! A job or a batch of any of the services, and what is seen of it from outside.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::timeline::{End, Standing, Timeline};

/// One of the services that share this stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Jobs of BigQuery.
    Bigquery,
    /// Jobs of Dataproc's clusters.
    Dataproc,
    /// Dataproc's batches.
    Batches,
    /// Signatures of service accounts.
    Iam,
    /// Jobs of no service in particular.
    Http,
}

impl Service {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bigquery => "bigquery",
            Self::Dataproc => "dataproc",
            Self::Batches => "batches",
            Self::Iam => "iam",
            Self::Http => "http",
        }
    }
}

/// What tells one job from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) service: Service,
    pub(super) project: String,
    /// As the service writes it: BigQuery's in capitals when it is a multi-region.
    pub(super) location: String,
    pub(super) id: String,
}

/// A job or a batch.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) key: Key,
    /// Later ones have higher numbers.
    pub(super) number: u64,
    pub(super) uid: String,
    /// What was asked for: BigQuery's configuration, Dataproc's job, the batch.
    pub(super) request: Value,
    pub(super) timeline: Timeline,
    /// The name of the long-running operation that stands for it.
    pub(super) operation: Option<String>,
    /// How often it was asked about.
    pub(super) asked: u32,
}

impl Job {
    pub(super) fn view(&self, now: Timestamp) -> JobView {
        let standing = self.timeline.at(now);
        JobView {
            service: self.key.service,
            project: self.key.project.clone(),
            location: self.key.location.clone(),
            id: self.key.id.clone(),
            state: State::of(&standing),
            asked: self.asked,
            cancels: self.timeline.cancels,
            request: self.request.clone(),
        }
    }
}

/// A job as tests see it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobView {
    /// Whose it is.
    pub service: Service,
    /// Its project.
    pub project: String,
    /// Its location or region.
    pub location: String,
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// How often it was asked about by name.
    pub asked: u32,
    /// How often it was asked to be cancelled.
    pub cancels: u32,
    /// What was asked for: BigQuery's configuration, Dataproc's job, the batch.
    pub request: Value,
}

/// Where a job stands, in one word for all services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits.
    Pending,
    /// It runs.
    Running,
    /// It was asked to be cancelled, and is not over.
    Cancelling,
    /// It did what it should.
    Succeeded,
    /// It did not.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl State {
    pub(super) fn of(standing: &Standing) -> Self {
        match (&standing.ended, standing.cancelling, standing.started) {
            (Some((_, End::Succeeded)), _, _) => Self::Succeeded,
            (Some((_, End::Failed(_))), _, _) => Self::Failed,
            (Some((_, End::Cancelled)), _, _) => Self::Cancelled,
            (None, Some(_), _) => Self::Cancelling,
            (None, None, Some(_)) => Self::Running,
            (None, None, None) => Self::Pending,
        }
    }
}
