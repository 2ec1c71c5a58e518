//! The in-process queue: hints and wakes, each handed out until somebody says it is done.
//!
//! At least once: a delivery that is dropped without [`Delivery::done`] comes again. Doubles of what still waits collapse; a
//! hint that comes while its like is being handled waits, since whoever handles it may have read the run already. What the
//! process takes with it when it dies is found by the tick.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::ports::{Hint, Queue, QueueError};
use tokio::sync::Notify;

/// What is handed out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// Somebody said: look now.
    Hint(Hint),
    /// The instant has come to look at this run.
    Wake(RunId),
}

/// Hints and wakes within one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct LocalQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// In the order they came.
    ready: VecDeque<Message>,
    /// The same, to tell doubles.
    waiting: BTreeSet<Message>,
    timers: BTreeMap<Time, BTreeSet<Message>>,
}

impl State {
    fn push(&mut self, message: Message) -> bool {
        let new = self.waiting.insert(message.clone());
        if new {
            self.ready.push_back(message);
        }
        new
    }

    /// Moves what is due among the ready, earliest first.
    fn fire(&mut self, now: Time) {
        while let Some(first) = self.timers.first_entry()
            && *first.key() <= now
        {
            for message in first.remove() {
                self.push(message);
            }
        }
    }
}

impl LocalQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next message, if there is one at this instant.
    pub fn next(&self, now: Time) -> Option<Delivery> {
        let mut state = self.state();
        state.fire(now);
        let message = state.ready.pop_front()?;
        state.waiting.remove(&message);
        Some(Delivery {
            queue: self.clone(),
            message: Some(message),
        })
    }

    /// The earliest instant somebody asked to be woken at: how long the driver may sleep.
    pub fn next_wake(&self) -> Option<Time> {
        self.state().timers.first_key_value().map(|(at, _)| *at)
    }

    /// Whether nothing is ready and no wake was asked for.
    pub fn is_empty(&self) -> bool {
        let state = self.state();
        state.ready.is_empty() && state.timers.is_empty()
    }

    /// Waits until a message became ready or an earlier wake was asked for; at once if that happened since the last wait.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, message: Message) {
        if self.state().push(message) {
            self.0.changed.notify_one();
        }
    }

    fn push_at(&self, message: Message, at: Time) {
        let mut state = self.state();
        let earlier = state
            .timers
            .first_key_value()
            .is_none_or(|(first, _)| at < *first);
        state.timers.entry(at).or_default().insert(message);
        if earlier {
            self.0.changed.notify_one();
        }
    }
}

impl Queue for LocalQueue {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        self.push(Message::Hint(hint.clone()));
        Ok(())
    }

    async fn wake_at(&self, run: &RunId, at: Time) -> Result<(), QueueError> {
        self.push_at(Message::Wake(run.clone()), at);
        Ok(())
    }
}

/// A message that is being handled. Dropped before it is done, it comes again.
#[derive(Debug)]
pub struct Delivery {
    queue: LocalQueue,
    message: Option<Message>,
}

impl Delivery {
    /// What to do.
    pub fn message(&self) -> &Message {
        self.message
            .as_ref()
            .expect("only `done`, `again_at` and drop take it, and they consume the delivery")
    }

    /// It was handled.
    pub fn done(mut self) {
        self.message = None;
    }

    /// It could not be handled now; it comes again at that instant.
    pub fn again_at(mut self, at: Time) {
        if let Some(message) = self.message.take() {
            self.queue.push_at(message, at);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.queue.push(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use ork_engine::conformance::block_on;
    use ork_engine::ports::Function;

    use super::*;

    const NOW: Time = Time(100);

    fn run(id: &str) -> RunId {
        RunId::new(id).expect("a valid run id")
    }

    fn hint(to: Function, id: &str) -> Hint {
        Hint {
            to,
            run: run(id),
            trace: None,
        }
    }

    fn send(queue: &LocalQueue, to: Function, id: &str) {
        block_on(queue.hint(&hint(to, id))).expect("sent");
    }

    fn wake(queue: &LocalQueue, id: &str, at: i64) {
        block_on(queue.wake_at(&run(id), Time(at))).expect("sent");
    }

    /// Takes everything there is at `now`.
    fn drained(queue: &LocalQueue, now: Time) -> Vec<Message> {
        std::iter::from_fn(|| {
            let delivery = queue.next(now)?;
            let message = delivery.message().clone();
            delivery.done();
            Some(message)
        })
        .collect()
    }

    #[test]
    fn hints_come_in_order_and_doubles_collapse() {
        let queue = LocalQueue::new();
        for (to, id) in [
            (Function::Monitor, "b"),
            (Function::Monitor, "a"),
            (Function::Monitor, "b"),
            (Function::Dispatch, "b"),
        ] {
            send(&queue, to, id);
        }
        let expected = [
            hint(Function::Monitor, "b"),
            hint(Function::Monitor, "a"),
            hint(Function::Dispatch, "b"),
        ]
        .map(Message::Hint);
        assert_eq!(drained(&queue, NOW), expected);
        assert!(queue.is_empty());
    }

    #[test]
    fn a_hint_that_comes_while_its_like_is_handled_is_not_lost() {
        let queue = LocalQueue::new();
        send(&queue, Function::Monitor, "r");
        let handled = queue.next(NOW).expect("there is one");
        send(&queue, Function::Monitor, "r");
        handled.done();
        assert_eq!(
            drained(&queue, NOW),
            [Message::Hint(hint(Function::Monitor, "r"))]
        );
    }

    #[test]
    fn what_is_dropped_half_handled_comes_again() {
        let queue = LocalQueue::new();
        send(&queue, Function::Poll, "r");
        drop(queue.next(NOW).expect("there is one"));
        let again = queue.next(NOW).expect("it comes again");
        again.again_at(Time(150));
        assert!(queue.next(Time(149)).is_none(), "not before its time");
        assert_eq!(
            drained(&queue, Time(150)),
            [Message::Hint(hint(Function::Poll, "r"))]
        );
    }

    #[test]
    fn wakes_come_when_they_are_due_earliest_first() {
        let queue = LocalQueue::new();
        for (id, at) in [("late", 300), ("b", 90), ("a", 50), ("b", 90), ("now", 100)] {
            wake(&queue, id, at);
        }
        assert_eq!(queue.next_wake(), Some(Time(50)));
        assert_eq!(
            drained(&queue, NOW),
            ["a", "b", "now"].map(|id| Message::Wake(run(id)))
        );
        assert_eq!(queue.next_wake(), Some(Time(300)));
        assert!(!queue.is_empty());
        assert_eq!(
            drained(&queue, Time(i64::MAX)),
            [Message::Wake(run("late"))]
        );
        assert_eq!(queue.next_wake(), None);
    }

    #[test]
    fn a_sleeper_is_woken_by_hints_and_earlier_wakes_only() {
        use std::pin::pin;
        use std::task::{Context, Waker};
        let queue = LocalQueue::new();
        let is_woken = |queue: &LocalQueue| {
            pin!(queue.changed())
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_ready()
        };
        assert!(!is_woken(&queue));
        send(&queue, Function::Monitor, "r");
        assert!(is_woken(&queue));
        send(&queue, Function::Monitor, "r");
        assert!(!is_woken(&queue), "a double is no news");
        wake(&queue, "r", 500);
        assert!(is_woken(&queue));
        wake(&queue, "r", 600);
        assert!(!is_woken(&queue), "a later wake does not shorten the sleep");
        wake(&queue, "r", 400);
        assert!(is_woken(&queue));
    }
}
