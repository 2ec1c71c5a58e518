//! A folder, an executor in it, and specs to run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ork_core::definition::{CommandLine, Executor, Expression, Isolation, PythonSource};
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::run::Category;
use ork_core::task::{AttemptId, Output, TASK_FORMAT, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_local::exec::{ExecConfig, ExecEvent, LocalExecutor, RunDir};
use serde_json::value::RawValue;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Far longer than anything here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Bench {
    pub(crate) executor: LocalExecutor,
    events: UnboundedReceiver<ExecEvent>,
    pub(crate) seen: Vec<ExecEvent>,
    pub(crate) dir: Arc<RunDir>,
    pub(crate) state: PathBuf,
    pub(crate) objects: PathBuf,
    next: u32,
    _root: tempfile::TempDir,
}

/// The end of an attempt.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) verdict: Verdict,
    pub(crate) log_bytes: u64,
    pub(crate) started: bool,
    pub(crate) stopped: bool,
    pub(crate) maxrss: Option<u64>,
    pub(crate) duration: Millis,
}

impl Bench {
    pub(crate) fn new(parallel: usize) -> Self {
        Self::with(parallel, |_| {})
    }

    pub(crate) fn with(parallel: usize, change: impl FnOnce(&mut ExecConfig)) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let (objects, state, work) = (
            root.path().join("objects"),
            root.path().join("state"),
            root.path().join("work"),
        );
        std::fs::create_dir_all(&work).expect("a folder");
        let mut config = ExecConfig::new(parallel, objects.clone(), state.clone());
        config.env_passthrough = std::env::vars_os().collect();
        config.grace = Duration::from_millis(300);
        change(&mut config);
        let (sender, events) = unbounded_channel();
        let executor = LocalExecutor::new(config, sender).expect("an executor");
        Self {
            executor,
            events,
            seen: Vec::new(),
            dir: Arc::new(RunDir::new(work)),
            state,
            objects,
            next: 0,
            _root: root,
        }
    }

    /// Writes a file beside the workflow.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.workflow_dir.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder");
        }
        std::fs::write(&path, text).expect("written");
        path
    }

    pub(crate) fn spec(&mut self, executor: Executor) -> TaskSpec {
        self.next += 1;
        TaskSpec {
            format: TASK_FORMAT,
            id: AttemptId {
                run: RunId::new("run1").expect("valid"),
                task: 0,
                index: self.next,
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
            parallel_index: self.next,
            parallel_count: 1000,
            timeout: Millis::from_secs(100),
            heartbeat: Millis::from_secs(30),
            memory_bytes: None,
            worker: None,
            topic: None,
            fans_out: true,
            created_at: Time(0),
            trace: None,
        }
    }

    pub(crate) fn shell(&mut self, command: &str) -> TaskSpec {
        self.spec(Executor::Process {
            command: CommandLine::Shell(text(command)),
        })
    }

    pub(crate) fn python(&mut self, file: &str, function: &str) -> TaskSpec {
        let source = PythonSource::File(file.to_owned());
        self.spec(Executor::Python {
            source,
            function: function.to_owned(),
            isolation: Isolation::Process,
            preload: false,
        })
    }

    pub(crate) fn reused(&mut self, file: &str, function: &str) -> TaskSpec {
        let source = PythonSource::File(file.to_owned());
        self.spec(Executor::Python {
            source,
            function: function.to_owned(),
            isolation: Isolation::Reuse,
            preload: false,
        })
    }

    pub(crate) fn submit(&self, spec: TaskSpec) -> AttemptId {
        let id = spec.id.clone();
        self.executor.submit(spec, Arc::clone(&self.dir));
        id
    }

    /// The next event; a panic when there is none for a long time.
    pub(crate) fn next(&mut self) -> ExecEvent {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    self.seen.push(event.clone());
                    return event;
                }
                Err(_) if Instant::now() < until => std::thread::sleep(Duration::from_micros(500)),
                Err(_) => panic!("nothing happens; so far: {:?}", self.seen),
            }
        }
    }

    /// Waits for the start of an attempt; gives its process.
    pub(crate) fn started(&mut self, id: &AttemptId) -> u32 {
        let mut at = 0;
        loop {
            // It may have been seen while another one was waited for.
            let event = match self.seen.get(at) {
                Some(event) => event.clone(),
                None => self.next(),
            };
            at += 1;
            match event {
                ExecEvent::Started { id: found, pid } if found == *id => {
                    return pid.expect("a process");
                }
                ExecEvent::Ended {
                    id: found, verdict, ..
                } if found == *id => panic!("ended before it started: {verdict:?}"),
                _ => {}
            }
        }
    }

    /// Waits for the end of an attempt.
    pub(crate) fn ended(&mut self, id: &AttemptId) -> End {
        let mut at = 0;
        loop {
            let event = match self.seen.get(at) {
                Some(event) => event.clone(),
                None => self.next(),
            };
            at += 1;
            match event {
                ExecEvent::Ended {
                    id: found,
                    verdict,
                    log_bytes,
                    started,
                    stopped,
                    maxrss,
                    duration,
                } if found == *id => {
                    return End {
                        verdict,
                        log_bytes,
                        started,
                        stopped,
                        maxrss,
                        duration,
                    };
                }
                _ => {}
            }
        }
    }

    pub(crate) fn run(&mut self, spec: TaskSpec) -> End {
        let id = self.submit(spec);
        self.ended(&id)
    }

    /// One of an attempt's files.
    pub(crate) fn object(&self, index: u32, name: &str) -> PathBuf {
        self.objects.join(format!("runs/run1/job.{index}/1/{name}"))
    }

    /// The setup lines so far.
    pub(crate) fn setup(&self) -> String {
        let lines = self.seen.iter().filter_map(|event| match event {
            ExecEvent::Setup { text } => Some(text.as_str()),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl End {
    /// The output, which must be there and small.
    pub(crate) fn output(&self) -> &str {
        match &self.verdict {
            Verdict::Success {
                output: Output::Inline(text),
            } => text,
            other => panic!("no small output: {other:?}"),
        }
    }
    /// Category and message of the failure, which must be one.
    pub(crate) fn failure(&self) -> (Category, &str) {
        match &self.verdict {
            Verdict::Failed {
                category, message, ..
            } => (*category, message),
            other => panic!("no failure: {other:?}"),
        }
    }
    pub(crate) fn tail(&self) -> &[String] {
        match &self.verdict {
            Verdict::Failed { log_tail, .. } => log_tail,
            other => panic!("no failure: {other:?}"),
        }
    }
}

pub(crate) fn text(source: &str) -> Expression {
    Expression {
        source: source.to_owned(),
        references: Vec::new(),
    }
}

pub(crate) fn json(text: &str) -> Arc<RawValue> {
    RawValue::from_string(text.to_owned()).expect("JSON").into()
}

/// Waits until the process is gone (a zombie nobody reaps yet counts as gone).
pub(crate) fn gone(pid: u32) {
    let until = Instant::now() + PATIENCE;
    while is_alive(pid) {
        assert!(Instant::now() < until, "process {pid} still lives");
        std::thread::sleep(Duration::from_millis(1));
    }
}

pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    !stat
        .rsplit_once(')')
        .is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

/// Waits for a file that another process writes whole (by rename); gives its text.
pub(crate) fn appears(path: &std::path::Path) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        match std::fs::read_to_string(path) {
            Ok(text) => return text,
            Err(_) => assert!(Instant::now() < until, "{} does not appear", path.display()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
