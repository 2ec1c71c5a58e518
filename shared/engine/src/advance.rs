//! One commit of one run: read, apply what arrived, write under preconditions; again if somebody else was faster.

use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::protect::Protection;
use ork_core::run::{
    ClaimOffer, Command, Effect, Event, Graph, Header, Note, Out, Passed, RunStatus,
};
use ork_core::time::Time;

use crate::Engine;
use crate::audit::{AuditResult, Deed};
use crate::deferral::Heard;
use crate::error::{EngineError, EngineErrorKind};
use crate::loaded::{Loaded, load, stored};
use crate::owed::still_holds;
use crate::places::Places;
use crate::ports::{
    Clock, Function, Index, Key, Ports, Precondition, Queue, Store, StoreErrorKind, Write,
};

/// Tries before a busy run is given back to whoever asked. Each loses to another commit of the same run.
const TRIES: usize = 8;

/// The instant of events of which nobody knows when they happened: when they are applied.
pub(crate) const JUST_NOW: Time = Time(i64::MAX);

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
    /// What its attempts came to.
    pub passed: Vec<Passed>,
    /// When time alone will change something next.
    pub next_timer: Option<Time>,
}

/// What a step did.
#[derive(Debug, Default)]
pub struct Stepped {
    /// Its commits, in order.
    pub commits: Vec<Committed>,
    /// The executor had no place, or what it needs could not be had: more of the run may be ready, and to try at once would be in vain.
    pub held_up: bool,
    /// A command that was refused while what came along with it was committed.
    pub refused: Option<EngineError>,
    /// Runs that were to be stored for the first time, and that somebody else had made meanwhile.
    pub(crate) overtaken: Vec<RunId>,
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
    /// Nothing can be started now: what else is ready waits for the next wake, and nobody is told of it.
    pub(crate) held_up: bool,
    /// Who wants it, when somebody does: recorded with the first commit.
    pub(crate) deed: Option<Deed>,
}

/// A commit whose answer was lost.
struct Unsure {
    /// What the header says if it was applied.
    marker: u64,
    out: Out,
    freed: Vec<RunId>,
    /// The state itself, when it would have been the first that is stored.
    first: Option<Loaded>,
    /// The store said that it was not applied.
    refuted: bool,
}

impl<P: Ports> Engine<P> {
    /// Makes one commit; `None` when there was nothing to change.
    pub(crate) async fn advance(
        &self,
        todo: &Todo,
        stepped: &mut Stepped,
    ) -> Result<Option<Advanced>, EngineError> {
        let mut kept = self.memory.take(&todo.run);
        let mut unsure: Option<Unsure> = None;
        let mut heard = Heard::default();
        // What commits asked for whose answers were lost and over which somebody else committed.
        let mut owed = Vec::new();
        // Whether one of them may have stood without leaving a trace that can still be seen.
        let mut untold = false;
        // The run's document, when a look at it showed that what is in memory is not what is stored.
        let mut seen = None;
        for _ in 0..TRIES {
            let remembered = kept.as_ref().is_some_and(|loaded| loaded.version.is_some());
            let unstored = kept.as_ref().is_some_and(|loaded| loaded.version.is_none());
            let found = match kept.take() {
                Some(loaded) => Some(loaded),
                None => load(&self.ports, &self.memory, &todo.run, seen.take()).await?,
            };
            let mut out = Out::default();
            let mut applied = false;
            let mut loaded = match (found, unsure.take()) {
                (Some(loaded), None) => loaded,
                (Some(loaded), Some(lost))
                    if loaded.state.header.commits == lost.marker
                        && self.holds(Protection::CommitMarker) =>
                {
                    return Ok(Some(
                        self.committed(todo, loaded, lost.out, lost.freed, stepped)
                            .await,
                    ));
                }
                (Some(loaded), Some(lost)) => {
                    untold |= !lost.refuted;
                    if lost.first.is_some() && !untold {
                        stepped.overtaken.push(todo.run.clone());
                    }
                    if !lost.refuted && self.holds(Protection::Owed) {
                        owed.extend(lost.out.effects);
                    }
                    loaded
                }
                // Nobody has made the run yet, so what was to be its first commit still is.
                (
                    None,
                    Some(Unsure {
                        out: lost,
                        first: Some(mut first),
                        ..
                    }),
                ) => {
                    first.state.touch_all();
                    (out, applied) = (lost, true);
                    first
                }
                (None, _) => {
                    return Err(EngineError::not_found(format!(
                        "there is no run {}",
                        todo.run
                    )));
                }
            };
            let now = self.ports.clock().now();
            let mut places = Places::read(&self.ports, &loaded).await?;
            let mut refused = None;
            let mut nothing_stands = todo
                .events
                .iter()
                .all(|event| matches!(event, Event::Command(_)));
            if !applied {
                let status = loaded.state.header.status;
                let told = if todo.events.contains(&Event::Tick) {
                    loaded.told_before(now)
                } else {
                    Vec::new()
                };
                let mut events = self.events_for(todo, &loaded, &places).await?;
                if !told.is_empty() {
                    events.to_mut().extend(told);
                }
                refused = self
                    .apply(&mut loaded, &events, &todo.times, &mut heard, &mut out)
                    .await?;
                if status.is_terminal()
                    && let Some(why) = places.refuse_again(&loaded)
                {
                    refused = Some(EngineError::refused(why));
                    nothing_stands = true;
                }
            }
            if let Some(refusal) = refused {
                // What is in memory may be out of date; only what is stored may refuse.
                // That goes for a run that this process could not store, too: somebody else may have.
                let mut outdated = remembered;
                if unstored {
                    seen = stored(&self.ports, &todo.run).await?;
                    outdated |= seen.is_some();
                }
                if outdated && self.holds(Protection::RefusalReread) {
                    continue;
                }
                if nothing_stands && untold && self.holds(Protection::CommitMarker) {
                    return Err(EngineError::new(
                        EngineErrorKind::Unavailable,
                        format!(
                            "the answer to a commit of run {} was lost and others have changed it since: look whether it was carried out ({refusal})",
                            todo.run
                        ),
                    ));
                }
                if nothing_stands {
                    return Err(refusal);
                }
                stepped.refused = Some(refusal);
            }
            if let Some(claim) = todo.claim {
                let offer = ClaimOffer {
                    places: claim.places,
                    pools: places.offer(&loaded),
                    supervised: claim.supervised,
                };
                self.apply(
                    &mut loaded,
                    &[Event::Claim(offer)],
                    &[],
                    &mut heard,
                    &mut out,
                )
                .await?;
            }
            let commands = todo.events.iter().any(|event| {
                matches!(
                    event,
                    Event::Command(_) | Event::Start | Event::OwnerLost { .. }
                )
            });
            // A run that is due and stays as it is must not stay due: it would stand before others in the queue of the tick for ever.
            let overdue =
                loaded.wake_at.is_some_and(|at| at <= now) && self.holds(Protection::WakeMovesOn);
            owed.retain(|effect| {
                still_holds(effect, &loaded.state) && !out.effects.contains(effect)
            });
            if loaded.version.is_some()
                && !commands
                && !overdue
                && !loaded.state.is_changed()
                && out.effects.is_empty()
                && owed.is_empty()
            {
                if remembered && self.holds(Protection::CurrentMemory) {
                    seen = stored(&self.ports, &todo.run).await?;
                    if seen.as_ref().map(|document| document.version) != loaded.version {
                        continue;
                    }
                }
                self.memory.put(todo.run.clone(), loaded);
                return Ok(None);
            }
            let ends = |effect: &Effect| matches!(effect, Effect::RunEnded(_));
            let owes = !self.writes_objects && owe_objects(&mut loaded, &mut out, now);
            if self.writes_objects
                && out.effects.iter().any(ends)
                && self.holds(Protection::PublishFirst)
            {
                self.publish_last(&mut loaded, &mut out).await?;
            }
            let mark = self.ports.random();
            loaded.state.header.commits = mark;
            sign(&mut loaded.state.header, &todo.events, todo.deed.as_ref());
            // Who did not make the run did nothing.
            let deed = todo.deed.as_ref();
            let deed = deed.filter(|_| !stepped.overtaken.contains(&todo.run));
            let record = deed.map(|deed| {
                let deed = deed.about(&loaded.state.header, &loaded.graph);
                self.record(&deed, AuditResult::Done)
            });
            match self.commit(&mut loaded, &mut places, record, now).await {
                Ok(()) => {
                    out.effects.append(&mut owed);
                    let advanced = self.committed(todo, loaded, out, places.freed(), stepped);
                    let advanced = advanced.await;
                    if owes {
                        self.hint(Function::Poll, &todo.run).await;
                    }
                    return Ok(Some(advanced));
                }
                // What was in memory is not what is stored, or may not be: read again.
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) =>
                {
                    let refuted = error.kind == StoreErrorKind::Conflict;
                    let first = loaded.version.is_none().then_some(loaded);
                    unsure = Some(Unsure {
                        marker: mark,
                        out,
                        freed: places.freed(),
                        first,
                        refuted,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!(
                "run {} is being changed by others: gave up after {TRIES} tries, nothing is lost",
                todo.run
            ),
        ))
    }

    /// What a commit that stands gives rise to at once.
    async fn committed(
        &self,
        todo: &Todo,
        mut loaded: Loaded,
        out: Out,
        freed: Vec<RunId>,
        stepped: &mut Stepped,
    ) -> Advanced {
        let now = self.ports.clock().now();
        let status = loaded.state.header.status;
        let graph = loaded.graph.clone();
        let next_timer = loaded.state.next_timer(now);
        let announce = todo.claim.is_none()
            && !todo.held_up
            && loaded.state.has_ready()
            && status != RunStatus::Paused;
        stepped.commits.push(Committed {
            run: todo.run.clone(),
            graph: graph.clone(),
            status,
            notes: out.notes,
            passed: out.passed,
            next_timer,
        });
        let wake = self.wake_for(&mut loaded, now);
        if let Some(commit) = stepped.commits.last() {
            self.ports.committed(commit, &loaded.state);
        }
        self.memory.put(todo.run.clone(), loaded);
        // First what somebody waits for now.
        if announce {
            self.hint(Function::Dispatch, &todo.run).await;
        }
        for waiting in freed {
            self.hint(Function::Dispatch, &waiting).await;
        }
        if let Some(at) = wake {
            // The tick finds what a lost wake would have told.
            let _ = self.ports.queue().wake_at(&todo.run, at).await;
        }
        Advanced {
            graph,
            effects: out.effects,
        }
    }

    /// The instant before the next tick at which a run goes on by itself, unless that has been asked for already. An engine that has an
    /// eye on time itself needs no waking.
    fn wake_for(&self, loaded: &mut Loaded, now: Time) -> Option<Time> {
        if self.owner.is_some() {
            return None;
        }
        let at = loaded.state.next_wait_over(now + limits::TICK_INTERVAL)?;
        (loaded.woken.replace(at) != Some(at)).then_some(at)
    }

    async fn commit(
        &self,
        loaded: &mut Loaded,
        places: &mut Places,
        record: Option<Write>,
        now: Time,
    ) -> Result<(), crate::ports::StoreError> {
        let run = loaded.state.header.id.clone();
        let wake_at = loaded
            .state
            .next_wake_at(now)
            .filter(|_| self.holds(Protection::WakeKept));
        let pages = loaded.state.pages_to_write();
        let metered = self.meter(&mut loaded.state.header, pages);
        let stored = loaded.state.encode();
        let header = &loaded.state.header;
        let index = Index {
            wake_at,
            status: Some(header.status),
            workflow: Some(header.workflow.clone()),
            created_at: Some(header.created_at),
        };
        let mut writes = vec![Write::Put {
            key: Key::Run(run.clone()),
            precondition: loaded.precondition(),
            body: stored.header,
            index,
        }];
        let numbers: Vec<u32> = stored.pages.iter().map(|(page, _)| *page).collect();
        for (page, body) in stored.pages {
            let precondition: Precondition = loaded.page_precondition(page);
            writes.push(Write::Put {
                key: Key::Page(run.clone(), page),
                precondition,
                body,
                index: Index::default(),
            });
        }
        writes.extend(places.writes(loaded));
        writes.extend(record);
        let committed = self.ports.store().commit(&writes).await;
        let outcome = committed.as_ref().map(|_| ()).map_err(|error| error.kind);
        self.metered(&mut loaded.state.header, metered, outcome);
        let versions = committed?;
        loaded.version = versions.first().copied();
        loaded.wake_at = wake_at;
        loaded
            .pages
            .extend(numbers.into_iter().zip(versions.iter().skip(1).copied()));
        Ok(())
    }
}

/// Leaves to others what calls for objects, in the commit that it follows from; says whether there is any.
fn owe_objects(loaded: &mut Loaded, out: &mut Out, now: Time) -> bool {
    let calls_for_objects = |effect: &Effect| {
        matches!(
            effect,
            Effect::Stop(_) | Effect::TaskEnded(_) | Effect::RunEnded(_)
        )
    };
    let owes = out.effects.iter().any(calls_for_objects);
    if owes {
        loaded.state.owe_objects(now);
        out.effects
            .retain(|effect| !matches!(effect, Effect::TaskEnded(_)));
    }
    owes
}

/// Keeps in the run who cancelled it, until it is at work again.
fn sign(header: &mut Header, events: &[Event], deed: Option<&Deed>) {
    for event in events {
        match event {
            Event::Command(Command::Cancel { .. }) => {
                header.cancelled_by = deed.map(|deed| deed.act.actor.to_string());
            }
            Event::Command(
                Command::Retry | Command::RetryTask { .. } | Command::Recover { .. },
            ) => header.cancelled_by = None,
            // A run of which nothing goes on by it is cancelled as before.
            Event::Command(Command::MarkSuccess { .. })
                if header.status != RunStatus::Cancelled =>
            {
                header.cancelled_by = None;
            }
            _ => {}
        }
    }
}
