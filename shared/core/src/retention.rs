//! How long runs are kept after their end.

use crate::run::RunStatus;
use crate::time::Millis;

/// How long runs are kept after their end; those about which nothing is said are kept for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Any run, unless something else is said of its end.
    pub runs: Option<Millis>,
    /// A run that failed.
    pub failed_runs: Option<Millis>,
}

impl Retention {
    /// The same for every end.
    pub const fn of_all(span: Millis) -> Self {
        Self {
            runs: Some(span),
            failed_runs: None,
        }
    }
    /// How long a run that ended so is kept; `None`: for ever, as one is that has not ended.
    pub const fn of(self, status: RunStatus) -> Option<Millis> {
        match status {
            RunStatus::Failed if self.failed_runs.is_some() => self.failed_runs,
            RunStatus::Success | RunStatus::Failed | RunStatus::Cancelled => self.runs,
            RunStatus::Pending | RunStatus::Running | RunStatus::Paused | RunStatus::Recovering => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_failures_holds_for_them_alone() {
        let (day, week) = (Millis::from_secs(86_400), Millis::from_secs(7 * 86_400));
        let both = Retention {
            runs: Some(day),
            failed_runs: Some(week),
        };
        let failures = Retention { runs: None, ..both };
        for status in RunStatus::ALL {
            let of = |retention: Retention| retention.of(*status);
            let expected = match status {
                RunStatus::Success | RunStatus::Cancelled => [Some(day), Some(day), None],
                RunStatus::Failed => [Some(day), Some(week), Some(week)],
                _ => [None; 3],
            };
            assert_eq!(
                [of(Retention::of_all(day)), of(both), of(failures)],
                expected,
                "{status}"
            );
            assert_eq!(of(Retention::default()), None, "{status}");
        }
    }
}
