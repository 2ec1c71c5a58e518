//! From wall-clock readings to instants: the two daylight-saving rules and the iterator over slots.

use super::cron::Cron;
use super::zone::{Span, Zone};
use crate::time::Time;

/// How far ahead a slot is looked for. The rarest pattern that is not refused, a leap day on one day of the
/// week, leaves out 40 years around 2100.
pub const SEARCH_YEARS: i64 = 50;

/// 0001-01-01 and 9999-01-01 in seconds: between them all arithmetic stays days within what jiff can hold.
pub(super) const EARLIEST: i64 = -62_135_596_800;
pub(super) const LATEST: i64 = 253_370_764_800;

/// The slots of a cron in a zone, strictly increasing.
#[derive(Debug, Clone)]
pub struct Slots<'a> {
    cron: &'a Cron,
    zone: &'a Zone,
    /// The earliest second the next slot may have; `None` when the search is over.
    from: Option<i64>,
    /// The stretch the last slot was in.
    span: Span,
}

impl<'a> Slots<'a> {
    /// The slots from an instant on, that instant included.
    pub fn new(cron: &'a Cron, zone: &'a Zone, from: Time) -> Self {
        let from = seconds_from(from).max(EARLIEST);
        let from = (from < LATEST).then_some(from);
        Self {
            cron,
            zone,
            from,
            span: zone.span(from.unwrap_or(0)),
        }
    }

    fn find(&mut self, from: i64) -> Option<i64> {
        if self.cron.fixed {
            self.find_fixed(from)
        } else {
            self.find_open(from)
        }
    }

    /// A fixed time fires when the clock first shows it or, where the clock jumped over it, shows a later time.
    fn find_fixed(&mut self, from: i64) -> Option<i64> {
        let reading = self
            .cron
            .next_reading(self.zone.high_water(from, self.span))?;
        if reading > LATEST {
            return None;
        }
        let (instant, span) = self.zone.first_showing(reading, self.span);
        self.span = span;
        Some(instant)
    }

    /// Open hours fire at every instant that matches, stretch by stretch.
    fn find_open(&mut self, from: i64) -> Option<i64> {
        let bound = from.saturating_add(SEARCH_YEARS * 366 * 86_400).min(LATEST);
        let mut at = from;
        loop {
            if !self.span.contains(at) {
                self.span = self.zone.span(at);
            }
            let instant = self.cron.next_reading(at + self.span.offset)? - self.span.offset;
            if instant < self.span.end {
                return Some(instant);
            }
            at = self.span.end;
            if at > bound {
                return None;
            }
        }
    }
}

impl Iterator for Slots<'_> {
    type Item = Time;
    fn next(&mut self) -> Option<Time> {
        let found = self
            .from
            .and_then(|from| self.find(from))
            .filter(|second| *second < LATEST);
        self.from = found.map(|second| second + 1);
        found.map(|second| Time(second * 1000))
    }
}

/// The first slot at or after an instant; `None` when there is none within [`SEARCH_YEARS`].
pub fn next_slot(cron: &Cron, zone: &Zone, from: Time) -> Option<Time> {
    Slots::new(cron, zone, from).next()
}

/// The first `limit` slots with `after < slot <= until`.
pub fn slots_between(
    cron: &Cron,
    zone: &Zone,
    after: Time,
    until: Time,
    limit: usize,
) -> Vec<Time> {
    if until <= after {
        return Vec::new();
    }
    Slots::new(cron, zone, Time(after.0.saturating_add(1)))
        .take_while(|slot| *slot <= until)
        .take(limit)
        .collect()
}

/// The last slot with `after < slot <= until`. Looks back over windows that double, so that neither a dense
/// nor a sparse pattern costs much.
pub fn last_slot(cron: &Cron, zone: &Zone, after: Time, until: Time) -> Option<Time> {
    let until = until.min(Time(LATEST * 1000));
    let mut window = 3_600_000_i64;
    loop {
        let start = Time(until.0.saturating_sub(window)).max(after);
        if let Some(last) = slots_between(cron, zone, start, until, usize::MAX).pop() {
            return Some(last);
        }
        if start <= after || start.0 < EARLIEST * 1000 {
            return None;
        }
        window = window.saturating_mul(2);
    }
}

/// The first whole second at or after an instant.
pub(super) fn seconds_from(instant: Time) -> i64 {
    instant.0.div_euclid(1000) + i64::from(instant.0.rem_euclid(1000) != 0)
}
