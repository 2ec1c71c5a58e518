//! A cron pattern as five sets of numbers, and the search for the next wall-clock minute in them.

use std::fmt;

use super::calendar::{DAY, date, day_number, small, weekday};
use super::slots::SEARCH_YEARS;

/// A pattern of five unix-cron fields: minute, hour, day of month, month, day of week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    pub(super) text: String,
    /// Bit `n` stands for the number `n`, in all five.
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) days: u64,
    pub(super) months: u64,
    /// Sunday is 0.
    pub(super) weekdays: u64,
    /// Both day fields are restricted: a day that satisfies one of them is enough.
    pub(super) either_day: bool,
    /// The hour field names its hours; it has no `*`.
    pub(super) fixed: bool,
}

/// What is wrong with a cron text, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    /// The field it is about: `minute`, `hour`, `day of month`, `month` or `day of week`.
    pub field: Option<&'static str>,
    /// Characters before the wrong part.
    pub offset: usize,
    /// Characters of the wrong part, at least 1.
    pub width: usize,
}

impl Cron {
    /// Reads five unix-cron fields or a macro such as `@daily`.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        super::parse::cron(text)
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the hour field names its hours (numbers, lists, ranges) and so follows the daylight-saving
    /// rule for fixed times. A `*` or `*/n` among its items makes it open.
    pub fn has_fixed_hours(&self) -> bool {
        self.fixed
    }

    /// Whether the day with this number is one of the pattern's.
    pub(super) fn matches_day(&self, day_number: i64) -> bool {
        let (_, month, day) = date(day_number);
        let (by_date, by_weekday) = (has(self.days, day), has(self.weekdays, weekday(day_number)));
        has(self.months, month)
            && if self.either_day {
                by_date || by_weekday
            } else {
                by_date && by_weekday
            }
    }

    /// The first matching reading of a wall clock at or after `wall` (seconds), if there is one within the search bound.
    pub(super) fn next_reading(&self, wall: i64) -> Option<i64> {
        let minute = ceil_minute(wall);
        let (today, now) = (minute.div_euclid(1440), small(minute.rem_euclid(1440)));
        if self.matches_day(today)
            && let Some(time) = self.next_time_of_day(now)
        {
            return Some(today * DAY + i64::from(time) * 60);
        }
        let first = self.hours.trailing_zeros() * 60 + self.minutes.trailing_zeros();
        self.next_day(today + 1)
            .map(|day| day * DAY + i64::from(first) * 60)
    }

    fn next_time_of_day(&self, now: u32) -> Option<u32> {
        let (hour, minute) = (now / 60, now % 60);
        let minutes = self.minutes & from(minute);
        if has(self.hours, hour) && minutes != 0 {
            return Some(hour * 60 + minutes.trailing_zeros());
        }
        let hours = self.hours & from(hour + 1);
        (hours != 0).then(|| hours.trailing_zeros() * 60 + self.minutes.trailing_zeros())
    }

    fn next_day(&self, mut day: i64) -> Option<i64> {
        let last = day + SEARCH_YEARS * 366;
        while day <= last {
            let (year, month, _) = date(day);
            if !has(self.months, month) {
                day = if month == 12 {
                    day_number(year + 1, 1, 1)
                } else {
                    day_number(year, month + 1, 1)
                };
            } else if self.matches_day(day) {
                return Some(day);
            } else {
                day += 1;
            }
        }
        None
    }

    /// How many readings `from <= reading < until` of a wall clock match.
    pub(super) fn count_readings(&self, from: i64, until: i64) -> u64 {
        if until <= from {
            return 0;
        }
        let (from, until) = (ceil_minute(from), ceil_minute(until));
        let (first, last) = (from.div_euclid(1440), until.div_euclid(1440));
        let part = |day: i64, minute: i64| {
            if self.matches_day(day) {
                self.times_before(small(minute.rem_euclid(1440)))
            } else {
                0
            }
        };
        let days = (first..last).filter(|day| self.matches_day(*day)).count();
        u64::try_from(days).expect("a count of days fits") * self.times_before(1440)
            + part(last, until)
            - part(first, from)
    }

    /// How many times of day lie before the given minute of the day.
    fn times_before(&self, now: u32) -> u64 {
        let (hour, minute) = (now / 60, now % 60);
        let full = u64::from((self.hours & !from(hour)).count_ones())
            * u64::from(self.minutes.count_ones());
        full + if has(self.hours, hour) {
            u64::from((self.minutes & !from(minute)).count_ones())
        } else {
            0
        }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// Whether a set holds `n`.
pub(super) fn has(set: u64, n: u32) -> bool {
    set >> n & 1 == 1
}

/// The set of `n` and everything above.
fn from(n: u32) -> u64 {
    u64::MAX << n
}

/// The first whole minute at or after a second.
fn ceil_minute(second: i64) -> i64 {
    -((-second).div_euclid(60))
}
