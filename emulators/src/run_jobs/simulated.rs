//! Jobs whose containers are not here: their tasks take as long and end as a script says.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Inner;
use super::drive::cancelled;
use super::execution::End;
use crate::http::{ApiError, Code};
use crate::services::Script;

/// The variable of a job or a run that holds a script as JSON.
pub(super) const VARIABLE: &str = "ORK_SIMULATE";

/// A job that is simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// The image that would run.
    pub image: String,
    /// The container's command; for show.
    pub command: Vec<String>,
    /// Its arguments; for show, a run may replace them.
    pub args: Vec<String>,
    /// Its environment; a script in `ORK_SIMULATE` goes before the job's own.
    pub env: BTreeMap<String, String>,
    /// What its tasks do.
    pub script: Script,
    /// How many tasks a run has that does not say.
    pub task_count: u32,
    /// How long a task may take.
    pub timeout: Duration,
}

impl Simulated {
    /// One task of this image that takes no time and succeeds.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            command: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            script: Script::default(),
            task_count: 1,
            timeout: Duration::from_secs(600),
        }
    }
}

/// A script for an execution that runs, for the next runs of a job, or for the next runs of simulated jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The full name of an execution that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    /// The full name of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// For how many runs; without it, for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What they do.
    pub script: Script,
}

impl Planned {
    /// Why this makes no sense; `None` when it does.
    pub(super) fn nonsense(&self) -> Option<String> {
        match self {
            Self { times: Some(0), .. } => Some("0 times is never".to_owned()),
            Self {
                execution: Some(_),
                job,
                times,
                ..
            } if job.is_some() || times.is_some() => {
                Some("an execution is there once: leave out `job` and `times`".to_owned())
            }
            _ => check(&self.script).err(),
        }
    }
}

/// Whether a script is one for a container.
pub(super) fn check(script: &Script) -> Result<(), String> {
    if script.rows.is_some() || script.schema.is_some() || script.bytes.is_some() {
        return Err("a container has no rows, schema or bytes".to_owned());
    }
    script.nonsense().map_or(Ok(()), Err)
}

/// The script for the next run of this job, used up by once.
pub(super) fn take(planned: &mut Vec<Planned>, job: &str) -> Script {
    let fits = |plan: &Planned, named: bool| match &plan.job {
        Some(name) => named && name == job,
        None => !named,
    };
    let mut script = Script::default();
    for named in [false, true] {
        if let Some(at) = planned.iter().position(|plan| fits(plan, named)) {
            script = script.overlaid(planned[at].script.clone());
            let left = planned[at].times.unwrap_or(1) - 1;
            if left == 0 {
                planned.remove(at);
            } else {
                planned[at].times = Some(left);
            }
        }
    }
    script
}

impl Inner {
    /// Gives a script to an execution, or keeps it for those to come.
    pub(super) fn plan(&self, planned: Planned) -> Result<(), ApiError> {
        if let Some(why) = planned.nonsense() {
            return Err(ApiError::new(Code::InvalidArgument, why));
        }
        let mut state = self.state();
        let Some(name) = &planned.execution else {
            state.planned.push(planned);
            return Ok(());
        };
        let execution = state.executions.get(name);
        let script = execution.and_then(|execution| execution.script.as_ref());
        let script = script.ok_or_else(|| {
            ApiError::new(
                Code::NotFound,
                format!("there is no execution {name}, or its job is not simulated"),
            )
        })?;
        script.send_modify(|script| {
            *script = std::mem::take(script).overlaid(planned.script.clone());
        });
        Ok(())
    }
}

/// Takes a task to its end; the script may change on the way. The message of a failure is given without the task's name.
pub(super) async fn run(
    mut script: watch::Receiver<Script>,
    mut cancel: watch::Receiver<bool>,
    timeout: Duration,
    failed: impl Fn(&str) -> End,
) -> End {
    let started = Instant::now();
    let mut asked = None;
    loop {
        let now = script.borrow_and_update().clone();
        let ends = now.running().map(|running| started + running);
        let stops = asked.map(|asked: Instant| asked + now.cancelling());
        let limit = started + timeout;
        let next = [ends, stops, Some(limit)].into_iter().flatten().min();
        tokio::select! {
            biased;
            // Without a sender the execution is gone, and this with it.
            Ok(()) = script.changed() => continue,
            () = cancelled(&mut cancel), if asked.is_none() => {
                asked = Some(Instant::now());
                continue;
            }
            () = tokio::time::sleep_until(next.unwrap_or(limit)) => {}
        }
        return if next == stops {
            End::Cancelled
        } else if next == ends {
            match now.failure() {
                Some(failure) => failed(&failure.message),
                None => End::Succeeded,
            }
        } else {
            failed("The configured timeout was reached")
        };
    }
}
