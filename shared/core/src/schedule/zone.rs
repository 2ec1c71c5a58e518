//! A time zone: which offset its wall clock has when, and the names people misspell.

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Seconds after a change of the clock by which it can no longer matter: offsets lie within ±26 hours.
const SETTLED: i64 = 3 * 86_400;

/// An IANA time zone, with the rules compiled into this binary.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    name: String,
    tz: TimeZone,
}

/// Why a time zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ZoneError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A stretch of time with one offset; seconds since 1970, `end` is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) offset: i64,
}

impl Zone {
    /// Finds a zone by its exact IANA name. `europe/berlin` is refused with the right spelling, because
    /// the tasks that are handed the name would not find it either.
    pub fn parse(name: &str) -> Result<Self, ZoneError> {
        let database = TimeZoneDatabase::bundled();
        match database.get(name) {
            Ok(tz) if tz.iana_name() == Some(name) && !tz.is_unknown() => Ok(Self {
                name: name.to_owned(),
                tz,
            }),
            Ok(_) | Err(_) => {
                let hint = hint(&database, name);
                Err(ZoneError {
                    message: format!("`{name}` is not a time zone of the IANA database"),
                    hint: Some(hint),
                })
            }
        }
    }

    /// UTC, the zone of a schedule that names none.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            tz: TimeZone::UTC,
        }
    }

    /// Its IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn tz(&self) -> &TimeZone {
        &self.tz
    }

    /// The stretch that contains an instant. Zones may list changes that leave the offset alone; these split a
    /// stretch in two, which does no harm.
    pub(super) fn span(&self, second: i64) -> Span {
        let at = |second| {
            Timestamp::from_second(second)
                .expect("slots.rs keeps instants days within what jiff can hold")
        };
        let start = self
            .tz
            .preceding(at(second + 1))
            .next()
            .map_or(i64::MIN, |change| change.timestamp().as_second());
        let end = self
            .tz
            .following(at(second))
            .next()
            .map_or(i64::MAX, |change| change.timestamp().as_second());
        Span {
            start,
            end,
            offset: i64::from(self.tz.to_offset(at(second)).seconds()),
        }
    }

    /// The wall clock's high-water mark: the least reading that no instant before `second` has shown or passed.
    /// `near` is any stretch; it saves a look-up when it is the right one.
    pub(super) fn high_water(&self, second: i64, near: Span) -> i64 {
        let mut span = if near.contains(second - 1) {
            near
        } else {
            self.span(second - 1)
        };
        let mut mark = second + span.offset;
        while span.start > second - SETTLED {
            let end = span.start;
            span = self.span(end - 1);
            mark = mark.max(end + span.offset);
        }
        mark
    }

    /// The first instant at which the wall clock shows `reading` or a later one, and its stretch.
    pub(super) fn first_showing(&self, reading: i64, near: Span) -> (i64, Span) {
        let guess = reading - near.offset;
        if near.contains(guess) && near.start < guess - SETTLED {
            return (guess, near);
        }
        // Before this instant no offset lets the clock show the reading.
        let mut from = reading - 26 * 3600;
        loop {
            let span = self.span(from);
            let instant = from.max(reading - span.offset);
            if instant < span.end {
                return (instant, span);
            }
            from = span.end;
        }
    }
}

impl Span {
    pub(super) fn contains(self, second: i64) -> bool {
        self.start <= second && second < self.end
    }
}

/// Abbreviations that are no zone, or one without daylight saving, and what their writers mean.
const ABBREVIATIONS: [(&str, &str); 12] = [
    ("BST", "Europe/London"),
    ("CDT", "America/Chicago"),
    ("CEST", "Europe/Berlin"),
    ("CST", "America/Chicago"),
    ("EDT", "America/New_York"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MDT", "America/Denver"),
    ("MSK", "Europe/Moscow"),
    ("PDT", "America/Los_Angeles"),
    ("PST", "America/Los_Angeles"),
    ("Z", "UTC"),
];

fn hint(database: &TimeZoneDatabase, name: &str) -> String {
    let asked = name.trim().replace(' ', "_").to_lowercase();
    if let Some((_, place)) = ABBREVIATIONS
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(&asked))
    {
        return format!("did you mean `{place}`?");
    }
    if asked.starts_with(['+', '-']) || asked.starts_with("utc+") || asked.starts_with("utc-") {
        return "an offset is not a zone: name a place such as `Europe/Berlin`, or a fixed offset such as `Etc/GMT-2`, which is two hours *ahead* of UTC".to_owned();
    }
    if asked.is_empty() {
        return "write an IANA name such as `Europe/Berlin`, or leave `timezone` out for UTC"
            .to_owned();
    }
    let near = database
        .available()
        .map(|known| {
            let known = known.as_str().to_owned();
            let lower = known.to_lowercase();
            let city = lower.rsplit('/').next().unwrap_or(&lower);
            let whole = distance(&asked, &lower);
            // A name without a slash may be that of a city; among equals the shorter way to the whole name wins.
            let nearest = if asked.contains('/') {
                whole
            } else {
                whole.min(distance(&asked, city))
            };
            (nearest, whole, known)
        })
        .min();
    match near {
        Some((distance, _, known)) if distance <= 1 + asked.chars().count() / 5 => {
            format!("did you mean `{known}`?")
        }
        _ => "write an IANA name such as `Europe/Berlin`, `America/New_York` or `UTC`".to_owned(),
    }
}

/// Insertions, deletions and replacements that turn one text into the other.
fn distance(a: &str, b: &str) -> usize {
    // Names are short; what is not short is not close either.
    let a: Vec<char> = a.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (j, other) in b.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = j + 1;
        for (i, own) in a.iter().enumerate() {
            let cost = diagonal + usize::from(*own != other);
            diagonal = row[i + 1];
            row[i + 1] = cost.min(diagonal + 1).min(row[i] + 1);
        }
    }
    row[a.len()]
}
