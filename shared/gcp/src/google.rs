//! All ports over one project.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ork_core::definition::Task;
use ork_core::task::{AttemptId, TaskSpec};
use ork_engine::ports::{Alive, Executor, Key, Metering, Ports, StartError};

use crate::clock::SystemClock;
use crate::endpoints::{ConnectError, Endpoints};
use crate::firestore::{FirestoreStore, Observer, StoreOperation};
use crate::meter::{Meter, Usage};
use crate::notices::Notices;
use crate::objects::GcsObjects;
use crate::pubsub::{PubsubHints, Topics};
use crate::queue::GoogleQueue;
use crate::run_jobs::{RunJobs, WorkerJobs};
use crate::signed::Signer;
use crate::tasks::{CloudTasks, Wake};
use crate::trackers::{Outgoing, Trackers};
use crate::worker_services::{Lanes, WorkerServices};

/// Where a deployment's state is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// The project.
    pub project: String,
    /// The database, `(default)` or another.
    pub database: String,
    /// The bucket, without `gs://`.
    pub bucket: String,
    /// The topics of hints.
    pub topics: Topics,
    /// Where Google's services are.
    pub endpoints: Endpoints,
}

/// Where all of a deployment's parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoogleOptions {
    /// Where its state is.
    pub client: ClientOptions,
    /// Where the worker jobs are.
    pub region: String,
    /// The jobs that run tasks, by what they are for; see [`WorkerJobs`].
    pub worker_jobs: BTreeMap<String, String>,
    /// The topics of the services that run tasks, by what they are for; a profile has a job or a service.
    pub worker_services: BTreeMap<String, String>,
    /// Workers without credentials, if there are any.
    pub worker_urls: Option<WorkerUrls>,
    /// What users may ask about jobs beside Google's services.
    pub outgoing: Outgoing,
    /// Which queue wakes whom. `None`: nobody; what is due is found by the tick.
    pub wake: Option<Wake>,
}

/// Workers that have no credentials and do everything by signed URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerUrls {
    /// The profiles whose jobs they are.
    pub profiles: BTreeSet<String>,
    /// The service account in whose name the URLs are signed.
    pub account: String,
}

/// The ports over Google Cloud. Clones share everything.
#[derive(Debug, Clone)]
pub struct Google(Arc<World>);

#[derive(Debug)]
struct World {
    store: FirestoreStore,
    objects: GcsObjects,
    queue: GoogleQueue,
    executor: Starter,
    tracker: Trackers,
    notifier: Notices,
    clock: SystemClock,
    meter: Meter,
    random: Random,
}

impl Google {
    /// Makes clients for everything. All but Firestore are found out about when they are used, so that a function is up at once.
    pub async fn connect(options: GoogleOptions, meter: Meter) -> Result<Self, ConnectError> {
        named("region", &options.region)?;
        let client = options.client;
        let endpoints = client.endpoints.clone();
        let objects = objects(&client, &meter).await?;
        let wakes = match options.wake {
            Some(wake) => Some(
                CloudTasks::connect(wake, endpoints.tasks.as_deref())
                    .await?
                    .metered(meter.clone()),
            ),
            None => None,
        };
        let workers = WorkerJobs::with_services(options.worker_jobs, options.worker_services)?;
        let mut jobs = RunJobs::connect(
            &options.region,
            workers.clone(),
            objects.clone(),
            endpoints.run.as_deref(),
        )
        .await?
        .metered(meter.clone());
        if let Some(WorkerUrls { profiles, account }) = &options.worker_urls {
            let (iam, storage) = (endpoints.iam.as_deref(), endpoints.storage.as_deref());
            jobs = jobs.signing(Signer::connect(account, iam, storage)?, profiles)?;
        }
        let topics: BTreeSet<&str> = workers.topics().collect();
        let services =
            WorkerServices::connect(&topics, objects.clone(), endpoints.pubsub.as_deref())
                .await?
                .metered(meter.clone());
        let executor = Starter::Workers(Box::new(Lanes::new(workers, jobs, services)));
        let tracker = Trackers::connect(&endpoints, &options.outgoing)?;
        let notices = Notices::connect(&endpoints, &options.outgoing, meter.clone())?;
        let others = (executor, tracker, notices);
        Self::over(client, objects, wakes, others, meter).await
    }

    /// For somebody who looks at runs, starts them and tells them what to do, and leaves the rest to the functions.
    pub async fn client(options: ClientOptions) -> Result<Self, ConnectError> {
        let meter = Meter::of_client("client");
        let objects = objects(&options, &meter).await?;
        let others = (Starter::Nowhere, Trackers::Nobody, Notices::Nobody);
        Self::over(options, objects, None, others, meter).await
    }

    async fn over(
        options: ClientOptions,
        objects: GcsObjects,
        wakes: Option<CloudTasks>,
        (executor, tracker, notifier): (Starter, Trackers, Notices),
        meter: Meter,
    ) -> Result<Self, ConnectError> {
        named("project", &options.project)?;
        named("database", &options.database)?;
        let endpoints = &options.endpoints;
        let hints = PubsubHints::connect(&options.topics, endpoints.pubsub.as_deref())
            .await?
            .metered(meter.clone());
        // Last: it is the one that really connects.
        let store = FirestoreStore::connect(
            &options.project,
            &options.database,
            endpoints.firestore.as_deref(),
        )
        .await
        .map_err(|error| ConnectError(error.message))?
        .with_observer(observer(meter.clone()));
        Ok(Self(Arc::new(World {
            store,
            objects,
            queue: GoogleQueue::new(hints, wakes),
            executor,
            tracker,
            notifier,
            clock: SystemClock,
            meter,
            random: Random::new(),
        })))
    }

    /// What has been used.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }
}

fn named(what: &str, value: &str) -> Result<(), ConnectError> {
    if value.is_empty() {
        return Err(ConnectError(format!("the {what} is not named")));
    }
    Ok(())
}

async fn objects(options: &ClientOptions, meter: &Meter) -> Result<GcsObjects, ConnectError> {
    named("bucket", &options.bucket)?;
    let objects = GcsObjects::connect(&options.bucket, options.endpoints.storage.as_deref());
    Ok(objects.await?.metered(meter.clone()))
}

impl Ports for Google {
    type Store = FirestoreStore;
    type Objects = GcsObjects;
    type Queue = GoogleQueue;
    type Executor = Starter;
    type Tracker = Trackers;
    type Notifier = Notices;
    type Clock = SystemClock;

    fn store(&self) -> &FirestoreStore {
        &self.0.store
    }
    fn objects(&self) -> &GcsObjects {
        &self.0.objects
    }
    fn queue(&self) -> &GoogleQueue {
        &self.0.queue
    }
    fn executor(&self) -> &Starter {
        &self.0.executor
    }
    fn tracker(&self) -> &Trackers {
        &self.0.tracker
    }
    fn notifier(&self) -> &Notices {
        &self.0.notifier
    }
    fn clock(&self) -> &SystemClock {
        &self.0.clock
    }
    fn random(&self) -> u64 {
        self.0.random.next()
    }
    fn metering(&self) -> Option<&dyn Metering> {
        Some(&self.0.meter)
    }
}

/// Starts attempts, if that is this process's business.
#[derive(Debug, Clone)]
pub enum Starter {
    /// In worker jobs and worker services.
    Workers(Box<Lanes>),
    /// A client leaves that to dispatch.
    Nowhere,
}

impl Executor for Starter {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        match self {
            Self::Workers(lanes) => lanes.start(specs).await,
            Self::Nowhere => {
                let why = "a client starts no attempts: dispatch does";
                specs
                    .iter()
                    .map(|_| Err(StartError::Busy(why.to_owned())))
                    .collect()
            }
        }
    }
    /// A worker that nobody stops finds its verdict at its next sign of life, and ends.
    async fn stop(&self, attempt: &AttemptId) {
        if let Self::Workers(lanes) = self {
            lanes.stop(attempt).await;
        }
    }
    fn refusal(&self, spec: &TaskSpec, task: &Task) -> Option<String> {
        match self {
            Self::Workers(lanes) => lanes.refusal(spec, task),
            Self::Nowhere => None,
        }
    }
    async fn alive(&self, attempts: &[Alive<'_>]) {
        if let Self::Workers(lanes) = self {
            lanes.alive(attempts).await;
        }
    }
}

/// Counts what the store says it did.
fn observer(meter: Meter) -> Observer {
    Arc::new(move |operation, key| {
        let mut used = Usage::default();
        match operation {
            StoreOperation::Read => used.store_reads = 1,
            StoreOperation::Write => used.store_writes = 1,
            StoreOperation::Delete => used.store_deletes = 1,
            // One that finds nothing is billed as one read.
            StoreOperation::Query { documents } => used.store_reads = documents.max(1) as u64,
        }
        let run = match key {
            Some(Key::Run(run) | Key::Page(run, _)) => Some(run),
            _ => None,
        };
        meter.count(run, &used);
    })
}

/// Numbers nobody else gets: from the system's randomness, by which the standard library seeds its hash maps, and never two alike in one process.
#[derive(Debug)]
struct Random {
    seed: RandomState,
    drawn: AtomicU64,
}

impl Random {
    fn new() -> Self {
        Self {
            seed: RandomState::new(),
            drawn: AtomicU64::new(0),
        }
    }
    fn next(&self) -> u64 {
        let mut hasher = self.seed.build_hasher();
        hasher.write_u64(self.drawn.fetch_add(1, Ordering::Relaxed));
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ork_core::ids::RunId;

    fn options(firestore: &str) -> GoogleOptions {
        let nobody = || Some("127.0.0.1:1".to_owned());
        GoogleOptions {
            client: ClientOptions {
                project: "p".into(),
                database: "(default)".into(),
                bucket: "bucket".into(),
                topics: Topics {
                    dispatch: "projects/p/topics/dispatch".into(),
                    poll: "projects/p/topics/poll".into(),
                },
                endpoints: Endpoints {
                    firestore: Some(firestore.to_owned()),
                    storage: nobody(),
                    pubsub: nobody(),
                    run: nobody(),
                    tasks: nobody(),
                    bigquery: nobody(),
                    dataproc: nobody(),
                    iam: nobody(),
                },
            },
            region: "r".into(),
            worker_jobs: BTreeMap::from([(
                "default".to_owned(),
                "projects/p/locations/r/jobs/j".to_owned(),
            )]),
            worker_services: BTreeMap::new(),
            worker_urls: None,
            outgoing: Outgoing::default(),
            wake: None,
        }
    }

    #[tokio::test]
    async fn a_deployment_connects_before_anything_of_it_answers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mute = listener.local_addr().expect("it is bound").to_string();
        let google = Google::connect(options(&mute), Meter::default())
            .await
            .expect("connected");
        assert!(google.meter().total().is_nothing(), "nothing was asked");
        assert_ne!(google.random(), google.random());
    }

    fn urls(profile: &str, account: &str) -> Option<WorkerUrls> {
        Some(WorkerUrls {
            profiles: BTreeSet::from([profile.to_owned()]),
            account: account.to_owned(),
        })
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        type Change = fn(&mut GoogleOptions);
        let cases: [(Change, &str); 9] = [
            (|_| {}, "Firestore database"),
            (|o| o.client.project.clear(), "project is not named"),
            (|o| o.client.bucket.clear(), "bucket is not named"),
            (|o| o.region.clear(), "region is not named"),
            (
                |o| o.client.topics.poll = "poll".into(),
                "projects/PROJECT/topics/TOPIC",
            ),
            (|o| o.worker_jobs.clear(), "no `default`"),
            (|o| o.region = "elsewhere".into(), "not in region elsewhere"),
            (|o| o.worker_urls = urls("python", "a@b.c"), "has no job"),
            (
                |o| o.worker_urls = urls("default", "a"),
                "no service account",
            ),
        ];
        for (change, word) in cases {
            let mut options = options("127.0.0.1:1");
            change(&mut options);
            let error = Google::connect(options, Meter::default())
                .await
                .expect_err("something is missing");
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn what_the_store_does_is_counted_for_its_run() {
        let (meter, run) = (Meter::default(), RunId::new("r").expect("a run id"));
        let observe = observer(meter.clone());
        observe(StoreOperation::Read, Some(&Key::Run(run.clone())));
        observe(StoreOperation::Write, Some(&Key::Page(run.clone(), 1)));
        observe(StoreOperation::Delete, Some(&Key::Dead("x".into())));
        observe(StoreOperation::Query { documents: 0 }, None);
        observe(StoreOperation::Query { documents: 5 }, None);
        let of_run = meter.take(&run);
        assert_eq!((of_run.store_reads, of_run.store_writes), (1, 1));
        let total = meter.total();
        assert_eq!(
            (total.store_reads, total.store_writes, total.store_deletes),
            (7, 1, 1)
        );
    }

    #[test]
    fn random_numbers_do_not_repeat() {
        let (one, other) = (Random::new(), Random::new());
        let drawn: std::collections::BTreeSet<u64> = (0..10_000)
            .flat_map(|_| [one.next(), other.next()])
            .collect();
        assert_eq!(drawn.len(), 20_000);
    }
}
