//! Starting a run.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::Value;
use ork_core::bind::bind_params;
use ork_core::definition::Overlap;
use ork_core::expr::RunFields;
use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::limits;
use ork_core::protect::Protection;
use ork_core::run::{Event, Graph, Header, ParentRef, RunState, RunStatus, RunTrigger};
use ork_core::schedule::{self, Admission};
use ork_core::time::Time;

use crate::audit::{AuditResult, Deed};
use crate::documents::{WorkflowDocument, decode, encode};
use crate::error::EngineError;
use crate::fire::workflow_index;
use crate::loaded::{Loaded, graph};
use crate::places::counts_runs;
use crate::ports::{Clock, Index, Key, Ports, Precondition, Store, StoreErrorKind, Version, Write};
use crate::{Engine, Stepped};

/// A wish to start a run.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// What to run.
    pub workflow: WorkflowName,
    /// Which version; the current one when absent.
    pub version: Option<VersionHash>,
    /// Inputs by name.
    pub params: serde_json::Map<String, Value>,
    /// Its id; one is made up when absent. A run that exists already is left alone: this is the idempotency key.
    pub id: Option<RunId>,
    /// Only these tasks and what they depend on; empty means all.
    pub only: Vec<TaskName>,
    /// What makes it.
    pub trigger: RunTrigger,
    /// The instant it was due; now when absent.
    pub slot: Option<Time>,
    /// Who waits for it.
    pub parent: Option<ParentRef>,
    /// How many runs are above it.
    pub depth: u32,
}

impl StartRun {
    /// A manual run of the current version without inputs.
    pub fn of(workflow: WorkflowName) -> Self {
        Self {
            workflow,
            version: None,
            params: serde_json::Map::new(),
            id: None,
            only: Vec::new(),
            trigger: RunTrigger::Manual,
            slot: None,
            parent: None,
            depth: 0,
        }
    }
}

/// A run that was started or was there already.
#[derive(Debug)]
pub struct Started {
    /// Its id.
    pub id: RunId,
    /// Whether this call made it.
    pub created: bool,
    /// Whether it waits for a place.
    pub queued: bool,
    /// Whether it is in the audit already.
    pub(crate) recorded: bool,
    /// What the first step did.
    pub stepped: Stepped,
}

impl Started {
    /// A run that another engine started, which said no more of it than this.
    pub fn elsewhere(id: RunId, created: bool, queued: bool) -> Self {
        Self {
            id,
            created,
            queued,
            recorded: true,
            stepped: Stepped::default(),
        }
    }
}

/// The id of a run that is started at `now` without being given one.
pub fn invented_id(workflow: &WorkflowName, now: Time, random: u64) -> RunId {
    let id = format!(
        "{workflow}-{}-{:08x}",
        now.compact().to_lowercase(),
        random & 0xffff_ffff
    );
    RunId::new(&id).expect("a workflow name, digits and letters make a run id")
}

/// A slot that a schedule has due.
#[derive(Debug, Clone)]
pub(crate) struct DueSlot {
    /// The version whose schedule it is.
    pub(crate) version: VersionHash,
    /// Which of its schedules.
    pub(crate) schedule: usize,
    /// What it does while others are active.
    pub(crate) overlap: Overlap,
    /// Its instant.
    pub(crate) slot: Time,
}

/// A run that exists, and whether it is to begin now.
pub(crate) struct Made {
    pub(crate) started: Started,
    pub(crate) begin: bool,
}

impl<P: Ports> Engine<P> {
    /// Starts a run, once for each id. Wrong inputs are refused before anything is written.
    pub async fn start(&self, wish: StartRun) -> Result<Started, EngineError> {
        self.start_due(wish, None).await
    }

    /// As [`Engine::start`], for somebody: the run's first commit records it.
    pub(crate) async fn start_for(
        &self,
        wish: StartRun,
        deed: Deed,
    ) -> Result<Started, EngineError> {
        let made = self.create(wish, None, Some(&deed)).await?;
        let Made { mut started, begin } = made;
        // Where places are counted the record is in the commit that took one.
        let deed = (started.created && !started.recorded).then(|| deed.of_run(&started.id));
        if begin {
            started.stepped = self.step_for(&started.id, vec![Event::Start], deed).await?;
        }
        started.created &= !started.stepped.overtaken.contains(&started.id);
        Ok(started)
    }

    /// As [`Engine::start`], for a slot of a schedule, which may have no place.
    pub(crate) async fn start_due(
        &self,
        wish: StartRun,
        due: Option<&DueSlot>,
    ) -> Result<Started, EngineError> {
        let Made { mut started, begin } = self.create(wish, due, None).await?;
        if begin {
            started.stepped = self.step(&started.id, vec![Event::Start], None).await?;
        }
        started.created &= !started.stepped.overtaken.contains(&started.id);
        Ok(started)
    }

    /// Makes a run without letting it begin: the caller applies [`Event::Start`] if it is to begin.
    pub(crate) async fn create(
        &self,
        wish: StartRun,
        due: Option<&DueSlot>,
        deed: Option<&Deed>,
    ) -> Result<Made, EngineError> {
        let mut id = wish.id.clone();
        // Whether an earlier try may have made it.
        let mut unsure = false;
        for _ in 0..8 {
            let (version, index, document) = self.standing(&wish.workflow).await?;
            let pinned = wish
                .version
                .clone()
                .unwrap_or_else(|| document.current.clone());
            let graph = graph(&self.ports, &self.memory, &wish.workflow, &pinned).await?;
            let now = self.ports.clock().now();
            // The same in every try, so that a commit whose answer was lost is found again.
            let id = id
                .get_or_insert_with(|| self.invent_id(&wish.workflow, now))
                .clone();
            if let Some(found) = self.find_run(&id).await? {
                let queued = document.queued.contains(&id);
                // Whoever made it may have died before it began.
                let begin = found.header.status == RunStatus::Pending && !queued;
                return Ok(Made {
                    started: Started {
                        id,
                        created: unsure,
                        queued,
                        recorded: unsure,
                        stepped: Stepped::default(),
                    },
                    begin,
                });
            }
            if let Some(due) = due {
                self.require_place(&document, due, &id)?;
            }
            let mut state = self.make_run(&graph, &wish, &id, pinned, now)?;
            state.header.started_by = deed.map(|deed| deed.act.actor.to_string());
            let (mut queued, mut recorded) = (false, false);
            if counts_runs(&graph.workflow) {
                // The place and the run are one commit, so neither exists without the other.
                let mut next = document.clone();
                let behind = due.is_some_and(|due| due.overlap == Overlap::Queue);
                queued = !admit(&mut next, &graph, &id, behind)?;
                let wake_at = state.next_wake_at(now);
                let body = state.encode();
                let header = Index {
                    wake_at,
                    status: Some(RunStatus::Pending),
                    workflow: Some(wish.workflow.clone()),
                    created_at: Some(now),
                };
                let mut writes = vec![
                    Write::Put {
                        key: Key::Run(id.clone()),
                        precondition: Precondition::Absent,
                        body: body.header,
                        index: header,
                    },
                    // Its schedules are as they were, and so is when they are due.
                    Write::Put {
                        key: Key::Workflow(next.name.clone()),
                        precondition: Precondition::At(version),
                        body: encode(&next),
                        index,
                    },
                ];
                for (page, body) in body.pages {
                    writes.push(Write::Put {
                        key: Key::Page(id.clone(), page),
                        precondition: Precondition::Absent,
                        body,
                        index: Index::default(),
                    });
                }
                if let Some(deed) = deed {
                    let deed = deed.clone().of_run(&id).about(&state.header, &graph);
                    writes.push(self.record(&deed, AuditResult::Done));
                    recorded = true;
                }
                match self.ports.store().commit(&writes).await {
                    Ok(_) => {}
                    Err(error)
                        if matches!(
                            error.kind,
                            StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                        ) =>
                    {
                        unsure |= error.kind == StoreErrorKind::Ambiguous;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                }
            } else {
                let loaded = Loaded {
                    graph: graph.clone(),
                    state,
                    version: None,
                    pages: BTreeMap::new(),
                    wake_at: None,
                    woken: None,
                    prepared: BTreeMap::new(),
                    published: BTreeSet::new(),
                    told: Vec::new(),
                };
                self.memory.put(id.clone(), loaded);
            }
            return Ok(Made {
                started: Started {
                    id,
                    created: true,
                    queued,
                    recorded,
                    stepped: Stepped::default(),
                },
                begin: !queued,
            });
        }
        Err(EngineError::new(
            crate::EngineErrorKind::Unavailable,
            format!(
                "workflow {} is being changed by others: gave up, nothing was started",
                wish.workflow
            ),
        ))
    }

    /// Refuses a slot that was dealt with, or that gives way. Decided on the very document that the run's commit is conditional on:
    /// whoever stood still since the slot was found due would decide on what is long past.
    fn require_place(
        &self,
        document: &WorkflowDocument,
        due: &DueSlot,
        id: &RunId,
    ) -> Result<(), EngineError> {
        let (slot, name) = (due.slot, &document.name);
        if document.current != due.version {
            return Err(EngineError::refused(format!(
                "workflow {name} was stored anew; its slot {slot} is found again if it is still due"
            )));
        }
        let passed = document
            .cursors
            .get(due.schedule)
            .is_some_and(|cursor| *cursor >= slot);
        if passed && self.holds(Protection::CursorChecked) {
            return Err(EngineError::refused(format!(
                "the slot {slot} of workflow {name} was dealt with before"
            )));
        }
        let others = document.active.iter().filter(|active| *active != id);
        let others = others.count();
        if due.overlap == Overlap::Skip && self.holds(Protection::SkipAtCommit) {
            match schedule::admit(Overlap::Skip, others, None) {
                Admission::Drop { why } => return Err(EngineError::refused(why)),
                Admission::Start | Admission::Queue { .. } | Admission::CancelThenStart => {}
            }
        }
        Ok(())
    }

    fn make_run(
        &self,
        graph: &Graph,
        wish: &StartRun,
        id: &RunId,
        version: VersionHash,
        now: Time,
    ) -> Result<RunState, EngineError> {
        let slot = wish.slot.unwrap_or(now);
        let fields = RunFields {
            id: id.to_string(),
            slot: Some(slot),
            workflow: wish.workflow.to_string(),
            version: version.to_string(),
            attempt: 1,
            recovery_attempts: 0,
        };
        let params = bind_params(&graph.workflow, &wish.params, fields).map_err(|problems| {
            let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
            EngineError::refused(format!(
                "the params of {} are not right: {}",
                wish.workflow,
                list.join("; ")
            ))
        })?;
        let bytes = serde_json::to_string(&params).map_or(0, |text| text.len());
        if bytes > limits::PARAMS_BYTES {
            return Err(EngineError::refused(format!(
                "the params have {bytes} bytes; {} are allowed (pass a path instead of the data)",
                limits::PARAMS_BYTES
            )));
        }
        let mut only = vec![false; graph.workflow.tasks.len()];
        for name in &wish.only {
            let task = graph.workflow.task_index(name.as_str()).ok_or_else(|| {
                EngineError::not_found(format!("workflow {} has no task {name}", wish.workflow))
            })?;
            graph.mark_ancestors(task, &mut only);
        }
        let header = Header {
            trigger: wish.trigger.clone(),
            slot,
            params,
            parent: wish.parent.clone(),
            depth: wish.depth,
            only: (0u32..)
                .zip(&only)
                .filter(|(_, wanted)| **wanted)
                .map(|(task, _)| task)
                .collect(),
            seed: self.ports.random(),
            owner: self.owner.clone(),
            ..Header::new(id.clone(), wish.workflow.clone(), version, now)
        };
        Ok(RunState::new(graph, header))
    }

    /// `<workflow>-<when>-<random>`: sorts by time within a workflow, and nobody else draws the same.
    fn invent_id(&self, workflow: &WorkflowName, now: Time) -> RunId {
        invented_id(workflow, now, self.ports.random())
    }

    pub(crate) async fn workflow(
        &self,
        name: &WorkflowName,
    ) -> Result<(Version, WorkflowDocument), EngineError> {
        self.standing(name)
            .await
            .map(|(version, _, document)| (version, document))
    }

    pub(crate) async fn standing(
        &self,
        name: &WorkflowName,
    ) -> Result<(Version, Index, WorkflowDocument), EngineError> {
        let found = self
            .ports
            .store()
            .read(&[Key::Workflow(name.clone())])
            .await?
            .pop()
            .flatten();
        let absent = || EngineError::not_found(format!("there is no workflow called {name}"));
        let document = found.ok_or_else(absent)?;
        let standing: WorkflowDocument = decode(&format!("workflow {name}"), &document.body)?;
        if standing.removed {
            return Err(absent());
        }
        Ok((document.version, document.index, standing))
    }

    pub(crate) fn put_workflow(
        &self,
        next: &WorkflowDocument,
        graph: &Graph,
        version: Version,
        now: Time,
    ) -> Write {
        let index = workflow_index(next, &graph.workflow, now);
        Write::Put {
            key: Key::Workflow(next.name.clone()),
            precondition: Precondition::At(version),
            body: encode(next),
            index,
        }
    }
}

/// Gives the run a place or a place in the queue; says whether it may begin.
fn admit(
    document: &mut WorkflowDocument,
    graph: &Graph,
    id: &RunId,
    behind: bool,
) -> Result<bool, EngineError> {
    let most = if behind {
        1
    } else {
        graph
            .workflow
            .max_active_runs
            .map_or(usize::MAX, |most| most as usize)
    };
    // Who came first is served first.
    if document.active.len() < most && (document.queued.is_empty() || most == usize::MAX) {
        document.active.push(id.clone());
        return Ok(true);
    }
    if document.queued.len() >= limits::QUEUED_RUNS {
        return Err(EngineError::refused(format!(
            "{} runs of {} wait already; nothing was started",
            document.queued.len(),
            document.name
        )));
    }
    document.queued.push(id.clone());
    Ok(false)
}
