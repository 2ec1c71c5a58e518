//! Runs as programs read them: one in a list, and how far one is. The command line prints these documents and the HTTP API answers with them.
//!
//! Their fields are a promise to whoever reads them: they may gain fields and never lose one.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::deferred::{Job, Work, link};
use ork_core::definition::TaskIndex;
use ork_core::ids::TaskName;
use ork_core::limits;
use ork_core::run::{
    Header, InstanceStatus, NoticeState, RunState, RunStatus, RunTrigger, State, TaskProgress,
    Trouble,
};
use ork_core::task::Output;
use ork_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};

use crate::RunView;

mod cost;
mod keys;
mod stored;

pub use cost::{CostReport, UsageReport};
pub use keys::{KeyReport, NewKeyReport};
pub use stored::StoredReport;

/// Jobs of a task that are named.
const JOBS_SHOWN: usize = 20;

/// Instances by where they stand; those that nothing is in are left out.
type Counts = BTreeMap<&'static str, u32>;

/// A run in a list. Instants are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunSummary {
    /// Its id.
    pub run_id: String,
    /// What it runs.
    pub workflow: String,
    /// The version it is pinned to.
    pub version: String,
    /// Where it stands: pending, running, paused, success, failed, cancelled or recovering.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub status: RunStatus,
    /// What made it: `"manual"`, `"schedule"`, `"parent"` or `{"event": "…"}`.
    #[cfg_attr(feature = "openapi", schema(value_type = TriggerDocument))]
    pub trigger: RunTrigger,
    /// The run whose task made it, where one did.
    #[serde(default)]
    pub parent: Option<String>,
    /// The instant it was due, when a schedule made it; else when it was made.
    pub slot: String,
    /// When it was made.
    pub created_at: String,
    /// When it left pending.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// From its start to its end, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub duration_ms: Option<Millis>,
    /// Its inputs by name.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub params: serde_json::Map<String, Value>,
}

/// What made a run, as documents say it.
#[cfg(feature = "openapi")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerDocument {
    /// A person or program.
    Manual,
    /// A schedule's slot.
    Schedule,
    /// An event, in words.
    Event(String),
    /// A task of another run.
    Parent,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunReport {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: RunSummary,
    /// Why it failed or was cancelled, when that is not a task's doing.
    pub error: Option<String>,
    /// Ended instances of the known ones in percent; 100 only at the end.
    pub progress: u8,
    /// Its instances by where they stand.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u32>))]
    pub counts: Counts,
    /// The first step that has not ended, from 0.
    pub current_step: Option<u32>,
    /// Tasks in all.
    pub total_steps: u32,
    /// How often it was recovered.
    pub recovery_attempts: u32,
    /// What the longest chain of tasks is expected to take, in milliseconds, where every task on it has an estimate.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub estimated_duration_ms: Option<Millis>,
    /// Its start to now or to its end, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub actual_duration_ms: Option<Millis>,
    /// When it is expected to end.
    pub eta: Option<String>,
    /// Its tasks by name.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, TaskReport>))]
    pub tasks: BTreeMap<TaskName, TaskReport>,
    /// Jobs elsewhere that nobody waits for any more and that are not known to be over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stopping: Vec<StoppingReport>,
    /// Who is told of it, and whether they were.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<NoticeReport>,
}

/// How far a task is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskReport {
    /// Where it stands.
    pub status: &'static str,
    /// Its step, from 0.
    pub step: u32,
    /// Attempts so far, all instances together.
    pub attempts: u64,
    /// Why it was skipped, or the first failure of its instances that have not succeeded.
    pub error: Option<String>,
    /// Its instances by where they stand.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, u32>))]
    pub instances: Counts,
    /// The estimate of its author, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub estimated_duration_ms: Option<Millis>,
    /// Ready to its end, or to now, in milliseconds.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<u64>))]
    pub actual_duration_ms: Option<Millis>,
    /// Instances that succeeded because somebody said so, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked: Option<u32>,
    /// Jobs elsewhere that its attempts wait for, the first twenty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<JobReport>,
}

/// A job elsewhere that an attempt waits for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobReport {
    /// Whose.
    pub index: u32,
    /// What it is, in words.
    pub job: String,
    /// The page of its service that shows it, where there is one.
    pub link: Option<String>,
    /// Whether it is done.
    pub done: bool,
    /// Why nobody knows how it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<TroubleReport>,
}

/// Why a service's last answers about jobs are missing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TroubleReport {
    /// The last reason, cut short.
    pub why: String,
    /// When that was.
    pub at: String,
    /// How often in a row the question, or another one about the same attempt's jobs, got no answer.
    pub times: u32,
}

/// Jobs of an attempt that are being stopped.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoppingReport {
    /// Whose.
    pub task: String,
    /// Which instance.
    pub index: u32,
    /// Which attempt.
    pub attempt: u32,
    /// Jobs it had.
    pub jobs: u32,
    /// Jobs that are not known to be over.
    pub left: u32,
    /// Since when.
    pub since: String,
    /// How often their services were asked to.
    pub asked: u32,
    /// How often in a row that was turned down.
    pub denied: u32,
    /// Whether that is believed: they may be at work still, nobody waits for them, and they are asked for less often.
    pub refused: bool,
    /// Why the last wish was turned down, or not answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<TroubleReport>,
}

/// Something that somebody is told of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NoticeReport {
    /// What its receiver knows it by.
    pub id: String,
    /// Which of its run: what is told, the position of the receiver, and how often the run had ended.
    pub notice: String,
    /// What is told: failure, success, recovery, deadline or late_start.
    pub on: &'static str,
    /// Whom: the kind and what may be shown of the place.
    pub to: String,
    /// Whether they were: pending, sent or gave_up.
    pub state: &'static str,
    /// When it happened.
    pub at: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When somebody asked for it once more, after it had been given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_again_at: Option<String>,
    /// When it is tried again, at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// When it was sent or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<String>,
    /// Why it could not be sent the last time, or never will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl RunSummary {
    /// What `header` says.
    pub fn of(header: &Header) -> Self {
        Self {
            run_id: header.id.to_string(),
            workflow: header.workflow.to_string(),
            version: header.version.to_string(),
            status: header.status,
            trigger: header.trigger.clone(),
            parent: header.parent.as_ref().map(|one| one.run.to_string()),
            slot: header.slot.rfc3339(),
            created_at: header.created_at.rfc3339(),
            started_at: header.started_at.map(Time::rfc3339),
            finished_at: header.finished_at.map(Time::rfc3339),
            duration_ms: header
                .finished_at
                .zip(header.started_at)
                .map(|(end, start)| end.since(start)),
            params: header.params.clone(),
        }
    }
}

impl RunReport {
    /// How far `view` is at `now`.
    pub fn of(view: &RunView, now: Time) -> Self {
        let state = &view.state;
        let seen = state.progress(&view.graph, now);
        let counts = state.counts();
        let task = |(at, task): (TaskIndex, TaskProgress)| {
            (task.name.clone(), TaskReport::made(state, at, task))
        };
        Self {
            summary: RunSummary::of(&state.header),
            error: state.header.error.clone(),
            progress: seen.percent,
            counts: words(|status| counts.of(status)),
            current_step: seen.current_step,
            total_steps: seen.total_steps,
            recovery_attempts: seen.recovery_attempts,
            estimated_duration_ms: seen.estimated_duration,
            actual_duration_ms: seen.actual_duration,
            eta: seen.eta.map(Time::rfc3339),
            tasks: (0..).zip(seen.tasks).map(task).collect(),
            stopping: stopping(view),
            notices: notices(view),
        }
    }
}

impl TaskReport {
    /// How far one task of `view` is at `now`.
    pub fn of(view: &RunView, at: TaskIndex, now: Time) -> Self {
        let seen = view.state.task_progress(&view.graph, at, now);
        Self::made(&view.state, at, seen)
    }

    fn made(state: &RunState, at: TaskIndex, seen: TaskProgress) -> Self {
        Self {
            status: seen.status.as_str(),
            step: seen.step,
            attempts: seen.attempts,
            error: seen.error,
            instances: instances(state, at),
            estimated_duration_ms: seen.estimated_duration,
            actual_duration_ms: seen.actual_duration,
            marked: marked(state, at),
            jobs: jobs(state, at),
        }
    }
}

impl TroubleReport {
    /// What `trouble` says.
    pub fn of(trouble: &Trouble) -> Self {
        Self {
            why: trouble.why.to_string(),
            at: trouble.at.rfc3339(),
            times: trouble.times,
        }
    }
}

fn marked(state: &RunState, at: TaskIndex) -> Option<u32> {
    let all = state.instances(at).iter().filter(|one| one.is_marked());
    u32::try_from(all.count()).ok().filter(|n| *n > 0)
}

/// How far each task of `view` is at `now`, by name.
pub fn tasks(view: &RunView, now: Time) -> BTreeMap<TaskName, TaskReport> {
    let all = (0..).zip(&view.graph.workflow.tasks);
    all.map(|(at, task)| (task.name.clone(), TaskReport::of(view, at, now)))
        .collect()
}

/// The instances of a task by where they stand; states without any are left out.
pub fn instances(state: &RunState, task: TaskIndex) -> Counts {
    let counts = state.task(task).counts();
    words(|status| counts.of(status))
}

fn words(of: impl Fn(InstanceStatus) -> u32) -> Counts {
    let all = InstanceStatus::ALL.iter();
    all.map(|&status| (status.as_str(), of(status)))
        .filter(|&(_, n)| n > 0)
        .collect()
}

/// What is known of the jobs that the instances of a task wait for. Long lists lie elsewhere, and are left out.
pub fn jobs(state: &RunState, task: TaskIndex) -> Vec<JobReport> {
    let mut all = Vec::new();
    for (index, instance) in (0u32..).zip(state.instances(task)) {
        let State::Deferred(deferral) = &instance.state else {
            continue;
        };
        let Output::Inline(text) = &deferral.jobs else {
            continue;
        };
        let listed: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        let known = (0..limits::DEFERRED_JOBS as u32)
            .zip(listed)
            .filter_map(|(bit, job)| {
                Some(JobReport {
                    index,
                    job: match Work::read(&job) {
                        Some(work) => work.ok()?.id,
                        None => Job::read(&job).ok()?.name(),
                    },
                    link: link(&job),
                    done: deferral.done & (1 << bit) != 0,
                    unanswered: deferral
                        .trouble
                        .as_ref()
                        .filter(|trouble| trouble.is_about(bit))
                        .map(|trouble| TroubleReport::of(trouble)),
                })
            });
        all.extend(known);
        if all.len() >= JOBS_SHOWN {
            all.truncate(JOBS_SHOWN);
            break;
        }
    }
    all
}

/// Attempts whose jobs are being stopped.
pub fn stopping(view: &RunView) -> Vec<StoppingReport> {
    let all = view.state.cancellations();
    all.map(|(task, index, one)| StoppingReport {
        task: view.graph.task(task).name.to_string(),
        index,
        attempt: one.attempt,
        jobs: one.count,
        left: one.left(),
        since: one.since.rfc3339(),
        asked: one.asked,
        denied: one.denied,
        refused: one.is_refused(),
        unanswered: one.trouble.as_deref().map(TroubleReport::of),
    })
    .collect()
}

/// Who is told of a run, and whether they were, in the order of what is told.
pub fn notices(view: &RunView) -> Vec<NoticeReport> {
    let header = &view.state.header;
    let all = header.notices.iter();
    all.map(|one| {
        let known = &view.graph.workflow.notifications;
        let known = known.get(one.key.target as usize);
        let (next_at, settled_at) = match one.state {
            NoticeState::Pending { next_at } => (Some(next_at), None),
            NoticeState::Sent { sent_at } => (None, Some(sent_at)),
            NoticeState::GaveUp { gave_up_at } => (None, Some(gave_up_at)),
        };
        NoticeReport {
            id: one.key.in_run(&header.id),
            notice: one.key.to_string(),
            on: one.key.on.as_str(),
            to: known.map_or_else(|| "nobody".to_owned(), |one| one.to.shown()),
            state: one.state.as_str(),
            at: one.at.rfc3339(),
            attempts: one.attempts,
            asked_again_at: one.again.map(|again| again.at.rfc3339()),
            next_at: next_at.map(Time::rfc3339),
            settled_at: settled_at.map(Time::rfc3339),
            why: one.trouble.clone(),
        }
    })
    .collect()
}
