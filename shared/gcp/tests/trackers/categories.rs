//! What kind of failure each service's own reasons are, over the stand-ins, and that a task's retries see it.

use std::collections::BTreeMap;
use std::time::Duration;

use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::run::Category;
use ork_emulators::run_jobs::{RunJobs, RunJobsOptions, Simulated};
use ork_emulators::services::{Script, Services, ServicesOptions};
use ork_engine::ports::{Begun, JobStatus, Tracker};
use ork_gcp::Endpoints;
use ork_gcp::trackers::{Outgoing, Secrets, Trackers};
use serde_json::json;

use Category::{Oom, Permanent, Recoverable, Timeout, Transient, Unknown};

struct World {
    services: Services,
    runs: RunJobs,
    trackers: Trackers,
    started: u32,
}

impl World {
    async fn new() -> Self {
        let options = ServicesOptions {
            speed: 0.0,
            ..ServicesOptions::default()
        };
        let services = Services::start(options).await.expect("a stand-in");
        let runs = RunJobs::start(RunJobsOptions::default())
            .await
            .expect("a stand-in");
        let endpoints = Endpoints {
            run: Some(runs.endpoint()),
            bigquery: Some(services.endpoint()),
            dataproc: Some(services.endpoint()),
            ..Endpoints::default()
        };
        let outgoing = Outgoing {
            smtp: ork_gcp::trackers::SmtpSettings::default(),
            allow: String::new(),
            services: String::new(),
            project: "p".into(),
            secrets: Secrets::listed(BTreeMap::new()),
        };
        Self {
            services,
            runs,
            trackers: Trackers::connect(&endpoints, &outgoing).expect("connected"),
            started: 0,
        }
    }

    /// Has work done that fails, and gives what kind of failure it is said to be, with the words for it.
    async fn fails(&mut self, operator: &str, request: Value) -> (Category, String) {
        self.started += 1;
        let work = json!({"operator": operator, "id": format!("ork_{}", self.started), "request": request});
        let work = Work::read(&work).expect("work").expect("well-formed");
        let begun = self.trackers.start(&work).await;
        let Ok(Begun::Job(job)) = begun else {
            panic!("{operator}: {begun:?}")
        };
        self.services.advance(Duration::from_secs(60));
        loop {
            match self.trackers.poll(&job).await {
                Ok(JobStatus::Failed { category, why }) => return (category, why),
                // Its task is one of this process.
                Ok(JobStatus::Running) => tokio::task::yield_now().await,
                other => panic!("{job}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn reasons_of_bigquery() {
    let mut world = World::new().await;
    for (category, reasons) in [
        (
            Transient,
            &[
                "backendError",
                "internalError",
                "jobBackendError",
                "jobInternalError",
                "jobRateLimitExceeded",
                "quotaExceeded",
                "rateLimitExceeded",
                "tableUnavailable",
            ][..],
        ),
        (
            Permanent,
            &[
                "billingNotEnabled",
                "billingTierLimitExceeded",
                "bytesBilledLimitExceeded",
                "duplicate",
                "notImplemented",
                "responseTooLarge",
            ],
        ),
        (Recoverable, &["blocked", "resourceInUse"]),
        (Oom, &["resourcesExceeded"]),
        (Timeout, &["timeout"]),
        (Unknown, &["stopped", "somethingNew"]),
    ] {
        for reason in reasons {
            let query = format!("SELECT 1 -- ork: {{\"fail\": \"{reason}: so it is\"}}");
            let (found, why) = world.fails("bigquery", json!({"query": query})).await;
            assert_eq!(found, category, "{why}");
            assert!(why.contains(&format!("so it is ({reason}")), "{why}");
        }
    }
}

#[tokio::test]
async fn ends_of_containers_of_cloud_run() {
    let mut world = World::new().await;
    for (at, (fail, category)) in [
        ("x: The container exited with an error", Unknown),
        ("x: exit code 1", Unknown),
        ("x: exit code 64", Permanent),
        ("x: exit code 75", Transient),
        ("x: Container called exit(75)", Transient),
        ("x: exit code 137", Unknown),
        ("x: terminated on signal 9", Unknown),
        ("x: The configured memory limit was reached", Oom),
        ("x: Memory limit of 512 MiB exceeded with 520 MiB used", Oom),
        ("x: The configured timeout was reached", Timeout),
        ("PROGRESS_DEADLINE_EXCEEDED: m", Timeout),
        ("CONTAINER_MISSING: m", Permanent),
        ("CONTAINER_PERMISSION_DENIED: m", Permanent),
        ("CONTAINER_IMAGE_UNAUTHORIZED: m", Permanent),
        ("SECRETS_ACCESS_CHECK_FAILED: m", Permanent),
        ("VPC_NETWORK_NOT_FOUND: m", Permanent),
        ("POSTPONED_RETRY: m", Transient),
        ("INTERNAL: m", Transient),
    ]
    .into_iter()
    .enumerate()
    {
        let job = Simulated {
            script: Script {
                fail: Some(fail.into()),
                ..Script::default()
            },
            ..Simulated::new("image")
        };
        let name = format!("projects/p/locations/r/jobs/j{at}");
        world.runs.register_simulated(&name, job).expect("a job");
        let request = json!({"job": format!("j{at}"), "region": "r"});
        let (found, why) = world.fails("cloudrun", request).await;
        assert_eq!(found, category, "{fail}: {why}");
    }
}

#[tokio::test]
async fn details_of_dataproc() {
    let mut world = World::new().await;
    for (details, category) in [
        ("Task was not acquired", Transient),
        (
            "Insufficient 'CPUS' quota. Requested 12.0, available 3.0",
            Transient,
        ),
        ("ZONE_RESOURCE_POOL_EXHAUSTED in us-central1-a", Transient),
        (
            "Job failed with message [OutOfMemoryError: Java heap space]",
            Oom,
        ),
        (
            "Driver exited with 137, which signifies a memory pressure",
            Oom,
        ),
        ("Driver exited with exit code 64", Permanent),
        ("Driver exited with exit code 75", Transient),
        ("Google Cloud Dataproc Agent reports job failure", Unknown),
        (
            "Job failed with message [ValueError: permission denied]",
            Unknown,
        ),
        (
            "PERMISSION_DENIED: the account may not use the network",
            Permanent,
        ),
        ("a@b does not have storage.objects.get access", Permanent),
        ("Batch exceeded its TTL of 600 s", Timeout),
    ] {
        for cluster in [true, false] {
            let labels = json!({"ork-fail": format!("x: {details}")});
            let what = json!({"mainPythonFileUri": "gs://b/m.py"});
            let request = if cluster {
                json!({"region": "us-central1", "cluster": "c", "job": {"pysparkJob": what, "labels": labels}})
            } else {
                json!({"region": "us-central1", "batch": {"pysparkBatch": what, "labels": labels}})
            };
            let (found, why) = world.fails("dataproc", request).await;
            assert_eq!(found, category, "{why}");
        }
    }
}
