//! The ports, as one process sees the world through them: a point before and a point after every effect.
//!
//! At a point the process may die, stand still, or let others go first. The effects themselves happen all at once.

use std::future::Future;
use std::hash::Hash as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use ork_core::Value;
use ork_core::deferred::Work;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::run::{Event, RunState};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{
    Begun, Clock, Document, Function, Generation, Hint, JobStatus, Key, Letter, ListQuery, Listed,
    NotSent, Notifier, Object, ObjectError, Objects, Ports, Queue, QueueError, Stopping, Store,
    StoreError, StoreErrorKind, Tracker, TrackerError, Version, Write,
};

use super::{Inner, Wait, World};
use crate::fault::Fault;
use crate::process::Message;

/// The ports of one process.
#[derive(Debug, Clone)]
pub struct Handle {
    world: World,
    instance: usize,
    /// How far its clock is ahead, in milliseconds.
    skew: i64,
    /// Whether it may not write objects.
    reads_only: bool,
}

/// Stands still until the scheduler lets it go on.
struct Stand<'a> {
    handle: &'a Handle,
    wait: Option<Wait>,
}

impl Future for Stand<'_> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.wait.take() {
            None => Poll::Ready(()),
            Some(wait) => {
                self.handle.world.lock().wait = wait;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Handle {
    pub(crate) const fn new(world: World, instance: usize, skew: i64) -> Self {
        Self {
            world,
            instance,
            skew,
            reads_only: false,
        }
    }
    /// The same for a process that may read objects and not write them.
    pub(crate) fn reading_objects(mut self) -> Self {
        self.reads_only = true;
        self
    }
    /// A handle without a world around it: faultless documents and objects, for comparing them with others.
    pub fn alone() -> Self {
        let prepared = std::sync::Arc::new(crate::catalogue::Prepared::default());
        let faults = crate::fault::Faults::NONE;
        let world = World::new(0, Time(0), faults, Default::default(), prepared, false);
        world.handle(0, 0)
    }
    pub(crate) const fn world(&self) -> &World {
        &self.world
    }
    /// A point: here the process may die or stand still.
    pub(crate) async fn point(&self) {
        Stand {
            handle: self,
            wait: Some(Wait::Point),
        }
        .await;
    }
    /// Lets time pass for this process.
    pub(crate) async fn sleep(&self, span: Millis) {
        let until = self.world.lock().now + span;
        Stand {
            handle: self,
            wait: Some(Wait::Until(until)),
        }
        .await;
    }
    /// An answer that takes its time; says whether it did.
    pub(super) async fn maybe_slow(&self, fault: Fault, most: u64) -> bool {
        let span = {
            let mut inner = self.world.lock();
            if !inner.hit(fault) {
                return false;
            }
            Millis(inner.random.span(5_000, most))
        };
        self.sleep(span).await;
        true
    }
    /// A call: a point, the effect, a point.
    pub(super) async fn call<T>(&self, effect: impl FnOnce(&mut Inner) -> T) -> T {
        self.point().await;
        let result = effect(&mut self.world.lock());
        self.point().await;
        result
    }
}

impl Ports for Handle {
    ork_engine::is_all_ports!();

    fn random(&self) -> u64 {
        self.world.lock().name()
    }
    fn observe(&self, before: &RunState, event: &Event) {
        let mut inner = self.world.lock();
        inner.coverage.observe(before, event);
        inner.tell(|| format!("  applies {}", crate::words::event(event)));
    }
}

impl Clock for Handle {
    fn now(&self) -> Time {
        Time(self.world.lock().now.0 + self.skew)
    }
    /// Now and then nobody is answered in time.
    async fn pause(&self, _span: Millis) {
        let late = self.world.lock().hit(Fault::TrackerSlow);
        if !late {
            std::future::pending::<()>().await;
        }
    }
}

impl Inner {
    /// Whether the store can be reached.
    fn store_is_up(&mut self) -> Result<(), StoreError> {
        if self.is_down() || self.hit(Fault::Unavailable) {
            self.tell(|| "store: unavailable".into());
            let message = "the simulated store cannot be reached";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        if self.hit(Fault::Throttled) {
            self.tell(|| "store: throttled".into());
            let retry_after = Millis(self.random.between(100, 5_000));
            let kind = StoreErrorKind::Throttled { retry_after };
            return Err(StoreError::new(kind, "the simulated store is busy"));
        }
        Ok(())
    }
    /// Whether objects can be reached.
    fn objects_are_up(&mut self) -> Result<(), ObjectError> {
        if self.is_down() || self.hit(Fault::ObjectsDown) {
            self.tell(|| "objects: unavailable".into());
            return Err(ObjectError::Unavailable("simulated".into()));
        }
        Ok(())
    }
    pub(super) fn is_down(&self) -> bool {
        self.now < self.down_until
    }
    fn note_keys(&mut self, op: u64, keys: &[Key]) {
        self.note(op);
        keys.hash(&mut self.hash);
    }

    fn commit(&mut self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        self.note(2);
        for write in writes {
            write.key().hash(&mut self.hash);
        }
        self.store_is_up()?;
        let answer = |kind| StoreError::new(kind, "a simulated commit");
        if self.hit(Fault::Conflict) {
            self.tell(|| "commit: told that another was faster".into());
            return Err(answer(StoreErrorKind::Conflict));
        }
        if self.hit(Fault::AmbiguousLost) {
            self.tell(|| "commit: not applied, and nobody can tell".into());
            return Err(answer(StoreErrorKind::Ambiguous));
        }
        let conditional = self
            .protections
            .hold(ork_core::protect::Protection::Preconditions);
        let done = match self.documents.commit(writes, conditional) {
            Ok(done) => done,
            Err(error) => {
                self.tell(|| format!("commit: {error}"));
                self.counts(|load| load.conflicts += 1);
                return Err(error);
            }
        };
        let now = self.now;
        self.counts(|load| load.commit(writes, now));
        self.committed(writes);
        if self.hit(Fault::AmbiguousApplied) {
            self.tell(|| "commit: applied, its answer is lost".into());
            return Err(answer(StoreErrorKind::Ambiguous));
        }
        Ok(done)
    }

    /// I25: who may not write objects does not try to.
    fn may_write(&mut self, reads_only: bool, name: &ObjectName) -> Result<(), ObjectError> {
        if !reads_only {
            return Ok(());
        }
        let what = format!("{name} is to be written by a process that may only read");
        self.violated("I25", what.clone());
        Err(ObjectError::Unavailable(what))
    }

    fn write_object(
        &mut self,
        name: &ObjectName,
        by: usize,
        write: impl FnOnce(&mut Self) -> Result<Generation, ObjectError>,
    ) -> Result<Generation, ObjectError> {
        self.note(3);
        name.to_string().hash(&mut self.hash);
        self.objects_are_up()?;
        let done = write(self);
        self.tell(|| match &done {
            Ok(_) => format!("writes {name}"),
            Err(error) => format!("writes {name}: {error}"),
        });
        if done.is_ok() {
            self.stats.objects += 1;
            crate::watch::object_written(self, name, by == crate::process::WORKER);
            self.notify(name);
            if self.hit(Fault::ObjectAnswerLost) {
                self.tell(|| "  the answer is lost".into());
                return Err(ObjectError::Unavailable("simulated".into()));
            }
        }
        done
    }

    /// Tells the monitor of an object, as the bucket's notifications do.
    fn notify(&mut self, name: &ObjectName) {
        use ork_core::names::AttemptFile as File;
        let ObjectName::Attempt { run, file, .. } = name else {
            return;
        };
        // Of a day as it is deployed: the monitor makes nothing of a claim.
        let wanted = match file {
            File::Result | File::Late => true,
            File::Claim => self.load.is_none(),
            _ => false,
        };
        if wanted {
            self.counts(|load| load.notices += 1);
            let message = Message::Notice(run.clone(), name.clone());
            let (lost, late, doubled) =
                (Fault::NoticeLost, Fault::NoticeLate, Fault::NoticeDoubled);
            self.send(&message, lost, late, doubled);
        }
    }
}

impl Store for Handle {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.call(|inner| {
            inner.note_keys(1, keys);
            inner.store_is_up()?;
            inner.counts(|load| load.reads += keys.len() as u64);
            Ok(keys
                .iter()
                .map(|key| inner.documents.get(key).cloned())
                .collect())
        })
        .await
    }
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        self.call(|inner| inner.commit(writes)).await
    }
    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        self.call(|inner| {
            inner.note(4);
            inner.store_is_up()?;
            let due = inner.documents.due_runs(now, limit);
            inner.counts(|load| {
                load.reads += due.len().max(1) as u64;
                load.ticked += due.len() as u64;
            });
            Ok(due)
        })
        .await
    }
    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.call(|inner| {
            inner.note(5);
            inner.store_is_up()?;
            let due = inner.documents.due_workflows(now, limit);
            inner.counts(|load| load.reads += due.len().max(1) as u64);
            Ok(due)
        })
        .await
    }
    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.call(|inner| {
            inner.note(6);
            inner.store_is_up()?;
            inner.documents.list(query, cursor, limit)
        })
        .await
    }
}

impl Objects for Handle {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        let by = self.instance;
        self.call(|inner| {
            inner.may_write(self.reads_only, name)?;
            inner.write_object(name, by, |inner| {
                inner.objects.create(name, bytes, inner.now)
            })
        })
        .await
    }
    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        let by = self.instance;
        self.call(|inner| {
            inner.may_write(self.reads_only, name)?;
            inner.write_object(name, by, |inner| {
                inner.objects.put(name, bytes, expected, inner.now)
            })
        })
        .await
    }
    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        let read = self
            .call(|inner| {
                inner.note(7);
                inner.objects_are_up()?;
                inner.objects.read(name, limit)
            })
            .await;
        self.maybe_slow(Fault::ObjectsSlow, 1_800_000).await;
        read
    }
    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        let updated = self
            .call(|inner| {
                inner.note(8);
                inner.objects_are_up()?;
                Ok(inner.objects.get(name).map(|(_, at)| *at))
            })
            .await;
        self.maybe_slow(Fault::ObjectsSlow, 1_800_000).await;
        updated
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        self.call(|inner| {
            inner.note(9);
            inner.objects_are_up()?;
            Ok(inner.objects.list(prefix, after, limit))
        })
        .await
    }
    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.call(|inner| {
            inner.note(10);
            inner.may_write(self.reads_only, name)?;
            inner.objects_are_up()?;
            inner.objects.delete(name);
            Ok(())
        })
        .await
    }
}

impl Queue for Handle {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        self.call(|inner| {
            inner.note(11);
            inner.counts(|load| load.hints += 1);
            if inner.is_down() {
                return Err(QueueError("simulated".into()));
            }
            inner.tell(|| format!("hints {:?} {}", hint.to, hint.run));
            let message = match hint.to {
                Function::Dispatch | Function::Monitor => Message::Hint(hint.run.clone()),
                Function::Poll => Message::Wake(hint.run.clone()),
            };
            inner.send(
                &message,
                Fault::HintLost,
                Fault::HintLate,
                Fault::HintDoubled,
            );
            Ok(())
        })
        .await
    }
    async fn wake_at(&self, run: &RunId, at: Time) -> Result<(), QueueError> {
        self.call(|inner| {
            inner.note(12);
            inner.counts(|load| load.wakes += 1);
            inner.send_at(
                at,
                &Message::Wake(run.clone()),
                Fault::HintLost,
                Fault::HintLate,
                Fault::HintDoubled,
            );
            Ok(())
        })
        .await
    }
}

impl Tracker for Handle {
    async fn poll(&self, job: &Value) -> Result<JobStatus, TrackerError> {
        let answer = self.call(|inner| inner.poll_job(job)).await;
        self.maybe_slow(Fault::TrackerSlow, 1_800_000).await;
        answer
    }
    async fn start(&self, work: &Work) -> Result<Begun, TrackerError> {
        let answer = self.call(|inner| inner.start_job(work)).await;
        self.maybe_slow(Fault::TrackerSlow, 1_800_000).await;
        answer
    }
    async fn cancel(&self, job: &Value) -> Result<Stopping, TrackerError> {
        let answer = self.call(|inner| inner.cancel_job(job)).await;
        self.maybe_slow(Fault::TrackerSlow, 1_800_000).await;
        answer
    }
}

impl Notifier for Handle {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let (answer, takes) = self.call(|inner| inner.receive(letter)).await;
        if takes > Millis(0) {
            self.sleep(takes).await;
        }
        self.world.lock().sent(letter);
        answer
    }
}
