//! One world from its first instant to its last: who goes next, who dies, what arrives when.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use ork_core::ids::RunId;
use ork_core::protect::Protections;
use ork_core::run::RunStatus;
use ork_core::time::{Millis, Time};
use ork_engine::Engine;

use crate::coverage::Coverage;
use crate::fault::{Fault, Faults};
use crate::handlers::{Instance, deploy_all};
use crate::plan::{Act, Mode, Plan};
use crate::process::{Message, Process, WORKER};
use crate::watch::{Violation, ends};
use crate::world::load::Load;
use crate::world::{Item, Stats, World};

/// What became of one world.
#[derive(Debug)]
pub struct Outcome {
    /// What must not be, if anything was.
    pub violation: Option<Violation>,
    /// Numbers.
    pub stats: Stats,
    /// Which states met which events.
    pub coverage: Coverage,
    /// What was counted, of a day.
    pub load: Load,
    /// Everything that happened, as one number.
    pub hash: u64,
    /// Everything that happened, in words, if asked for.
    pub trace: Vec<String>,
}

/// Polls at most, far above what any seed needs.
const STEPS: u64 = 3_000_000;
/// Virtual time after which a run that is not over never will be.
const PATIENCE: Millis = Millis::from_secs(60 * 86_400);
/// Once a minute.
const TICK: Millis = Millis::from_secs(60);

/// What a world is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Things go wrong.
    Faulty,
    /// They do not any more: every run comes to its end.
    Quiet,
    /// All is over, and what is still on its way arrives.
    Drain,
}

mod services;
mod turns;

struct Simulation {
    world: World,
    plan: Arc<Plan>,
    protections: Protections,
    instances: Vec<Instance>,
    /// The API in the same places: it carries out what people want, and may not write objects.
    apis: Vec<Instance>,
    /// Whether a new engine has not yet taken over from the one that died.
    adopting: bool,
    processes: Vec<Option<Process>>,
    free: Vec<usize>,
    ready: Vec<usize>,
    /// Messages that wait for the one that the embedded engine is at: it does one thing at a time.
    backlog: VecDeque<(Message, u32)>,
    busy: bool,
    last_tick: Time,
    quiet: bool,
}

/// Runs `plan` to its end with the protections that hold.
pub fn simulate(plan: &Plan, protections: Protections, tracing: bool) -> Outcome {
    let world = World::new(
        plan.seed,
        plan.start,
        Faults::NONE,
        protections,
        plan.prepared.clone(),
        tracing,
    );
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut simulation = Simulation::new(world.clone(), Arc::new(plan.clone()), protections);
        simulation.run();
    }));
    let mut inner = world.lock();
    if let Err(panic) = result {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("a panic without words")
            .to_owned();
        inner.violated("panic", what);
    }
    inner.stats.virtual_ms = inner.now.since(plan.start).0;
    Outcome {
        violation: inner.violation.take(),
        stats: std::mem::take(&mut inner.stats),
        coverage: std::mem::take(&mut inner.coverage),
        load: inner.load.take().map(|load| *load).unwrap_or_default(),
        hash: std::hash::Hasher::finish(&inner.hash),
        trace: inner.trace.take(),
    }
}

impl Simulation {
    fn new(world: World, plan: Arc<Plan>, protections: Protections) -> Self {
        {
            let mut inner = world.lock();
            inner.watch.remote = plan.mode == Mode::Cloud;
            inner.services.open(plan.lane.clone());
            inner.load = plan.day.then(Box::default);
            inner.stalls = [Fault::Stall, Fault::TickStalls, Fault::ObjectsSlow]
                .into_iter()
                .any(|fault| plan.faults.of(fault) > 0);
            if plan.faults.of(Fault::Skew) > 0 {
                inner.largest_skew = 300_000;
            }
        }
        let mut simulation = Self {
            world,
            last_tick: plan.start,
            plan,
            protections,
            instances: Vec::new(),
            apis: Vec::new(),
            adopting: false,
            processes: Vec::new(),
            free: Vec::new(),
            ready: Vec::new(),
            backlog: VecDeque::new(),
            busy: false,
            quiet: false,
        };
        // Clocks are wrong from the beginning.
        simulation.world.lock().faults = simulation.plan.faults.clone();
        for at in 0..simulation.plan.instances {
            let instance = simulation.instance(at);
            simulation.instances.push(instance);
            let api = simulation.api(at);
            simulation.apis.push(api);
        }
        simulation
    }

    /// A fresh process without memory, with a clock of its own.
    fn instance(&mut self, at: usize) -> Instance {
        let skew = self.skew();
        let life = {
            let mut inner = self.world.lock();
            inner.lives += 1;
            inner.lives
        };
        let owner = (self.plan.mode == Mode::Embedded).then(|| format!("engine-{life}"));
        let engine = Engine::new(self.world.handle(at, skew), owner);
        let engine = engine.protected_by(self.protections);
        // Most have been at work for a while and know the definitions; what is left of a protection's absence must not be among them.
        let fresh = self.world.lock().random.one_in(4);
        if fresh || self.protections != Protections::default() {
            return Arc::new(engine);
        }
        Arc::new(engine.knowing(self.plan.prepared.graphs()))
    }

    /// A fresh process of the API.
    fn api(&mut self, at: usize) -> Instance {
        let handle = self.world.handle(at, self.skew()).reading_objects();
        let engine = Engine::new(handle, None).protected_by(self.protections);
        Arc::new(engine.reading_objects())
    }

    fn skew(&self) -> i64 {
        let mut inner = self.world.lock();
        if !inner.hit(Fault::Skew) {
            return 0;
        }
        let most = if inner.random.one_in(10) {
            300_000
        } else {
            30_000
        };
        inner.random.below(2 * most).cast_signed() - most.cast_signed()
    }

    fn run(&mut self) {
        self.world.lock().faults = Faults::NONE;
        let deployed = self.alone(deploy_all(self.instances[0].clone(), self.plan.clone()));
        if let Some(Err(error)) = deployed {
            self.world.lock().violated("deploy", error.message);
        }
        let end = {
            let mut inner = self.world.lock();
            inner.faults = self.plan.faults.clone();
            let start = inner.now;
            for (at, wish) in self.plan.wishes.iter().enumerate() {
                let run = match wish.act {
                    Act::Start { named: true, .. } => RunId::new(&format!("named-{at}")).ok(),
                    _ => None,
                };
                let item = Item::Deliver(Message::Wish(wish.act.clone(), run), 0);
                inner.schedule(start + Millis(wish.after_ms), item);
            }
            start + Millis(self.plan.faulty_ms)
        };
        self.go(end, Phase::Faulty);
        if self.over() {
            return;
        }
        self.calm();
        let patience = self.world.lock().now + PATIENCE;
        self.go(patience, Phase::Quiet);
        if self.over() {
            return;
        }
        if self.plan.drain {
            self.go(patience, Phase::Drain);
            // What came so late may have begun something: it ends, too.
            let patience = self.world.lock().now + PATIENCE;
            self.go(patience, Phase::Quiet);
            if self.over() {
                return;
            }
        }
        ends::check(&mut self.world.lock());
    }

    fn over(&self) -> bool {
        self.world.lock().violation.is_some()
    }

    /// Goes on until `end`, or until the phase has nothing more to do.
    fn go(&mut self, end: Time, phase: Phase) {
        let mut steps = 0;
        loop {
            steps += 1;
            if self.over() {
                return;
            }
            if steps > STEPS && !self.plan.day {
                let what = format!("not at rest after {STEPS} steps");
                return self.world.lock().violated("I8", what);
            }
            // What is due arrives before anybody goes on.
            let due = self.world.lock().due();
            if let Some(item) = due {
                self.arrive(item);
                continue;
            }
            if let Some(process) = self.pick() {
                self.poll(process);
                continue;
            }
            if phase == Phase::Quiet && self.all_over() {
                return;
            }
            let tick = self.next_tick().filter(|_| phase != Phase::Drain);
            let mut inner = self.world.lock();
            let next = inner.next_at();
            match (next, tick) {
                (None, None) => return,
                (Some(at), None) if at > end => return self.stop_at(inner, end, phase),
                (Some(at), tick) if tick.is_none_or(|tick| at <= tick) && at <= end => {
                    inner.now = inner.now.max(at);
                }
                (_, Some(tick)) if tick <= end => {
                    inner.now = inner.now.max(tick);
                    drop(inner);
                    self.tick();
                }
                _ => return self.stop_at(inner, end, phase),
            }
        }
    }

    fn stop_at(
        &self,
        mut inner: std::sync::MutexGuard<'_, crate::world::Inner>,
        end: Time,
        phase: Phase,
    ) {
        inner.now = inner.now.max(end);
        if phase == Phase::Quiet {
            let what = ends::unfinished(&inner);
            if let Some(what) = what {
                inner.violated("I8", what);
            }
        }
    }

    /// Whether every run is over, nobody is at work on one, and nobody wants anything any more.
    fn all_over(&self) -> bool {
        let inner = self.world.lock();
        ends::all_over(&inner)
            && !inner.waits_for_wishes()
            && !self
                .processes
                .iter()
                .flatten()
                .any(|process| process.handles)
    }

    /// The next tick that would find something: ticks that find nothing change nothing.
    fn next_tick(&self) -> Option<Time> {
        let inner = self.world.lock();
        let earliest = inner.documents.earliest()?;
        let after = earliest.since(self.last_tick).0.div_ceil(TICK.0).max(1);
        Some(self.last_tick + Millis(after * TICK.0))
    }

    fn tick(&mut self) {
        let mut inner = self.world.lock();
        self.last_tick = inner.now;
        if inner.hit(Fault::Outage) {
            let span = inner.random.span(60_000, 3_600_000);
            inner.down_until = inner.now + Millis(span);
            inner.tell(|| format!("everything is down for {}", Millis(span)));
        }
        if inner.hit(Fault::TickMissed) {
            return;
        }
        let mut at = inner.now;
        if inner.hit(Fault::TickLate) {
            at = at + Millis(inner.random.span(60_000, 2 * 3_600_000));
            self.last_tick = at;
        }
        let copies = if inner.hit(Fault::TickDoubled) { 2 } else { 1 };
        for _ in 0..copies {
            inner.schedule(at, Item::Deliver(Message::Tick, 0));
        }
        drop(inner);
        if self.quiet {
            self.settle_down();
        }
    }

    /// Somebody lets what is paused go on, else it would rest for ever, and stops schedules, else there would be no end.
    fn settle_down(&mut self) {
        let mut inner = self.world.lock();
        let mut wishes = Vec::new();
        for (run, tracked) in &inner.watch.runs {
            if tracked.state.header.status == RunStatus::Paused {
                wishes.push((Act::Resume, run.clone()));
            }
            // Receivers refuse nothing any more: in the end everybody is told.
            let mut notices = tracked.state.header.notices.iter();
            if notices.any(ork_core::run::Notice::is_given_up) {
                wishes.push((Act::Resend, run.clone()));
            }
            for (task, state) in (0u32..).zip(tracked.state.tasks()) {
                if state.paused && !tracked.state.header.status.is_terminal() {
                    wishes.push((Act::ResumeTask(task), run.clone()));
                }
            }
        }
        let now = inner.now;
        for (act, run) in wishes {
            inner.schedule(now, Item::Deliver(Message::Wish(act, Some(run)), 0));
        }
        // A wish from before, delivered late, may have let schedules fire again: there would be new runs for ever.
        if !inner.documents.due_workflows(Time(i64::MAX), 1).is_empty() {
            inner.schedule(
                now,
                Item::Deliver(Message::Wish(Act::Enable(false), None), 0),
            );
        }
    }

    /// Faults stop: schedules fire what is due and then no more.
    fn calm(&mut self) {
        self.quiet = true;
        {
            let mut inner = self.world.lock();
            inner.faults = Faults::NONE;
            if self.plan.silent {
                inner.faults.set(Fault::HintLost, 1000);
                inner.faults.set(Fault::NoticeLost, 1000);
                inner.faults.set(Fault::FinishedUnheard, 1000);
            }
            inner.down_until = Time(i64::MIN);
            inner.watch.quiet_since = Some(inner.now);
            inner.tell(|| "faults stop".into());
        }
        for at in 0..self.instances.len() {
            if self.plan.mode == Mode::Cloud {
                self.instances[at] = self.instance(at);
                self.apis[at] = self.api(at);
            }
        }
        let engine = self.instances[0].clone();
        for _ in 0..50 {
            let now = self.world.lock().now;
            if self.world.lock().documents.due_workflows(now, 1).is_empty() {
                break;
            }
            self.alone(engine.fire_due(50));
        }
        let acts = self.plan.wishes.iter().map(|wish| wish.act.clone());
        ends::slots(&mut self.world.lock(), ends::undisturbed(acts));
        for workflow in self.plan.prepared.workflows.clone() {
            // One that was removed for good fires no more either.
            let _ = self.alone(engine.enable(&workflow.name, false));
        }
    }

    /// Runs a future of ours to its end while everybody else stands still.
    fn alone<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        self.world.lock().current = WORKER;
        for _ in 0..1_000_000 {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
        }
        None
    }
}
