//! One field of a cron: lists, ranges, steps, names, and an error that points at the wrong part.

use super::cron::CronError;

/// What a field may hold.
#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    min: u32,
    max: u32,
    /// Three-letter names, the first stands for `min`.
    names: &'static [&'static str],
}

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
pub(super) const FIELDS: [Field; 5] = [
    Field {
        name: "minute",
        min: 0,
        max: 59,
        names: &[],
    },
    Field {
        name: "hour",
        min: 0,
        max: 23,
        names: &[],
    },
    Field {
        name: "day of month",
        min: 1,
        max: 31,
        names: &[],
    },
    Field {
        name: "month",
        min: 1,
        max: 12,
        names: &MONTHS,
    },
    Field {
        name: "day of week",
        min: 0,
        max: 6,
        names: &WEEKDAYS,
    },
];
/// What a sixth field would be; only looked at to give a better hint.
pub(super) const YEAR: Field = Field {
    name: "year",
    min: 1970,
    max: 2099,
    names: &[],
};

/// A part of the text: its characters and how many precede it.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

impl<'a> Part<'a> {
    pub(super) fn width(self) -> usize {
        self.text.chars().count().max(1)
    }
    /// The pieces between separators, each with its own offset.
    pub(super) fn split(self, separator: impl Fn(char) -> bool) -> impl Iterator<Item = Part<'a>> {
        let mut offset = self.offset;
        self.text.split(separator).map(move |text| {
            let part = Part { text, offset };
            offset += text.chars().count() + 1;
            part
        })
    }
    pub(super) fn split_once(self, separator: char) -> Option<(Part<'a>, Part<'a>)> {
        let (before, after) = self.text.split_once(separator)?;
        let offset = self.offset + before.chars().count() + 1;
        Some((
            Part {
                text: before,
                offset: self.offset,
            },
            Part {
                text: after,
                offset,
            },
        ))
    }
    pub(super) fn wrong(
        self,
        field: Option<&'static str>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> CronError {
        CronError {
            message: message.into(),
            hint: Some(hint.into()),
            field,
            offset: self.offset,
            width: self.width(),
        }
    }
}

/// What one field says.
pub(super) struct Set {
    pub(super) numbers: u64,
    /// One of its items begins with `*`.
    pub(super) star: bool,
}

pub(super) fn set(field: Field, part: Part<'_>) -> Result<Set, CronError> {
    let mut found = Set {
        numbers: 0,
        star: false,
    };
    for item in part.split(|c| c == ',') {
        if item.text.is_empty() {
            return Err(part.wrong(
                Some(field.name),
                format!("`{}` has an empty item in its list", part.text),
                "remove the comma that is too many",
            ));
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (first, last) = bounds(field, item, range, step.is_some())?;
        let step = step.map_or(Ok(1), |step| step_size(field, item, step))?;
        found.star |= range.text == "*";
        for number in (first..=last).step_by(step) {
            // Seven is Sunday too; years are only checked, never kept.
            found.numbers |= 1
                << (if field.min == 0 && field.max == 6 {
                    number % 7
                } else {
                    number % 64
                });
        }
    }
    Ok(found)
}

/// The first and last number of an item.
fn bounds(
    field: Field,
    item: Part<'_>,
    range: Part<'_>,
    stepped: bool,
) -> Result<(u32, u32), CronError> {
    if range.text == "*" {
        return Ok((field.min, field.max));
    }
    if range.text.is_empty() {
        return Err(item.wrong(
            Some(field.name),
            format!("`{}` does not say what to step through", item.text),
            format!("write `*{}`", item.text),
        ));
    }
    let range_of = range
        .split_once('-')
        .filter(|(first, _)| !first.text.is_empty());
    let Some((from, to)) = range_of else {
        let only = number(field, range)?;
        if stepped {
            let hint = format!(
                "to start at {only} write `{only}-{}{}`",
                field.max,
                &item.text[range.text.len()..]
            );
            return Err(item.wrong(
                Some(field.name),
                format!("`{}` steps through a single number", item.text),
                hint,
            ));
        }
        return Ok((only, only));
    };
    if to.text.is_empty() {
        return Err(range.wrong(
            Some(field.name),
            format!("the range `{}` has no end", range.text),
            "a range is written `first-last`",
        ));
    }
    let (first, mut last) = (number(field, from)?, number(field, to)?);
    if to.text.eq_ignore_ascii_case("SUN") && first > 0 {
        last = 7;
    }
    if last < first {
        let hint = if field.name == "day of week" && last == 0 {
            format!("the Sunday at the end of a week is 7: write `{first}-7`")
        } else if first == field.max {
            format!("write `{first},{}-{last}`", field.min)
        } else {
            format!(
                "a range does not wrap around: write `{first}-{},{}-{last}`",
                field.max, field.min
            )
        };
        return Err(range.wrong(
            Some(field.name),
            format!("the range `{}` ends before it starts", range.text),
            hint,
        ));
    }
    Ok((first, last))
}

fn step_size(field: Field, item: Part<'_>, step: Part<'_>) -> Result<usize, CronError> {
    let most = field.max - field.min + 1;
    let wrong = |hint: String| {
        step.wrong(
            Some(field.name),
            format!(
                "`{}` is not a step of the {} field (in `{}`)",
                step.text, field.name, item.text
            ),
            hint,
        )
    };
    let digits = !step.text.is_empty() && step.text.bytes().all(|b| b.is_ascii_digit());
    match step.text.parse::<u32>() {
        Ok(n) if digits && (1..=most).contains(&n) => Ok(usize::try_from(n).expect("at most 60")),
        Ok(n) if digits && n > most => Err(wrong(format!(
            "a step counts within one field and starts anew with it: at most {most}"
        ))),
        _ => Err(wrong(format!("write a whole number from 1 to {most}"))),
    }
}

/// One number or name. Seven stays seven here, so that `5-7` is a range.
fn number(field: Field, part: Part<'_>) -> Result<u32, CronError> {
    let text = part.text;
    let max = if field.name == "day of week" {
        7
    } else {
        field.max
    };
    let allowed = match field.names {
        [] => format!("{} to {}", field.min, max),
        [first, .., last] => format!("{} to {} or {first} to {last}", field.min, max),
        [only] => (*only).to_owned(),
    };
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse::<u32>() {
            Ok(n) if (field.min..=max).contains(&n) => Ok(n),
            _ => Err(part.wrong(
                Some(field.name),
                format!("{text} is outside the {} field", field.name),
                format!("allowed are {allowed}"),
            )),
        };
    }
    if let Some(position) = field
        .names
        .iter()
        .position(|name| name.eq_ignore_ascii_case(text))
    {
        return Ok(field.min + u32::try_from(position).expect("at most twelve names"));
    }
    let message = format!("`{text}` is not a {}", field.name);
    Err(part.wrong(
        Some(field.name),
        message,
        not_a_number(field, text).unwrap_or_else(|| format!("allowed are {allowed}")),
    ))
}

/// What the writer of something that is no number may have had in mind.
fn not_a_number(field: Field, text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    if let Some(name) = field.names.iter().find(|name| {
        upper.starts_with(**name)
            && upper.len() > 3
            && upper.bytes().all(|b| b.is_ascii_alphabetic())
    }) {
        return Some(format!("names have three letters: write `{name}`"));
    }
    let home = FIELDS
        .iter()
        .find(|other| other.name != field.name && other.names.contains(&upper.as_str()));
    if let Some(home) = home {
        return Some(format!(
            "`{text}` belongs in the {} field; the order is minute, hour, day of month, month, day of week",
            home.name
        ));
    }
    if upper == "?" {
        return Some("unix cron has no `?`: write `*`".to_owned());
    }
    let digit_or = |letter: char| {
        upper.chars().all(|c| c.is_ascii_digit() || c == letter) && upper.contains(letter)
    };
    if digit_or('L') || upper == "LW" {
        Some(
            "unix cron has no last day: run on `28-31` with a `when:` that looks at the date"
                .to_owned(),
        )
    } else if digit_or('W') {
        Some("unix cron has no nearest weekday (`W`): run on several days with a `when:` that looks at the date".to_owned())
    } else if digit_or('#') {
        Some("unix cron has no n-th weekday (`#`): run on that weekday with a `when:` that looks at the date".to_owned())
    } else if digit_or('.') || upper.starts_with('-') {
        Some(format!(
            "write a whole number from {} to {}",
            field.min, field.max
        ))
    } else if upper.contains('*') {
        Some("`*` stands alone, or before a step as in `*/5`".to_owned())
    } else {
        None
    }
}
