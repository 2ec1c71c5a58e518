//! Batches that cannot be read, and objects that cannot be reached.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ork_core::ids::{RunId, VersionHash};
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Generation, Object, ObjectError, Objects};
use ork_local::objects::Folder;
use ork_worker::{WorkerSettings, run_over};

use crate::harness::*;

#[test]
fn a_batch_that_cannot_be_read_is_said_and_nothing_is_claimed() {
    let bench = Bench::new();
    let spec = shell("true");
    let good = bench.batch(std::slice::from_ref(&spec));
    let missing = ObjectName::Batch(RunId::new("run1").expect("valid"), VersionHash::of(b"none"));
    let large = vec![b' '; limits::BATCH_BYTES + 1];
    for (batch, index, why) in [
        (missing, 0, "no such object"),
        (
            bench.batch_of(b"{\"format\":1,\"specs\":[{]}"),
            0,
            "cannot be read",
        ),
        (
            bench.batch_of(b"{\"format\":1,\"specs\":[{}]}"),
            0,
            "spec 0",
        ),
        (
            bench.batch_of(b"{\"format\":99,\"specs\":[]}"),
            0,
            "newer worker",
        ),
        (bench.batch_of(&large), 0, "8388608 allowed"),
        (good, 1, "none at position 1"),
    ] {
        let (code, log) = bench.start(&batch, index).end();
        assert_eq!(code, Some(1), "{log}");
        assert!(
            log.contains(why) && log.contains(&batch.to_string()),
            "{why}: {log}"
        );
    }
    assert_eq!(bench.text(&spec, AttemptFile::Claim), None);
}

#[test]
fn wrong_settings_are_all_said_before_anything_is_done() {
    let bench = Bench::new();
    let batch = bench.batch(&[shell("true")]);
    let mut env = bench.env(&batch, 9);
    env.insert("ORK_BATCH".to_owned(), "runs/../x".to_owned());
    env.remove("ORK_BUCKET");
    let (code, log) = bench.start_in(&env).end();
    assert_eq!(code, Some(2), "{log}");
    for name in ["ORK_BATCH", "ORK_BUCKET", "CLOUD_RUN_TASK_INDEX"] {
        assert!(log.contains(name), "{name}: {log}");
    }
}

/// A folder that cannot be reached for some operations on some files.
struct Flaky<'a> {
    folder: &'a Folder,
    /// Operations on these files fail, so often.
    down: BTreeMap<&'static str, AtomicUsize>,
    /// A creation that fails is done all the same, only its answer is lost: the worst way to fail.
    done: bool,
}

impl<'a> Flaky<'a> {
    fn new(folder: &'a Folder, done: bool, down: &[(&'static str, usize)]) -> Self {
        let down = down
            .iter()
            .map(|(file, times)| (*file, AtomicUsize::new(*times)));
        Self {
            folder,
            down: down.collect(),
            done,
        }
    }

    fn reach(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let name = name.to_string();
        let Some((_, left)) = self.down.iter().find(|(file, _)| name.ends_with(*file)) else {
            return Ok(());
        };
        let counted = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        match counted {
            Ok(_) => Err(ObjectError::Unavailable(format!("{name} is out of reach"))),
            Err(_) => Ok(()),
        }
    }

    fn left(&self, file: &str) -> usize {
        self.down[file].load(Ordering::SeqCst)
    }
}

impl Objects for Flaky<'_> {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        if self.done {
            let answer = self.folder.create(name, bytes).await;
            self.reach(name)?;
            return answer;
        }
        self.reach(name)?;
        self.folder.create(name, bytes).await
    }
    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        self.reach(name)?;
        self.folder.put(name, bytes, expected).await
    }
    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.reach(name)?;
        self.folder.get(name, limit).await
    }
    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        self.folder.updated(name).await
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        self.folder.list(prefix, after, limit).await
    }
    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.folder.delete(name).await
    }
}

/// Runs a worker in this process.
fn run(bench: &Bench, objects: &Flaky<'_>, batch: &ObjectName, patience: Duration) -> String {
    let mut settings = WorkerSettings::from_map(&bench.env(batch, 0)).expect("good settings");
    settings.machine.patience = patience;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let code = runtime.block_on(run_over(objects, settings, None));
    format!("{code:?}")
}

fn success() -> String {
    format!("{:?}", ExitCode::SUCCESS)
}

#[test]
fn objects_that_come_back_in_time_are_waited_for_and_lost_answers_do_no_harm() {
    let bench = Bench::new();
    let effect = bench.path("effect");
    let spec = shell(&format!("echo done | tee -a {}", effect.display()));
    let batch = bench.batch(std::slice::from_ref(&spec));
    let down = [("claim", 1), ("log.txt", 1), ("result.json", 1)];
    let objects = Flaky::new(&bench.objects, true, &down);
    assert_eq!(run(&bench, &objects, &batch, PATIENCE), success());
    for file in ["claim", "log.txt", "result.json"] {
        assert_eq!(objects.left(file), 0, "{file} was tried");
    }
    assert_eq!(
        std::fs::read_to_string(effect).expect("an effect"),
        "done\n"
    );
    assert_eq!(bench.output(&spec), "null");
    assert_eq!(
        bench.text(&spec, AttemptFile::Log).as_deref(),
        Some("done\n")
    );
}

#[test]
fn a_verdict_that_cannot_be_left_is_a_failure_of_the_worker_and_a_log_is_not() {
    let bench = Bench::new();
    let spec = shell("echo hello");
    let batch = bench.batch(std::slice::from_ref(&spec));
    let objects = Flaky::new(&bench.objects, false, &[("log.txt", usize::MAX)]);
    assert_eq!(
        run(&bench, &objects, &batch, Duration::from_secs(3)),
        success()
    );
    assert_eq!(bench.output(&spec), "null");
    assert_eq!(bench.text(&spec, AttemptFile::Log), None);

    for file in ["claim", "result.json"] {
        let bench = Bench::new();
        let batch = bench.batch(&[shell("true")]);
        let objects = Flaky::new(&bench.objects, false, &[(file, usize::MAX)]);
        let code = run(&bench, &objects, &batch, Duration::from_secs(3));
        assert_eq!(code, format!("{:?}", ExitCode::from(1)), "{file}");
    }
}

#[test]
fn signs_of_life_that_cannot_be_given_do_not_end_the_task() {
    let bench = Bench::new();
    let go = bench.path("go");
    let mut spec = shell(&format!(
        "until test -e {}; do sleep 0.01; done",
        go.display()
    ));
    spec.heartbeat = Millis::from_secs(1);
    let batch = bench.batch(std::slice::from_ref(&spec));
    let objects = Flaky::new(&bench.objects, false, &[("status.json", 2)]);
    std::thread::scope(|scope| {
        let status = spec.object(AttemptFile::Status);
        let (folder, go) = (&bench.objects, &go);
        scope.spawn(move || {
            // The third sign arrives.
            appears("a sign of life", || {
                wait(folder.updated(&status)).expect("asked")
            });
            std::fs::write(go, "").expect("written");
        });
        assert_eq!(run(&bench, &objects, &batch, PATIENCE), success());
    });
    assert_eq!(objects.left("status.json"), 0);
    assert_eq!(bench.output(&spec), "null");
}
