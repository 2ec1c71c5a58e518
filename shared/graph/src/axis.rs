//! Ticks of a time axis: round spans, not too many.

use ork_core::time::{Millis, Time};

/// What the ticks of a time axis say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Axis {
    /// How long after the beginning.
    #[default]
    Elapsed,
    /// The time of day in UTC.
    Clock,
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Steps that people count time in.
const STEPS: [i64; 30] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    30 * DAY,
];

impl Axis {
    /// At most `most` ticks (and one) from `from` to `to`, with what they say.
    pub(crate) fn ticks(self, from: Time, to: Time, most: u32) -> Vec<(Time, String)> {
        let span = i64::try_from(to.since(from).0).unwrap_or(i64::MAX);
        let most = i64::from(most.max(1));
        let fits = |step: &&i64| span / **step <= most;
        let step = STEPS.iter().find(fits).copied();
        // Beyond months a multiple of the longest will do.
        let longest = STEPS[STEPS.len() - 1];
        let step = step.unwrap_or_else(|| longest.saturating_mul(span / longest / most + 1));
        let first = match self {
            Self::Elapsed => 0,
            Self::Clock => (step - from.0.rem_euclid(step)) % step,
        };
        let ticks = (0..=most).map(|n| first.saturating_add(step.saturating_mul(n)));
        ticks
            .take_while(|&after| after <= span)
            .map(|after| {
                let at = Time(from.0.saturating_add(after));
                let label = match self {
                    Self::Elapsed => Millis(u64::try_from(after).unwrap_or(0)).to_string(),
                    Self::Clock => clock(at, step),
                };
                (at, label)
            })
            .collect()
    }
}

/// The day at midnight, else the time of day as exactly as the steps are.
fn clock(at: Time, step: i64) -> String {
    let text = at.rfc3339();
    let part = if at.0.rem_euclid(DAY) == 0 {
        text.get(5..10)
    } else if step >= MINUTE {
        text.get(11..16)
    } else {
        text.get(11..).map(|time| time.trim_end_matches('Z'))
    };
    part.map_or_else(|| text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, from: i64, span: i64) -> Vec<String> {
        let ticks = axis.ticks(Time(from), Time(from + span), 6);
        ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(labels(Axis::Elapsed, 7, 0), ["0ms"]);
        assert_eq!(
            labels(Axis::Elapsed, 7, 100),
            ["0ms", "20ms", "40ms", "60ms", "80ms", "100ms"]
        );
        assert_eq!(labels(Axis::Elapsed, 7, 65_000)[1], "10s");
        assert_eq!(labels(Axis::Elapsed, 7, 3 * HOUR)[3], "1h 30m");
        for power in 0..55 {
            for axis in [Axis::Elapsed, Axis::Clock] {
                let found = labels(axis, 1_780_000_000_123, 1 << power);
                assert!(found.len() <= 8, "{power}: {found:?}");
                let distinct: std::collections::BTreeSet<_> = found.iter().collect();
                // A time of day comes again the next day.
                assert!(
                    axis == Axis::Clock || distinct.len() == found.len(),
                    "{power}: {found:?}"
                );
            }
        }
        assert!(
            !Axis::Clock
                .ticks(Time(i64::MIN), Time(i64::MAX), 6)
                .is_empty()
        );
        assert_eq!(Axis::Elapsed.ticks(Time(5), Time(1), 6).len(), 1);
    }

    #[test]
    fn a_clock_shows_the_day_at_midnight() {
        // 2026-06-01T22:00:00Z
        let from = 1_780_351_200_000;
        assert_eq!(
            labels(Axis::Clock, from, 5 * HOUR),
            ["22:00", "23:00", "06-02", "01:00", "02:00", "03:00"]
        );
        assert_eq!(labels(Axis::Clock, from + 1, 10_000)[0], "22:00:02");
    }
}
