//! What the environment says: every variable in one table, checked as a whole before anything is opened.

mod api;
mod problem;
mod read;
mod secrets;
mod shown;
mod values;
mod variables;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ork_core::retention::Retention;
use ork_core::usage::Usage;
use ork_telemetry::{Identity, Telemetry, TelemetrySettings};

pub use api::{ApiAuth, ApiSettings, GoogleAuth};
pub use problem::{Problem, Problems};
pub use read::{telemetry, unknown};
pub use secrets::{HttpSecrets, Smtp};
pub use shown::{help, markdown};
pub use variables::{Absent, OF_OTHERS, VARIABLES, Variable, variable};
pub use worker::WorkerServing;

/// What a process is for: the argument of `ork-service`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Fires schedules and looks at what is due.
    Tick,
    /// Claims ready tasks and has them started.
    Dispatch,
    /// Takes notices of objects, verdicts and uploads.
    Monitor,
    /// Looks at runs at the instant they asked for.
    Poll,
    /// Runs one attempt of a task.
    Worker,
    /// Runs attempts of tasks, one for each request.
    WorkerService,
    /// Answers people and programs: the HTTP API.
    Api,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Tick,
        Self::Dispatch,
        Self::Monitor,
        Self::Poll,
        Self::Worker,
        Self::WorkerService,
        Self::Api,
    ];
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tick => "tick",
            Self::Dispatch => "dispatch",
            Self::Monitor => "monitor",
            Self::Poll => "poll",
            Self::Worker => "worker",
            Self::WorkerService => "worker-service",
            Self::Api => "api",
        }
    }
    /// What it does, in a few words.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Tick => "fires schedules and looks at every run that is due",
            Self::Dispatch => "claims ready tasks and has them started",
            Self::Monitor => "takes notices of verdicts and of uploaded workflows",
            Self::Poll => "looks at runs at the instant they asked for",
            Self::Worker => "runs one attempt of a task, as a Cloud Run job does",
            Self::WorkerService => "runs an attempt of a task for each request that it gets",
            Self::Api => "answers people and programs over HTTP",
        }
    }
    /// The role called `word`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The least severe lines that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// What a person has to look at.
    Error,
    /// And what was odd.
    Warn,
    /// And one line for each request.
    Info,
    /// And what led to it.
    Debug,
    /// And everything else.
    Trace,
}

/// Where the services of Google are; `None` is Google's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Emulators {
    /// `http://host:port` of Firestore.
    pub firestore: Option<String>,
    /// `http://host:port` of Cloud Storage.
    pub storage: Option<String>,
    /// `http://host:port` of Pub/Sub.
    pub pubsub: Option<String>,
    /// `http://host:port` of Cloud Run.
    pub run: Option<String>,
    /// `http://host:port` of Cloud Tasks.
    pub tasks: Option<String>,
    /// `http://host:port` of BigQuery.
    pub bigquery: Option<String>,
    /// `http://host:port` of Dataproc.
    pub dataproc: Option<String>,
    /// `http://host:port` of IAM.
    pub iam: Option<String>,
}

/// What a service needs of Google Cloud besides project and bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Firestore database.
    pub database: String,
    /// Region of jobs and queues.
    pub region: String,
    /// Topic of the hints to dispatch.
    pub topic_dispatch: String,
    /// Topic of the hints to poll.
    pub topic_poll: String,
    /// Cloud Run jobs by worker profile.
    pub worker_jobs: BTreeMap<String, String>,
    /// Topics of worker services by worker profile.
    pub worker_services: BTreeMap<String, String>,
    /// Workers without credentials, if there are any.
    pub worker_urls: Option<WorkerUrls>,
    /// The identity of worker services that tell of verdicts; `None`: the usual caller's.
    pub chain_identity: Option<String>,
    /// How precise wakes are asked for; `None`: at the tick only.
    pub wake: Option<Wake>,
    /// Internal places that outgoing requests of users may go to.
    pub outgoing_allow: String,
    /// Further types of deferred jobs: a JSON object of URLs, or nothing.
    pub trackers: String,
    /// The secrets that headers of requests may name.
    pub http_secrets: HttpSecrets,
    /// The server of letters.
    pub smtp: Smtp,
    /// How long runs are kept after their end; the tick removes them.
    pub retention: Retention,
}

/// Workers that have no credentials and do everything by signed URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerUrls {
    /// The worker profiles that are so, each with a job.
    pub profiles: BTreeSet<String>,
    /// Service account in whose name the URLs are signed.
    pub account: String,
}

/// How precise wakes are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wake {
    /// Cloud Tasks queue.
    pub queue: String,
    /// Where its tasks go.
    pub url: String,
    /// Service account whose identity they carry; `None` only where callers are not checked.
    pub identity: Option<String>,
}

impl Wake {
    /// The audience of the tokens they carry: the URL without its path.
    pub fn audience(&self) -> &str {
        self.url.strip_suffix("/wake").unwrap_or(&self.url)
    }
}

/// Who checks callers, and who they must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Cloud Run checked the token; what it says is compared.
    Iam(Caller),
    /// The token's signature is checked here.
    Verify(Caller),
    /// Nobody is checked: everything is emulated.
    Off,
}

/// Who a caller must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's audience, exactly.
    pub audience: String,
    /// The token's e-mail address, exactly.
    pub email: String,
}

/// What every service needs for serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Where to listen.
    pub port: u16,
    /// Listens on the loopback address only.
    pub loopback: bool,
    /// Who may call.
    pub auth: Auth,
    /// The only subscription whose messages are taken; the tick has none.
    pub subscription: Option<String>,
    /// The bucket whose notices are taken.
    pub bucket: String,
    /// The URL and the identity of precise wakes.
    pub wake: Option<Wake>,
    /// Longest work on one request.
    pub deadline: Duration,
    /// Attempts started with one commit at most.
    pub places: u32,
    /// Schedules and runs of one round of a tick.
    pub tick_limit: usize,
    /// Requests worked on at the same time.
    pub concurrency: usize,
    /// Ends after one request.
    pub one_request: bool,
    /// How long the head of a request may take to come, and how long a connection may say nothing.
    pub head: Duration,
    /// How long what is open may go on after the process was told to stop.
    pub drain: Duration,
    /// Where traces and metrics go; `None`: nowhere.
    pub otlp: Option<TelemetrySettings>,
    /// What sends them, once there is one; see [`Serving::measured`].
    pub telemetry: Telemetry,
}

impl Serving {
    /// The same with something that sends traces and metrics of `role`, if its settings say where to.
    pub fn measured(
        &self,
        role: Role,
        project: &str,
        price: Option<fn(&Usage) -> u64>,
    ) -> Result<Self, String> {
        let identity = identity(role, project, price);
        Ok(Self {
            telemetry: Telemetry::new(self.otlp.as_ref(), identity)?,
            ..self.clone()
        })
    }
}

/// Who a process of `role` says it is.
pub fn identity(role: Role, project: &str, price: Option<fn(&Usage) -> u64>) -> Identity {
    Identity {
        service: format!("ork-{role}"),
        place: project.to_owned(),
        price,
        attributes: vec![
            ("ork.role", role.as_str().to_owned()),
            ("cloud.provider", "gcp".to_owned()),
            ("cloud.account.id", project.to_owned()),
        ],
    }
}

/// All settings of a service. A worker reads its own, a worker service has [`WorkerServing`], the API [`ApiSettings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it is for.
    pub role: Role,
    /// Google Cloud project.
    pub project: String,
    /// Bucket of workflows and runs.
    pub bucket: String,
    /// Where the services of Google are.
    pub emulators: Emulators,
    /// What is logged.
    pub log: LogLevel,
    /// What it needs of Google Cloud.
    pub cloud: Cloud,
    /// How it serves.
    pub serving: Serving,
}

impl Settings {
    /// Reads the settings of the service `role` from `variables`. All that is wrong is reported at once.
    pub fn read(role: Role, variables: &BTreeMap<String, String>) -> Result<Self, Problems> {
        read::read(role, variables)
    }
}
