//! What answers hold beside the reports of runs.

use ork_core::definition::{ParamDefault, Workflow};
use ork_core::run::{Instance, State};
use ork_core::schedule;
use ork_core::schema::type_schema;
use ork_core::time::{Millis, Time};
use ork_engine::WorkflowDocument;
use ork_engine::report::TaskReport;
use serde::Serialize;
use utoipa::ToSchema;

/// Slots of a workflow that are shown.
const SLOTS: usize = 5;

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WorkflowSummary {
    /// Its name.
    pub workflow: String,
    /// The version that new runs are pinned to.
    pub version: String,
    /// Whether its schedules fire.
    pub enabled: bool,
    /// When the current version was stored.
    pub deployed_at: String,
    /// Where its files are: the name of a file on a laptop, a bundle in the cloud.
    pub source: Option<String>,
    /// Runs that hold a place, where places are counted.
    pub active_runs: usize,
    /// Runs that wait for a place.
    pub queued_runs: usize,
    /// The runs that hold a place.
    pub active: Vec<String>,
    /// The runs that wait for one, first come first served.
    pub queued: Vec<String>,
}

impl WorkflowSummary {
    pub(crate) fn of(standing: &WorkflowDocument) -> Self {
        Self {
            workflow: standing.name.to_string(),
            version: standing.current.to_string(),
            enabled: standing.enabled,
            deployed_at: standing.deployed_at.rfc3339(),
            source: standing.source.as_deref().map(source).map(str::to_owned),
            active_runs: standing.active.len(),
            queued_runs: standing.queued.len(),
            active: standing.active.iter().map(ToString::to_string).collect(),
            queued: standing.queued.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Where the files of a version are, as others may know it: of a path on this machine the name of the file.
pub(crate) fn source(stored: &str) -> &str {
    if std::path::Path::new(stored).is_absolute() {
        stored.rsplit(['/', '\\']).next().unwrap_or(stored)
    } else {
        stored
    }
}

/// A workflow with what its current version says.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WorkflowDetail {
    /// What a list says of it.
    #[serde(flatten)]
    pub summary: WorkflowSummary,
    /// What its author says of it.
    pub description: Option<String>,
    /// Its schedules, in the order of the file.
    pub schedules: Vec<ScheduleDocument>,
    /// Its next slots, soonest first; none while its schedules do not fire.
    pub next_slots: Vec<SlotDocument>,
    /// Its inputs.
    pub params: Vec<ParamDocument>,
    /// Its tasks, in the order of the file.
    pub tasks: Vec<TaskDefinition>,
}

/// One schedule.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScheduleDocument {
    /// Its pattern.
    pub cron: String,
    /// The clock it is about.
    pub timezone: String,
    /// The pattern in words.
    pub description: String,
    /// Whether the file lets it fire.
    pub enabled: bool,
}

/// An instant at which a workflow is due.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SlotDocument {
    /// The instant in UTC.
    pub slot: String,
    /// The same on the schedule's clock.
    pub local: String,
    /// What is unusual about it.
    pub note: Option<String>,
}

/// An input of a workflow.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ParamDocument {
    /// Its name.
    pub name: String,
    /// What its author says of it.
    pub description: Option<String>,
    /// Its type as JSON Schema.
    #[schema(value_type = Object)]
    pub schema: serde_json::Value,
    /// Whether a run has to give it.
    pub required: bool,
    /// What it is when a run does not give it.
    #[schema(value_type = Option<Value>)]
    pub default: Option<serde_json::Value>,
}

/// A task of a definition.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskDefinition {
    /// Its name.
    pub name: String,
    /// What its author says of it.
    pub description: Option<String>,
    /// What runs it.
    pub executor: String,
    /// What it waits for.
    pub depends_on: Vec<String>,
}

impl WorkflowDetail {
    pub(crate) fn of(standing: &WorkflowDocument, workflow: &Workflow, now: Time) -> Self {
        let next = if standing.enabled {
            // A schedule that cannot be read was refused when it was stored.
            schedule::preview(&workflow.schedules, now, SLOTS).unwrap_or_default()
        } else {
            Vec::new()
        };
        let name = |task: &u32| workflow.tasks[*task as usize].name.to_string();
        Self {
            summary: WorkflowSummary::of(standing),
            description: workflow.description.clone(),
            schedules: workflow
                .schedules
                .iter()
                .map(ScheduleDocument::of)
                .collect(),
            next_slots: next
                .into_iter()
                .map(|one| SlotDocument {
                    slot: one.slot.rfc3339(),
                    local: one.local,
                    note: one.note,
                })
                .collect(),
            params: params(workflow),
            tasks: workflow
                .tasks
                .iter()
                .map(|task| TaskDefinition {
                    name: task.name.to_string(),
                    description: task.description.clone(),
                    executor: task.executor.word().to_owned(),
                    depends_on: task.depends_on.iter().map(name).collect(),
                })
                .collect(),
        }
    }
}

impl ScheduleDocument {
    fn of(one: &ork_core::definition::Schedule) -> Self {
        let words = schedule::Cron::parse(&one.cron).map(|cron| schedule::describe(&cron));
        Self {
            cron: one.cron.clone(),
            timezone: one.timezone.clone(),
            description: words.unwrap_or_default(),
            enabled: one.enabled,
        }
    }
}

fn params(workflow: &Workflow) -> Vec<ParamDocument> {
    let all = workflow.params.iter();
    all.map(|param| ParamDocument {
        name: param.name.clone(),
        description: param.description.clone(),
        schema: type_schema(&param.kind),
        required: param.default.is_none(),
        // What is only made up when the run starts has no value yet.
        default: match &param.default {
            Some(ParamDefault::Value(value)) => Some(value.clone()),
            Some(ParamDefault::Template(_)) | None => None,
        },
    })
    .collect()
}

/// A task of a run, with its instances by pages.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TaskDocument {
    /// Its name.
    pub name: String,
    /// How far it is.
    #[serde(flatten)]
    pub report: TaskReport,
    /// Its instances, in their order: one, or those of a fan-out.
    pub items: Vec<InstanceDocument>,
    /// For `cursor` of the next request; null when nothing follows.
    pub next_cursor: Option<String>,
}

/// An instance of a task.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InstanceDocument {
    /// Which, from 0.
    pub index: u32,
    /// Where it stands.
    pub status: &'static str,
    /// Its latest attempt; 0 before the first.
    pub attempt: u32,
    /// When that began.
    pub started_at: Option<String>,
    /// When it ended for good.
    pub finished_at: Option<String>,
    /// Start to end of the latest attempt, in milliseconds, once it ended.
    #[schema(value_type = Option<u64>)]
    pub duration_ms: Option<Millis>,
    /// When its next attempt may begin, while it waits for that.
    pub retry_at: Option<String>,
    /// Whether it succeeded because somebody said so; absent where not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub marked: bool,
    /// Its last failure, also while it retries or after it succeeded.
    pub failure: Option<FailureDocument>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FailureDocument {
    /// Which attempt.
    pub attempt: u32,
    /// What kind of failure.
    pub category: &'static str,
    /// What happened.
    pub message: String,
}

impl InstanceDocument {
    pub(crate) fn of(index: u32, instance: &Instance) -> Self {
        Self {
            index,
            status: instance.status().as_str(),
            attempt: instance.attempt,
            started_at: instance.started_at.map(Time::rfc3339),
            finished_at: instance.finished_at.map(Time::rfc3339),
            duration_ms: instance.took(),
            retry_at: match instance.state {
                State::Retrying { due } => Some(due.rfc3339()),
                _ => None,
            },
            marked: instance.is_marked(),
            failure: instance.failure.as_deref().map(|failure| FailureDocument {
                attempt: failure.attempt,
                category: failure.category.as_str(),
                message: failure.message.as_ref().to_owned(),
            }),
        }
    }
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct StartedDocument {
    /// Its id.
    pub run_id: String,
    /// Whether this request made it; not if one with the same key did.
    pub created: bool,
    /// Whether it waits for a place.
    pub queued: bool,
}

/// Whether Ork serves.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct HealthDocument {
    /// `ok`: the store answers.
    pub status: &'static str,
    /// Ork's version.
    pub version: &'static str,
}
