//! Worker jobs with and without credentials, started by an executor that signs.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::task::TaskSpec;
use ork_emulators::run_jobs::{Instant, RunJobs as StandIn, RunJobsOptions, TaskEnd};
use ork_engine::batch;
use ork_engine::ports::Objects;
use ork_gcp::signed::{self, AttemptUrls, SignedUrl, Signer, fetch};
use ork_gcp::{Meter, RunJobs, WorkerJobs};

use super::world::World;

const PLENTY: u64 = 64 << 20;
/// Its workers have credentials.
pub(crate) const PLAIN: &str = "projects/p/locations/r/jobs/plain";
/// Its workers have none.
pub(crate) const BARE: &str = "projects/p/locations/r/jobs/bare";

pub(crate) struct Site {
    pub(crate) world: World,
    pub(crate) cloud: StandIn,
    pub(crate) executor: RunJobs,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let cloud = StandIn::start(RunJobsOptions::default()).await;
        let cloud = cloud.expect("Cloud Run");
        for job in [PLAIN, BARE] {
            let done = Instant::new(|_, _, _| async { TaskEnd::Succeeded });
            cloud.register_instant(job, done).expect("a job");
        }
        let executor = executor(&world, &cloud, world.signer.clone(), &Meter::default()).await;
        Self {
            world,
            cloud,
            executor,
        }
    }

    /// What the workers of a job's latest execution are told, but for what Cloud Run itself says.
    pub(crate) fn told(&self, job: &str) -> BTreeMap<String, String> {
        let executions = self.cloud.executions(job);
        let env = executions.first().expect("an execution").env.clone();
        env.into_iter()
            .filter(|(name, _)| !name.starts_with("CLOUD_RUN_"))
            .collect()
    }

    /// Another process that starts attempts, and what it uses of the bucket.
    pub(crate) async fn counted(&self, meter: &Meter) -> RunJobs {
        let signer = self.world.signer.clone();
        executor(&self.world, &self.cloud, signer, meter).await
    }

    /// What the worker at `position` of the latest execution without credentials is handed.
    pub(crate) async fn handed(&self, position: usize) -> (TaskSpec, AttemptUrls) {
        let url = SignedUrl::of(&self.told(BARE)["ORK_BATCH_URL"]);
        let bytes = fetch(&url, PLENTY).await.expect("an answer");
        let bytes = bytes.expect("it is there");
        let spec = batch::decode(&bytes, position).expect("a spec");
        (spec, signed::batch::decode(&bytes, position).expect("URLs"))
    }

    /// Nothing was started, and nobody was left anything to do.
    pub(crate) async fn is_untouched(&self) -> bool {
        let batches = self.world.objects.list("runs/", None, 10).await;
        self.cloud.executions(BARE).is_empty() && batches.expect("a listing").is_empty()
    }
}

pub(crate) async fn executor(
    world: &World,
    cloud: &StandIn,
    signer: Signer,
    meter: &Meter,
) -> RunJobs {
    let jobs = [("default", PLAIN), ("docker", BARE)];
    let jobs = jobs.map(|(what, job)| (what.to_owned(), job.to_owned()));
    let jobs = WorkerJobs::new(BTreeMap::from(jobs)).expect("well-formed");
    let there = cloud.endpoint();
    let objects = world.objects.clone().metered(meter.clone());
    let executor = RunJobs::connect("r", jobs, objects, Some(&there));
    let executor = executor.await.expect("a connection");
    let profiles = BTreeSet::from(["docker".to_owned()]);
    executor.signing(signer, &profiles).expect("it has a job")
}
