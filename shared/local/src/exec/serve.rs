//! Children that a reactor talks to itself: those that serve many attempts, and those that wait for one.

use std::sync::Arc;

use ork_core::names::AttemptFile;
use ork_core::run::Category;
use rustix::event::PollFlags;

use super::attempt::{Attempt, Body, object};
use super::finish::{from_frame, judge_forked};
use super::output::failed;
use super::pipe::{Read, pipe, read};
use super::python::frames::Outcome;
use super::python::request::{self, WorkerKey};
use super::python::template::channel;
use super::python::worker::{Serves, Worker};
use super::reactor::Reactor;
use super::shared::Job;
use super::verdict::End;

impl Reactor {
    /// A child that may serve the attempt: an idle one of its kind, or a new one.
    pub(crate) fn worker(&mut self, template: u64, job: &Job) -> std::io::Result<u64> {
        let key = WorkerKey::of(&job.spec, &job.dir);
        let places = self.slots.len();
        let id = self.shared.number();
        let template = self
            .templates
            .get_mut(&template)
            .expect("just found or made");
        let is_many = |worker: &&mut Worker| matches!(worker.serves, Serves::Many(_));
        let idle = template.workers.iter().find(
            |(_, worker)| matches!(&worker.serves, Serves::Many(of) if worker.is_idle() && *of == key),
        );
        if let Some((id, _)) = idle {
            return Ok(*id);
        }
        if template.workers.values_mut().filter(is_many).count() >= places {
            // Makes room: closing its channel ends an idle child.
            if let Some(other) = template
                .workers
                .values_mut()
                .filter(is_many)
                .find(|worker| worker.is_idle())
            {
                other.channel = None;
            }
        }
        let (log, log_write) = pipe()?;
        let (ours, theirs) = channel()?;
        let frame = request::serve(id, &key);
        template
            .workers
            .insert(id, Worker::new(Serves::Many(key), log, ours));
        let both = log_write.try_clone()?;
        template.send(frame, vec![both, log_write, theirs]);
        Ok(id)
    }

    /// Hands an attempt to its child.
    pub(crate) fn give(&mut self, attempt: &mut Attempt, slot: usize, frame: &[u8]) {
        let Body::Served { template, worker } = attempt.body else {
            return;
        };
        let worker = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker))
            .expect("just found or made");
        worker.give(slot, frame);
        if let Some(pid) = worker.pid {
            self.mark_started(attempt, pid);
        }
    }

    /// A child that was talked to is gone, perhaps in the middle of an attempt.
    pub(crate) fn worker_exited(&mut self, mut worker: Worker, end: End, maxrss: Option<u64>) {
        let Some(mut attempt) = worker.current.take().and_then(|slot| self.vacate(slot)) else {
            return;
        };
        attempt.out = worker.log.take();
        attempt.drain(&mut self.buffer);
        // Its answer may still be on the way.
        if let Some(channel) = &worker.channel {
            while let Read::Some(n) = read(channel, &mut self.buffer) {
                worker.answer.push(&self.buffer[..n]);
            }
        }
        let shared = Arc::clone(&self.shared);
        self.end(attempt, maxrss, |attempt| {
            let path = object(&shared, &attempt.job.spec, AttemptFile::Output);
            from_frame(&worker.answer, None, &path)
                .unwrap_or_else(|| judge_forked(attempt, end, &shared))
        });
    }

    pub(crate) fn worker_printed(&mut self, template: u64, worker: u64) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker))
        else {
            return;
        };
        let Some(log) = &worker.log else { return };
        match read(log, &mut self.buffer) {
            Read::Some(n) => {
                // What it prints between two attempts belongs to none.
                if let Some(attempt) = worker.current.and_then(|slot| self.slots[slot].as_mut()) {
                    attempt.log.push(&self.buffer[..n]);
                }
            }
            Read::Empty => {}
            Read::End => worker.log = None,
        }
    }

    pub(crate) fn channel_ready(&mut self, template: u64, worker_id: u64, flags: PollFlags) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker_id))
        else {
            return;
        };
        if flags.contains(PollFlags::OUT) {
            worker.flush();
        }
        let Some(channel) = &worker.channel else {
            return;
        };
        match read(channel, &mut self.buffer) {
            Read::Some(n) => worker.answer.push(&self.buffer[..n]),
            Read::Empty => return,
            Read::End => {
                // The end of the child itself follows.
                worker.channel = None;
                if worker.current.is_some() {
                    self.watch(template, worker_id);
                }
                return;
            }
        }
        // Its first answer may overtake the news of its start, which comes by another way.
        if worker.answer.is_whole() && worker.pid.is_some() {
            self.answered(template, worker_id);
        }
    }

    /// Settles the attempt whose answer has arrived.
    pub(crate) fn answered(&mut self, template: u64, worker: u64) {
        let Some(worker) = self
            .templates
            .get_mut(&template)
            .and_then(|template| template.workers.get_mut(&worker))
        else {
            return;
        };
        let (retires, maxrss) = worker
            .answer
            .json()
            .and_then(|json| serde_json::from_slice::<Outcome<'_>>(json).ok())
            .map_or((false, None), |outcome| (outcome.retire, outcome.maxrss));
        let once = matches!(worker.serves, Serves::One { .. });
        let answer = std::mem::take(&mut worker.answer);
        let slot = worker.current.take();
        let log = if retires || once {
            worker.channel = None;
            worker.log.take()
        } else {
            None
        };
        // Everything the task printed is in the pipe before its answer is sent.
        if let (Some(attempt), Some(log)) = (
            slot.and_then(|slot| self.slots[slot].as_mut()),
            log.as_ref().or(worker.log.as_ref()),
        ) {
            while let Read::Some(n) = read(log, &mut self.buffer) {
                attempt.log.push(&self.buffer[..n]);
            }
        }
        if once {
            self.reap_soon(template);
        }
        let Some(attempt) = slot.and_then(|slot| self.vacate(slot)) else {
            return;
        };
        let path = object(&self.shared, &attempt.job.spec, AttemptFile::Output);
        self.end(attempt, maxrss, |_| {
            from_frame(&answer, None, &path)
                .unwrap_or_else(|| failed(Category::Unknown, "the interpreter's answer is broken"))
        });
    }
}
