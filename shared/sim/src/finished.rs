//! What dispatch does when a worker service tells of a verdict. Thin, as the deployed handler is: everything is the engine's.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ork_core::ids::RunId;
use ork_core::names::ObjectName;
use ork_core::time::{Millis, Time};
use ork_engine::{EngineError, EngineErrorKind};

use crate::coverage::Came;
use crate::handlers::Ground;
use crate::process::End;
use crate::world::World;

/// How long dispatch works on one request; then what it is at is dropped where it stands.
const BUDGET: Millis = Millis::from_secs(50);
/// Commits that one request gives rise to at most.
const ROUNDS: usize = 128;

/// Settles a verdict, starts what became ready, and hands one of it on.
pub(crate) async fn finished(
    ground: &Ground,
    run: RunId,
    verdict: ObjectName,
    topic: usize,
    call: u64,
) -> End {
    let (until, awaited) = {
        let mut inner = ground.world.lock();
        inner.wait_for_next(run.clone(), topic);
        (inner.now + BUDGET, inner.is_awaited(&verdict))
    };
    let within = Within {
        work: Box::pin(settle(ground, &run, verdict, until)),
        until,
        world: &ground.world,
    };
    let done = within.await;
    let mut inner = ground.world.lock();
    let next = inner.take_next(ground.process);
    let answer = match (done, next) {
        // It counts as started: whatever else went wrong, somebody has to get it.
        (_, Some(spec)) => Ok(Some(Box::new(spec))),
        (Some(Ok(())), None) => Ok(None),
        (Some(Err(error)), None) => {
            inner.tell(|| format!("fails: {error}"));
            match error.kind {
                EngineErrorKind::Unavailable => Err(()),
                // Understood, and nothing can be done about it.
                _ => Ok(None),
            }
        }
        (None, None) => Err(()),
    };
    let came = match &answer {
        Ok(Some(_)) => Came::Next,
        Ok(None) => Came::Nothing,
        Err(()) => Came::NoAnswer,
    };
    inner.coverage.finished(awaited, came);
    inner.answer(call, answer);
    End::Done
}

async fn settle(
    ground: &Ground,
    run: &RunId,
    verdict: ObjectName,
    until: Time,
) -> Result<(), EngineError> {
    let names = [verdict];
    let engine = &ground.engine;
    let mut stepped = engine.settle(run, &names, ground.claim()).await?;
    crate::watch::after_notice(&mut ground.world.lock(), &names[0]);
    for _ in 1..ROUNDS {
        let ready = engine.peek(run, |_, state| state.has_ready());
        // What is ready and was not claimed has no place now: whoever frees one says so, or the next wake finds one.
        if stepped.commits.is_empty()
            || stepped.held_up
            || ready != Some(true)
            || ground.world.lock().now >= until
        {
            break;
        }
        stepped = engine.step(run, Vec::new(), ground.claim()).await?;
    }
    Ok(())
}

/// Work that is dropped when its time is over.
struct Within<'a, T> {
    work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    until: Time,
    world: &'a World,
}

impl<T> Future for Within<'_, T> {
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if let Poll::Ready(done) = self.work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        let mut inner = self.world.lock();
        if inner.now < self.until {
            return Poll::Pending;
        }
        inner.tell(|| "the time was over before all was done".into());
        Poll::Ready(None)
    }
}
