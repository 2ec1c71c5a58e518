//! What is started, and where.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::run_jobs::RunJobsOptions;
use crate::services::ServicesOptions;
use crate::tasks::TasksOptions;

/// Whether a part is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is left out.
    Off,
    /// It is started at this port; 0 = any free port.
    On(u16),
}

/// What is started, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The project everything is prepared for.
    pub project: String,
    /// The Firestore database.
    pub database: String,
    /// The region of jobs and queues.
    pub region: String,
    /// The bucket that is made.
    pub bucket: String,
    /// The address everything listens on.
    pub host: IpAddr,
    /// The gcloud SDK; without it, it is looked for.
    pub sdk_root: Option<PathBuf>,
    /// Google's Firestore emulator.
    pub firestore: Part,
    /// Google's Pub/Sub emulator.
    pub pubsub: Part,
    /// The stand-in for Cloud Storage.
    pub storage: Part,
    /// A second write of one object within a second may be refused, as Cloud Storage does.
    pub strict_rate: bool,
    /// The stand-in for Cloud Run jobs.
    pub run_jobs: Part,
    /// More about it; its address comes from `host` and `run_jobs`.
    pub run_jobs_options: RunJobsOptions,
    /// The stand-in for Cloud Tasks.
    pub tasks: Part,
    /// More about it; its address comes from `host` and `tasks`.
    pub tasks_options: TasksOptions,
    /// The stand-in for BigQuery, Dataproc and IAM.
    pub services: Part,
    /// More about it; its address comes from `host` and `services`. Cloud Storage checks signatures with its keys.
    pub services_options: ServicesOptions,
    /// The value of `ORK_WAKE_URL`, when it is known already.
    pub wake_url: Option<String>,
    /// The port of `POST /wipe/PROJECT`; 0 = any free port.
    pub control_port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            project: "ork-local".to_owned(),
            database: "(default)".to_owned(),
            region: "local".to_owned(),
            bucket: "ork-local".to_owned(),
            host: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sdk_root: None,
            firestore: Part::On(0),
            pubsub: Part::On(0),
            storage: Part::On(0),
            strict_rate: false,
            run_jobs: Part::On(0),
            run_jobs_options: RunJobsOptions::default(),
            tasks: Part::On(0),
            tasks_options: TasksOptions::default(),
            services: Part::On(0),
            services_options: ServicesOptions::default(),
            wake_url: None,
            control_port: 0,
        }
    }
}

impl Options {
    /// Everything on free ports, for this project and bucket.
    pub fn for_project(project: impl Into<String>, bucket: impl Into<String>) -> Self {
        Self {
            project: project.into(),
            bucket: bucket.into(),
            ..Self::default()
        }
    }

    pub(crate) fn address(&self, part: Part) -> Option<SocketAddr> {
        match part {
            Part::Off => None,
            Part::On(port) => Some(SocketAddr::new(self.host, port)),
        }
    }
}
