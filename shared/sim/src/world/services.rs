//! Worker services as the world sees them: their instances, what runs in them, and who is asked what comes next.

use std::collections::BTreeMap;
use std::hash::Hash as _;

use ork_core::ids::{RunId, VersionHash};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Category, InstanceStatus};
use ork_core::task::TaskSpec;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{ObjectError, Objects as _, StartError};
use ork_engine::{ClaimObject, batch};

use super::{Handle, Inner, Item};
use crate::coverage::{Found, Way};
use crate::fault::Fault;
use crate::lane::Lane;
use crate::process::Message;

/// What a message to a worker service asks for: a position of a batch object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) batch: ObjectName,
    pub(crate) index: usize,
    pub(crate) topic: usize,
}

/// What dispatch says to a worker service; an error: nothing that it understands.
pub(crate) type Answer = Result<Option<Box<TaskSpec>>, ()>;

/// An instance of a worker service.
#[derive(Debug, Default)]
pub(crate) struct Site {
    /// How often it was started.
    pub(crate) life: u64,
    /// It was told to end: it begins nothing any more.
    pub(crate) ending: bool,
    /// Until when it leaves dispatch alone.
    quiet_until: Time,
}

/// Who asks dispatch for more, and what was found for him.
#[derive(Debug)]
struct Slot {
    run: RunId,
    topic: usize,
    kept: Option<TaskSpec>,
}

/// Everything about worker services.
#[derive(Debug, Default)]
pub(crate) struct Services {
    pub(crate) lane: Option<Lane>,
    /// All instances, those of one topic beside each other.
    pub(crate) sites: Vec<Site>,
    /// By the process that is asked.
    slots: BTreeMap<usize, Slot>,
    /// Answers that somebody waits for, by the number of the call.
    calls: BTreeMap<u64, Option<Answer>>,
    /// What each process has claimed and is at, and as whom.
    pub(crate) claimed: BTreeMap<usize, (Box<TaskSpec>, String)>,
}

impl Services {
    pub(crate) fn open(&mut self, lane: Option<Lane>) {
        let sites = lane.as_ref().map_or(0, |lane| lane.topics * lane.instances);
        self.sites.resize_with(sites, Site::default);
        self.lane = lane;
    }
    fn topic(&self, spec: &TaskSpec) -> Option<usize> {
        self.lane.as_ref()?.topic(spec)
    }
    /// Starts an instance anew, without memory.
    pub(crate) fn renew(&mut self, site: usize) {
        self.sites[site] = Site {
            life: self.sites[site].life + 1,
            ..Site::default()
        };
    }
}

impl Inner {
    /// The process that is at work now waits for an attempt of `run` for `topic`.
    pub(crate) fn wait_for_next(&mut self, run: RunId, topic: usize) {
        let kept = None;
        let slot = Slot { run, topic, kept };
        self.services.slots.insert(self.current, slot);
    }
    /// What was found for whoever asked `process`, who waits no longer.
    pub(crate) fn take_next(&mut self, process: usize) -> Option<TaskSpec> {
        self.services.slots.remove(&process)?.kept
    }
    /// Takes the first of `specs` that somebody waits for out of them; gives its position.
    pub(super) fn keep(&mut self, specs: &mut Vec<TaskSpec>) -> Option<usize> {
        let slot = self.services.slots.get(&self.current)?;
        if slot.kept.is_some() {
            return None;
        }
        let wanted = |spec: &TaskSpec| {
            spec.id.run == slot.run && self.services.topic(spec) == Some(slot.topic)
        };
        let at = specs.iter().position(wanted)?;
        let spec = specs.remove(at);
        self.note(26);
        spec.id.hash(&mut self.hash);
        self.tell(|| format!("keeps {} for whoever asks", crate::words::id(&spec.id)));
        crate::watch::attempt_started(self, &spec);
        let slot = self.services.slots.get_mut(&self.current);
        slot.expect("it is there").kept = Some(spec);
        Some(at)
    }

    /// Publishes a message for an attempt that was accepted.
    pub(super) fn publish(&mut self, order: &Order) {
        let copies = if self.hit(Fault::PushDoubled) {
            self.random.between(2, 3)
        } else {
            1
        };
        for _ in 0..copies {
            if self.hit(Fault::PushLost) {
                continue;
            }
            let delay = if self.hit(Fault::PushLate) {
                self.random.span(30_000, 6 * 3_600_000)
            } else {
                self.random.between(10, 400)
            };
            let at = self.now + Millis(delay);
            self.schedule(at, Item::Push(order.clone(), 0));
        }
    }

    /// A worker service asks what comes after the verdict of `spec`; `None`: it leaves dispatch alone for now.
    pub(crate) fn ask(&mut self, site: usize, topic: usize, spec: &TaskSpec) -> Option<u64> {
        if self.now < self.services.sites[site].quiet_until {
            return None;
        }
        let call = self.name();
        self.services.calls.insert(call, None);
        let copies = if self.hit(Fault::FinishedDoubled) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            if self.hit(Fault::FinishedUnheard) {
                continue;
            }
            let delay = if self.hit(Fault::FinishedSlow) {
                self.random.span(1_000, 120_000)
            } else {
                self.random.between(1, 20)
            };
            let message = Message::Finished {
                run: spec.id.run.clone(),
                verdict: spec.object(AttemptFile::Result),
                topic,
                call,
            };
            let at = self.now + Millis(delay);
            self.schedule(at, Item::Deliver(message, 0));
        }
        Some(call)
    }
    /// What dispatch says to a call goes on its way.
    pub(crate) fn answer(&mut self, call: u64, answer: Answer) {
        if self.hit(Fault::FinishedAnswerLost) {
            return self.tell(|| "the answer is lost".into());
        }
        let delay = if self.hit(Fault::FinishedSlow) {
            self.random.span(1_000, 120_000)
        } else {
            self.random.between(1, 20)
        };
        let at = self.now + Millis(delay);
        self.schedule(at, Item::Answer(call, answer));
    }
    /// An answer arrives, if anybody still listens.
    pub(crate) fn answered(&mut self, call: u64, answer: Answer) {
        match self.services.calls.get_mut(&call) {
            Some(waiting @ None) => *waiting = Some(answer),
            Some(Some(_)) | None => self.tell(|| "an answer comes and nobody listens".into()),
        }
    }
    /// The answer to a call, if it is there.
    pub(crate) fn take_answer(&mut self, call: u64) -> Option<Answer> {
        let answer = self.services.calls.get_mut(&call)?.take()?;
        self.services.calls.remove(&call);
        Some(answer)
    }
    /// Nobody waits for an answer to a call any more, and dispatch is left alone for a while.
    pub(crate) fn hang_up(&mut self, call: u64, site: usize, pause: Millis) {
        self.services.calls.remove(&call);
        self.services.sites[site].quiet_until = self.now + pause;
    }

    /// A service has its claim: the process that is at work is at it.
    pub(crate) fn claims(&mut self, spec: &TaskSpec, name: String) {
        let place = (spec.id.run.clone(), spec.id.task, spec.id.index);
        let alive = (place, spec.id.attempt);
        *self.watch.alive.entry(alive).or_default() += 1;
        let claimed = (Box::new(spec.clone()), name);
        self.services.claimed.insert(self.current, claimed);
    }
    /// A process is at nothing any more.
    pub(crate) fn lets_go(&mut self, process: usize) -> Option<(Box<TaskSpec>, String)> {
        let claimed = self.services.claimed.remove(&process)?;
        crate::watch::worker_gone(self, &claimed.0.id);
        Some(claimed)
    }

    /// Counts how an attempt came to a service, and what it found.
    pub(crate) fn note_arrival(&mut self, way: Way, spec: &TaskSpec, ours: bool) {
        let claim = self.objects.get(&spec.object(AttemptFile::Claim));
        let found = match claim {
            _ if ours => Found::Free,
            Some((claim, _)) if ClaimObject::is_seal(&claim.bytes) => Found::Sealed,
            _ => Found::Taken,
        };
        self.tell(|| {
            format!(
                "{}: {} ({})",
                way.as_str(),
                found.as_str(),
                crate::words::id(&spec.id)
            )
        });
        self.coverage.arrived(way, found);
    }
    /// Whether what dispatch is told of is what it waits for.
    pub(crate) fn is_awaited(&self, verdict: &ObjectName) -> bool {
        let ObjectName::Attempt {
            run,
            task,
            index,
            attempt,
            ..
        } = verdict
        else {
            return false;
        };
        let Some(tracked) = self.watch.runs.get(run) else {
            return false;
        };
        let task = tracked.graph.workflow.task_index(task.as_str());
        let instance = task.and_then(|task| tracked.state.instance(task, index.unwrap_or(0)));
        instance.is_some_and(|instance| {
            let status = instance.status();
            let at_work = matches!(status, InstanceStatus::Dispatched | InstanceStatus::Running);
            instance.attempt == *attempt && at_work
        })
    }
}

impl Handle {
    /// Leaves a batch object for each topic that some of `specs` go to. What has a job has no order.
    pub(super) async fn leave_batches(
        &self,
        specs: &[TaskSpec],
    ) -> Vec<Result<Option<Order>, StartError>> {
        let (topics, of): (usize, Vec<Option<usize>>) = {
            let inner = self.world().lock();
            let services = &inner.services;
            let of = specs.iter().map(|spec| services.topic(spec)).collect();
            (services.lane.as_ref().map_or(0, |lane| lane.topics), of)
        };
        let mut orders: Vec<_> = specs.iter().map(|_| Ok(None)).collect();
        for topic in 0..topics {
            let mine = |&at: &usize| of[at] == Some(topic);
            let members: Vec<usize> = (0..specs.len()).filter(mine).collect();
            let Some(&first) = members.first() else {
                continue;
            };
            let written: Vec<_> = members
                .iter()
                .map(|&at| batch::encode_spec(&specs[at]))
                .collect();
            let bytes = batch::encode(&written.iter().map(|spec| &**spec).collect::<Vec<_>>());
            let batch = ObjectName::Batch(specs[first].id.run.clone(), VersionHash::of(&bytes));
            let left = self.create(&batch, &bytes).await;
            for (index, at) in members.into_iter().enumerate() {
                let batch = batch.clone();
                orders[at] = match &left {
                    // Named by its contents: whoever wrote it wrote the same.
                    Ok(_) | Err(ObjectError::Precondition(_)) => Ok(Some(Order {
                        batch,
                        index,
                        topic,
                    })),
                    Err(ObjectError::Unavailable(why)) => Err(StartError::Busy(why.clone())),
                    Err(error) => Err(StartError::Refused {
                        category: Category::Permanent,
                        message: error.to_string(),
                    }),
                };
            }
        }
        orders
    }
}
