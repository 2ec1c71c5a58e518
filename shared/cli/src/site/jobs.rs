//! Deferred jobs of runs that this machine executes: clients for their services, made when the first job is asked about.

use std::sync::{Arc, OnceLock};

use ork_core::Value;
use ork_core::deferred::Work;
use ork_engine::ports::{Begun, JobStatus, Stopping, Tracker, TrackerError};
use ork_gcp::Endpoints;
use ork_gcp::trackers::{Outgoing, Secrets, SmtpSettings, Trackers};
use ork_local::Jobs;

use crate::config::{self, Services};

/// See the module.
#[derive(Debug)]
struct LaptopJobs {
    services: Services,
    trackers: OnceLock<Result<Trackers, String>>,
}

/// Whoever can be asked about deferred jobs, by what the environment says.
pub(crate) fn jobs(services: &Services) -> Option<Arc<dyn Jobs>> {
    Some(Arc::new(LaptopJobs {
        services: services.clone(),
        trackers: OnceLock::new(),
    }))
}

/// What the environment says of requests that users cause.
pub(super) fn outgoing(services: &Services) -> Outgoing {
    // Two providers may be in the binary, and rustls does not choose between them. It fails only if one was installed before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let said = |value: &Option<String>| value.clone().unwrap_or_default();
    Outgoing {
        allow: said(&services.outgoing_allow),
        services: said(&services.trackers),
        project: said(&services.project),
        // Whoever executes runs here may look into this environment, and so may their tasks.
        secrets: Secrets::lookup(config::secret),
        smtp: SmtpSettings {
            url: services
                .smtp_url
                .clone()
                .map(|url| url.0)
                .unwrap_or_default(),
            from: said(&services.smtp_from),
        },
    }
}

impl LaptopJobs {
    fn trackers(&self) -> Result<&Trackers, TrackerError> {
        let made = self.trackers.get_or_init(|| {
            let endpoints = Endpoints {
                run: self.services.run.clone(),
                bigquery: self.services.bigquery.clone(),
                dataproc: self.services.dataproc.clone(),
                storage: self.services.storage.clone(),
                ..Endpoints::default()
            };
            Trackers::connect(&endpoints, &outgoing(&self.services))
                .map_err(|error| error.to_string())
        });
        made.as_ref()
            .map_err(|error| TrackerError::Permanent(error.clone()))
    }
}

impl Tracker for LaptopJobs {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        Tracker::poll(self.trackers()?, job).await
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        Tracker::start(self.trackers()?, work).await
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        Tracker::cancel(self.trackers()?, job).await
    }
}
