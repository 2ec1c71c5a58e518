//! Retention under `ork dev`: what `ork.yaml` says is swept away at the start and every hour, a part at each look, so that nothing waits for it.

use std::path::{Path, PathBuf};

use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{Prune, PruneFrom};
use ork_local::Embedded;

use crate::engine::failure;
use crate::failure::Failure;
use crate::output::Output;
use crate::workflow_file::{PROJECT_FILE, count, settings_at};

/// From the end of one sweep to the next.
const AGAIN: Millis = Millis::from_secs(3600);

/// One sweep after the other.
pub(super) struct Sweep {
    /// The settings that hold in the folder.
    settings: PathBuf,
    /// When the next one begins; at once where none has been.
    due: Option<Time>,
    /// What is under way.
    under_way: Option<UnderWay>,
}

struct UnderWay {
    wish: Prune,
    from: PruneFrom,
    runs: usize,
    objects: u64,
}

impl Sweep {
    /// Nothing has been swept yet.
    pub(super) fn of(root: &Path) -> Self {
        Self {
            settings: root.join(PROJECT_FILE),
            due: None,
            under_way: None,
        }
    }

    /// Begins a sweep that is due, or goes on with one for a while. What fails is said, and tried again with the next one.
    pub(super) async fn look(&mut self, recorder: &Embedded, out: &Output) {
        let now = recorder.engine().ports().clock().now();
        let done = match self.under_way.take() {
            Some(work) => self.go_on(work, recorder, out).await,
            None if self.is_due(now) => self.begin(recorder, out).await,
            None => return,
        };
        if let Err(wrong) = done {
            out.failure(&wrong, false);
        }
        if self.under_way.is_none() {
            self.due = Some(now + AGAIN);
        }
    }

    /// Also when the clock was set back by more than a sweep is ahead of it.
    fn is_due(&self, now: Time) -> bool {
        self.due.is_none_or(|due| now >= due || due > now + AGAIN)
    }

    /// The settings are read anew each time. With an error in them nothing goes.
    async fn begin(&mut self, recorder: &Embedded, out: &Output) -> Result<(), Failure> {
        let wish = Prune {
            retention: settings_at(&self.settings, out)?.retention,
            ..Prune::default()
        };
        let work = UnderWay {
            wish,
            from: PruneFrom::default(),
            runs: 0,
            objects: 0,
        };
        self.go_on(work, recorder, out).await
    }

    async fn go_on(
        &mut self,
        mut work: UnderWay,
        recorder: &Embedded,
        out: &Output,
    ) -> Result<(), Failure> {
        let engine = recorder.engine();
        let part = Box::pin(engine.prune(&work.wish, &work.from)).await;
        let part = part.map_err(failure)?;
        work.runs += part.runs.iter().filter(|one| one.gone).count();
        work.objects += part.runs.iter().map(|one| one.objects).sum::<u64>();
        match part.next {
            Some(next) => {
                work.from = next;
                self.under_way = Some(work);
            }
            None if work.runs > 0 => {
                let objects = usize::try_from(work.objects).unwrap_or(usize::MAX);
                out.say(&format!(
                    "retention: removed {} with {}",
                    count(work.runs, "run"),
                    count(objects, "object")
                ));
            }
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_due_at_the_start_and_an_hour_after_the_last() {
        let mut sweep = Sweep::of(Path::new("."));
        let now = Time(1_780_000_000_000);
        assert!(sweep.is_due(now));
        sweep.due = Some(now + AGAIN);
        for (later, due) in [
            (0, false),
            (3_599_999, false),
            (3_600_000, true),
            (9_000_000, true),
        ] {
            assert_eq!(sweep.is_due(now + Millis(later)), due, "{later}");
        }
        assert!(
            sweep.is_due(Time(now.0 - 86_400_000)),
            "the clock was set back"
        );
    }
}
