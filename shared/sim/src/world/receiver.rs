//! Who is told of runs: it counts what comes, and says now and then that it has no time although it took it.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::limits;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Letter, NotSent};

use super::Inner;
use crate::fault::Fault;

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// How often each notice came.
    pub(crate) counts: BTreeMap<String, u32>,
    /// Notices of which it was said that they can never be sent.
    pub(crate) refused: BTreeSet<String>,
    /// Until when whoever sends a notice may be at it.
    sending: BTreeMap<String, Time>,
}

impl Inner {
    /// A notice comes; gives what its sender hears, and after how long.
    pub(super) fn receive(&mut self, letter: &Letter) -> (Result<(), NotSent>, Millis) {
        self.note(14);
        self.tell(|| format!("tells {}", letter.id));
        let now = self.now;
        let until = now + limits::NOTICE_TIMEOUT;
        let earlier = self.receiver.sending.insert(letter.id.clone(), until);
        // Whose clock is wrong, or who stands still, may send when another's turn has come. On a laptop nobody waits for the dead.
        let exact = self.largest_skew == 0 && !self.stalls && self.watch.remote;
        if exact && earlier.is_some_and(|earlier| now < earlier) {
            self.violated("I24", format!("{} is sent by two at once", letter.id));
        }
        let takes = if self.hit(Fault::ReceiverSlow) {
            Millis(self.random.span(1_000, 25_000))
        } else {
            Millis(0)
        };
        let not_now = |why: &str| Err(NotSent::not_now(why));
        if self.is_down() || self.hit(Fault::ReceiverBusy) {
            return (not_now("simulated: not now"), takes);
        }
        if self.hit(Fault::ReceiverRefuses) {
            self.receiver.refused.insert(letter.id.clone());
            return (Err(NotSent::Never("simulated: never".into())), takes);
        }
        *self.receiver.counts.entry(letter.id.clone()).or_default() += 1;
        crate::watch::told(self, letter);
        if self.hit(Fault::ReceiverAnswerLost) {
            return (not_now("simulated: the answer is lost"), takes);
        }
        (Ok(()), takes)
    }

    /// Its sender has heard what became of it.
    pub(super) fn sent(&mut self, letter: &Letter) {
        self.receiver.sending.remove(&letter.id);
    }
}
