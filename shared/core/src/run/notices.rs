//! What a run tells others of itself: decided in the commit of what it tells of, and kept until its receiver has it or it is given up.
//!
//! A notice is sent under a lease: the commit that hands it to somebody says until when nobody else sends it. Whoever dies in between
//! leaves it to the next look, under the same id.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::state::cut;
use super::tasks::Step;
use super::{
    Effect, Graph, NoteKind, Refusal, RunState, RunStatus, RunTrigger, TaskOutcome, TaskPhase,
};
use crate::Value;
use crate::definition::{Notification, Occasion, TaskIndex};
use crate::ids::RunId;
use crate::limits;
use crate::protect::Protection;
use crate::time::{Millis, Time};

/// Which notice of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeKey {
    /// What is told.
    pub on: Occasion,
    /// Whom: the position among the workflow's notifications.
    pub target: u32,
    /// How often the run had ended by then, this end included: one that is retried may fail twice.
    pub round: u32,
}

impl NoticeKey {
    /// The notice across runs: the same however often it is sent, and nothing else's.
    pub fn in_run(self, run: &RunId) -> String {
        format!("{run}.{self}")
    }
}

impl fmt::Display for NoticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.on.as_str(), self.target, self.round)
    }
}

/// A text that is the key of no notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no notice: they are called what happened, the position of the receiver and the round, such as failure.0.1"
)]
pub struct NoSuchKey(String);

impl FromStr for NoticeKey {
    type Err = NoSuchKey;

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, NoSuchKey> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().unwrap_or_default();
        let (on, target, round) = (part(), part(), part());
        let on = Occasion::ALL.into_iter().find(|one| one.as_str() == on);
        let key = on
            .zip(target.parse().ok().zip(round.parse().ok()))
            .map(|(on, (target, round))| Self { on, target, round });
        key.filter(|key| key.to_string() == text)
            .ok_or_else(|| NoSuchKey(text.chars().take(80).collect()))
    }
}

/// Something that somebody is told of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Which.
    #[serde(rename = "notice")]
    pub key: NoticeKey,
    /// When it happened.
    pub at: Time,
    /// Where the run stood then.
    pub status: RunStatus,
    /// Why it failed, at most [`limits::NOTICE_ERROR_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The tasks that had failed, at most [`limits::NOTICE_TASKS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<TaskIndex>,
    /// How often it was handed to somebody to be sent.
    pub attempts: u32,
    /// Whether it was sent.
    pub state: NoticeState,
    /// Why it could not be sent the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// That somebody asked for it once more after it had been given up, the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<AskedAgain>,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// That a notice which was given up is to be sent after all: it is tried from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAgain {
    /// When somebody asked for it.
    pub at: Time,
    /// How often it had been handed out before.
    pub attempts: u32,
}

/// Whether a notice was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeState {
    /// Not as far as anybody knows.
    Pending {
        /// When it is handed to somebody again.
        next_at: Time,
    },
    /// Its receiver has it.
    Sent {
        /// Since when that is known.
        sent_at: Time,
    },
    /// It is not tried any more; the notice's trouble says why.
    GaveUp {
        /// Since when.
        gave_up_at: Time,
    },
}

impl NoticeState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Sent { .. } => "sent",
            Self::GaveUp { .. } => "gave_up",
        }
    }
}

/// What became of sending a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Its receiver has it.
    Received,
    /// Not now: it is tried again.
    NotNow {
        /// Why.
        why: String,
        /// Not before this has passed.
        retry_after: Option<Millis>,
    },
    /// It can never be sent as it is.
    Never(String),
}

impl Notice {
    /// When it is to be handed to somebody, if it is.
    pub const fn next_at(&self) -> Option<Time> {
        match self.state {
            NoticeState::Pending { next_at } => Some(next_at),
            NoticeState::Sent { .. } | NoticeState::GaveUp { .. } => None,
        }
    }
    /// Since when it is tried: since it happened, or since somebody asked for it once more.
    pub fn tried_since(&self) -> Time {
        self.again.map_or(self.at, |again| again.at)
    }
    /// Whether it is not tried any more although nobody has said that its receiver has it.
    pub const fn is_given_up(&self) -> bool {
        matches!(self.state, NoticeState::GaveUp { .. })
    }
}

impl RunState {
    /// When the first of its notices is to be handed to somebody.
    pub(super) fn first_notice(&self) -> Option<Time> {
        self.header.notices.iter().filter_map(Notice::next_at).min()
    }
    /// A notice by its key.
    pub fn notice(&self, key: NoticeKey) -> Option<&Notice> {
        self.header.notices.iter().find(|one| one.key == key)
    }
    /// Whether any notice is to be sent yet.
    pub fn has_pending_notices(&self) -> bool {
        self.first_notice().is_some()
    }
}

impl Step<'_> {
    /// A run of a schedule begins: who is told that it is late?
    pub(super) fn tell_start(&mut self) {
        let header = &self.run.header;
        if header.trigger != RunTrigger::Schedule {
            return;
        }
        let waited = self.now.since(header.slot);
        let is_late = |one: &Notification| one.late_after.is_some_and(|most| waited > most);
        self.tell(&[Occasion::LateStart], is_late);
    }

    /// The run has ended: who is told of that? Whether an end that is well is a recovery may hang on the run before it.
    pub(super) fn tell_end(&mut self, status: RunStatus, by_deadline: bool) {
        let graph = self.graph;
        if graph.workflow.notifications.is_empty() {
            return;
        }
        let header = &mut self.run.header;
        header.ends = header.ends.saturating_add(1);
        self.run.header_changed = true;
        let recovers = |one: &Notification| one.on.contains(&Occasion::Recovery);
        match status {
            RunStatus::Failed => {
                self.run.header.failed_before = true;
                if by_deadline {
                    self.tell(&[Occasion::Deadline, Occasion::Failure], |_| true);
                } else {
                    self.tell(&[Occasion::Failure], |_| true);
                }
            }
            RunStatus::Success => {
                self.tell(&[Occasion::Success], |one| !recovers(one));
                if std::mem::take(&mut self.run.header.failed_before) {
                    self.tell(&[Occasion::Recovery], recovers);
                } else if graph.workflow.notifications.iter().any(recovers) {
                    self.effect(Effect::LookBack);
                }
            }
            _ => {}
        }
    }

    /// How the run before this one ended.
    pub(super) fn looked_back(&mut self, failed: bool) {
        let round = self.run.header.ends;
        let told = |one: &super::Notice| {
            let on = one.key.on;
            one.key.round == round && matches!(on, Occasion::Recovery | Occasion::Success)
        };
        let asked: Vec<u32> = self
            .run
            .header
            .notices
            .iter()
            .filter(|one| told(one))
            .map(|one| one.key.target)
            .collect();
        if self.run.header.status != RunStatus::Success {
            return;
        }
        let occasions: &[Occasion] = if failed {
            &[Occasion::Recovery]
        } else {
            &[Occasion::Success]
        };
        let mut at = 0..;
        self.tell(occasions, |one| {
            let target = at.next().unwrap_or_default();
            one.on.contains(&Occasion::Recovery) && !asked.contains(&target)
        });
    }

    /// Gives a notice to everybody whom `of` picks, of the first of these occasions that they want to know of.
    fn tell(&mut self, occasions: &[Occasion], mut of: impl FnMut(&Notification) -> bool) {
        let graph = self.graph;
        let round = self.run.header.ends;
        let mut facts = None;
        for (target, one) in (0u32..).zip(&graph.workflow.notifications) {
            let picked = of(one);
            let wanted = occasions.iter().find(|on| one.on.contains(on));
            let Some(&on) = wanted.filter(|_| picked) else {
                continue;
            };
            let (error, failed) = facts
                .get_or_insert_with(|| what_failed(self.run, graph, self.now))
                .clone();
            let key = NoticeKey { on, target, round };
            self.make_room();
            self.run.header.notices.push(Notice {
                key,
                at: self.now,
                status: self.run.header.status,
                error,
                failed,
                attempts: 0,
                state: NoticeState::Pending { next_at: self.now },
                trouble: None,
                again: None,
                extra: BTreeMap::new(),
            });
            self.note_run(NoteKind::NoticeDue { notice: key });
            self.hand_out(self.run.header.notices.len() - 1);
        }
    }

    /// Lets the oldest notice go that is settled, and the oldest of all when none is, once there are too many.
    fn make_room(&mut self) {
        let notices = &mut self.run.header.notices;
        if notices.len() < limits::NOTICES {
            return;
        }
        let settled = notices.iter().position(|one| one.next_at().is_none());
        let gone = notices.remove(settled.unwrap_or(0));
        if settled.is_none() {
            self.note_run(NoteKind::NoticeGivenUp {
                notice: gone.key,
                why: format!("the run has more than {} others to send", limits::NOTICES),
            });
        }
    }

    /// Hands a notice to whoever makes this commit: nobody else sends it until the lease is over.
    fn hand_out(&mut self, at: usize) {
        let lease = if self.holds(Protection::NoticeLease) {
            limits::NOTICE_LEASE
        } else {
            Millis(1)
        };
        let next_at = self.now + lease;
        let notice = &mut self.run.header.notices[at];
        notice.attempts = notice.attempts.saturating_add(1);
        notice.state = NoticeState::Pending { next_at };
        let (notice, attempt) = (notice.key, notice.attempts);
        self.run.header_changed = true;
        self.effect(Effect::Notify { notice, attempt });
    }

    /// Time has passed: hands out again what nobody is known to have sent, for as long as that is tried.
    pub(super) fn notices_due(&mut self) {
        for at in 0..self.run.header.notices.len() {
            let notice = &self.run.header.notices[at];
            if notice.next_at().is_none_or(|next_at| next_at > self.now) {
                continue;
            }
            if self.now >= notice.tried_since() + limits::NOTICE_KEPT {
                let last = notice.trouble.as_deref();
                let last = last.unwrap_or("nobody could say what became of it");
                let why = format!("not sent within {}: {last}", limits::NOTICE_KEPT);
                self.give_up(at, &why);
            } else if self.holds(Protection::NoticeKept) {
                self.hand_out(at);
            } else {
                self.give_up(at, "it is not kept");
            }
        }
    }

    /// Somebody has tried to send one. That it was received is true whoever says it, even of one that was given up; what else is said counts
    /// for the latest try only.
    pub(super) fn notified(&mut self, key: NoticeKey, attempt: u32, told: &Told) {
        let open = |state: &NoticeState| match state {
            NoticeState::Pending { .. } => true,
            NoticeState::GaveUp { .. } => *told == Told::Received,
            NoticeState::Sent { .. } => false,
        };
        let mut all = self.run.header.notices.iter();
        let Some(at) = all.position(|one| one.key == key && open(&one.state)) else {
            return;
        };
        let now = self.now;
        let notice = &mut self.run.header.notices[at];
        let latest = notice.attempts == attempt;
        match told {
            Told::Received => {
                notice.state = NoticeState::Sent { sent_at: now };
                notice.trouble = None;
                self.run.header_changed = true;
                self.note_run(NoteKind::NoticeSent { notice: key });
            }
            Told::NotNow { why, retry_after } if latest => {
                let asked = retry_after.unwrap_or_default();
                let asked = asked.min(limits::NOTICE_AGAIN_LONGEST);
                let before = notice.again.map_or(0, |again| again.attempts);
                let next_at = now + pause(attempt.saturating_sub(before)).max(asked);
                notice.state = NoticeState::Pending { next_at };
                notice.trouble = Some(cut(why, limits::TROUBLE_BYTES).as_ref().to_owned());
                self.run.header_changed = true;
            }
            Told::Never(why) if latest => self.give_up(at, why),
            Told::NotNow { .. } | Told::Never(_) => {}
        }
    }

    /// Somebody wants a notice that was given up to be sent after all, or all of those. It is due at once, for whoever looks at the run next:
    /// who asks need not be one who sends.
    pub(super) fn resend(&mut self, key: Option<NoticeKey>) -> Result<(), Refusal> {
        let header = &self.run.header;
        let id = &header.id;
        if let Some(key) = key {
            let Some(notice) = self.run.notice(key) else {
                return Err(Refusal(format!("run {id} has no notice {key}")));
            };
            match notice.state {
                NoticeState::GaveUp { .. } => {}
                NoticeState::Sent { sent_at } => {
                    return Err(Refusal(format!(
                        "notice {key} of run {id} is not sent again: its receiver has it since {sent_at}"
                    )));
                }
                NoticeState::Pending { next_at } => {
                    return Err(Refusal(format!(
                        "notice {key} of run {id} is being sent: it is tried again by {next_at}, if it has to be"
                    )));
                }
            }
        } else if !header.notices.iter().any(Notice::is_given_up) {
            return Err(Refusal(format!("no notice of run {id} was given up")));
        }
        let now = self.now;
        let mut wanted = Vec::new();
        for notice in &mut self.run.header.notices {
            if notice.is_given_up() && key.is_none_or(|key| key == notice.key) {
                notice.state = NoticeState::Pending { next_at: now };
                notice.again = Some(AskedAgain {
                    at: now,
                    attempts: notice.attempts,
                });
                wanted.push(notice.key);
            }
        }
        self.run.header_changed = true;
        for notice in wanted {
            self.note_run(NoteKind::NoticeDue { notice });
        }
        Ok(())
    }

    /// Whoever had handed them out is gone: there is nobody to wait for.
    pub(super) fn end_leases(&mut self) {
        for notice in &mut self.run.header.notices {
            if let NoticeState::Pending { next_at } = &mut notice.state
                && *next_at > self.now
            {
                *next_at = self.now;
                self.run.header_changed = true;
            }
        }
    }

    fn give_up(&mut self, at: usize, why: &str) {
        let gave_up_at = self.now;
        let notice = &mut self.run.header.notices[at];
        let why = cut(why, limits::TROUBLE_BYTES).as_ref().to_owned();
        notice.state = NoticeState::GaveUp { gave_up_at };
        notice.trouble = Some(why.clone());
        let notice = notice.key;
        self.run.header_changed = true;
        self.note_run(NoteKind::NoticeGivenUp { notice, why });
    }
}

/// Why the run failed so far, and which of its tasks did.
fn what_failed(run: &RunState, graph: &Graph, now: Time) -> (Option<String>, Vec<TaskIndex>) {
    let failed =
        |task: &super::TaskState| matches!(task.phase, TaskPhase::Ended(TaskOutcome::Failed));
    let failed: Vec<TaskIndex> = (0..)
        .zip(&run.tasks)
        .filter(|(_, task)| failed(task))
        .map(|(at, _)| at)
        .take(limits::NOTICE_TASKS)
        .collect();
    let of_task = |&at: &TaskIndex| {
        let error = run.task_progress(graph, at, now).error?;
        Some(format!("{}: {error}", graph.task(at).name))
    };
    let error = run.header.error.clone();
    let error = error.or_else(|| failed.first().and_then(of_task));
    let error = error.map(|text| cut(&text, limits::NOTICE_ERROR_BYTES).as_ref().to_owned());
    (error, failed)
}

/// How long to wait after the so-manieth time in vain.
fn pause(attempts: u32) -> Millis {
    let doubled = limits::NOTICE_AGAIN.0 << attempts.saturating_sub(1).min(16);
    Millis(doubled).min(limits::NOTICE_AGAIN_LONGEST)
}
