//! Where a job stands at a given time: computed whenever somebody asks, so that nothing has to run in between.

use jiff::Timestamp;

use super::clock::later;
use super::script::{Failure, Script};

/// The life of one job.
#[derive(Clone, Debug)]
pub(super) struct Timeline {
    pub(super) created: Timestamp,
    pub(super) script: Script,
    /// How often it was asked to be cancelled.
    pub(super) cancels: u32,
    /// When it was first asked in earnest.
    asked: Option<Timestamp>,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// When it began to run; none when it did not get to it.
    pub(super) started: Option<Timestamp>,
    /// When it was asked to be cancelled, and was not over.
    pub(super) cancelling: Option<Timestamp>,
    /// When and how it ended.
    pub(super) ended: Option<(Timestamp, End)>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Succeeded,
    Failed(Failure),
    Cancelled,
}

impl Standing {
    pub(super) fn is_over(&self) -> bool {
        self.ended.is_some()
    }
}

impl Timeline {
    pub(super) fn new(created: Timestamp, script: Script) -> Self {
        Self {
            created,
            script,
            cancels: 0,
            asked: None,
        }
    }

    pub(super) fn at(&self, now: Timestamp) -> Standing {
        let starts = later(self.created, self.script.pending());
        let ends = self.script.running().map(|running| later(starts, running));
        let stops = self
            .asked
            .map(|asked| later(asked, self.script.cancelling()))
            .filter(|stops| ends.is_none_or(|ends| *stops < ends));
        let end = match (stops, ends) {
            (Some(stops), _) => Some((stops, End::Cancelled)),
            (None, Some(ends)) => {
                let failed = self.script.failure().map(End::Failed);
                Some((ends, failed.unwrap_or(End::Succeeded)))
            }
            (None, None) => None,
        };
        let ended = end.filter(|(at, _)| *at <= now);
        let last = ended.as_ref().map_or(now, |(at, _)| *at);
        Standing {
            started: (starts <= last).then_some(starts),
            cancelling: self.asked,
            ended,
        }
    }

    /// Somebody wants it cancelled. What is over stays as it is; what is to be ignored is counted.
    pub(super) fn cancel(&mut self, now: Timestamp) {
        let over = self.at(now).is_over();
        self.cancels += 1;
        if !over && self.cancels > self.script.ignore_cancels.unwrap_or(0) {
            self.asked.get_or_insert(now);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use std::time::Duration;

    use super::*;

    fn timeline(script: &str) -> Timeline {
        Timeline::new(Timestamp::UNIX_EPOCH, Script::parse(script).unwrap())
    }

    fn second(seconds: u64) -> Timestamp {
        later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
    }

    #[test]
    fn it_waits_runs_and_ends() {
        let job = timeline(r#"{"pending_seconds": 2, "seconds": 3, "fail": "why: so"}"#);
        assert_eq!(job.at(second(1)).started, None);
        assert_eq!(job.at(second(2)).started, Some(second(2)));
        assert_eq!(job.at(second(4)).ended, None);
        let (at, end) = job.at(second(9)).ended.unwrap();
        assert_eq!(at, second(5));
        assert!(matches!(end, End::Failed(failure) if failure.reason == "why"));
    }

    #[test]
    fn a_cancellation_takes_its_time_and_may_come_too_late() {
        let mut job = timeline(r#"{"seconds": 10, "cancel_seconds": 3}"#);
        job.cancel(second(2));
        job.cancel(second(4));
        assert_eq!(job.at(second(4)).ended, None);
        assert_eq!(job.at(second(4)).cancelling, Some(second(2)));
        assert_eq!(job.at(second(6)).ended, Some((second(5), End::Cancelled)));
        let mut late = timeline(r#"{"seconds": 10, "cancel_seconds": 3}"#);
        late.cancel(second(8));
        assert_eq!(
            late.at(second(11)).ended,
            Some((second(10), End::Succeeded))
        );
        let mut over = timeline(r#"{"seconds": 1}"#);
        over.cancel(second(2));
        assert_eq!(over.at(second(2)).cancelling, None);
    }

    #[test]
    fn cancellations_are_ignored_as_often_as_scripted_and_forever_ends_by_one() {
        let mut job = timeline(r#"{"forever": true, "ignore_cancels": 2, "pending_seconds": 60}"#);
        for at in 1..=2 {
            job.cancel(second(at));
            assert_eq!(job.at(second(at)).cancelling, None);
        }
        assert_eq!(job.at(second(1_000_000)).ended, None);
        job.cancel(second(3));
        let standing = job.at(second(3));
        assert_eq!(standing.ended, Some((second(3), End::Cancelled)));
        assert_eq!(standing.started, None);
    }
}
