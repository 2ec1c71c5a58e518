//! An attempt that goes to its worker in an answer instead of a message: whoever tells of an end gets what comes next.

use std::cell::RefCell;
use std::pin::Pin;

use ork_core::ids::RunId;
use ork_core::task::TaskSpec;
use tokio::task_local;

use super::within;

/// Who asks, and what was found for him.
struct Slot {
    run: RunId,
    topic: String,
    kept: Option<TaskSpec>,
}

task_local! {
    static SLOT: RefCell<Slot>;
}

/// Does `work`; the first attempt of `run` that it would hand to the service behind `topic` is given back and not published. Whoever gets it
/// has to run it: it counts as handed over.
pub fn keeping<'a>(
    run: RunId,
    topic: String,
    work: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
) -> Pin<Box<dyn Future<Output = Option<TaskSpec>> + Send + 'a>> {
    let kept = None;
    let slot = RefCell::new(Slot { run, topic, kept });
    let all = async {
        work.await;
        SLOT.with(|slot| slot.borrow_mut().kept.take())
    };
    Box::pin(SLOT.scope(slot, all))
}

/// Takes the first of `specs` that somebody waits for out of them; gives its position.
pub(super) fn keep(specs: &mut Vec<(TaskSpec, &str)>) -> Option<usize> {
    let take = |slot: &RefCell<Slot>| {
        let mut slot = slot.borrow_mut();
        if slot.kept.is_some() {
            return None;
        }
        let wanted = |(spec, topic): &(TaskSpec, &str)| {
            spec.id.run == slot.run && *topic == slot.topic && within(spec).is_ok()
        };
        let at = specs.iter().position(wanted)?;
        slot.kept = Some(specs.remove(at).0);
        Some(at)
    };
    SLOT.try_with(take).ok().flatten()
}

#[cfg(test)]
mod tests {
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

    #[tokio::test]
    async fn the_first_that_somebody_waits_for_is_kept_and_no_other() {
        let run = RunId::new("b").expect("a run id");
        let work = async {
            let mut specs = specs();
            assert_eq!(keep(&mut specs), Some(2));
            assert_eq!(keep(&mut specs), None);
            assert_eq!(indices(&specs), [0, 1, 3]);
        };
        let kept = keeping(run.clone(), "x".to_owned(), Box::pin(work)).await;
        assert_eq!(kept.map(|spec| spec.id.index), Some(2));
        let work = async { assert_eq!(keep(&mut specs()), None) };
        let kept = keeping(run, "z".to_owned(), Box::pin(work)).await;
        assert!(kept.is_none());
    }

    #[test]
    fn where_nobody_waits_all_are_published() {
        let mut specs = specs();
        assert_eq!(keep(&mut specs), None);
        assert_eq!(indices(&specs), [0, 1, 2, 3]);
    }
}
