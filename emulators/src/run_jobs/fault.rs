//! What goes wrong on demand.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Something that goes wrong with the next matching calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The call it happens to.
    #[serde(default)]
    pub on: Call,
    /// The full name of the job; without it, any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// What happens.
    pub effect: Effect,
    /// How often; without it, until the faults are cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

/// A call of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// `jobs.run`.
    #[default]
    Run,
    /// `executions.get`.
    Get,
    /// `executions.list`.
    List,
    /// `executions.cancel`.
    Cancel,
    /// `jobs.create`.
    Create,
    /// `jobs.delete`.
    Delete,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Nothing but this error status as the answer: 429 is a quota, 503 an outage.
    Answer {
        /// 400 to 599.
        status: u16,
    },
    /// The same, and the header `Retry-After` with it.
    TryAgain {
        /// 400 to 599.
        status: u16,
        /// In seconds.
        retry_after: u32,
    },
    /// The call is answered that much later; what else is to happen to it happens then.
    Late {
        /// How much later.
        delay_ms: u64,
    },
    /// The call is answered as if all was well, and nothing is cancelled. Only on `cancel`.
    Ignore,
    /// The call does what it should, and the answer is this error status all the same.
    AnswerAfterwards {
        /// 400 to 599.
        status: u16,
    },
    /// The execution's tasks start that much later. Only on `run`.
    SlowStart {
        /// How much later.
        delay_ms: u64,
    },
    /// The execution stays pending until it is cancelled. Only on `run`.
    NeverStart,
    /// The tasks end with this code before their process is started: an image that is not there, an entry point that crashes. Only on `run`.
    ExitWith {
        /// Anything but 0.
        code: i32,
        /// Which tasks; without it, all.
        #[serde(default)]
        tasks: Option<Vec<u32>>,
    },
    /// The processes are killed (SIGKILL) that long after they were started: out of memory, a lost machine. Only on `run`.
    KillAfter {
        /// How long after.
        delay_ms: u64,
        /// Which tasks; without it, all.
        #[serde(default)]
        tasks: Option<Vec<u32>>,
    },
}

impl Fault {
    /// A fault of `jobs.run`, of any job, once.
    #[must_use]
    pub fn once(effect: Effect) -> Self {
        Self {
            on: Call::Run,
            job: None,
            effect,
            times: Some(1),
        }
    }

    /// Why this fault makes no sense; `None` when it does.
    pub(super) fn nonsense(&self) -> Option<String> {
        let only_on_run = "this effect is only possible on `run`";
        match &self.effect {
            _ if self.times == Some(0) => Some("0 times is never".to_owned()),
            Effect::Answer { status }
            | Effect::AnswerAfterwards { status }
            | Effect::TryAgain { status, .. } => (!(400..600).contains(status))
                .then(|| format!("the status {status} is no error: give 400 to 599")),
            Effect::Late { .. } => None,
            Effect::Ignore => (self.on != Call::Cancel)
                .then(|| "this effect is only possible on `cancel`".to_owned()),
            Effect::ExitWith { code: 0, .. } => Some("an exit code of 0 is no failure".to_owned()),
            _ => (self.on != Call::Run).then(|| only_on_run.to_owned()),
        }
    }
}

/// The faults that are still to happen, in the order they were given.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn all(&self) -> &[Fault] {
        &self.0
    }

    /// How long the answer to this call is to wait.
    pub(super) fn take_delay(&mut self, call: Call, job: &str) -> Duration {
        match self.take_of(call, job, true) {
            Some(Effect::Late { delay_ms }) => Duration::from_millis(delay_ms),
            _ => Duration::ZERO,
        }
    }

    /// The first fault that fits this call and is more than a delay, used up by once.
    pub(super) fn take(&mut self, call: Call, job: &str) -> Option<Effect> {
        self.take_of(call, job, false)
    }

    fn take_of(&mut self, call: Call, job: &str, late: bool) -> Option<Effect> {
        let at = self.0.iter().position(|fault| {
            fault.on == call
                && matches!(fault.effect, Effect::Late { .. }) == late
                && fault.job.as_deref().is_none_or(|name| name == job)
        })?;
        let fault = &mut self.0[at];
        let effect = fault.effect.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                self.0.remove(at);
            }
        }
        Some(effect)
    }
}

/// Whether a list of tasks, or its absence, means this one.
pub(super) fn concerns(tasks: Option<&[u32]>, index: u32) -> bool {
    tasks.is_none_or(|tasks| tasks.contains(&index))
}
