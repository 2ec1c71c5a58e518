//! Whose turn it is: processes go on by one point, die, stand still, and begin when something arrives.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use ork_core::ids::RunId;
use ork_core::task::TaskSpec;
use ork_core::time::Millis;

use super::Simulation;
use crate::fault::Fault;
use crate::handlers::{Ground, handle};
use crate::plan::{Act, Mode};
use crate::process::{End, Message, Process, WORKER};
use crate::work::{work, work_here};
use crate::world::{Item, Wait};

impl Simulation {
    pub(super) fn pick(&mut self) -> Option<usize> {
        if self.ready.is_empty() {
            return None;
        }
        let at = if self.ready.len() == 1 {
            0
        } else {
            let mut inner = self.world.lock();
            usize::try_from(inner.random.below(self.ready.len() as u64)).unwrap_or(0)
        };
        Some(self.ready.swap_remove(at))
    }

    pub(super) fn poll(&mut self, at: usize) {
        let Some(process) = &mut self.processes[at] else {
            return;
        };
        {
            let mut inner = self.world.lock();
            inner.current = at;
            inner.wait = Wait::Point;
            inner.now = inner.now + Millis(1);
            inner.stats.points += 1;
            inner.watch.commanding = process.commands();
            if let Some(attempt) = &process.attempt
                && let Some(stop) = inner.stop.iter().position(|stop| stop == attempt)
            {
                inner.stop.swap_remove(stop);
                inner.tell(|| "stopped".into());
                drop(inner);
                return self.end(at);
            }
        }
        let mut context = Context::from_waker(Waker::noop());
        let polled = process.future.as_mut().poll(&mut context);
        let mut inner = self.world.lock();
        inner.watch.commanding = false;
        match polled {
            Poll::Ready(End::Done) => {
                drop(inner);
                if matches!(process.message, Some((Message::Adopt, _))) {
                    self.adopting = false;
                }
                self.acknowledge(at);
                self.end(at);
            }
            Poll::Ready(End::Again) => {
                drop(inner);
                let (instance, served) = (process.instance, process.served.is_some());
                if served {
                    self.unanswered(at);
                } else if self.plan.mode == Mode::Embedded {
                    // The embedded engine ends when its store fails it; somebody starts it again.
                    self.crash(instance);
                } else {
                    self.again(at);
                }
            }
            Poll::Ready(End::Dies) => {
                drop(inner);
                let site = process.served.as_ref().map(|served| served.site);
                match site {
                    Some(site) => self.perish(site),
                    None => self.end(at),
                }
            }
            Poll::Pending => match inner.wait {
                Wait::Until(until) => {
                    process.asleep = true;
                    inner.schedule(until, Item::Resume(at));
                }
                Wait::Point => {
                    let worker = process.instance == WORKER;
                    let (dies, stalls) = if worker {
                        (Fault::WorkerDies, Fault::WorkerStalls)
                    } else if matches!(process.message, Some((Message::Tick, _))) {
                        (Fault::Crash, Fault::TickStalls)
                    } else {
                        (Fault::Crash, Fault::Stall)
                    };
                    if inner.hit(dies) {
                        inner.tell(|| "dies".into());
                        let instance = process.instance;
                        let site = process.served.as_ref().map(|served| served.site);
                        drop(inner);
                        if let Some(site) = site {
                            self.perish(site);
                        } else if worker {
                            self.end(at);
                        } else {
                            self.crash(instance);
                        }
                    } else if inner.hit(stalls) {
                        // A tick that stands still matters once others have ticked meanwhile.
                        let least = if stalls == Fault::TickStalls {
                            120_000
                        } else {
                            1_000
                        };
                        let span = inner.random.span(least, 2 * 3_600_000);
                        inner.tell(|| format!("stands still for {}", Millis(span)));
                        let until = inner.now + Millis(span);
                        process.asleep = true;
                        inner.schedule(until, Item::Resume(at));
                    } else {
                        self.ready.push(at);
                    }
                }
            },
        }
    }

    /// A process of ours dies, and everything in it; what was not acknowledged comes again.
    fn crash(&mut self, instance: usize) {
        let dead: Vec<usize> = (0..self.processes.len())
            .filter(|&at| {
                self.processes[at]
                    .as_ref()
                    .is_some_and(|process| process.instance == instance)
            })
            .collect();
        for at in dead {
            self.again(at);
        }
        self.instances[instance] = self.instance(instance);
        self.apis[instance] = self.api(instance);
        if self.plan.mode == Mode::Embedded {
            let mut inner = self.world.lock();
            let at = inner.now + Millis(500);
            if !self.adopting {
                inner.schedule(at, Item::Deliver(Message::Adopt, 0));
            }
            self.adopting = true;
        }
    }

    /// The message of a process comes again after a while; not for ever.
    fn again(&mut self, at: usize) {
        let Some((message, tries)) = self.processes[at]
            .as_mut()
            .and_then(|process| process.message.take())
        else {
            return self.end(at);
        };
        self.end(at);
        if let Message::Finished { call, .. } = message {
            self.world.lock().answer(call, Err(()));
        }
        let most = match message {
            Message::Adopt => u32::MAX,
            // What the engine's own children said is lost with it; whoever asks what comes next sees the connection close.
            Message::Said(..) | Message::Finished { .. } => 0,
            _ => 6,
        };
        // A tick that failed is not repeated: the next one comes anyway.
        if tries >= most || message == Message::Tick {
            return;
        }
        let mut inner = self.world.lock();
        let pause = inner.random.between(500, 1_000) << tries.min(6);
        let at = inner.now + Millis(pause);
        inner.schedule(at, Item::Deliver(message, tries + 1));
    }

    pub(super) fn end(&mut self, at: usize) {
        if let Some(process) = self.processes[at].take() {
            {
                let mut inner = self.world.lock();
                inner.lets_go(at);
                inner.take_next(at);
            }
            self.ready.retain(|&ready| ready != at);
            if process.handles {
                self.busy = false;
                if !self.adopting
                    && let Some((message, tries)) = self.backlog.pop_front()
                {
                    let mut inner = self.world.lock();
                    let now = inner.now;
                    inner.schedule(now, Item::Deliver(message, tries));
                }
            }
            if process.instance == WORKER
                && let Some(attempt) = &process.attempt
            {
                crate::watch::worker_gone(&mut self.world.lock(), attempt);
            }
            // A slot of a sleeper is not used again before its timer has rung.
            if !process.asleep {
                self.free.push(at);
            }
        }
    }

    pub(super) fn arrive(&mut self, item: Item) {
        match item {
            Item::Resume(at) => match &mut self.processes[at] {
                Some(process) => {
                    process.asleep = false;
                    self.ready.push(at);
                }
                None => self.free.push(at),
            },
            // In one process children die before they begin, together with whoever asked for them.
            Item::Begin(_, life)
                if self.plan.mode == Mode::Embedded && life != self.world.lock().lives => {}
            Item::Begin(spec, _) => self.begin(spec),
            Item::Push(order, tries) => self.pushed(order, tries),
            Item::Handed(spec, topic) => self.handed(spec, topic),
            Item::Answer(call, answer) => self.world.lock().answered(call, answer),
            Item::Ended(site, life) => self.ended(site, life),
            Item::Deliver(message, tries)
                if self.busy || (self.adopting && message != Message::Adopt) =>
            {
                self.backlog.push_back((message, tries));
            }
            Item::Deliver(message, tries) => self.deliver(message, tries),
        }
    }

    fn deliver(&mut self, mut message: Message, tries: u32) {
        let (instance, api) = {
            let mut inner = self.world.lock();
            if let Message::Wish(act, run @ None) = &mut message
                && !matches!(act, Act::Start { .. })
            {
                let runs: Vec<RunId> = inner.watch.runs.keys().cloned().collect();
                if !runs.is_empty() {
                    *run = Some(inner.random.pick(&runs).clone());
                }
            }
            inner.tell(|| format!("arrives: {message:?}"));
            // Somebody uses the API, or `ork` with credentials that may write objects.
            let by_api = self.plan.mode == Mode::Cloud
                && matches!(message, Message::Wish(..))
                && inner.random.one_in(4);
            let most = self.instances.len() as u64;
            let at = usize::try_from(inner.random.below(most)).unwrap_or(0);
            (at, by_api.then(|| self.apis[at].clone()))
        };
        self.busy = self.plan.mode == Mode::Embedded;
        let ground = Ground {
            engine: api.unwrap_or_else(|| self.instances[instance].clone()),
            world: self.world.clone(),
            plan: self.plan.clone(),
            process: self.slot(),
        };
        let at = ground.process;
        let future = Box::pin(handle(ground, message.clone()));
        self.spawn(
            at,
            Process {
                future,
                instance,
                message: Some((message, tries)),
                handles: true,
                attempt: None,
                asleep: false,
                served: None,
            },
        );
    }

    /// A worker begins; in the embedded engine only if its parent is the one that started it.
    fn begin(&mut self, spec: Box<TaskSpec>) {
        // What was stopped before it began was not there to be stopped.
        self.world.lock().stop.retain(|stop| *stop != spec.id);
        let attempt = Some(spec.id.clone());
        let at = self.slot();
        let skew = self.skew();
        let (instance, future): (usize, std::pin::Pin<Box<dyn Future<Output = End> + Send>>) =
            match self.plan.mode {
                Mode::Cloud => (
                    WORKER,
                    Box::pin(work(self.world.handle(WORKER, skew), spec)),
                ),
                Mode::Embedded => (0, Box::pin(work_here(self.world.handle(0, 0), spec))),
            };
        self.spawn(
            at,
            Process {
                future,
                instance,
                message: None,
                handles: false,
                attempt,
                asleep: false,
                served: None,
            },
        );
    }

    pub(super) fn slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.processes.push(None);
            self.processes.len() - 1
        })
    }

    pub(super) fn spawn(&mut self, at: usize, process: Process) {
        self.processes[at] = Some(process);
        self.ready.push(at);
    }
}
