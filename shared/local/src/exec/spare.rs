//! A reactor's stock of forked children that wait for the one attempt each of them will run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Body};
use super::pipe::pipe;
use super::python::request;
use super::python::template::{Template, channel};
use super::python::worker::{Serves, Worker};
use super::reactor::Reactor;
use super::shared::Job;

/// Children forked at once, at most: each further one saves less.
const BATCH: usize = 8;
/// The next batch is forked when so few are left, for while it is forked tasks go on.
const LOW: usize = 3;
/// Batches of this size are forked before they are needed; smaller ones wait until they are, so that a run of one task forks one.
const AHEAD: usize = 4;
/// An attempt that still runs after this long has its end told by the template. Shorter ones save it the wake-up: they answer.
const SHORT: Duration = Duration::from_millis(20);
/// How long children that have answered may wait to be reaped, when no further ones are forked.
const REAP: Duration = Duration::from_millis(50);
/// When some were not quite gone by then.
const REAP_AGAIN: Duration = Duration::from_secs(1);

impl Reactor {
    /// A child that waits for a task such as this job's, or a new one.
    pub(crate) fn spare(&mut self, template: u64, job: &Job) -> std::io::Result<u64> {
        if let Some(id) = self.idle_spare(template, job) {
            return Ok(id);
        }
        self.fork_spares(template, job)?;
        Ok(self.idle_spare(template, job).expect("just made"))
    }

    /// The upstream outputs that a child has in its environment already.
    pub(crate) fn foreseen(&self, template: u64, worker: u64) -> Option<Arc<str>> {
        match &self.templates[&template].workers[&worker].serves {
            Serves::One { upstream, .. } => upstream.clone(),
            Serves::Many(_) => None,
        }
    }

    /// Has the next children forked while the last ones are at work.
    pub(crate) fn fork_ahead(&mut self, template: u64, job: &Job) {
        if self.templates[&template].batch >= AHEAD
            && self.idle_spares(template, job).count() <= LOW
        {
            // Without descriptors for them there are none ahead; the next attempt tries again, and says so if it must.
            let _ = self.fork_spares(template, job);
        }
    }

    fn idle_spare(&self, template: u64, job: &Job) -> Option<u64> {
        self.idle_spares(template, job).next()
    }

    fn idle_spares(&self, template: u64, job: &Job) -> impl Iterator<Item = u64> {
        let template = &self.templates[&template];
        let since = known_since(template, job);
        let fits = move |worker: &Worker| worker.is_idle() && worker.is_spare_since(since);
        let workers = template.workers.iter();
        workers
            .filter(move |(_, worker)| fits(worker))
            .map(|(id, _)| *id)
    }

    /// Has a batch of children forked; each is twice as large as the one before.
    fn fork_spares(&mut self, id: u64, job: &Job) -> std::io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let template = self.templates.get_mut(&id).expect("found or made");
        let since = known_since(template, job);
        for worker in template.workers.values_mut() {
            if worker.is_idle() && worker.is_spare_since(Some(0)) && !worker.is_spare_since(since) {
                // It was forked before the template knew this file. Closing its channel ends it.
                worker.channel = None;
            }
        }
        template.batches += 1;
        let batch = template.batches;
        let upstream: Option<Arc<str>> = request::upstream(&job.spec).map(Arc::from);
        let (mut ids, mut fds) = (Vec::new(), Vec::new());
        for _ in 0..template.batch {
            let pair = pipe().and_then(|log| Ok((log, channel()?)));
            let ((log, log_write), (ours, theirs)) = match pair {
                Ok(pair) => pair,
                Err(error) if ids.is_empty() => return Err(error),
                // Fewer then.
                Err(_) => break,
            };
            let id = shared.number();
            let upstream = upstream.clone();
            let worker = Worker::new(Serves::One { batch, upstream }, log, ours);
            template.workers.insert(id, worker);
            ids.push(id);
            fds.extend([log_write, theirs]);
        }
        if let Some(file) = request::file(&job.spec, &job.dir) {
            template.files.entry(file).or_insert(batch);
        }
        template.batch = BATCH.min(template.batch * 2);
        template.reap_at = None;
        template.send(request::spares(&ids, &job.spec, &job.dir), fds);
        Ok(())
    }

    /// When to ask the template to tell of the end of an attempt's child.
    pub(crate) fn watch_at(&self, attempt: &Attempt) -> Option<Instant> {
        let Body::Served { template, worker } = attempt.body else {
            return None;
        };
        let worker = self.templates.get(&template)?.workers.get(&worker)?;
        matches!(worker.serves, Serves::One { .. }).then(|| attempt.begun + SHORT)
    }

    /// Asks a template to tell of the end of a child as soon as it ends.
    pub(crate) fn watch(&mut self, template: u64, worker: u64) {
        if let Some(template) = self.templates.get_mut(&template) {
            template.send(request::watch(worker), Vec::new());
        }
    }

    /// A child has answered and ends now.
    pub(crate) fn reap_soon(&mut self, template: u64) {
        if let Some(template) = self.templates.get_mut(&template) {
            template
                .reap_at
                .get_or_insert_with(|| Instant::now() + REAP);
        }
    }

    /// Has ended children reaped where it is time to.
    pub(crate) fn reap(&mut self, now: Instant) {
        for template in self.templates.values_mut() {
            if template.reap_at.is_none_or(|at| at > now) {
                continue;
            }
            template.reap_at = None;
            if template.workers.values().any(Worker::is_spent) {
                template.reap_at = Some(now + REAP_AGAIN);
                template.send(request::reap(), Vec::new());
            }
        }
    }
}

/// The first batch that knows the job's file; none before there is one.
fn known_since(template: &Template, job: &Job) -> Option<u64> {
    match request::file(&job.spec, &job.dir) {
        Some(file) => template.files.get(&file).copied(),
        None => Some(0),
    }
}
