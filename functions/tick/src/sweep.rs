//! Retention: once a day, runs that ended long ago are removed with their objects, as far as a tick has time for it.

use ork_core::retention::Retention;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{Engine, EngineError, Prune, PruneFrom};
use ork_host::Budget;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The hour of the day (UTC) in which runs are removed: all ticks of it go on with it until it is done.
const AT: i64 = 3;

/// What is removed, and how far that is today.
#[derive(Debug)]
pub(crate) struct Sweep {
    wish: Prune,
    from: PruneFrom,
    /// The day, counted from 1970, on which all was looked through.
    done_on: Option<i64>,
}

impl Sweep {
    /// `None` where runs are kept for ever.
    pub(crate) fn of(retention: Retention) -> Option<Self> {
        (retention != Retention::default()).then(|| Self {
            wish: Prune {
                retention,
                ..Prune::default()
            },
            from: PruneFrom::default(),
            done_on: None,
        })
    }

    fn is_due(&self, now: Time) -> bool {
        now.0.rem_euclid(DAY) / HOUR == AT && self.done_on != Some(now.0.div_euclid(DAY))
    }

    /// Removes what is due for as long as the request has time; gives how many runs went. Whoever stops on the way is no harm: a run that is half
    /// removed is finished first by whoever comes next, whatever process that is.
    pub(crate) async fn look<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        budget: Budget,
    ) -> Result<u32, EngineError> {
        let now = engine.ports().clock().now();
        if !self.is_due(now) {
            return Ok(0);
        }
        let (mut runs, mut objects) = (0_u32, 0_u64);
        // Less than half of the time: what a tick is for comes first, and what was begun should be finished.
        let reserve = budget.left() / 2;
        while budget.left() > reserve {
            let part = Box::pin(engine.prune(&self.wish, &self.from));
            let Ok(part) = budget.within(part).await else {
                break;
            };
            let part = part?;
            for one in &part.runs {
                runs += u32::from(one.gone);
                objects += one.objects;
            }
            match part.next {
                Some(next) => self.from = next,
                None => {
                    self.from = PruneFrom::default();
                    self.done_on = Some(now.0.div_euclid(DAY));
                    break;
                }
            }
        }
        if runs > 0 || objects > 0 {
            tracing::info!(runs, objects, "retention removed runs that ended long ago");
        }
        Ok(runs)
    }
}
