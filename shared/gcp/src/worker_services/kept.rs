//! An attempt that goes to its worker in an answer instead of a message: whoever tells of an end gets what comes next.

use std::cell::RefCell;
use std::pin::Pin;

use ork_core::ids::RunId;
use ork_core::task::TaskSpec;
use tokio::sync::oneshot;
use tokio::task_local;
use tokio::time::Instant;

use super::within;

/// Who asks.
struct Slot {
    run: RunId,
    topic: String,
    /// Until when he can be answered.
    until: Instant,
    /// Absent once he was answered, or cannot be any more.
    answer: Option<oneshot::Sender<Box<TaskSpec>>>,
}

task_local! {
    static SLOT: RefCell<Slot>;
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work that keeps an attempt back: the first of the first ones of `run` that it hands over together, if it is for the service behind
/// `topic`, is sent to the receiver and not published. Whoever receives it has to run it: it counts as handed over, whatever becomes of
/// the rest of the work. From `until` on, and when the receiver is gone, everything is published.
///
/// The receiver is closed as soon as it is known that nothing comes, at the latest with the end of the work.
pub fn keeping(
    run: RunId,
    topic: String,
    until: Instant,
    work: Work,
) -> (oneshot::Receiver<Box<TaskSpec>>, Work) {
    let (answer, kept) = oneshot::channel();
    let slot = Slot {
        run,
        topic,
        until,
        answer: Some(answer),
    };
    let all = async {
        work.await;
        SLOT.with(|slot| slot.borrow_mut().answer = None);
    };
    (kept, Box::pin(SLOT.scope(RefCell::new(slot), all)))
}

/// Takes the first of `specs` that somebody waits for out of them; gives its position.
pub(super) fn keep(specs: &mut Vec<(TaskSpec, &str)>) -> Option<usize> {
    let take = |slot: &RefCell<Slot>| {
        let mut slot = slot.borrow_mut();
        if specs.iter().all(|(spec, _)| spec.id.run != slot.run) {
            return None;
        }
        // What became ready with the end that was told of comes together. Nobody is kept waiting for later ones.
        let answer = slot.answer.take()?;
        let wanted = |(spec, topic): &(TaskSpec, &str)| {
            spec.id.run == slot.run && *topic == slot.topic && within(spec).is_ok()
        };
        let at = specs.iter().position(wanted)?;
        if Instant::now() >= slot.until {
            return None;
        }
        let (spec, topic) = specs.remove(at);
        match answer.send(Box::new(spec)) {
            Ok(()) => Some(at),
            // He went away just now.
            Err(spec) => {
                specs.insert(at, (*spec, topic));
                None
            }
        }
    };
    SLOT.try_with(take).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::run_jobs::start::tests::spec;

    fn specs() -> Vec<(TaskSpec, &'static str)> {
        [("a", 0, "x"), ("b", 1, "y"), ("b", 2, "x"), ("b", 3, "x")]
            .map(|(run, index, topic)| (spec(run, index), topic))
            .into()
    }
    fn indices(specs: &[(TaskSpec, &str)]) -> Vec<u32> {
        specs.iter().map(|(spec, _)| spec.id.index).collect()
    }
    /// What is kept for the service behind `topic` of run `b`.
    fn asked(
        topic: &str,
        until: Instant,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> (oneshot::Receiver<Box<TaskSpec>>, Work) {
        let run = RunId::new("b").expect("a run id");
        keeping(run, topic.to_owned(), until, Box::pin(work))
    }
    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn the_first_that_somebody_waits_for_is_kept_and_no_other() {
        let (kept, work) = asked("x", later(), async {
            let mut specs = specs();
            assert_eq!(keep(&mut specs), Some(2));
            assert_eq!(keep(&mut specs), None);
            assert_eq!(indices(&specs), [0, 1, 3]);
        });
        work.await;
        assert_eq!(kept.await.expect("kept").id.index, 2);
    }

    #[tokio::test]
    async fn whoever_asks_has_it_while_the_work_goes_on() {
        let (go, told) = oneshot::channel::<()>();
        let (kept, work) = asked("x", later(), async {
            assert_eq!(keep(&mut specs()), Some(2));
            told.await.expect("it is told to go on");
        });
        let work = tokio::spawn(work);
        assert_eq!(kept.await.expect("kept").id.index, 2);
        assert!(!work.is_finished());
        go.send(()).expect("it waits");
        work.await.expect("its assertions hold");
    }

    #[tokio::test]
    async fn that_nothing_comes_is_known_with_the_first_of_the_run() {
        let (go, told) = oneshot::channel::<()>();
        let (mut kept, work) = asked("z", later(), async {
            let (mut others, mut all) = (specs(), specs());
            others.truncate(1);
            // Nothing at all, and another run's, say nothing.
            assert_eq!((keep(&mut Vec::new()), keep(&mut others)), (None, None));
            tokio::task::yield_now().await;
            assert_eq!(keep(&mut all), None);
            assert_eq!(indices(&all), [0, 1, 2, 3]);
            told.await.expect("it is told to go on");
        });
        let work = tokio::spawn(work);
        tokio::task::yield_now().await;
        assert!(
            kept.try_recv()
                .is_err_and(|why| why == oneshot::error::TryRecvError::Empty)
        );
        assert!(kept.await.is_err(), "closed before the work is over");
        assert!(!work.is_finished());
        go.send(()).expect("it waits");
        work.await.expect("its assertions hold");
    }

    #[tokio::test]
    async fn for_whoever_gives_up_nothing_is_kept() {
        let all = || async {
            let mut specs = specs();
            assert_eq!(keep(&mut specs), None);
            assert_eq!(indices(&specs), [0, 1, 2, 3], "as they were");
        };
        let (kept, work) = asked("x", Instant::now(), all());
        work.await;
        assert!(kept.await.is_err());
        let (kept, work) = asked("x", later(), all());
        drop(kept);
        work.await;
    }

    #[tokio::test]
    async fn work_that_hands_over_nothing_closes_at_its_end() {
        let (kept, work) = asked("x", later(), async {});
        let work = tokio::spawn(work);
        assert!(kept.await.is_err());
        work.await.expect("no assertion in it");
    }

    #[test]
    fn where_nobody_waits_all_are_published() {
        let mut specs = specs();
        assert_eq!(keep(&mut specs), None);
        assert_eq!(indices(&specs), [0, 1, 2, 3]);
    }
}
