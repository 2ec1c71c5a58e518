//! What there is, what can happen and what it does.

use super::{CHILD, HANDS_OVER, PLAIN, Wakes};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    Waiting,
    Ready,
    Dispatched,
    Running,
    /// Its job is at work.
    Deferred,
    /// Its sub-workflow is at work.
    Child,
    Retrying,
    Done,
}

/// One task, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) phase: Phase,
    pub(super) attempt: u8,
    /// Its timer has gone off and was not set again.
    pub(super) asked: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Run {
    Wanted,
    /// Stored, and waits for its place.
    Pending,
    Begun,
}

/// What works for the latest attempt of a task: a worker, then for one of them a job; or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Work {
    None,
    Going,
    Over,
    JobGoing,
    JobOver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Handler {
    Idle,
    Start(usize, u8),
    /// Looks how far the attempt is.
    Look(usize, u8),
    Tell(usize, u8, Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Event {
    Started,
    Ended,
    JobDone,
    Lost,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// How far the run as a whole is.
    pub(super) run: Run,
    pub(super) tasks: [Task; 3],
    pub(super) work: [Work; 3],
    pub(super) handlers: [Handler; 2],
    pub(super) faults: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// A tick comes upon a task because of an instant that is stored.
    Tick(usize, usize),
    /// A hint or notification about a task arrives.
    Message(usize, usize),
    /// Somebody wants a run.
    Make,
    /// A tick or a message lets it begin.
    Begin,
    MessageBegin,
    Go(usize),
    /// The executor says yes and nothing comes of it.
    StartLost(usize),
    Die(usize),
    /// A worker, a job or a run gets on.
    Work(usize),
    WorkerDies(usize),
}

impl State {
    pub(super) fn is_over(&self) -> bool {
        self.tasks.iter().all(|task| task.phase == Phase::Done)
    }
}

impl Wakes {
    /// Whether the instance's own timer makes the run due.
    pub(super) const fn timer(&self, task: Task) -> bool {
        !task.asked
            && match task.phase {
                Phase::Dispatched => self.guards.begin_timer,
                Phase::Running => self.guards.beat_timer,
                Phase::Deferred => self.guards.poll_timer,
                Phase::Child => self.guards.child_check,
                Phase::Retrying => self.guards.retry_timer,
                Phase::Waiting | Phase::Ready | Phase::Done => false,
            }
    }

    /// Whether the store finds the run due at some instant.
    pub(super) fn has_wake(&self, state: &State) -> bool {
        match state.run {
            Run::Wanted => return true,
            Run::Pending => return self.guards.pending_check,
            Run::Begun => {}
        }
        self.guards.net
            || state.tasks.iter().any(|task| {
                self.timer(*task) || (self.guards.announce && task.phase == Phase::Ready)
            })
    }

    /// Whether looking at the task now makes a difference.
    pub(super) fn is_news(state: &State, at: usize) -> bool {
        match (state.tasks[at].phase, state.work[at]) {
            (Phase::Ready | Phase::Dispatched | Phase::Retrying, _) => true,
            // While the worker or the job is at work there is nothing to learn.
            (Phase::Running, work) => work != Work::Going,
            (Phase::Deferred, work) => work == Work::JobOver,
            (Phase::Child, work) => work != Work::Going,
            (Phase::Waiting | Phase::Done, _) => false,
        }
    }

    pub(super) fn due(&self, state: &mut State, at: usize) -> Handler {
        let attempt = state.tasks[at].attempt;
        let task = &mut state.tasks[at];
        match task.phase {
            Phase::Ready => {
                task.attempt += 1;
                task.phase = if at == CHILD {
                    Phase::Child
                } else {
                    Phase::Dispatched
                };
                task.asked = false;
                state.work[at] = Work::None;
                Handler::Start(at, attempt + 1)
            }
            Phase::Retrying => {
                task.phase = Phase::Ready;
                Handler::Idle
            }
            Phase::Dispatched | Phase::Running | Phase::Deferred | Phase::Child => {
                task.asked = !self.guards.ask_again;
                Handler::Look(at, attempt)
            }
            Phase::Waiting | Phase::Done => Handler::Idle,
        }
    }

    pub(super) fn look(state: &State, at: usize, attempt: u8) -> Handler {
        let task = state.tasks[at];
        if task.attempt != attempt {
            return Handler::Idle;
        }
        match (task.phase, state.work[at]) {
            (Phase::Dispatched | Phase::Child, Work::None) => Handler::Start(at, attempt),
            (Phase::Dispatched, _) => Handler::Tell(at, attempt, Event::Started),
            (Phase::Running, Work::None) => Handler::Tell(at, attempt, Event::Lost),
            (Phase::Running | Phase::Child, Work::Over) => Handler::Tell(at, attempt, Event::Ended),
            (Phase::Running, Work::JobGoing | Work::JobOver) => {
                Handler::Tell(at, attempt, Event::Ended)
            }
            (Phase::Deferred, Work::JobOver) => Handler::Tell(at, attempt, Event::JobDone),
            _ => Handler::Idle,
        }
    }

    pub(super) fn tell(state: &mut State, at: usize, attempt: u8, event: Event) {
        let task = &mut state.tasks[at];
        if task.attempt != attempt {
            return;
        }
        let next = match (task.phase, event) {
            (Phase::Dispatched, Event::Started) => Phase::Running,
            (Phase::Dispatched | Phase::Running, Event::Ended) if at == HANDS_OVER => {
                Phase::Deferred
            }
            (Phase::Dispatched | Phase::Running | Phase::Child, Event::Ended) => Phase::Done,
            (Phase::Deferred, Event::JobDone) => Phase::Done,
            (Phase::Running, Event::Lost) => Phase::Retrying,
            _ => return,
        };
        task.phase = next;
        task.asked = false;
        let both = [PLAIN, HANDS_OVER].map(|upstream| state.tasks[upstream].phase);
        if both == [Phase::Done; 2] && state.tasks[CHILD].phase == Phase::Waiting {
            state.tasks[CHILD].phase = Phase::Ready;
        }
    }
}

impl Wakes {
    pub(super) fn first_state() -> State {
        let task = Task {
            phase: Phase::Waiting,
            attempt: 0,
            asked: false,
        };
        State {
            run: Run::Wanted,
            tasks: [task; 3],
            work: [Work::None; 3],
            handlers: [Handler::Idle; 2],
            faults: 0,
        }
    }

    pub(super) fn possible(&self, state: &State, actions: &mut Vec<Action>) {
        let may_fail = state.faults < self.faults;
        match state.run {
            Run::Wanted => return actions.push(Action::Make),
            Run::Pending if self.guards.pending_check => return actions.push(Action::Begin),
            Run::Pending => return actions.push(Action::MessageBegin),
            Run::Begun => {}
        }
        for (at, handler) in state.handlers.iter().enumerate() {
            if at > 0 && state.handlers[at - 1] == *handler {
                continue;
            }
            if *handler != Handler::Idle {
                actions.push(Action::Go(at));
                if may_fail {
                    actions.push(Action::Die(at));
                    if matches!(handler, Handler::Start(..)) {
                        actions.push(Action::StartLost(at));
                    }
                }
                continue;
            }
            for (number, task) in state.tasks.iter().enumerate() {
                if !Self::is_news(state, number) {
                    continue;
                }
                let ready = task.phase == Phase::Ready
                    && self.guards.claims_itself
                    && (self.guards.announce || self.guards.net);
                if self.timer(*task) || ready {
                    actions.push(Action::Tick(at, number));
                } else {
                    actions.push(Action::Message(at, number));
                }
            }
        }
        for (number, work) in state.work.iter().enumerate() {
            match work {
                Work::Going => {
                    actions.push(Action::Work(number));
                    if may_fail && number != CHILD {
                        actions.push(Action::WorkerDies(number));
                    }
                }
                Work::JobGoing => actions.push(Action::Work(number)),
                Work::None | Work::Over | Work::JobOver => {}
            }
        }
    }

    pub(super) fn after(&self, last: &State, action: Action) -> State {
        let mut state = last.clone();
        match action {
            Action::Make => state.run = Run::Pending,
            Action::Begin | Action::MessageBegin => {
                state.run = Run::Begun;
                state.tasks[PLAIN].phase = Phase::Ready;
                state.tasks[HANDS_OVER].phase = Phase::Ready;
            }
            Action::Tick(at, task) | Action::Message(at, task) => {
                state.handlers[at] = self.due(&mut state, task)
            }
            Action::Go(at) => {
                state.handlers[at] = match last.handlers[at] {
                    Handler::Idle => Handler::Idle,
                    Handler::Start(task, attempt) => {
                        // A second start of an attempt finds its claim taken.
                        if state.tasks[task].attempt == attempt && state.work[task] == Work::None {
                            state.work[task] = Work::Going;
                        }
                        Handler::Idle
                    }
                    Handler::Look(task, attempt) => Self::look(&state, task, attempt),
                    Handler::Tell(task, attempt, event) => {
                        Self::tell(&mut state, task, attempt, event);
                        Handler::Idle
                    }
                };
            }
            Action::StartLost(at) | Action::Die(at) => {
                state.faults += 1;
                state.handlers[at] = Handler::Idle;
            }
            Action::Work(task) => {
                state.work[task] = match last.work[task] {
                    Work::Going if task == HANDS_OVER => Work::JobGoing,
                    Work::JobGoing => Work::JobOver,
                    _ => Work::Over,
                };
            }
            Action::WorkerDies(task) => {
                state.faults += 1;
                state.work[task] = Work::None;
            }
        }
        state.handlers.sort_unstable();
        state
    }
}
