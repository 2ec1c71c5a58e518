//! A folder of objects, specs in it, and workers over it.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ork_core::definition::{CommandLine, Executor, Expression, Isolation, PythonSource};
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::Category;
use ork_core::task::{AttemptId, Output, TASK_FORMAT, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_engine::batch;
use ork_engine::ports::Objects;
use ork_local::objects::Folder;
use ork_local::store::Sync;
use rustix::process::{Pid, Signal};
use serde_json::value::RawValue;

/// Far longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Bench {
    root: tempfile::TempDir,
    pub(crate) objects: Folder,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let objects = Folder::open(&root.path().join("objects"), Sync::Normal).expect("opened");
        std::fs::create_dir(root.path().join("code")).expect("a folder");
        Self { root, objects }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file beside the workflow.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.path("code").join(name), text).expect("written");
    }

    pub(crate) fn put(&self, name: &ObjectName, bytes: &[u8]) {
        wait(self.objects.put(name, bytes, None)).expect("written");
    }

    pub(crate) fn bytes(&self, name: &ObjectName) -> Option<Vec<u8>> {
        let object = wait(self.objects.get(name, 64 << 20)).expect("read");
        object.map(|object| object.bytes)
    }

    pub(crate) fn text(&self, spec: &TaskSpec, file: AttemptFile) -> Option<String> {
        let bytes = self.bytes(&spec.object(file))?;
        Some(String::from_utf8(bytes).expect("text"))
    }

    /// The verdict as the engine reads it.
    pub(crate) fn verdict(&self, spec: &TaskSpec) -> Option<Verdict> {
        let bytes = self.bytes(&spec.object(AttemptFile::Result))?;
        Some(ork_engine::decode_verdict(&bytes))
    }

    /// Category and message of the failure, which must be one.
    pub(crate) fn failure(&self, spec: &TaskSpec) -> (Category, String, Vec<String>) {
        match self.verdict(spec) {
            Some(Verdict::Failed {
                category,
                message,
                log_tail,
                ..
            }) => (category, message, log_tail),
            other => panic!("no failure: {other:?}"),
        }
    }

    /// The output, which must be there and small.
    pub(crate) fn output(&self, spec: &TaskSpec) -> String {
        match self.verdict(spec) {
            Some(Verdict::Success {
                output: Output::Inline(text),
            }) => text.to_string(),
            other => panic!("no small output: {other:?}"),
        }
    }

    /// Writes the batch object of these specs.
    pub(crate) fn batch(&self, specs: &[TaskSpec]) -> ObjectName {
        let specs: Vec<Box<RawValue>> = specs.iter().map(batch::encode_spec).collect();
        let specs: Vec<&RawValue> = specs.iter().map(|spec| &**spec).collect();
        self.batch_of(&batch::encode(&specs))
    }

    pub(crate) fn batch_of(&self, bytes: &[u8]) -> ObjectName {
        let run = RunId::new("run1").expect("valid");
        let name = ObjectName::Batch(run, VersionHash::of(bytes));
        self.put(&name, bytes);
        name
    }

    /// The environment of a task of a Cloud Run job.
    pub(crate) fn env(&self, batch: &ObjectName, index: usize) -> BTreeMap<String, String> {
        let mut env: BTreeMap<String, String> = ["PATH", "HOME", "ORK_PYTHON"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        for (name, value) in [
            ("ORK_BATCH", batch.to_string()),
            ("CLOUD_RUN_TASK_INDEX", index.to_string()),
            ("CLOUD_RUN_TASK_COUNT", "7".to_owned()),
            ("CLOUD_RUN_EXECUTION", "job-x1".to_owned()),
            ("ORK_PROJECT", "project".to_owned()),
            ("ORK_BUCKET", "bucket".to_owned()),
            ("ORK_CODE_DIR", self.path("code").display().to_string()),
            ("ORK_CACHE_DIR", self.path("cache").display().to_string()),
        ] {
            env.insert(name.to_owned(), value);
        }
        env
    }

    pub(crate) fn start(&self, batch: &ObjectName, index: usize) -> Running {
        self.start_in(&self.env(batch, index))
    }

    pub(crate) fn start_in(&self, env: &BTreeMap<String, String>) -> Running {
        let child = Command::new(env!("CARGO_BIN_EXE_ork-folder-worker"))
            .arg(self.path("objects"))
            .arg("5")
            .env_clear()
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program is built with the tests");
        Running { child }
    }

    /// Runs the worker of one spec to its end, which must be a good one.
    pub(crate) fn run(&self, spec: &TaskSpec) -> String {
        let batch = self.batch(std::slice::from_ref(spec));
        let (code, log) = self.start(&batch, 0).end();
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// A worker process, killed when it is dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it is our child");
    }

    /// Waits for its end; gives exit code (none after a signal) and log.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let mut log = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        // It ends when the worker does; a worker that does not is found by the limit of the whole test run.
        stderr.read_to_string(&mut log).expect("text");
        let status = self.child.wait().expect("it is our child");
        (status.code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Over already, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn spec(executor: Executor) -> TaskSpec {
    TaskSpec {
        format: TASK_FORMAT,
        id: AttemptId {
            run: RunId::new("run1").expect("valid"),
            task: 0,
            index: 0,
            attempt: 1,
            fence: 1,
        },
        task_name: TaskName::new("job").expect("valid"),
        workflow_name: WorkflowName::new("flow").expect("valid"),
        workflow_version: VersionHash::of(b"x"),
        bundle: None,
        executor,
        input: json("{}"),
        input_secrets: Vec::new(),
        upstream: json("{}"),
        files: Vec::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        parallel_index: 0,
        parallel_count: 1,
        timeout: Millis::from_secs(100),
        heartbeat: Millis::from_secs(30),
        memory_bytes: None,
        worker: None,
        topic: None,
        fans_out: false,
        created_at: Time(0),
        trace: None,
    }
}

pub(crate) fn shell(command: &str) -> TaskSpec {
    spec(Executor::Process {
        command: CommandLine::Shell(Expression {
            source: command.to_owned(),
            references: Vec::new(),
        }),
    })
}

pub(crate) fn python(file: &str, function: &str) -> TaskSpec {
    spec(Executor::Python {
        source: PythonSource::File(file.to_owned()),
        function: function.to_owned(),
        isolation: Isolation::Process,
        preload: false,
    })
}

pub(crate) fn json(text: &str) -> Arc<RawValue> {
    RawValue::from_string(text.to_owned()).expect("JSON").into()
}

/// Waits for a future of a folder's objects.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// Waits until `found` finds something.
pub(crate) fn appears<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "{what} does not appear");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for a number that a task writes into a file, with a line's end.
pub(crate) fn number_in(path: &Path) -> u32 {
    appears(&path.display().to_string(), || {
        let text = std::fs::read_to_string(path).ok()?;
        text.strip_suffix('\n')?.trim().parse().ok()
    })
}

/// Waits until the process is gone (a zombie that nobody reaps counts as gone).
pub(crate) fn gone(pid: u32) {
    appears(&format!("the end of process {pid}"), || {
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
            return Some(());
        };
        let state = stat.rsplit_once(')')?.1.trim_start();
        state.starts_with(['Z', 'X']).then_some(())
    });
}
