//! A bucket, two worker jobs and an executor over them.

use std::collections::BTreeMap;

use ork_core::definition::Executor;
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::task::{AttemptId, TASK_FORMAT, TaskSpec};
use ork_core::time::{Millis, Time};
use ork_emulators::run_jobs::{Instant, RunJobs as StandIn, RunJobsOptions, TaskEnd};
use ork_emulators::storage::{Storage, StorageOptions};
use ork_gcp::{GcsObjects, Meter, RunJobs, WorkerJobs};
use serde_json::value::RawValue;

pub(crate) const JOB: &str = "projects/p/locations/r/jobs/worker";
pub(crate) const BIG: &str = "projects/p/locations/r/jobs/big";

pub(crate) struct World {
    pub(crate) storage: Storage,
    pub(crate) cloud: StandIn,
    pub(crate) objects: GcsObjects,
    pub(crate) executor: RunJobs,
    pub(crate) meter: Meter,
}

pub(crate) fn workers() -> WorkerJobs {
    let jobs = [("default", JOB), ("docker", BIG)];
    let jobs = jobs.map(|(what, job)| (what.to_owned(), job.to_owned()));
    WorkerJobs::new(BTreeMap::from(jobs)).expect("well-formed")
}

impl World {
    /// Tasks of its jobs end well at once.
    pub(crate) async fn new() -> Self {
        let storage = Storage::start(StorageOptions::default())
            .await
            .expect("a stand-in");
        storage.create_bucket("bucket").expect("a bucket");
        let cloud = StandIn::start(RunJobsOptions::default())
            .await
            .expect("a stand-in");
        for job in [JOB, BIG] {
            let done = Instant::new(|_, _, _| async { TaskEnd::Succeeded });
            cloud.register_instant(job, done).expect("a job");
        }
        let meter = Meter::default();
        let objects = GcsObjects::connect("bucket", Some(&storage.endpoint()))
            .await
            .expect("a connection")
            .metered(meter.clone());
        let executor = RunJobs::connect("r", workers(), objects.clone(), Some(&cloud.endpoint()))
            .await
            .expect("a connection")
            .metered(meter.clone());
        Self {
            storage,
            cloud,
            objects,
            executor,
            meter,
        }
    }
}

/// An instance of a task that fans out.
pub(crate) fn spec(run: &str, index: u32) -> TaskSpec {
    let empty = || RawValue::from_string("{}".into()).expect("JSON").into();
    TaskSpec {
        format: TASK_FORMAT,
        id: AttemptId {
            run: RunId::new(run).expect("a run id"),
            task: 0,
            index,
            attempt: 1,
            fence: 1,
        },
        task_name: TaskName::new("t").expect("a task name"),
        workflow_name: WorkflowName::new("w").expect("a workflow name"),
        workflow_version: VersionHash::of(b"w"),
        bundle: None,
        executor: Executor::Kubernetes { command: None },
        input: empty(),
        input_secrets: Vec::new(),
        upstream: empty(),
        files: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        parallel_index: index,
        parallel_count: 1,
        timeout: Millis::from_secs(60),
        heartbeat: Millis::from_secs(30),
        memory_bytes: None,
        worker: None,
        topic: None,
        fans_out: true,
        created_at: Time(0),
        trace: None,
    }
}
