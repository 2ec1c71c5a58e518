//! The filters for dates and times. They compute from what they are given and never ask what time it is.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use minijinja::Error;
use minijinja::value::Value as Computed;

use super::filters::{refuse, text_of};

enum Moment {
    Day(Date),
    Plain(DateTime),
    /// With an offset; `true` when it was written as `Z`.
    Fixed(Zoned, bool),
}

impl Moment {
    fn read(filter: &str, value: &Computed) -> Result<Self, Error> {
        let text = text_of(filter, value)?;
        let bad = || {
            refuse(format!(
                "`{filter}` needs a date or time such as 2026-06-01 or 2026-06-01T02:30:00Z, not `{text}`"
            ))
        };
        let pieces = Pieces::parse(text).map_err(|_| bad())?;
        let Some(time) = pieces.time() else {
            return Ok(Self::Day(pieces.date()));
        };
        let plain = pieces.date().to_datetime(time);
        let Some(offset) = pieces.to_numeric_offset() else {
            return Ok(Self::Plain(plain));
        };
        let zulu = matches!(pieces.offset(), Some(PiecesOffset::Zulu));
        let zoned = plain.to_zoned(TimeZone::fixed(offset)).map_err(|_| bad())?;
        Ok(Self::Fixed(zoned, zulu))
    }

    /// Moves an instant to a time zone; a time without an offset cannot be moved.
    fn within(self, filter: &str, zone: Option<&str>) -> Result<Self, Error> {
        let Some(zone) = zone else { return Ok(self) };
        match self {
            Self::Fixed(zoned, _) => {
                let moved = zoned.in_tz(zone).map_err(|_| {
                    refuse(format!("`{zone}` is not a time zone such as Europe/Paris"))
                })?;
                Ok(Self::Fixed(moved, false))
            }
            Self::Day(_) | Self::Plain(_) => Err(refuse(format!(
                "`{filter}` can move only a time with an offset or Z to a time zone"
            ))),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Day(day) => day.to_string(),
            Self::Plain(plain) => plain.to_string(),
            Self::Fixed(zoned, true) => zoned.timestamp().to_string(),
            Self::Fixed(zoned, false) => zoned.strftime("%Y-%m-%dT%H:%M:%S%.f%:z").to_string(),
        }
    }

    fn add(self, span: Span) -> Result<Self, Error> {
        let far = |_| refuse("the date is out of range");
        Ok(match self {
            Self::Day(day) => Self::Day(day.checked_add(span).map_err(far)?),
            Self::Plain(plain) => Self::Plain(plain.checked_add(span).map_err(far)?),
            Self::Fixed(zoned, zulu) => Self::Fixed(zoned.checked_add(span).map_err(far)?, zulu),
        })
    }
}

/// `slot | date`, `slot | date("Europe/Paris")`: YYYY-MM-DD.
pub(super) fn date(value: &Computed, zone: Option<&str>) -> Result<String, Error> {
    Ok(match Moment::read("date", value)?.within("date", zone)? {
        Moment::Day(day) => day.to_string(),
        Moment::Plain(plain) => plain.date().to_string(),
        Moment::Fixed(zoned, _) => zoned.date().to_string(),
    })
}

/// `slot | datetime`, `slot | datetime("Europe/Paris")`: RFC 3339; a date becomes its midnight.
pub(super) fn datetime(value: &Computed, zone: Option<&str>) -> Result<String, Error> {
    Ok(
        match Moment::read("datetime", value)?.within("datetime", zone)? {
            Moment::Day(day) => day.at(0, 0, 0, 0).to_string(),
            other => other.text(),
        },
    )
}

/// `slot | format("%Y/%m/%d")`, with a time zone as second argument if wanted.
pub(super) fn format(value: &Computed, pattern: &str, zone: Option<&str>) -> Result<String, Error> {
    if pattern.len() > crate::limits::EXPRESSION_BYTES {
        return Err(refuse("the pattern of `format` is too long"));
    }
    let made = match Moment::read("format", value)?.within("format", zone)? {
        Moment::Day(day) => strtime::format(pattern, day),
        Moment::Plain(plain) => strtime::format(pattern, plain),
        Moment::Fixed(zoned, _) => strtime::format(pattern, &zoned),
    };
    made.map_err(|error| refuse(format!("`{pattern}` does not fit: {error}")))
}

fn whole(filter: &str, number: &Computed) -> Result<i64, Error> {
    let exact = number.is_integer().then(|| number.as_i64()).flatten();
    exact.ok_or_else(|| refuse(format!("`{filter}` needs a whole number")))
}

/// `slot | date | add_days(-1)`; the form stays what it was.
pub(super) fn add_days(value: &Computed, days: &Computed) -> Result<String, Error> {
    let span = Span::new()
        .try_days(whole("add_days", days)?)
        .map_err(|_| refuse("that is too many days"))?;
    Ok(Moment::read("add_days", value)?.add(span)?.text())
}

/// `slot | add_hours(6)`; a date has no hours.
pub(super) fn add_hours(value: &Computed, hours: &Computed) -> Result<String, Error> {
    let span = Span::new()
        .try_hours(whole("add_hours", hours)?)
        .map_err(|_| refuse("that is too many hours"))?;
    match Moment::read("add_hours", value)? {
        Moment::Day(_) => Err(refuse("a date has no hours: use | datetime | add_hours(…)")),
        moment => Ok(moment.add(span)?.text()),
    }
}
