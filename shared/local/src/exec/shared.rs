//! What the handle and the reactors share: the queue, who sits where, who sleeps.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ork_core::definition::Executor;
use ork_core::run::Category;
use ork_core::task::{AttemptId, TaskSpec, Verdict};
use ork_core::time::Millis;
use rustix::process::Pid;
use tokio::sync::mpsc::UnboundedSender;

use super::output::failed;
use super::pipe::Bell;
use super::python::{PythonEnv, Trouble};
use super::scratch::Scratch;
use super::watchdog::Watchdog;
use super::{ExecConfig, ExecEvent, RunDir};

/// An attempt that waits for a place.
pub(crate) struct Job {
    number: u64,
    pub(crate) spec: TaskSpec,
    pub(crate) dir: Arc<RunDir>,
    pub(crate) submitted: Instant,
}

/// Jobs that need the same warm interpreters.
pub(crate) struct Lane {
    pub(crate) dir: Arc<RunDir>,
    pub(crate) preload: bool,
    jobs: VecDeque<Job>,
    env: EnvState,
}

enum EnvState {
    Unknown,
    Preparing,
    Ready(Arc<PythonEnv>),
}

/// A lane that has something to do, as a reactor sees it.
pub(crate) struct Waiting<'a> {
    pub(crate) env: &'a Arc<PythonEnv>,
    pub(crate) dir: &'a Path,
    pub(crate) preload: bool,
    pub(crate) waited: Duration,
    pub(crate) jobs: usize,
}

/// What a reactor is to do next.
pub(crate) enum Turn {
    /// Start this one; with its interpreter if it is Python.
    Start(Box<Job>, Option<Arc<PythonEnv>>),
    /// Stop these.
    Stop(Vec<AttemptId>),
    /// Kill everything and end.
    Close,
    /// Wait; `true` when a lane may be asked again soon.
    Rest(bool),
}

#[derive(Default)]
struct Seat {
    asleep: bool,
    free: usize,
    stops: Vec<AttemptId>,
}

/// Where an attempt is: its number, and its seat once it runs.
struct Place {
    number: u64,
    seat: Option<usize>,
}

#[derive(Default)]
struct State {
    number: u64,
    plain: VecDeque<Job>,
    lanes: Vec<Lane>,
    seats: Vec<Seat>,
    places: BTreeMap<AttemptId, Place>,
    closed: bool,
    builds: Vec<Pid>,
}

/// See the module.
pub(crate) struct Shared {
    /// Removed before anything else of it.
    scratch: Scratch,
    pub(crate) config: ExecConfig,
    pub(crate) events: UnboundedSender<ExecEvent>,
    pub(crate) watchdog: Watchdog,
    pub(crate) bells: Vec<Bell>,
    numbers: AtomicU64,
    warned: AtomicBool,
    state: Mutex<State>,
}

impl Shared {
    pub(crate) fn new(
        config: ExecConfig,
        events: UnboundedSender<ExecEvent>,
        slots: &[usize],
    ) -> std::io::Result<Self> {
        let bells = slots
            .iter()
            .map(|_| Bell::new())
            .collect::<Result<_, _>>()?;
        let seats = slots
            .iter()
            .map(|free| Seat {
                asleep: true,
                free: *free,
                stops: Vec::new(),
            })
            .collect();
        let watchdog = Watchdog::new(config.exe.clone());
        let state = Mutex::new(State {
            seats,
            ..State::default()
        });
        Ok(Self {
            scratch: Scratch::default(),
            config,
            events,
            watchdog,
            bells,
            numbers: AtomicU64::new(0),
            warned: AtomicBool::new(false),
            state,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something; nobody listening is fine, the engine is on its way out then.
    pub(crate) fn say(&self, event: ExecEvent) {
        let _ = self.events.send(event);
    }

    /// The folder of scratch files, of this executor alone.
    pub(crate) fn scratch(&self) -> Result<&Path, String> {
        self.scratch.folder(&self.config.state_dir)
    }

    /// A number that this executor gives once.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// True once: for the warning that memory limits are not kept.
    pub(crate) fn is_first_memory_limit(&self) -> bool {
        !self.warned.swap(true, Ordering::Relaxed)
    }

    /// Queues an attempt; gives the seats to wake and the lane to prepare.
    pub(crate) fn push(
        &self,
        spec: TaskSpec,
        dir: Arc<RunDir>,
    ) -> (Vec<usize>, Option<Arc<RunDir>>) {
        let mut state = self.lock();
        if state.places.contains_key(&spec.id) {
            return (Vec::new(), None);
        }
        state.number += 1;
        let number = state.number;
        if state.closed {
            drop(state);
            self.say(stopped(spec.id, Instant::now()));
            return (Vec::new(), None);
        }
        state
            .places
            .insert(spec.id.clone(), Place { number, seat: None });
        let preload = match &spec.executor {
            Executor::Python { preload, .. } => Some(*preload),
            Executor::Script { .. } => Some(false),
            _ => None,
        };
        let job = Job {
            number,
            spec,
            dir,
            submitted: Instant::now(),
        };
        let mut prepare = None;
        let queued = match preload {
            None => {
                state.plain.push_back(job);
                state.plain.len()
            }
            Some(preload) => {
                let at = lane(&mut state, &job.dir, preload);
                let lane = &mut state.lanes[at];
                if matches!(lane.env, EnvState::Unknown) {
                    lane.env = EnvState::Preparing;
                    prepare = Some(Arc::clone(&lane.dir));
                }
                lane.jobs.push_back(job);
                if matches!(lane.env, EnvState::Ready(_)) {
                    lane.jobs.len()
                } else {
                    0
                }
            }
        };
        // One sleeper for one job; a second one when jobs pile up.
        let wake = match queued {
            0 => Vec::new(),
            1 => rouse(&mut state, 1),
            _ => rouse(&mut state, 2),
        };
        (wake, prepare)
    }

    /// Makes sure the environment of `dir` is being prepared; `Some` when the caller must do it.
    pub(crate) fn prepare(&self, dir: &Arc<RunDir>) -> Option<Arc<RunDir>> {
        let mut state = self.lock();
        let at = lane(&mut state, dir, false);
        let lane = &mut state.lanes[at];
        if !matches!(lane.env, EnvState::Unknown) {
            return None;
        }
        lane.env = EnvState::Preparing;
        Some(Arc::clone(&lane.dir))
    }

    /// Has the environment of `dir` looked at again; `Some` when the caller must do it.
    pub(crate) fn refresh(&self, dir: &Arc<RunDir>) -> Option<Arc<RunDir>> {
        let mut state = self.lock();
        lane(&mut state, dir, false);
        let mut lanes = state.lanes.iter_mut();
        let same = |lane: &&mut Lane| lane.dir.workflow_dir == dir.workflow_dir;
        if lanes.any(|lane| same(&&mut *lane) && matches!(lane.env, EnvState::Preparing)) {
            return None;
        }
        for lane in state.lanes.iter_mut().filter(same) {
            lane.env = EnvState::Preparing;
        }
        Some(Arc::clone(dir))
    }

    /// The environment of a folder is there, or not: then its waiting attempts fail, and a later one tries again.
    pub(crate) fn prepared(&self, dir: &RunDir, found: Result<PythonEnv, Trouble>) {
        let mut state = self.lock();
        let lanes = state
            .lanes
            .iter_mut()
            .filter(|lane| lane.dir.workflow_dir == dir.workflow_dir);
        match found {
            Ok(env) => {
                let env = Arc::new(env);
                lanes.for_each(|lane| lane.env = EnvState::Ready(Arc::clone(&env)));
                let all = state.seats.len();
                let wake = rouse(&mut state, all);
                drop(state);
                self.ring(&wake);
            }
            Err(trouble) => {
                let mut jobs: Vec<Job> = Vec::new();
                for lane in lanes.filter(|lane| matches!(lane.env, EnvState::Preparing)) {
                    lane.env = EnvState::Unknown;
                    jobs.extend(lane.jobs.drain(..));
                }
                jobs.retain(|job| {
                    state
                        .places
                        .get(&job.spec.id)
                        .is_some_and(|place| place.number == job.number)
                });
                for job in &jobs {
                    state.places.remove(&job.spec.id);
                }
                drop(state);
                for job in jobs {
                    self.say(unstarted(
                        job.spec.id,
                        failed(trouble.category, trouble.message.clone()),
                        job.submitted,
                    ));
                }
            }
        }
    }

    pub(crate) fn ring(&self, seats: &[usize]) {
        for seat in seats {
            self.bells[*seat].ring();
        }
    }

    /// What the reactor at `seat`, with so many free places, is to do next. `wants` says whether it takes a Python job now.
    pub(crate) fn turn(
        &self,
        seat: usize,
        free: usize,
        mut wants: impl FnMut(Waiting<'_>) -> bool,
    ) -> Turn {
        let mut state = self.lock();
        let state = &mut *state;
        state.seats[seat].free = free;
        state.seats[seat].asleep = false;
        if state.closed {
            return Turn::Close;
        }
        if !state.seats[seat].stops.is_empty() {
            return Turn::Stop(std::mem::take(&mut state.seats[seat].stops));
        }
        let mut again = false;
        if free > 0 {
            // A job that was stopped while it waited is still in its queue.
            let places = &state.places;
            let live = |job: &Job| {
                places
                    .get(&job.spec.id)
                    .is_some_and(|place| place.number == job.number)
            };
            while state.plain.front().is_some_and(|job| !live(job)) {
                state.plain.pop_front();
            }
            let mut best = state.plain.front().map(|job| (job.number, None));
            for (at, lane) in state.lanes.iter_mut().enumerate() {
                while lane.jobs.front().is_some_and(|job| !live(job)) {
                    lane.jobs.pop_front();
                }
                let (Some(job), EnvState::Ready(env)) = (lane.jobs.front(), &lane.env) else {
                    continue;
                };
                if best.is_some_and(|(number, _)| number < job.number) {
                    continue;
                }
                let waiting = Waiting {
                    env,
                    dir: &lane.dir.workflow_dir,
                    preload: lane.preload,
                    waited: job.submitted.elapsed(),
                    jobs: lane.jobs.len(),
                };
                if wants(waiting) {
                    best = Some((job.number, Some(at)));
                } else {
                    again = true;
                }
            }
            let taken = match best {
                Some((_, None)) => state.plain.pop_front().map(|job| (job, None)),
                Some((_, Some(at))) => {
                    let env = match &state.lanes[at].env {
                        EnvState::Ready(env) => Some(Arc::clone(env)),
                        _ => None,
                    };
                    state.lanes[at].jobs.pop_front().map(|job| (job, env))
                }
                None => None,
            };
            if let Some((job, env)) = taken {
                if let Some(place) = state.places.get_mut(&job.spec.id) {
                    place.seat = Some(seat);
                }
                state.seats[seat].free = free - 1;
                return Turn::Start(Box::new(job), env);
            }
        }
        state.seats[seat].asleep = true;
        Turn::Rest(again)
    }

    /// An attempt that ran is over.
    pub(crate) fn done(&self, id: &AttemptId) {
        self.lock().places.remove(id);
    }

    /// Dequeues an attempt or has its reactor stop it.
    pub(crate) fn stop(&self, id: &AttemptId) {
        let mut state = self.lock();
        let state = &mut *state;
        match state.places.get(id).map(|place| place.seat) {
            None => {}
            Some(None) => {
                state.places.remove(id);
                self.say(stopped(id.clone(), Instant::now()));
            }
            Some(Some(seat)) => {
                state.seats[seat].stops.push(id.clone());
                self.bells[seat].ring();
            }
        }
    }

    /// Queued and running attempts.
    pub(crate) fn backlog(&self) -> usize {
        self.lock().places.len()
    }

    /// Running attempts.
    pub(crate) fn running(&self) -> Vec<AttemptId> {
        self.lock()
            .places
            .iter()
            .filter(|(_, place)| place.seat.is_some())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// Lets nothing in any more and ends what waits. The reactors end what runs.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.plain.clear();
        state.lanes.iter_mut().for_each(|lane| lane.jobs.clear());
        let waiting: Vec<AttemptId> = state
            .places
            .iter()
            .filter(|(_, place)| place.seat.is_none())
            .map(|(id, _)| id.clone())
            .collect();
        for id in waiting {
            state.places.remove(&id);
            self.say(stopped(id, Instant::now()));
        }
        for build in state.builds.drain(..) {
            // Registered until it is reaped, so the group is its own.
            let _ = rustix::process::kill_process_group(build, rustix::process::Signal::KILL);
        }
        drop(state);
        self.bells.iter().for_each(Bell::ring);
    }

    /// Whether everything ends.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// A tool that builds an environment runs; false when it must not, because everything ends.
    pub(crate) fn building(&self, pid: Pid) -> bool {
        let mut state = self.lock();
        state.builds.push(pid);
        !state.closed
    }

    /// It has ended; call before it is reaped.
    pub(crate) fn built(&self, pid: Pid) {
        self.lock().builds.retain(|other| *other != pid);
    }
}

fn lane(state: &mut State, dir: &Arc<RunDir>, preload: bool) -> usize {
    let same = |lane: &Lane| {
        lane.preload == preload
            && (Arc::ptr_eq(&lane.dir, dir) || lane.dir.workflow_dir == dir.workflow_dir)
    };
    if let Some(at) = state.lanes.iter().position(same) {
        return at;
    }
    let known = state
        .lanes
        .iter()
        .find(|lane| lane.dir.workflow_dir == dir.workflow_dir);
    let env = match known.map(|lane| &lane.env) {
        Some(EnvState::Ready(env)) => EnvState::Ready(Arc::clone(env)),
        Some(EnvState::Preparing) => EnvState::Preparing,
        _ => EnvState::Unknown,
    };
    state.lanes.push(Lane {
        dir: Arc::clone(dir),
        preload,
        jobs: VecDeque::new(),
        env,
    });
    state.lanes.len() - 1
}

/// The first sleepers with a free place, at most `count`.
fn rouse(state: &mut State, count: usize) -> Vec<usize> {
    let mut wake = Vec::new();
    for (at, seat) in state.seats.iter_mut().enumerate() {
        if wake.len() == count {
            break;
        }
        if seat.asleep && seat.free > 0 {
            seat.asleep = false;
            wake.push(at);
        }
    }
    wake
}

/// The end of an attempt that was stopped before it started.
fn stopped(id: AttemptId, submitted: Instant) -> ExecEvent {
    let mut event = unstarted(id, failed(Category::Unknown, "stopped"), submitted);
    if let ExecEvent::Ended { stopped, .. } = &mut event {
        *stopped = true;
    }
    event
}

/// The end of an attempt that never started.
pub(crate) fn unstarted(id: AttemptId, verdict: Verdict, submitted: Instant) -> ExecEvent {
    let duration = Millis(u64::try_from(submitted.elapsed().as_millis()).unwrap_or(u64::MAX));
    ExecEvent::Ended {
        id,
        verdict,
        log_bytes: 0,
        started: false,
        stopped: false,
        maxrss: None,
        duration,
    }
}
