//! One commit of one run: read, apply what arrived, write under preconditions; again if somebody else was faster.

use std::collections::VecDeque;
use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::run::{ClaimOffer, Effect, Event, Graph, Note, Out, RunStatus};
use ork_core::time::Time;

use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::{Loaded, load};
use crate::places::Places;
use crate::ports::{Clock, Hint, Function, Index, Key, Ports, Precondition, Queue, Store, StoreErrorKind, Write};
use crate::{Engine, values};

/// Tries before a busy run is given back to whoever asked. Each loses to another commit of the same run.
const TRIES: usize = 8;

/// A wish to start ready instances along with the events.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// How many at most.
    pub places: u32,
    /// The executor is this process's own.
    pub supervised: bool,
}

/// One commit that was made.
#[derive(Debug, Clone)]
pub struct Committed {
    /// Of which run.
    pub run: RunId,
    /// Its shape.
    pub graph: Arc<Graph>,
    /// Where it stands now.
    pub status: RunStatus,
    /// Why it changed.
    pub notes: Vec<Note>,
    /// When time alone will change something next.
    pub next_timer: Option<Time>,
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Stepped {
    /// Its commits, in order.
    pub commits: Vec<Committed>,
}

/// A commit and what it asks for.
pub(crate) struct Advanced {
    pub(crate) graph: Arc<Graph>,
    pub(crate) effects: Vec<Effect>,
}

/// Something to be applied to a run.
pub(crate) struct Todo {
    pub(crate) run: RunId,
    pub(crate) events: Vec<Event>,
    /// When each event happened, as far as that is known; now for the rest.
    pub(crate) times: Vec<Time>,
    pub(crate) claim: Option<ClaimRequest>,
}

impl<P: Ports> Engine<P> {
    /// Applies events that arrived together in one commit, starts what may start, and does what follows from it in other runs.
    ///
    /// Safe to repeat. An error before the first commit means that nothing happened; after it, that the rest will be done by the next wake.
    pub async fn step(&self, run: &RunId, events: Vec<Event>, claim: Option<ClaimRequest>) -> Result<Stepped, EngineError> {
        self.step_at(run, events, Vec::new(), claim).await
    }

    /// As [`Engine::step`], for events that were gathered before: `times` says when each happened, so that durations are right.
    pub async fn step_at(&self, run: &RunId, events: Vec<Event>, times: Vec<Time>, claim: Option<ClaimRequest>) -> Result<Stepped, EngineError> {
        let mut stepped = Stepped::default();
        let mut todo = VecDeque::from([Todo { run: run.clone(), events, times, claim }]);
        while let Some(next) = todo.pop_front() {
            if let Some(advanced) = self.advance(&next, &mut stepped).await? {
                self.perform(&next.run, advanced, next.claim, &mut todo).await?;
            }
        }
        Ok(stepped)
    }

    /// Makes one commit; `None` when there was nothing to change.
    async fn advance(&self, todo: &Todo, stepped: &mut Stepped) -> Result<Option<Advanced>, EngineError> {
        let mut kept = self.memory.take(&todo.run);
        let mut marker = None;
        for _ in 0..TRIES {
            let mut loaded = match kept.take() {
                Some(loaded) => loaded,
                None => match load(&self.ports, &self.memory, &todo.run).await? {
                    Some(loaded) => loaded,
                    None => return Err(EngineError::not_found(format!("there is no run {}", todo.run))),
                },
            };
            // A commit whose answer was lost: the marker says whether it was ours that is stored.
            let applied = marker.is_some_and(|marker| loaded.state.header.commits == marker);
            let mut out = Out::default();
            if !applied {
                self.apply(&mut loaded, &todo.events, &todo.times, &mut out).await?;
            }
            let now = self.ports.clock().now();
            let mut places = Places::read(&self.ports, &loaded, now).await?;
            if let Some(claim) = todo.claim {
                let offer = ClaimOffer { places: claim.places, pools: places.offer(&loaded), supervised: claim.supervised };
                self.apply(&mut loaded, &[Event::Claim(offer)], &[], &mut out).await?;
            }
            let commands = todo.events.iter().any(|event| matches!(event, Event::Command(_) | Event::Start | Event::OwnerLost { .. }));
            if loaded.version.is_some() && !commands && !loaded.state.is_changed() && out.effects.is_empty() {
                self.memory.put(todo.run.clone(), loaded);
                return Ok(None);
            }
            let mark = self.ports.random();
            loaded.state.header.commits = mark;
            marker = Some(mark);
            match self.commit(&mut loaded, &mut places, now).await {
                Ok(()) => {
                    let freed = places.freed();
                    let committed = Committed {
                        run: todo.run.clone(),
                        graph: loaded.graph.clone(),
                        status: loaded.state.header.status,
                        notes: out.notes,
                        next_timer: loaded.state.next_timer(now),
                    };
                    if todo.claim.is_none() && loaded.state.has_ready() && committed.status != RunStatus::Paused {
                        self.hint(Function::Dispatch, &todo.run).await;
                    }
                    let advanced = Advanced { graph: loaded.graph.clone(), effects: out.effects };
                    stepped.commits.push(committed);
                    self.memory.put(todo.run.clone(), loaded);
                    for waiting in freed {
                        self.hint(Function::Dispatch, &waiting).await;
                    }
                    return Ok(Some(advanced));
                }
                // What was in memory is not what is stored: read again.
                Err(error) if matches!(error.kind, StoreErrorKind::Conflict | StoreErrorKind::Ambiguous) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(EngineErrorKind::Unavailable, format!("run {} is being changed by others: gave up after {TRIES} tries, nothing is lost", todo.run)))
    }

    /// Applies events and whatever evaluating they call for, in memory.
    async fn apply(&self, loaded: &mut Loaded, events: &[Event], times: &[Time], out: &mut Out) -> Result<(), EngineError> {
        let now = self.ports.clock().now();
        let graph = loaded.graph.clone();
        for (position, event) in events.iter().enumerate() {
            let at = times.get(position).map_or(now, |at| now.min(*at));
            loaded.state.apply(&graph, event, at, out).map_err(|refusal| EngineError::refused(refusal.0))?;
        }
        loop {
            let mut unresolved = Vec::new();
            out.effects.retain(|effect| match effect {
                Effect::Resolve { task, generation } => {
                    unresolved.push((*task, *generation));
                    false
                }
                _ => true,
            });
            if unresolved.is_empty() {
                return Ok(());
            }
            for (task, generation) in unresolved {
                let result = values::resolve(&self.ports, &graph, &loaded.state, task).await?;
                let event = Event::Resolved { task, generation, result };
                loaded.state.apply(&graph, &event, now, out).map_err(|refusal| EngineError::refused(refusal.0))?;
            }
        }
    }

    async fn commit(&self, loaded: &mut Loaded, places: &mut Places, now: Time) -> Result<(), crate::ports::StoreError> {
        let run = loaded.state.header.id.clone();
        let wake_at = loaded.state.next_wake_at(now);
        let stored = loaded.state.encode();
        let header = &loaded.state.header;
        let index = Index { wake_at, status: Some(header.status), workflow: Some(header.workflow.clone()), created_at: Some(header.created_at) };
        let mut writes = vec![Write::Put { key: Key::Run(run.clone()), precondition: loaded.precondition(), body: stored.header, index }];
        let numbers: Vec<u32> = stored.pages.iter().map(|(page, _)| *page).collect();
        for (page, body) in stored.pages {
            let precondition: Precondition = loaded.page_precondition(page);
            writes.push(Write::Put { key: Key::Page(run.clone(), page), precondition, body, index: Index::default() });
        }
        writes.extend(places.writes(loaded));
        let versions = self.ports.store().commit(&writes).await?;
        loaded.version = versions.first().copied();
        loaded.pages.extend(numbers.into_iter().zip(versions.iter().skip(1).copied()));
        Ok(())
    }

    /// Sends a hint; losing it costs time, not work.
    pub(crate) async fn hint(&self, to: Function, run: &RunId) {
        // The tick finds whatever a lost hint would have told.
        let _ = self.ports.queue().hint(&Hint { to, run: run.clone() }).await;
    }

    /// Looks at a run that this process has in memory: its shape and where it stands.
    pub fn peek<T>(&self, run: &RunId, look: impl FnOnce(&Arc<Graph>, &ork_core::run::RunState) -> T) -> Option<T> {
        self.memory.peek(run, |loaded| look(&loaded.graph, &loaded.state))
    }
    /// Forgets what is in memory of a run, so that the next step reads what others may have written.
    pub fn forget(&self, run: &RunId) {
        self.memory.take(run);
    }
}
