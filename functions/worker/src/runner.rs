//! The attempt's own code: the local engine's runner, told about by its events.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ork_core::definition::{Executor, Isolation};
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_local::exec::{ExecConfig, ExecEvent, LocalExecutor, RunDir};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tracing::warn;

use crate::code::own;
use crate::machine::Machine;
use crate::warm::{Seat, Warm};

/// Far longer than ending what runs takes.
const KILL: Duration = Duration::from_secs(1);

/// How the attempt's own code ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) verdict: Verdict,
    /// Whether it was ended rather than ended by itself.
    pub(crate) stopped: bool,
    /// Whether it began at all.
    pub(crate) began: bool,
}

/// What the code does.
pub(crate) enum News {
    /// It begins.
    Began,
    /// Something is told about how its surroundings are prepared.
    Setup(String),
    /// It is over.
    Ended(End),
}

/// One attempt's code, running.
pub(crate) struct Runner {
    executor: LocalExecutor,
    events: UnboundedReceiver<ExecEvent>,
    spec: TaskSpec,
    files: Files,
}

/// Where what the runner writes of the attempt's objects lies until it is handed in.
enum Files {
    /// In a folder of its own, with an executor of its own.
    Own(tempfile::TempDir),
    /// In its seat at the executor of a service.
    Shared(Seat),
}

impl Runner {
    /// Has the code of `spec` started in `folder`, by what is `warm` or by something of its own. A verdict says why it cannot be.
    pub(crate) fn start(
        mut spec: TaskSpec,
        folder: PathBuf,
        machine: &Machine,
        warm: Option<&Warm>,
    ) -> Result<Self, Verdict> {
        if let Executor::Service { .. } = spec.executor {
            spec.executor = function_of_service(&spec)?;
        }
        let mut dir = RunDir::new(folder);
        dir.workflow_file =
            Some(dir.workflow_dir.join("workflow.yaml")).filter(|file| file.is_file());
        let runner = match (warm, &spec.executor) {
            // The commands of custom executors are those of one folder.
            (None, _) | (Some(_), Executor::Custom { .. }) => {
                Self::of_its_own(spec, &dir.workflow_dir, machine)?
            }
            (Some(warm), _) => {
                let (seat, events) = warm
                    .seat(&spec)
                    .map_err(|error| unprepared(machine, &error))?;
                Self {
                    executor: warm.executor().clone(),
                    events,
                    spec,
                    files: Files::Shared(seat),
                }
            }
        };
        runner.executor.submit(runner.spec.clone(), Arc::new(dir));
        Ok(runner)
    }

    fn of_its_own(spec: TaskSpec, folder: &Path, machine: &Machine) -> Result<Self, Verdict> {
        let trouble = |error: io::Error| unprepared(machine, &error);
        let objects = own(&machine.cache_dir.join("attempts"), "attempt-").map_err(trouble)?;
        let mut config = config(1, objects.path().to_owned(), machine);
        if let Executor::Custom { .. } = spec.executor {
            config.custom = custom(folder)?;
        }
        let (sender, events) = unbounded_channel();
        Ok(Self {
            executor: LocalExecutor::new(config, sender).map_err(trouble)?,
            events,
            spec,
            files: Files::Own(objects),
        })
    }

    /// What happens next. Nothing does after the end.
    pub(crate) async fn news(&mut self) -> News {
        match self.events.recv().await {
            Some(ExecEvent::Started { .. }) => News::Began,
            Some(ExecEvent::Setup { text }) => News::Setup(text),
            Some(ExecEvent::Ended {
                verdict,
                stopped,
                started,
                ..
            }) => News::Ended(End {
                verdict: self.whole(verdict),
                stopped,
                began: started,
            }),
            // The channel lives as long as the executor, which is in our hands.
            None => std::future::pending().await,
        }
    }

    /// Asks the code to end: SIGTERM to its process group, SIGKILL after the grace period.
    pub(crate) fn stop(&self) {
        self.executor.stop(&self.spec.id);
    }

    /// The code is over. What prepared its surroundings may still be at work: an executor of its own is ended with it.
    pub(crate) async fn leave(&self) {
        if let Files::Own(_) = self.files {
            self.kill().await;
        }
    }

    /// Ends the code now, and whatever prepares its surroundings, and with them all that the same executor runs. What cannot be ended (an interpreter that does not answer) is
    /// left to the end of this process.
    pub(crate) async fn kill(&self) {
        let executor = self.executor.clone();
        let (done, end) = tokio::sync::oneshot::channel();
        // A thread that nobody waits for, as the runtime would for one of its own.
        let thread = std::thread::Builder::new().name("ork-kill".to_owned());
        let spawned = thread.spawn(move || {
            executor.shutdown();
            drop(executor);
            // Nobody listens when it took too long.
            let _ = done.send(());
        });
        match spawned {
            Ok(_) => {
                if tokio::time::timeout(KILL, end).await.is_err() {
                    warn!("what prepares the task's surroundings does not end");
                }
            }
            Err(error) => warn!(%error, "the task's surroundings cannot be ended"),
        }
    }

    /// What the code has printed, as far as it is kept; `None` when it was silent.
    pub(crate) fn log(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(AttemptFile::Log)) {
            Ok(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, file: AttemptFile) -> PathBuf {
        let root = match &self.files {
            Files::Own(objects) => objects.path(),
            Files::Shared(seat) => seat.root(),
        };
        root.join(self.spec.object(file).to_string())
    }

    /// The verdict with the text that the runner has put into a file: where it goes is decided when it is handed in.
    fn whole(&self, verdict: Verdict) -> Verdict {
        let read = |output| match output {
            inline @ Output::Inline(_) => Ok(inline),
            Output::Object { .. } => {
                let path = self.path(AttemptFile::Output);
                match fs::read_to_string(&path) {
                    Ok(text) => Ok(Output::Inline(text.into())),
                    Err(error) => Err(failed(
                        Category::Recoverable,
                        format!(
                            "the output cannot be read back from {}: {error}",
                            path.display()
                        ),
                    )),
                }
            }
        };
        let done = match verdict {
            Verdict::Success { output } => read(output).map(|output| Verdict::Success { output }),
            Verdict::Deferred { jobs, count, every } => {
                read(jobs).map(|jobs| Verdict::Deferred { jobs, count, every })
            }
            failed @ Verdict::Failed { .. } => Ok(failed),
        };
        done.unwrap_or_else(|failed| failed)
    }
}

/// The settings of an executor with so many places, which writes below `objects`.
pub(crate) fn config(places: usize, objects: PathBuf, machine: &Machine) -> ExecConfig {
    let mut config = ExecConfig::new(places, objects, machine.cache_dir.join("state"));
    config.exe.clone_from(&machine.exe);
    config.python.clone_from(&machine.python);
    config.env_passthrough.clone_from(&machine.env);
    config.secret_lookup = secret;
    config
}

fn unprepared(machine: &Machine, error: &io::Error) -> Verdict {
    let cache = machine.cache_dir.display();
    failed(
        Category::Recoverable,
        format!("the worker cannot prepare the attempt in {cache}: {error}"),
    )
}

/// What a task of executor `service` is to a worker: a function, in a process that serves many.
fn function_of_service(spec: &TaskSpec) -> Result<Executor, Verdict> {
    let Executor::Service { source, function } = &spec.executor else {
        return Ok(spec.executor.clone());
    };
    let Some(source) = source.clone() else {
        return Err(failed(
            Category::Permanent,
            format!(
                "task {} of executor `service` names neither a file nor a module: write `file: tasks.py`",
                spec.task_name
            ),
        ));
    };
    let function = function.clone();
    Ok(Executor::Python {
        source,
        function: function.unwrap_or_else(|| spec.task_name.to_string()),
        isolation: Isolation::Reuse,
        preload: false,
    })
}

/// The commands of the custom executors that the code's own `ork.yaml` declares.
fn custom(folder: &Path) -> Result<std::collections::BTreeMap<String, Vec<String>>, Verdict> {
    let path = folder.join("ork.yaml");
    let bytes = match fs::read(&path) {
        Ok(bytes) if bytes.len() <= limits::FILE_BYTES => bytes,
        Ok(bytes) => {
            let why = format!(
                "{} bytes are more than the {} allowed",
                bytes.len(),
                limits::FILE_BYTES
            );
            return Err(failed(
                Category::Permanent,
                format!("{}: {why}", path.display()),
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(std::collections::BTreeMap::new());
        }
        Err(error) => {
            return Err(failed(
                Category::Permanent,
                format!("{} cannot be read: {error}", path.display()),
            ));
        }
    };
    let project = ork_core::parse::parse_project("ork.yaml", &bytes).map_err(|found| {
        let first = found
            .first()
            .map_or("it cannot be read", |one| one.message.as_str());
        failed(Category::Permanent, format!("{}: {first}", path.display()))
    })?;
    Ok(project
        .custom_executors
        .into_iter()
        .map(|(name, custom)| (name, custom.command))
        .collect())
}

/// A failed verdict in our own words.
pub(crate) fn failed(category: Category, message: impl Into<String>) -> Verdict {
    Verdict::Failed {
        category,
        message: message.into(),
        log_tail: Vec::new(),
        exit_code: None,
    }
}

/// The value of a secret: a variable of this job's environment, which Cloud Run fills from Secret Manager. Of a reference such as
/// `projects/P/secrets/S/versions/V` it is the variable S.
fn secret(name: &str) -> Option<String> {
    let variable = match name.split('/').collect::<Vec<_>>()[..] {
        ["projects", _, "secrets", secret, ..] => secret,
        _ => name,
    };
    std::env::var(variable).ok()
}
