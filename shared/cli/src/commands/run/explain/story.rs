//! What is to be said of one task: what it waits for, what it tried, how it failed.

use ork_core::definition::TaskIndex;
use ork_core::run::{Instance, InstanceStatus, TaskOutcome, TaskPhase};
use ork_core::time::Time;
use ork_engine::RunView;
use ork_engine::report;
use ork_engine::why::{Explanation, Reason};
use serde_json::{Map, Value, json};

use crate::output::{Paint, harmless};
use crate::workflow_file::count;

/// Failed instances that are kept of a task.
const KEPT: usize = 20;

/// One task of a run.
pub(super) struct Story {
    /// Its name.
    pub(super) name: String,
    /// Where it stands.
    pub(super) status: InstanceStatus,
    /// Why it stands there; empty when its failures say all.
    pub(super) reasons: Vec<Reason>,
    /// The last failures of its instances that have not succeeded, by index; at most [`KEPT`].
    pub(super) failed: Vec<Failed>,
    /// How many such instances there are.
    pub(super) failed_in_all: usize,
    /// Attempts so far, all instances together.
    attempts: u64,
    /// Retries that each instance has.
    retries: u16,
    /// Its instances by where they stand.
    instances: Value,
    /// Its upstreams and where they stand.
    upstream: Vec<(String, InstanceStatus)>,
    ready_at: Option<Time>,
    finished_at: Option<Time>,
}

/// The last failure of an instance.
pub(super) struct Failed {
    /// Which instance, where the task fans out.
    index: Option<u32>,
    status: InstanceStatus,
    attempt: u32,
    category: &'static str,
    message: String,
}

impl Story {
    /// Whether a task is more than simply at work, or well ended.
    pub(super) fn is_worth_telling(view: &RunView, at: TaskIndex, why: &Explanation) -> bool {
        let ended = matches!(
            view.state.task(at).status(),
            InstanceStatus::Failed | InstanceStatus::Cancelled | InstanceStatus::Skipped
        );
        ended || why.tasks.contains_key(&view.graph.task(at).name)
    }

    /// The story of the task at `at`.
    pub(super) fn of(view: &RunView, at: TaskIndex, why: &Explanation) -> Self {
        let (definition, task) = (view.graph.task(at), view.state.task(at));
        let instances = view.state.instances(at);
        let known = why.tasks.get(&definition.name);
        let mut reasons: Vec<Reason> = known.cloned().unwrap_or_default();
        reasons.extend(stands(view, at));
        let has_failed =
            |one: &Instance| one.status() != InstanceStatus::Success && one.failure.is_some();
        let failed = (0..)
            .zip(instances)
            .filter(|(_, one)| has_failed(one))
            .filter_map(|(index, one)| {
                let index = definition.fans_out().then_some(index);
                Failed::of(index, one)
            });
        let upstream = definition.depends_on.iter().map(|&above| {
            let name = view.graph.task(above).name.to_string();
            (name, view.state.task(above).status())
        });
        Self {
            name: definition.name.to_string(),
            status: task.status(),
            reasons,
            failed: failed.take(KEPT).collect(),
            failed_in_all: instances.iter().filter(|one| has_failed(one)).count(),
            attempts: instances.iter().map(|one| u64::from(one.attempt)).sum(),
            retries: definition.retries.max,
            instances: json!(report::instances(&view.state, at)),
            upstream: upstream.collect(),
            ready_at: task.ready_at,
            finished_at: task.finished_at,
        }
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let upstream: Map<String, Value> = self
            .upstream
            .iter()
            .map(|(name, status)| (name.clone(), json!(status)))
            .collect();
        json!({
            "status": self.status,
            "reasons": self.reasons,
            "attempts": self.attempts,
            "max_retries": self.retries,
            "instances": self.instances,
            "upstream": upstream,
            "ready_at": self.ready_at.map(Time::rfc3339),
            "finished_at": self.finished_at.map(Time::rfc3339),
            "failures": self.failed.iter().map(Failed::json).collect::<Vec<_>>(),
        })
    }

    /// For people, of the one task that was asked about.
    pub(super) fn text(&self, paint: Paint) -> String {
        let status = paint.instance(self.status, self.status.as_str());
        let mut text = format!("{}: {status}\n", paint.bold(&self.name));
        for reason in &self.reasons {
            text.push_str(&format!("  {}\n", harmless(&reason.text)));
        }
        let mut line = |what: &str, value: String| {
            if !value.is_empty() {
                text.push_str(&format!("{what:<9} {value}\n"));
            }
        };
        line("after", list(&self.upstream));
        line(
            "attempts",
            match self.attempts {
                0 => "none yet".to_owned(),
                n => n.to_string(),
            },
        );
        line(
            "retries",
            match self.retries {
                0 => "none".to_owned(),
                n => format!("at most {n}"),
            },
        );
        line(
            "ready",
            self.ready_at.map(Time::rfc3339).unwrap_or_default(),
        );
        line(
            "ended",
            self.finished_at.map(Time::rfc3339).unwrap_or_default(),
        );
        for failed in &self.failed {
            text.push_str(&failed.text(paint));
        }
        if self.failed_in_all > self.failed.len() {
            text.push_str(&format!(
                "\nand {} more\n",
                self.failed_in_all - self.failed.len()
            ));
        }
        text
    }
}

impl Failed {
    fn of(index: Option<u32>, one: &Instance) -> Option<Self> {
        let failure = one.failure.as_deref()?;
        Some(Self {
            index,
            status: one.status(),
            attempt: failure.attempt,
            category: failure.category.as_str(),
            message: failure.message.to_string(),
        })
    }

    /// `attempt 2 failed (transient)`, with its instance where there are several.
    fn what(&self) -> String {
        let whose = match self.index {
            Some(index) => format!("instance {index}, "),
            None => String::new(),
        };
        format!("{whose}attempt {} failed ({})", self.attempt, self.category)
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let first = self.message.lines().next().unwrap_or_default();
        format!("{}: {first}", self.what())
    }

    fn text(&self, paint: Paint) -> String {
        let mut text = format!("\n{}\n", paint.red(&self.what()));
        for line in self.message.lines() {
            text.push_str(&format!("  {}\n", harmless(line)));
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "index": self.index,
            "status": self.status,
            "attempt": self.attempt,
            "category": self.category,
            "message": self.message,
        })
    }
}

/// A reason that is not about something that is waited for.
pub(super) fn reason(kind: &'static str, text: impl Into<String>) -> Reason {
    Reason {
        kind: kind.into(),
        text: text.into(),
        instances: 0,
        until: None,
    }
}

/// How a task stands that does not wait: at work, or ended and why.
fn stands(view: &RunView, at: TaskIndex) -> Option<Reason> {
    let task = view.state.task(at);
    match task.phase {
        TaskPhase::Ended(TaskOutcome::Success) => Some(reason("over", "it succeeded")),
        TaskPhase::Ended(TaskOutcome::Cancelled) => Some(reason("over", "it was cancelled")),
        TaskPhase::Ended(TaskOutcome::Skipped(why)) => Some(reason(
            "skipped",
            format!("it did not run: {}", why.render(&view.graph)),
        )),
        // Its failures say it.
        TaskPhase::Ended(TaskOutcome::Failed) => None,
        TaskPhase::Waiting | TaskPhase::Resolving => None,
        TaskPhase::Active => at_work(view, at),
    }
}

fn at_work(view: &RunView, at: TaskIndex) -> Option<Reason> {
    let running = view.state.instances(at).iter();
    let running: Vec<&Instance> = running
        .filter(|one| one.status() == InstanceStatus::Running)
        .collect();
    let text = match running.as_slice() {
        [] => return None,
        [one] if !view.graph.task(at).fans_out() => format!(
            "attempt {} is at work since {}",
            one.attempt,
            one.started_at.map(Time::rfc3339).unwrap_or_default()
        ),
        many => format!("{} at work", count(many.len(), "instance")),
    };
    let instances = u32::try_from(running.len()).unwrap_or(u32::MAX);
    Some(Reason {
        instances,
        ..reason("running", text)
    })
}

fn list(upstream: &[(String, InstanceStatus)]) -> String {
    let all = upstream.iter();
    let all: Vec<String> = all
        .map(|(name, status)| format!("{name} ({status})"))
        .collect();
    all.join(", ")
}
