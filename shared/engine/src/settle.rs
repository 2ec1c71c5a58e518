//! What the notices of a run's objects come to: a worker began, or left its verdict.
//!
//! A notice carries a name and no authority: what counts is what lies in the object when it is read.

use std::collections::BTreeSet;

use futures_util::future::try_join;
use futures_util::{StreamExt, TryStreamExt, stream};
use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Attempt, Event, Graph, Instance, InstanceStatus, RunState};

use crate::Engine;
use crate::advance::{ClaimRequest, Stepped};
use crate::error::EngineError;
use crate::loaded::{Loaded, load, stored};
use crate::ports::{Objects, Ports};
use crate::reap::Claimed;

/// An object that has something to say about an attempt.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) name: ObjectName,
    pub(crate) attempt: Attempt,
    pub(crate) file: AttemptFile,
}

impl<P: Ports> Engine<P> {
    /// Reads the objects that `names` tells of and applies what they say to `run`, in one commit.
    ///
    /// Names of other runs, of tasks the run does not have and of files that say nothing are passed over, and so are attempts whose verdict
    /// is known. Where many attempts of a task are at work, the verdicts of others that are there already are taken along: notices come one
    /// by one, and a commit for each would wear out the run's document. Safe to repeat, in any order.
    pub async fn settle(
        &self,
        run: &RunId,
        names: &[ObjectName],
        claim: Option<ClaimRequest>,
    ) -> Result<Stepped, EngineError> {
        let remembered = self.peek(run, |_, _| ()).is_some();
        let loaded = self.recall(run).await?;
        let graph = loaded.graph.clone();
        let mut wanted: BTreeSet<&ObjectName> = names.iter().collect();
        let mut said: Vec<Said> = Vec::new();
        let mut busy = BTreeSet::new();
        while let Some(name) = wanted.pop_first() {
            let Some(one) = of_run(run, &graph, name) else {
                continue;
            };
            let state = &loaded.state;
            if is_known(state, &one) {
                continue;
            }
            let task = one.attempt.task;
            if one.file == AttemptFile::Result && in_flight(state, task) >= limits::COLLECT_FROM {
                busy.insert(task);
            }
            said.push(one);
        }
        for task in busy {
            self.collect(run, &loaded, task, names, &mut said).await?;
        }
        // Somebody else started what this process has not heard of. Its memory is brought up to date while the objects are read.
        let behind = remembered
            && said
                .iter()
                .any(|one| !is_at_work(&loaded.state, one.attempt));
        let version = loaded.version;
        self.memory.put_back(run, loaded);
        said.truncate(limits::COLLECTED.max(names.len()));
        // As they were written: what began is known to have begun before its end is heard of.
        said.sort_by(|a, b| a.name.cmp(&b.name));
        let read = stream::iter(said).map(|one| self.hear(one));
        let reading = read.buffered(limits::READS_AT_ONCE).try_collect();
        let refreshing = async {
            if behind {
                stored(&self.ports, run).await
            } else {
                Ok(None)
            }
        };
        let (heard, newer): (Vec<Option<Event>>, _) = try_join(reading, refreshing).await?;
        if let Some(newer) = newer
            && version != Some(newer.version)
            && let Some(loaded) = load(&self.ports, &self.memory, run, Some(newer)).await?
        {
            self.memory.renew(run, version, loaded);
        }
        let events: Vec<Event> = heard.into_iter().flatten().collect();
        if events.is_empty() {
            return Ok(Stepped::default());
        }
        self.step(run, events, claim).await
    }

    /// Whether this process has in memory that the verdict called `name` was settled: nothing more is to be done about it.
    pub fn has_settled(&self, run: &RunId, name: &ObjectName) -> bool {
        let known = self.memory.peek(run, |loaded| {
            of_run(run, &loaded.graph, name).is_some_and(|one| is_known(&loaded.state, &one))
        });
        known.unwrap_or(false)
    }

    /// Attempts at work of the task of a run that has most of them, as far as this process has it in memory.
    pub fn at_work(&self, run: &RunId) -> u32 {
        let most = self.memory.peek(run, |loaded| {
            let tasks = (0..).take(loaded.state.tasks().len());
            tasks.map(|task| in_flight(&loaded.state, task)).max()
        });
        most.flatten().unwrap_or(0)
    }

    /// Adds the verdicts of a task's attempts in flight that are there, whether or not somebody has told of them.
    async fn collect(
        &self,
        run: &RunId,
        loaded: &Loaded,
        task: TaskIndex,
        told: &[ObjectName],
        said: &mut Vec<Said>,
    ) -> Result<(), EngineError> {
        let Some((prefix, first)) = place_of(run, loaded, task) else {
            return Ok(());
        };
        let mut after = Some(first);
        // Behind an attempt that takes long lie those that were settled before: they are passed by a page at a time.
        while let Some(from) = after.take()
            && said.len() < limits::COLLECTED
        {
            let page = limits::COLLECTED;
            let listed = self
                .ports
                .objects()
                .list_files(&prefix, AttemptFile::Result, Some(&from), page)
                .await?;
            after = (listed.len() == page).then(|| listed[page - 1].to_string());
            let unheard = listed.iter().filter(|name| !told.contains(name));
            let known = unheard.filter_map(|name| of_run(run, &loaded.graph, name));
            said.extend(known.filter(|one| !is_known(&loaded.state, one)));
        }
        Ok(())
    }

    /// What an object says, if it says anything.
    pub(crate) async fn hear(&self, one: Said) -> Result<Option<Event>, EngineError> {
        let attempt = one.attempt;
        Ok(match one.file {
            AttemptFile::Claim => (self.claimed(&one.name).await? == Claimed::Worker)
                .then_some(Event::Started(attempt)),
            AttemptFile::Result => {
                let left = self.find_verdict(&one.name).await?;
                left.map(|left| left.by(attempt))
            }
            AttemptFile::Late => self
                .find_verdict(&one.name)
                .await?
                .and_then(|left| left.late(attempt)),
            // Signs of life are looked at when they are missed: a commit for each would wear out the run's document.
            AttemptFile::Status
            | AttemptFile::Spec
            | AttemptFile::Output
            | AttemptFile::Log
            | AttemptFile::Urls => None,
        })
    }
}

/// What `name` may say about an attempt of `run`; `None` if it is of another run or of a task that this one does not have.
pub(crate) fn of_run(run: &RunId, graph: &Graph, name: &ObjectName) -> Option<Said> {
    let ObjectName::Attempt {
        run: of,
        task,
        index,
        attempt,
        file,
    } = name
    else {
        return None;
    };
    let task = graph.workflow.task_index(task.as_str())?;
    if of != run || graph.task(task).fans_out() != index.is_some() {
        return None;
    }
    Some(Said {
        name: name.clone(),
        // Whichever start it was, only one worker has the claim, so the fence says nothing here.
        attempt: Attempt {
            task,
            index: index.unwrap_or(0),
            attempt: *attempt,
            fence: 0,
        },
        file: *file,
    })
}

/// Whether a state that was committed holds what `one` may say.
pub(crate) fn is_known(state: &RunState, one: &Said) -> bool {
    match one.file {
        AttemptFile::Late => state.knows_jobs_of(one.attempt),
        _ => is_over(state, one.attempt),
    }
}

/// Whether the verdict of an attempt has been settled, in a state that was committed, and there is nothing more to be heard of it.
fn is_over(state: &RunState, attempt: Attempt) -> bool {
    // One that was cancelled or reset had no verdict, and may yet have handed over to jobs.
    let over = |instance: &Instance| {
        let settled = matches!(
            instance.status(),
            InstanceStatus::Success
                | InstanceStatus::Failed
                | InstanceStatus::Retrying
                | InstanceStatus::Deferred
        );
        attempt.attempt == instance.attempt && settled
    };
    state
        .instance(attempt.task, attempt.index)
        .is_some_and(over)
}

/// Whether an attempt is with a worker, in a state that was committed.
fn is_at_work(state: &RunState, attempt: Attempt) -> bool {
    state
        .instance(attempt.task, attempt.index)
        .is_some_and(|instance| {
            instance.attempt == attempt.attempt && instance.status().is_in_flight()
        })
}

/// Attempts of a task that are with workers.
fn in_flight(state: &RunState, task: TaskIndex) -> u32 {
    let counts = state.task(task).counts();
    counts.of(InstanceStatus::Dispatched) + counts.of(InstanceStatus::Running)
}

/// Where the verdicts of a task's attempts in flight are listed: their common prefix, and a name that comes before all of them.
fn place_of(run: &RunId, loaded: &Loaded, task: TaskIndex) -> Option<(String, String)> {
    let indices = (0_u32..).zip(loaded.state.instances(task));
    let at_work = indices.filter(|(_, instance)| {
        matches!(
            instance.status(),
            InstanceStatus::Dispatched | InstanceStatus::Running
        )
    });
    // Names are ordered as text: 10 comes before 9.
    let first = at_work.map(|(index, _)| index.to_string()).min()?;
    let prefix = format!("runs/{run}/{}.", loaded.graph.task(task).name);
    let after = format!("{prefix}{first}");
    Some((prefix, after))
}
