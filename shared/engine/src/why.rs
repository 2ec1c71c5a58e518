//! Why a run, or a task of it, does not go on just now. The command line, the HTTP API and the pages answer with the same reasons.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ork_core::definition::{TaskIndex, TriggerRule};
use ork_core::ids::{PoolName, TaskName};
use ork_core::run::{Category, Instance, InstanceStatus, RunStatus, State, TaskPhase};
use ork_core::time::Time;
use serde::{Deserialize, Serialize};

use crate::documents::{PoolDocument, WorkflowDocument, decode};
use crate::error::EngineError;
use crate::ports::{Clock, Key, Ports, Store};
use crate::{Engine, RunView};

/// Names that a sentence lists before it counts the rest.
const NAMED: usize = 4;

/// One thing that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reason {
    /// Which kind: `place`, `paused`, `upstream`, `conditions`, `task_paused`, `concurrency`, `pool`, `executor`, `start`, `jobs`,
    /// `stopping` or `retry`.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub kind: Cow<'static, str>,
    /// The reason in words.
    pub text: String,
    /// Instances that wait for it; 0 where it is not about instances.
    pub instances: u32,
    /// The instant at which it is over, or looked at again, where there is one.
    pub until: Option<String>,
}

/// Why a run does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Explanation {
    /// What holds back the run as a whole.
    pub run: Vec<Reason>,
    /// What its tasks wait for, by name; tasks that have ended and tasks that are simply at work are not among them.
    #[cfg_attr(feature = "openapi", schema(value_type = BTreeMap<String, Vec<Reason>>))]
    pub tasks: BTreeMap<TaskName, Vec<Reason>>,
}

/// What a run shares with others, as far as that is what it waits for.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// The pools of its ready tasks.
    pub pools: BTreeMap<PoolName, PoolDocument>,
    /// Its workflow, when it waits for a place there.
    pub workflow: Option<WorkflowDocument>,
}

impl<P: Ports> Engine<P> {
    /// Why `view` does not go on. Reads the pools of tasks that are ready and, for a run that has not begun, its workflow: in one call, or none.
    pub async fn explain(&self, view: &RunView) -> Result<Explanation, EngineError> {
        let now = self.ports().clock().now();
        let mut keys = Vec::new();
        if view.header.status == RunStatus::Pending {
            keys.push(Key::Workflow(view.header.workflow.clone()));
        }
        let mut pools: Vec<_> = (0..)
            .zip(view.state.tasks())
            .filter(|(_, task)| task.counts().of(InstanceStatus::Queued) > 0)
            .filter_map(|(at, _)| view.graph.task(at).pool.clone())
            .collect();
        pools.sort();
        pools.dedup();
        keys.extend(pools.into_iter().map(Key::Pool));
        let mut shared = Shared::default();
        if !keys.is_empty() {
            let found = self.ports().store().read(&keys).await?;
            for (key, document) in keys.into_iter().zip(found) {
                let Some(document) = document else { continue };
                let what = key.to_string();
                match key {
                    Key::Pool(name) => {
                        shared.pools.insert(name, decode(&what, &document.body)?);
                    }
                    _ => shared.workflow = Some(decode(&what, &document.body)?),
                }
            }
        }
        Ok(explain(view, &shared, now))
    }

    /// The places of these pools, in their order; those that nobody has held or sized yet have one place.
    pub async fn pools(
        &self,
        names: &[PoolName],
    ) -> Result<Vec<(PoolName, PoolDocument)>, EngineError> {
        let keys: Vec<Key> = names.iter().cloned().map(Key::Pool).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.ports().store().read(&keys).await?;
        names
            .iter()
            .zip(found)
            .map(|(name, document)| {
                let pool = match document {
                    Some(document) => decode(&format!("pool {name}"), &document.body)?,
                    None => PoolDocument::new(1),
                };
                Ok((name.clone(), pool))
            })
            .collect()
    }
}

/// Why a run that is seen as `view`, beside what it shares with others, does not go on.
pub fn explain(view: &RunView, shared: &Shared, now: Time) -> Explanation {
    let header = &view.header;
    if header.status.is_terminal() {
        return Explanation::default();
    }
    let mut found = Explanation::default();
    match header.status {
        RunStatus::Pending => found.run.push(place(view, shared)),
        RunStatus::Paused => found.run.push(Reason::of(
            "paused",
            0,
            "the run is paused: nothing new starts until it is resumed",
        )),
        _ => {}
    }
    for (at, task) in (0..).zip(view.state.tasks()) {
        let reasons = match task.phase {
            TaskPhase::Ended(_) => continue,
            TaskPhase::Waiting => waiting(view, at),
            TaskPhase::Resolving => vec![Reason::of(
                "conditions",
                0,
                "its upstreams ended as its trigger rule asks; its conditions are being evaluated",
            )],
            TaskPhase::Active => active(view, at, shared, now),
        };
        if !reasons.is_empty() {
            found
                .tasks
                .insert(view.graph.task(at).name.clone(), reasons);
        }
    }
    found
}

impl Reason {
    fn of(kind: &'static str, instances: u32, text: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            text: text.into(),
            instances,
            until: None,
        }
    }
    fn until(mut self, at: Time) -> Self {
        self.until = Some(at.rfc3339());
        self
    }
}

fn place(view: &RunView, shared: &Shared) -> Reason {
    let Some(workflow) = &shared.workflow else {
        return Reason::of("place", 0, "it has not begun yet");
    };
    let (active, most) = (
        workflow.active.len(),
        view.graph.workflow.max_active_runs.unwrap_or(1),
    );
    match workflow
        .queued
        .iter()
        .position(|queued| *queued == view.header.id)
    {
        Some(0) => Reason::of(
            "place",
            0,
            format!(
                "{active} of {most} run(s) of {} are active; it is next",
                workflow.name
            ),
        ),
        Some(before) => Reason::of(
            "place",
            0,
            format!(
                "{active} of {most} run(s) of {} are active, and {before} wait before it",
                workflow.name
            ),
        ),
        None => Reason::of("place", 0, "it has its place and is about to begin"),
    }
}

fn waiting(view: &RunView, at: TaskIndex) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if view.state.task(at).paused {
        reasons.push(task_paused(0));
    }
    let task = view.graph.task(at);
    let open = task
        .depends_on
        .iter()
        .filter(|&&upstream| !view.state.task(upstream).status().is_terminal());
    let open: Vec<String> = open
        .map(|&upstream| {
            let status = view.state.task(upstream).status();
            format!("{} ({status})", view.graph.task(upstream).name)
        })
        .collect();
    if !open.is_empty() {
        let wants = match task.trigger {
            TriggerRule::OneSuccess => "waits for one of these to succeed: ",
            TriggerRule::OneFailed => "waits for one of these to fail: ",
            TriggerRule::AllSuccess
            | TriggerRule::AllDone
            | TriggerRule::NoneFailed
            | TriggerRule::Always => "waits for ",
        };
        reasons.push(Reason::of("upstream", 0, format!("{wants}{}", list(&open))));
    }
    reasons
}

fn active(view: &RunView, at: TaskIndex, shared: &Shared, now: Time) -> Vec<Reason> {
    let state = view.state.task(at);
    let counts = state.counts();
    let mut reasons = Vec::new();
    let paused = counts.of(InstanceStatus::Paused);
    if state.paused || paused > 0 {
        reasons.push(task_paused(paused));
    }
    let queued = counts.of(InstanceStatus::Queued);
    if queued > 0 {
        reasons.push(ready(view, at, queued, shared));
    }
    if counts.of(InstanceStatus::Dispatched) > 0 {
        reasons.extend(dispatched(view.state.instances(at), now));
    }
    if counts.of(InstanceStatus::Deferred) > 0 {
        reasons.extend(deferred(view.state.instances(at)));
    }
    if counts.of(InstanceStatus::Retrying) > 0 {
        reasons.extend(retrying(view.state.instances(at), now));
    }
    let stopping = view.state.instances(at).iter().filter(|one| {
        let waits = matches!(
            one.status(),
            InstanceStatus::Queued | InstanceStatus::Retrying
        );
        waits && !one.cancellations().is_empty()
    });
    let stopping = count(stopping.count());
    if stopping > 0 {
        let text = "the jobs of an earlier attempt are still being stopped";
        reasons.push(Reason::of("stopping", stopping, text));
    }
    reasons
}

/// What keeps instances from being claimed that are ready.
fn ready(view: &RunView, at: TaskIndex, queued: u32, shared: &Shared) -> Reason {
    let task = view.graph.task(at);
    let n = of_them(queued);
    if view.header.status == RunStatus::Paused {
        return Reason::of("paused", queued, format!("{n}ready; the run is paused"));
    }
    let in_flight = view.state.task(at).counts().in_flight();
    if let Some(most) = task.concurrency.filter(|&most| in_flight >= most) {
        let text = format!(
            "{n}ready; {in_flight} at work, which is the task's limit (concurrency: {most})"
        );
        return Reason::of("concurrency", queued, text);
    }
    if let Some(pool) = &task.pool {
        let own = view
            .state
            .pools(&view.graph)
            .get(pool)
            .copied()
            .unwrap_or(0);
        // A pool that nobody has sized has one place.
        let unknown = PoolDocument::new(1);
        let places = shared.pools.get(pool).unwrap_or(&unknown);
        if places.free_for(&view.header.id) <= own {
            let holders = places.held.keys().filter(|run| **run != view.header.id);
            let holders: Vec<String> = holders.map(ToString::to_string).collect();
            let by = match holders.as_slice() {
                [] => "held by this run itself".to_owned(),
                some => format!("held by {}", list(some)),
            };
            let text = format!(
                "{n}ready; pool {pool} is full ({} of {} place(s) taken, {by})",
                places.held.values().sum::<u32>().max(own),
                places.size
            );
            return Reason::of("pool", queued, text);
        }
    }
    Reason::of(
        "executor",
        queued,
        format!("{n}ready; waits for a free place of an executor"),
    )
}

fn dispatched(instances: &[Instance], now: Time) -> Option<Reason> {
    let handed = instances.iter().filter_map(|one| match one.state {
        State::Dispatched { since, begin } => Some((since, begin)),
        _ => None,
    });
    let all: Vec<_> = handed.collect();
    let (since, begin) = all.iter().min_by_key(|(since, _)| *since)?;
    let n = count(all.len());
    let text = format!(
        "{}handed to the executor {} ago; its worker has not begun yet",
        of_them(n),
        now.since(*since)
    );
    let reason = Reason::of("start", n, text);
    Some(match begin {
        Some((_, start_by)) => reason.until(*start_by),
        None => reason,
    })
}

fn deferred(instances: &[Instance]) -> Option<Reason> {
    let handed = instances.iter().filter_map(|one| match &one.state {
        State::Deferred(deferral) => Some(deferral),
        _ => None,
    });
    let (mut n, mut jobs, mut done, mut next) = (0, 0, 0, None);
    let mut trouble = None;
    for deferral in handed {
        trouble = trouble.or(deferral.trouble.as_deref());
        n += 1;
        jobs += deferral.count;
        done += deferral.done.count_ones();
        next = Some(next.map_or(deferral.poll_at, |at: Time| at.min(deferral.poll_at)));
    }
    let mut text = format!(
        "{}waits for jobs elsewhere: {done} of {jobs} done",
        of_them(n)
    );
    if let Some(trouble) = trouble {
        text.push_str(&format!(
            "; no answer {} time(s) in a row: {}",
            trouble.times, trouble.why
        ));
    }
    Some(Reason::of("jobs", n, text).until(next?))
}

fn retrying(instances: &[Instance], now: Time) -> Option<Reason> {
    let back = instances.iter().filter_map(|one| match one.state {
        State::Retrying { due } => Some((due, one)),
        _ => None,
    });
    let all: Vec<_> = back.collect();
    let (due, one) = all.iter().min_by_key(|(due, _)| *due)?;
    let n = count(all.len());
    let why = match &one.failure {
        Some(failure) if failure.category == Category::Unknown => {
            format!("attempt {} failed", failure.attempt)
        }
        Some(failure) => format!("attempt {} failed ({})", failure.attempt, failure.category),
        None => format!("attempt {} did not begin", one.attempt),
    };
    let text = format!("{}{why}; tried again in {}", of_them(n), due.since(now));
    Some(Reason::of("retry", n, text).until(*due))
}

fn task_paused(instances: u32) -> Reason {
    let text = "the task is paused: nothing of it starts until it is resumed";
    Reason::of("task_paused", instances, text)
}

/// How many, where there is more than one.
fn of_them(n: u32) -> String {
    if n == 1 {
        String::new()
    } else {
        format!("{n} instances: ")
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn list(names: &[String]) -> String {
    match names.len() {
        n if n > NAMED => format!("{} and {} more", names[..NAMED].join(", "), n - NAMED),
        _ => names.join(", "),
    }
}
