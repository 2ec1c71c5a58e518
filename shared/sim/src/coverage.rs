//! Which states met which events: the transition table of the state machine, as the simulator walked it.

use ork_core::definition::Executor;
use ork_core::run::{Command, Event, Graph, InstanceStatus, JobAnswer, RunState, RunStatus};
use ork_core::task::Verdict;

/// What concerns one attempt.
pub const OF_ATTEMPTS: [&str; 14] = [
    "started",
    "heartbeat",
    "not_started",
    "success",
    "failed",
    "deferred",
    "job running",
    "job done",
    "job failed",
    "child ended",
    "job unanswered",
    "job missing",
    "job denied",
    "jobs stopped",
];

/// What concerns one task.
pub const OF_TASKS: [&str; 3] = ["pause task", "resume task", "retry task"];

/// What concerns the whole run.
pub const OF_RUNS: [&str; 10] = [
    "start",
    "resolved",
    "claim",
    "tick",
    "owner lost",
    "cancel",
    "pause",
    "resume",
    "retry",
    "recover",
];

const INSTANCES: usize = InstanceStatus::ALL.len();
const RUNS: usize = RunStatus::ALL.len();

macro_rules! words {
    ($(#[doc = $doc:literal] $name:ident { $($(#[doc = $of:literal])+ $variant:ident = $word:literal),+ $(,)? })+) => {$(
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $of])+ $variant),+ }
        impl $name {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// In words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    )+};
}

words!(
    /// How an attempt comes to a worker service.
    Way {
        /// As a message.
        Message = "message",
        /// As a message that came before.
        Again = "message again",
        /// In the answer to somebody who told of an end.
        Handed = "handed on",
        /// In such an answer that somebody else has, too.
        HandedTwice = "handed on twice",
    }
    /// What it finds when it is there.
    Found {
        /// Nobody has the claim: it begins.
        Free = "begins",
        /// Some worker has the claim.
        Taken = "somebody has it",
        /// The engine has the claim: it was given up.
        Sealed = "it was given up",
    }
    /// What comes of telling dispatch of an end.
    Came {
        /// Something more to do.
        Next = "handed on",
        /// Nothing more.
        Nothing = "nothing follows",
        /// It was not dealt with.
        NoAnswer = "fails",
    }
);

/// How often each pair was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    attempts: [[u64; OF_ATTEMPTS.len()]; INSTANCES],
    tasks: [[u64; OF_TASKS.len()]; INSTANCES],
    runs: [[u64; OF_RUNS.len()]; RUNS],
    arrived: [[u64; Found::ALL.len()]; Way::ALL.len()],
    finished: [[u64; Came::ALL.len()]; 2],
}

/// Whether an end that dispatch is told of is news.
const NEWS: [&str; 2] = ["known", "awaited"];

impl Default for Coverage {
    fn default() -> Self {
        Self {
            attempts: [[0; OF_ATTEMPTS.len()]; INSTANCES],
            tasks: [[0; OF_TASKS.len()]; INSTANCES],
            runs: [[0; OF_RUNS.len()]; RUNS],
            arrived: [[0; Found::ALL.len()]; Way::ALL.len()],
            finished: [[0; Came::ALL.len()]; 2],
        }
    }
}

impl Coverage {
    /// Counts an event that is about to be applied.
    pub fn observe(&mut self, before: &RunState, event: &Event) {
        let run = before.header.status as usize;
        let mut attempt = |at: &ork_core::run::Attempt, event: usize| {
            if let Some(instance) = before.instance(at.task, at.index) {
                self.attempts[instance.status() as usize][event] += 1;
            }
        };
        match event {
            Event::Started(at) => attempt(at, 0),
            Event::Heartbeat(at) => attempt(at, 1),
            Event::NotStarted { attempt: at, .. } => attempt(at, 2),
            Event::Finished {
                attempt: at,
                verdict,
                ..
            } => attempt(
                at,
                match verdict {
                    Verdict::Success { .. } => 3,
                    Verdict::Failed { .. } => 4,
                    Verdict::Deferred { .. } => 5,
                },
            ),
            Event::Job {
                attempt: at,
                answer,
                ..
            } => attempt(
                at,
                match answer {
                    JobAnswer::Running | JobAnswer::Begun(_) => 6,
                    JobAnswer::Done | JobAnswer::Gave(_) => 7,
                    JobAnswer::Failed { .. } | JobAnswer::Lost(_) | JobAnswer::Broke { .. } => 8,
                    JobAnswer::Unanswered { .. } => 10,
                    JobAnswer::Missing(_) => 11,
                    JobAnswer::Denied(_) => 12,
                },
            ),
            Event::DeferredLate { attempt: at, .. } => attempt(at, 5),
            Event::JobsStopped { attempt: at, .. } => attempt(at, 13),
            Event::ChildEnded { attempt: at, .. } => attempt(at, 9),
            // They are about others than the run itself.
            Event::LookedBack { .. } | Event::Notified { .. } => {}
            Event::Start => self.runs[run][0] += 1,
            Event::Resolved { .. } => self.runs[run][1] += 1,
            Event::Claim(_) => self.runs[run][2] += 1,
            Event::Tick => self.runs[run][3] += 1,
            Event::OwnerLost { .. } => self.runs[run][4] += 1,
            Event::Command(command) => self.command(before, command),
        }
    }

    fn command(&mut self, before: &RunState, command: &Command) {
        let run = before.header.status as usize;
        let mut of_task = |task: u32, event: usize| {
            if let Some(task) = before.tasks().get(task as usize) {
                self.tasks[task.status() as usize][event] += 1;
            }
        };
        match command {
            Command::PauseTask { task } => of_task(*task, 0),
            Command::ResumeTask { task } => of_task(*task, 1),
            Command::RetryTask { task } => of_task(*task, 2),
            // Nobody in the simulated world does this: it would hide what the rules look for.
            Command::MarkSuccess { .. } => {}
            Command::Cancel { .. } => self.runs[run][5] += 1,
            Command::Pause => self.runs[run][6] += 1,
            Command::Resume => self.runs[run][7] += 1,
            Command::Retry => self.runs[run][8] += 1,
            Command::Recover { .. } => self.runs[run][9] += 1,
            // It is about others than the run itself.
            Command::Resend { .. } => {}
            // Asked for by nobody in these worlds.
            Command::Remove { .. } => {}
        }
    }

    /// Counts an attempt that came to a worker service.
    pub const fn arrived(&mut self, way: Way, found: Found) {
        self.arrived[way as usize][found as usize] += 1;
    }
    /// Counts an end that dispatch was told of by a worker service, and what came of it.
    pub fn finished(&mut self, awaited: bool, came: Came) {
        self.finished[usize::from(awaited)][came as usize] += 1;
    }

    /// Adds what another world met.
    pub fn add(&mut self, other: &Self) {
        fn sum<const N: usize, const M: usize>(a: &mut [[u64; N]; M], b: &[[u64; N]; M]) {
            for (a, b) in a.iter_mut().flatten().zip(b.iter().flatten()) {
                *a += b;
            }
        }
        sum(&mut self.attempts, &other.attempts);
        sum(&mut self.tasks, &other.tasks);
        sum(&mut self.runs, &other.runs);
        sum(&mut self.arrived, &other.arrived);
        sum(&mut self.finished, &other.finished);
    }

    /// Every pair with how often it was met.
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (at, &status) in InstanceStatus::ALL.iter().enumerate() {
            for (event, name) in OF_ATTEMPTS.iter().enumerate() {
                pairs.push(Pair::new(
                    "instance",
                    status.as_str(),
                    name,
                    self.attempts[at][event],
                ));
            }
            for (event, name) in OF_TASKS.iter().enumerate() {
                pairs.push(Pair::new(
                    "task",
                    status.as_str(),
                    name,
                    self.tasks[at][event],
                ));
            }
        }
        for (at, &status) in RunStatus::ALL.iter().enumerate() {
            for (event, name) in OF_RUNS.iter().enumerate() {
                pairs.push(Pair::new(
                    "run",
                    status.as_str(),
                    name,
                    self.runs[at][event],
                ));
            }
        }
        for (way, times) in Way::ALL.iter().zip(self.arrived) {
            for (found, times) in Found::ALL.iter().zip(times) {
                pairs.push(Pair::new("service", way.as_str(), found.as_str(), times));
            }
        }
        for (news, times) in NEWS.into_iter().zip(self.finished) {
            for (came, times) in Came::ALL.iter().zip(times) {
                pairs.push(Pair::new("finished", news, came.as_str(), times));
            }
        }
        pairs
    }

    /// Pairs that were met, of all there are.
    pub fn met(&self) -> (usize, usize) {
        let pairs = self.pairs();
        (
            pairs.iter().filter(|pair| pair.times > 0).count(),
            pairs.len(),
        )
    }
}

/// A state and an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// `instance`, `task` or `run`; `service`: an attempt that comes to one; `finished`: an end that it tells of.
    pub of: &'static str,
    /// The state.
    pub status: &'static str,
    /// The event.
    pub event: &'static str,
    /// How often they met.
    pub times: u64,
}

impl Pair {
    const fn new(of: &'static str, status: &'static str, event: &'static str, times: u64) -> Self {
        Self {
            of,
            status,
            event,
            times,
        }
    }

    /// Why they do not meet, where that is so by design.
    pub fn why_not(&self) -> Option<&'static str> {
        match (self.of, self.status, self.event) {
            ("instance", "dispatched" | "deferred", "child ended") => {
                Some("a sub-workflow's attempt is running from its claim to its end")
            }
            // The answer to a start may come when its task has been reset.
            ("instance", "pending", "job running") => None,
            (
                "instance",
                "pending" | "queued" | "dispatched" | "running" | "skipped",
                "job running" | "job done" | "job failed" | "job unanswered" | "job missing"
                | "job denied",
            ) => Some("questions about jobs are asked and answered in one commit"),
            ("run", "pending" | "success" | "failed", "resolved") => {
                Some("a task is evaluated in the commit that finds it ready, in a run that goes on")
            }
            ("run", "success" | "failed", "owner lost") => {
                Some("whoever takes over leaves runs that are over alone")
            }
            _ => None,
        }
    }
}

/// Whether a task of the graph is a sub-workflow.
pub(crate) fn is_child(graph: &Graph, task: u32) -> bool {
    matches!(graph.task(task).executor, Executor::Workflow { .. })
}
