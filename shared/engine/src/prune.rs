//! Retention: runs that ended long ago are removed with their objects.
//!
//! What others may still need stays: a run whose parent is stored (it may be asked how it ended), one whose sub-workflows have not ended
//! (without their parent they would be cancelled), one with jobs that are to be stopped, and the run of a slot that its
//! schedule has not gone past (the slot would make it again). A run is marked before its first object goes, so that nobody can
//! retry it any more.

mod needed;
mod wish;

use std::collections::{BTreeMap, BTreeSet};

use ork_core::ids::{RunId, WorkflowName};
use ork_core::limits;
use ork_core::run::{Command, Event, Header, RunState};
use ork_core::time::Time;

pub use wish::{KeptRun, Prune, PruneFrom, Pruned, PrunedRun};

use crate::Engine;
use crate::access::Act;
use crate::advance::{Stepped, Todo};
use crate::audit::Deed;
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{Clock, Document, Key, ListQuery, Objects, Ports, Store};

/// Runs of one listing that a call looks at.
const LOOKED_AT: usize = 50;
/// Documents that are read at once.
const READ_AT_ONCE: usize = 100;
/// Runs that are due among which those are looked for that somebody began to remove.
const DUE: usize = 200;
/// Objects that are weighed at once.
const WEIGHED_AT_ONCE: usize = 1_000;

/// What one call knows.
struct Work<'a> {
    wish: &'a Prune,
    act: Option<&'a Act>,
    now: Time,
    /// Objects that may still be removed.
    left: usize,
    /// Up to which slot each workflow's schedules are through.
    cursors: BTreeMap<WorkflowName, Option<Time>>,
    /// Runs that were dealt with.
    seen: BTreeSet<RunId>,
    out: Pruned,
}

impl<P: Ports> Engine<P> {
    /// Removes runs that ended long enough ago: some dozens of them, or [`limits::OBJECTS_REMOVED`] objects, in one call. First come those
    /// that an earlier call began to remove, whatever is asked for now. Whoever dies on the way is no harm, nor are two at once.
    ///
    /// The parts of a run go in this order: it is marked (one write, from which on it can no longer be retried), its objects, its header
    /// with its pages (one commit). Runs of sub-workflows go after their parents.
    pub async fn prune(&self, wish: &Prune, from: &PruneFrom) -> Result<Pruned, EngineError> {
        self.prune_for(wish, from, None).await
    }

    /// As [`Engine::prune`], for somebody: the commit that marks a run records it.
    pub(crate) async fn prune_for(
        &self,
        wish: &Prune,
        from: &PruneFrom,
        act: Option<&Act>,
    ) -> Result<Pruned, EngineError> {
        let mut work = Work {
            wish,
            act,
            now: self.ports.clock().now(),
            left: limits::OBJECTS_REMOVED,
            cursors: BTreeMap::new(),
            seen: BTreeSet::new(),
            out: Pruned::default(),
        };
        if !from.begun && !wish.dry_run {
            let whole = self.finish_begun(&mut work).await?;
            if !whole {
                work.out.next = Some(from.clone());
                return Ok(work.out);
            }
        }
        let Some(shortest) = wish.shortest() else {
            return Ok(work.out);
        };
        let span = i64::try_from(shortest.0).unwrap_or(i64::MAX);
        let query = ListQuery::Runs {
            status: Some(wish.states.as_slice())
                .filter(|states| states.len() == 1)
                .map(|states| states[0]),
            workflow: wish.workflow.clone(),
            // None of them ended before it was made.
            made_by: Some(Time(work.now.0.saturating_sub(span))),
        };
        let listing = self
            .ports
            .store()
            .list(&query, from.page.as_deref(), LOOKED_AT);
        let page = listing.await?;
        for (key, document) in page.items {
            let header = match RunState::decode_header(&document.body) {
                Ok(header) => header,
                Err(error) => {
                    work.keep(key.to_string(), format!("it cannot be read: {error}"));
                    continue;
                }
            };
            if wish.takes(&header, work.now).is_some() {
                self.prune_family(header, document, &mut work).await?;
            }
            if work.left == 0 {
                // From the start: what is half removed comes first, and children of what is gone may be on earlier pages.
                work.out.next = Some(PruneFrom::default());
                return Ok(work.out);
            }
        }
        work.out.next = page.cursor.map(|page| PruneFrom {
            page: Some(page),
            begun: true,
        });
        Ok(work.out)
    }

    /// Goes on with what was begun and not finished; says whether all of that is done.
    async fn finish_begun(&self, work: &mut Work<'_>) -> Result<bool, EngineError> {
        // Such a run is due again before long.
        let until = work.now + limits::REMOVE_AGAIN;
        let due = self.ports.store().due_runs(until, DUE).await?;
        let keys: Vec<Key> = due.into_iter().map(|(run, _)| Key::Run(run)).collect();
        for keys in keys.chunks(READ_AT_ONCE) {
            for document in self.ports.store().read(keys).await?.into_iter().flatten() {
                // One that cannot be read is nobody's to remove; the tick sets it aside.
                let Ok(header) = RunState::decode_header(&document.body) else {
                    continue;
                };
                if header.removing && !self.take_away(&header, work).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Removes a run and what it started, as far as that may go.
    async fn prune_family(
        &self,
        header: Header,
        document: Document,
        work: &mut Work<'_>,
    ) -> Result<(), EngineError> {
        // It goes with its parent, or after it.
        if let Some(parent) = &header.parent
            && self.is_stored(&parent.run).await?
        {
            return Ok(());
        }
        let mut family = vec![(header, document)];
        while let Some((header, document)) = family.pop() {
            if work.left == 0 {
                return Ok(());
            }
            let Some(ended_by) = work.wish.takes(&header, work.now) else {
                continue;
            };
            if !work.seen.insert(header.id.clone()) {
                continue;
            }
            let children = match self.needed(&header, &document, work).await? {
                Ok(children) => children,
                Err(why) => {
                    work.keep(Key::Run(header.id).to_string(), why);
                    continue;
                }
            };
            if work.wish.dry_run {
                self.weigh(&header, work).await?;
            } else {
                if !header.removing
                    && let Err(why) = self.mark(&header, ended_by, work).await?
                {
                    work.keep(Key::Run(header.id).to_string(), why);
                    continue;
                }
                if !self.take_away(&header, work).await? {
                    return Ok(());
                }
            }
            // The first comes first.
            family.extend(children.into_iter().rev());
        }
        Ok(())
    }

    /// Marks a run, so that from here on nothing happens to it but its removal; or says why it stays.
    async fn mark(
        &self,
        header: &Header,
        ended_by: Time,
        work: &Work<'_>,
    ) -> Result<Result<(), String>, EngineError> {
        let command = Command::Remove { ended_by };
        let deed = work
            .act
            .map(|act| Deed::of_command(act, &header.id, &command));
        let todo = Todo {
            run: header.id.clone(),
            events: vec![Event::Command(command)],
            times: Vec::new(),
            claim: None,
            held_up: false,
            deed,
        };
        match Box::pin(self.advance(&todo, &mut Stepped::default())).await {
            Ok(_) => Ok(Ok(())),
            Err(error)
                if matches!(
                    error.kind,
                    EngineErrorKind::Refused | EngineErrorKind::NotFound | EngineErrorKind::Corrupt
                ) =>
            {
                Ok(Err(error.message))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what is left of a run that is marked; says whether all of it is gone.
    async fn take_away(&self, header: &Header, work: &mut Work<'_>) -> Result<bool, EngineError> {
        work.seen.insert(header.id.clone());
        let removed = self.remove(&header.id, work.left).await?;
        let objects = usize::try_from(removed.objects).unwrap_or(usize::MAX);
        work.left = work.left.saturating_sub(objects);
        if !removed.gone {
            work.left = 0;
        }
        work.tell(header, removed.objects, removed.bytes, removed.gone);
        Ok(removed.gone)
    }

    /// Takes down what would go of a run.
    async fn weigh(&self, header: &Header, work: &mut Work<'_>) -> Result<(), EngineError> {
        let prefix = format!("runs/{}/", header.id);
        let (mut objects, mut bytes, mut after) = (0, 0, None::<String>);
        loop {
            let listing = self.ports.objects();
            let listing = listing.weigh(&prefix, after.as_deref(), WEIGHED_AT_ONCE);
            let found = listing.await?;
            objects += found.len() as u64;
            bytes += found.iter().map(|one| one.bytes).sum::<u64>();
            match found.last() {
                Some(last) => after = Some(last.name.to_string()),
                None => break,
            }
        }
        work.tell(header, objects, bytes, false);
        Ok(())
    }
}

impl Work<'_> {
    fn keep(&mut self, run: String, why: String) {
        let run = run.strip_prefix("runs/").unwrap_or(&run).to_owned();
        self.out.kept.push(KeptRun { run, why });
    }
    fn tell(&mut self, header: &Header, objects: u64, bytes: u64, gone: bool) {
        self.out.runs.push(PrunedRun {
            run: header.id.clone(),
            workflow: header.workflow.clone(),
            status: header.status,
            ended_at: header.finished_at,
            objects,
            bytes,
            gone,
        });
    }
}
