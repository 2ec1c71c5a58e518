//! The state of the stand-in behind one lock, and what can be done to it: every rule of generations, conditions and notifications.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::bucket::Bucket;
use super::checksum::Content;
use super::conditions::Conditions;
use super::notification::Event;
use super::notifier::Notifier;
use super::object::{Object, check_name};
use super::refusal::Refusal;
use super::session::Session;
use super::settings::Settings;

/// Google's limit on writes of one name, where it is switched on.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// An object that is about to be stored.
#[derive(Debug)]
pub(super) struct New {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) content: Content,
    pub(super) settings: Settings,
}

/// Buckets, uploads under way, and the numbers that only grow.
#[derive(Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Uploads in chunks, by their id. Each has a lock of its own: checksums of much data take their time.
    pub(super) sessions: BTreeMap<String, Arc<Mutex<Session>>>,
    last_generation: i64,
    last_number: u64,
    /// When a name was last written; only kept where the rate is limited.
    writes: BTreeMap<(String, String), Instant>,
}

impl State {
    pub(super) fn bucket(&self, name: &str) -> Result<&Bucket, Refusal> {
        self.buckets.get(name).ok_or_else(Refusal::no_bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        self.buckets.get_mut(name).ok_or_else(Refusal::no_bucket)
    }

    /// Microseconds as Google's are, and greater than every one before whatever the clock does.
    fn generation(&mut self) -> i64 {
        self.last_generation = Timestamp::now()
            .as_microsecond()
            .max(self.last_generation + 1);
        self.last_generation
    }

    /// A number that was never given before.
    pub(super) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Empties a bucket and ends its uploads, without a notification; the bucket and its configuration stay.
    pub(super) fn wipe_bucket(&mut self, name: &str) -> Result<(), Refusal> {
        self.bucket_mut(name)?.objects.clear();
        self.forget_uploads(name);
        Ok(())
    }

    /// Removes the buckets that are to go, with everything in them.
    pub(super) fn wipe(&mut self, goes: impl Fn(&Bucket) -> bool) {
        let names = self.buckets.values().filter(|bucket| goes(bucket));
        for name in names.map(|bucket| bucket.name.clone()).collect::<Vec<_>>() {
            self.buckets.remove(&name);
            self.forget_uploads(&name);
        }
    }

    fn forget_uploads(&mut self, bucket: &str) {
        self.sessions
            .retain(|_, session| lock(session).bucket != bucket);
        self.writes.retain(|(written, _), _| written != bucket);
    }
}

/// The state and what its changes set off.
pub(super) struct Store {
    /// Where this server is: the start of the links in resources.
    pub(super) base: String,
    pub(super) notifier: Notifier,
    strict_rate: bool,
    state: Mutex<State>,
}

impl Store {
    pub(super) fn new(base: String, notifier: Notifier, strict_rate: bool) -> Self {
        Self {
            base,
            notifier,
            strict_rate,
            state: Mutex::default(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The object as it is now; `generation` must be the present one, as there is no versioning.
    pub(super) fn get(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: &Conditions,
    ) -> Result<Arc<Object>, Refusal> {
        find(&self.state(), bucket, name, generation, conditions)
    }

    pub(super) fn put(&self, new: New, conditions: &Conditions) -> Result<Arc<Object>, Refusal> {
        self.put_into(&mut self.state(), new, conditions)
    }

    /// Refuses what could not be stored now: asked when an upload in chunks starts.
    pub(super) fn check_put(
        &self,
        bucket: &str,
        name: &str,
        conditions: &Conditions,
    ) -> Result<(), Refusal> {
        let state = self.state();
        check_name(name)?;
        conditions.check(state.bucket(bucket)?.objects.get(name).map(Arc::as_ref))
    }

    fn put_into(
        &self,
        state: &mut State,
        new: New,
        conditions: &Conditions,
    ) -> Result<Arc<Object>, Refusal> {
        check_name(&new.name)?;
        let previous = state.bucket(&new.bucket)?.objects.get(&new.name).cloned();
        conditions.check(previous.as_deref())?;
        previous.as_deref().map_or(Ok(()), refuse_held)?;
        self.limit_rate(state, &new.bucket, &new.name)?;
        let generation = state.generation();
        let now = Timestamp::now();
        let object = Arc::new(Object {
            bucket: new.bucket,
            name: new.name,
            generation,
            metageneration: 1,
            created: now,
            updated: now,
            content: new.content,
            settings: new.settings,
        });
        let bucket = state.bucket_mut(&object.bucket)?;
        bucket.objects.insert(object.name.clone(), object.clone());
        let overwrote = previous.as_ref().map(|previous| previous.generation);
        self.announce(bucket, Event::Finalize, &object, overwrote);
        if let Some(previous) = previous {
            self.announce(bucket, Event::Delete, &previous, Some(generation));
        }
        Ok(object)
    }

    pub(super) fn delete(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: &Conditions,
    ) -> Result<(), Refusal> {
        self.delete_from(&mut self.state(), bucket, name, generation, conditions)
    }

    fn delete_from(
        &self,
        state: &mut State,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: &Conditions,
    ) -> Result<(), Refusal> {
        let object = find(state, bucket, name, generation, conditions)?;
        refuse_held(&object)?;
        let bucket = state.bucket_mut(bucket)?;
        bucket.objects.remove(name);
        self.announce(bucket, Event::Delete, &object, None);
        Ok(())
    }

    /// Changes the metadata; the generation stays, the metageneration grows.
    pub(super) fn change(
        &self,
        bucket: &str,
        name: &str,
        generation: Option<i64>,
        conditions: &Conditions,
        change: impl FnOnce(&mut Settings) -> Result<(), Refusal>,
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let mut object = Object::clone(&*find(&state, bucket, name, generation, conditions)?);
        change(&mut object.settings)?;
        self.limit_rate(&mut state, bucket, name)?;
        object.metageneration += 1;
        object.updated = Timestamp::now();
        let object = Arc::new(object);
        let bucket = state.bucket_mut(bucket)?;
        bucket.objects.insert(name.to_owned(), object.clone());
        self.announce(bucket, Event::MetadataUpdate, &object, None);
        Ok(object)
    }

    /// Gives an object another name, in one step.
    pub(super) fn rename(
        &self,
        bucket: &str,
        (source, of_source): (&str, &Conditions),
        (target, of_target): (&str, &Conditions),
    ) -> Result<Arc<Object>, Refusal> {
        let mut state = self.state();
        let object = find(&state, bucket, source, None, of_source)?;
        refuse_held(&object)?;
        if source == target {
            return Err(Refusal::invalid(
                "The source and the target of a move have the same name.",
            ));
        }
        let new = New {
            bucket: bucket.to_owned(),
            name: target.to_owned(),
            content: object.content.clone(),
            settings: object.settings.clone(),
        };
        let moved = self.put_into(&mut state, new, of_target)?;
        self.delete_from(&mut state, bucket, source, None, &Conditions::default())?;
        Ok(moved)
    }

    fn limit_rate(&self, state: &mut State, bucket: &str, name: &str) -> Result<(), Refusal> {
        if !self.strict_rate {
            return Ok(());
        }
        let now = Instant::now();
        state
            .writes
            .retain(|_, written| now.duration_since(*written) < WRITE_EVERY);
        let key = (bucket.to_owned(), name.to_owned());
        if state.writes.contains_key(&key) {
            return Err(Refusal::rate(bucket, name));
        }
        state.writes.insert(key, now);
        Ok(())
    }

    fn announce(&self, bucket: &Bucket, event: Event, object: &Object, other: Option<i64>) {
        for notification in bucket.notifications.values() {
            if notification.wants(event, &object.name) {
                let message = notification.message(event, object, other, &self.base);
                self.notifier.send(&notification.topic, message);
            }
        }
    }
}

fn find(
    state: &State,
    bucket: &str,
    name: &str,
    generation: Option<i64>,
    conditions: &Conditions,
) -> Result<Arc<Object>, Refusal> {
    let object = state
        .bucket(bucket)?
        .objects
        .get(name)
        .filter(|object| generation.is_none_or(|wanted| wanted == object.generation))
        .ok_or_else(|| Refusal::no_object(bucket, name))?;
    conditions.check(Some(object))?;
    Ok(object.clone())
}

fn refuse_held(object: &Object) -> Result<(), Refusal> {
    let hold = match (
        object.settings.temporary_hold,
        object.settings.event_based_hold,
    ) {
        (true, _) => "Temporary",
        (_, true) => "Event-Based",
        _ => return Ok(()),
    };
    Err(Refusal::held(&object.bucket, &object.name, hold))
}

/// A panic while the lock was held leaves nothing half done that a later request could trip over.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
