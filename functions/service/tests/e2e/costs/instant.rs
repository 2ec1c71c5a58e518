//! A worker that is a function instead of a process: claims, and gives its index at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_emulators::run_jobs::{Instant, TaskEnd};
use ork_engine::Worker;
use ork_engine::ports::{Clock, Objects, Ports};
use ork_gcp::{Google, Usage};
use serde::Deserialize;
use tokio::sync::OnceCell;

#[derive(Deserialize)]
struct Batch {
    specs: Vec<TaskSpec>,
}

/// Batches by name, each read and parsed once for all its workers: doing that a thousand times would be what is measured.
#[derive(Clone, Default)]
struct Batches(Arc<Mutex<BTreeMap<String, Arc<OnceCell<Batch>>>>>);

/// Answers for the tasks of executions with their indexes. `left` is told of every verdict as soon as its worker knows that it is written:
/// of which attempt, and in which execution (its short name).
pub(crate) fn instant(
    google: Google,
    left: impl Fn(&TaskSpec, &str) + Send + Sync + 'static,
) -> Instant {
    instant_with(google, index, left)
}

/// The index of a task, as its output.
pub(crate) fn index(_: &TaskSpec, index: u32) -> Verdict {
    let output = Output::Inline(index.to_string().into());
    Verdict::Success { output }
}

/// The same with verdicts of the caller's.
pub(crate) fn instant_with(
    google: Google,
    verdict: fn(&TaskSpec, u32) -> Verdict,
    left: impl Fn(&TaskSpec, &str) + Send + Sync + 'static,
) -> Instant {
    let batches = Batches::default();
    let left = Arc::new(left);
    Instant::new(move |env, index, _| {
        let (google, batches, left) = (google.clone(), batches.clone(), left.clone());
        async move {
            let batch = batches.of(&google, &env["ORK_BATCH"]).await;
            let batch = batch.get().expect("it was read");
            let spec = &batch.specs[index as usize];
            count_batch(&google, &spec.id.run);
            let worker = Worker::new(google.objects(), spec, format!("instant/{index}/1/x"));
            if worker.begin(google.clock().now()).await.expect("a claim") {
                let verdict = verdict(spec, index);
                worker.finish(&verdict).await.expect("a verdict");
                left(spec, &env["CLOUD_RUN_EXECUTION"]);
            }
            TaskEnd::Succeeded
        }
    })
}

/// Counts the read of the batch that a worker of its own process does.
fn count_batch(google: &Google, run: &RunId) {
    let used = Usage {
        class_b: 1,
        ..Usage::default()
    };
    google.meter().count(Some(run), &used);
}

impl Batches {
    async fn of(&self, google: &Google, name: &str) -> Arc<OnceCell<Batch>> {
        let cell = {
            let mut all = self.0.lock().expect("no panic");
            all.entry(name.to_owned()).or_default().clone()
        };
        cell.get_or_init(|| fetch(google, name)).await;
        cell
    }
}

async fn fetch(google: &Google, name: &str) -> Batch {
    let object = ObjectName::parse(name).expect("the name of a batch");
    let found = google.objects().get(&object, limits::BATCH_BYTES as u64);
    let found = found.await.expect("readable").expect("it is there");
    serde_json::from_slice(&found.bytes).expect("a batch")
}
