//! What there is: the record in the store, the objects of each attempt, workers and handlers.

/// Each attempt after the first needs a fault, of which there are two at most.
pub(super) const ATTEMPTS: usize = 3;
/// One for each attempt, or for each start of one.
const WORKERS: usize = 3;

/// Where the instance stands, as it is stored. A later record is a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) attempt: u8,
    pub(super) fence: u8,
    pub(super) phase: Phase,
}

/// In the order in which an attempt goes through them; one that is over and tried again leaves `Waiting` behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    Dispatched,
    Running,
    Waiting,
    Success,
    Failed,
}

impl Record {
    pub(super) const fn is_in_flight(self) -> bool {
        matches!(self.phase, Phase::Dispatched | Phase::Running)
    }
    pub(super) const fn is_over(self) -> bool {
        matches!(self.phase, Phase::Success | Phase::Failed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    Worker,
    Seal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Verdict {
    Success,
    Failed,
    Lost,
    /// There is no object: the executor would not have it.
    Refused,
}

/// The objects of one attempt and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Objects {
    pub(super) claim: Option<Claim>,
    pub(super) verdict: Option<Verdict>,
    /// The status object is younger than the heartbeat deadline.
    pub(super) fresh: bool,
    /// How often the user's code took effect.
    pub(super) effects: u8,
    /// What was committed as its end.
    pub(super) said: Option<Verdict>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Worker {
    None,
    /// Asked for; begins now, late or never.
    Ordered(u8),
    Claimed(u8),
    /// The user's code has taken effect and there was a sign of life; the verdict has not been written.
    Effected(u8),
}

impl Worker {
    pub(super) const fn attempt(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Ordered(attempt) | Self::Claimed(attempt) | Self::Effected(attempt) => attempt,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Handler {
    Idle,
    /// Has read the record and is about to commit.
    Read(Step, Record),
    /// Looks whether the attempt has begun.
    Look {
        attempt: u8,
        fence: u8,
    },
    /// Asks the executor, for the first time or again.
    Start {
        attempt: u8,
        fence: u8,
        again: bool,
    },
    /// Takes the attempt's claim object, and then does the next thing.
    Seal {
        attempt: u8,
        fence: u8,
        why: Why,
    },
    /// Writes the verdict "lost".
    Judge(u8),
    /// Has an event to apply.
    Tell(Event),
}

/// Why an attempt is given up that may yet begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Why {
    NoPlace,
    Refused,
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    Claim,
    CheckStart,
    StartDeadline,
    BeatDeadline,
    Apply(Event),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Event {
    Started(u8),
    NotStarted { attempt: u8, fence: u8 },
    Finished(u8, Verdict),
}

impl Event {
    pub(super) const fn attempt(self) -> u8 {
        match self {
            Self::Started(attempt)
            | Self::NotStarted { attempt, .. }
            | Self::Finished(attempt, _) => attempt,
        }
    }
}

/// What must never happen and leaves no other trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    VerdictChanged,
    WentBack,
    LateBegin,
    AliveGivenUp,
    ChargedUnbegun,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) record: Record,
    pub(super) objects: [Objects; ATTEMPTS],
    /// Sorted, for one is as good as another; so are the handlers.
    pub(super) workers: [Worker; WORKERS],
    pub(super) handlers: [Handler; 2],
    pub(super) faults: u8,
    pub(super) wrong: Option<Wrong>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            record: Record {
                attempt: 0,
                fence: 0,
                phase: Phase::Waiting,
            },
            objects: [Objects::default(); ATTEMPTS],
            workers: [Worker::None; WORKERS],
            handlers: [Handler::Idle; 2],
            faults: 0,
            wrong: None,
        }
    }

    pub(super) fn of(&mut self, attempt: u8) -> &mut Objects {
        &mut self.objects[usize::from(attempt) - 1]
    }
    pub(super) const fn claim_of(&self, attempt: u8) -> Option<Claim> {
        self.objects[attempt as usize - 1].claim
    }
    /// Each attempt's number and objects.
    pub(super) fn attempts(&self) -> impl Iterator<Item = (u8, &Objects)> {
        (1..).zip(&self.objects)
    }
    pub(super) fn is_full(&self) -> bool {
        usize::from(self.record.attempt) == ATTEMPTS
    }
    pub(super) fn wrong(&mut self, what: Wrong) {
        self.wrong.get_or_insert(what);
    }
    pub(super) fn hire(&mut self, attempt: u8) {
        if let Some(place) = self
            .workers
            .iter_mut()
            .find(|worker| **worker == Worker::None)
        {
            *place = Worker::Ordered(attempt);
        }
    }
    pub(super) fn sort(&mut self) {
        self.workers.sort_unstable();
        self.handlers.sort_unstable();
    }

    /// Whether a worker that has not begun will find its claim taken like this.
    pub(super) fn has_worker_before(&self, claim: Claim) -> bool {
        self.workers.iter().any(|worker| match worker {
            Worker::Ordered(attempt) => self.claim_of(*attempt) == Some(claim),
            _ => false,
        })
    }
    /// Whether a handler is about to say "no place" of an attempt that was started again since.
    pub(super) fn has_late_refusal(&self) -> bool {
        self.handlers.iter().any(|handler| match handler {
            Handler::Tell(Event::NotStarted { attempt, fence }) => {
                *attempt == self.record.attempt && *fence < self.record.fence
            }
            _ => false,
        })
    }

    /// Whether the deadline that a handler finds passed is that of somebody who is still at it: then it is a fault.
    pub(super) fn is_stall(&self, at: usize, step: Step) -> bool {
        let attempt = self.record.attempt;
        let mine = |worker: &Worker| worker.attempt() == attempt;
        match step {
            Step::Claim | Step::Apply(_) => false,
            Step::CheckStart | Step::StartDeadline => {
                self.workers.iter().any(mine) || self.handlers[1 - at] != Handler::Idle
            }
            Step::BeatDeadline => {
                !self.objects[usize::from(attempt) - 1].fresh
                    && self
                        .workers
                        .iter()
                        .any(|worker| mine(worker) && !matches!(worker, Worker::Ordered(_)))
            }
        }
    }
}
