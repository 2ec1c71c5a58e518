//! A bucket of its own for each case, in one stand-in, and how its futures are run.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use ork_core::ids::{RunId, TaskName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_emulators::storage::{Storage, StorageOptions};
use ork_engine::conformance::ObjectsWorld;
use ork_gcp::GcsObjects;
use tokio::runtime::{Builder, Runtime};

/// A bucket that nobody else uses; handles are connections of their own, as those of another process.
pub(crate) struct World(String);

impl World {
    pub(crate) fn new() -> Self {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let bucket = format!("bucket-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        shared().create_bucket(&bucket).expect("a bucket");
        Self(bucket)
    }
}

impl ObjectsWorld for World {
    type Objects = GcsObjects;
    async fn open(&self) -> GcsObjects {
        open(shared(), &self.0).await
    }
}

/// A handle on a bucket.
pub(crate) async fn open(storage: &Storage, bucket: &str) -> GcsObjects {
    GcsObjects::connect(bucket, Some(&storage.endpoint()))
        .await
        .expect("a connection")
}

/// A stand-in of one's own with one bucket, for faults.
pub(crate) async fn alone() -> (Storage, GcsObjects) {
    let storage = Storage::start(StorageOptions::default())
        .await
        .expect("a stand-in");
    storage.create_bucket("bucket").expect("a bucket");
    let objects = open(&storage, "bucket").await;
    (storage, objects)
}

/// The stand-in that all cases share, with a thread of its own.
pub(crate) fn shared() -> &'static Storage {
    static SHARED: OnceLock<Storage> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (started, storage) = mpsc::channel();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let storage = Storage::start(StorageOptions::default()).await;
                started
                    .send(storage.expect("a stand-in"))
                    .expect("somebody waits for it");
                std::future::pending::<()>().await;
            });
        });
        storage.recv().expect("it starts")
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Runs a case to its end.
pub(crate) fn block_on<T>(case: impl Future<Output = T>) -> T {
    runtime().block_on(case)
}

/// An object of a run.
pub(crate) fn name(file: AttemptFile) -> ObjectName {
    ObjectName::Attempt {
        run: RunId::new("r").expect("a run id"),
        task: TaskName::new("t").expect("a task name"),
        index: None,
        attempt: 1,
        file,
    }
}
