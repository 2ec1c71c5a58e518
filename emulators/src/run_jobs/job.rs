//! What a job runs: a command line that stands for its container, or a function that answers for it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::simulated::Simulated;

/// The image of what has none.
const STAND_IN: &str = "stand-in";

/// A job whose tasks are real processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The program that stands for the container, with its fixed arguments (the container's entry point).
    pub command: Vec<String>,
    /// Arguments after the command; a run may replace them.
    pub args: Vec<String>,
    /// The environment of the container. Of the stand-in's own environment only PATH, HOME, LANG and TMPDIR are passed on.
    pub env: BTreeMap<String, String>,
    /// Where the process starts; without it, where the stand-in runs.
    pub dir: Option<PathBuf>,
    /// How many tasks a run has that does not say.
    pub task_count: u32,
    /// How long a task may take.
    pub timeout: Duration,
    /// How many tasks of this job run at a time; without it, what the stand-in's options say.
    pub parallelism: Option<usize>,
}

impl Job {
    /// One task of at most ten minutes, as Cloud Run has it when nothing is said.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            task_count: 1,
            timeout: Duration::from_secs(600),
            parallelism: None,
        }
    }

    /// With more environment; a name that is there already gets the new value.
    #[must_use]
    pub fn with_env(
        mut self,
        env: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.env.extend(
            env.into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }
}

/// How a task ended that a function answered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// As if the process had ended with 0.
    Succeeded,
    /// As if the process had ended with this exit code.
    Failed {
        /// Anything but 0.
        exit_code: i32,
    },
}

/// What answers for a task instead of a process: gets the environment the process would have had, the index and the count.
#[derive(Clone)]
pub struct Instant(Arc<AnswerFn>);

type AnswerFn = dyn Fn(BTreeMap<String, String>, u32, u32) -> Pin<Box<dyn Future<Output = TaskEnd> + Send>>
    + Send
    + Sync;

impl Instant {
    /// Wraps the function.
    pub fn new<F, A>(answer: F) -> Self
    where
        F: Fn(BTreeMap<String, String>, u32, u32) -> A + Send + Sync + 'static,
        A: Future<Output = TaskEnd> + Send + 'static,
    {
        Self(Arc::new(move |env, index, count| {
            Box::pin(answer(env, index, count))
        }))
    }

    pub(super) async fn answer(
        &self,
        env: BTreeMap<String, String>,
        index: u32,
        count: u32,
    ) -> TaskEnd {
        (self.0)(env, index, count).await
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Instant")
    }
}

/// One of the three.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Process(Job),
    Instant(Instant),
    Simulated(Simulated),
}

impl Work {
    /// Image, command, arguments and environment of the container.
    pub(super) fn container(&self) -> (String, Vec<String>, Vec<String>, BTreeMap<String, String>) {
        match self {
            Self::Process(job) => (
                STAND_IN.to_owned(),
                job.command.clone(),
                job.args.clone(),
                job.env.clone(),
            ),
            Self::Instant(_) => (
                STAND_IN.to_owned(),
                vec!["(instant)".to_owned()],
                Vec::new(),
                BTreeMap::new(),
            ),
            Self::Simulated(job) => (
                job.image.clone(),
                job.command.clone(),
                job.args.clone(),
                job.env.clone(),
            ),
        }
    }
}
