//! Cron texts to [`Cron`], or to an error that points at the wrong part.

use super::calendar::longest;
use super::cron::{Cron, CronError, has};
use super::field::{FIELDS, Part, YEAR, set};

/// Characters of a cron text; the longest useful ones have a few dozen.
const TEXT_CHARS: usize = 1000;

const MACROS: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
const FIVE_FIELDS: &str = "write minute, hour, day of month, month and day of week, such as `30 2 * * *` for 02:30 every day";

pub(super) fn cron(text: &str) -> Result<Cron, CronError> {
    let leading = text.chars().take_while(char::is_ascii_whitespace).count();
    let whole = Part {
        text: text.trim_matches(|c: char| c.is_ascii_whitespace()),
        offset: leading,
    };
    if whole.text.is_empty() {
        return Err(Part {
            text: "",
            offset: 0,
        }
        .wrong(None, "the schedule is empty", FIVE_FIELDS));
    }
    if whole.width() > TEXT_CHARS {
        return Err(whole.wrong(
            None,
            format!(
                "the schedule has {} characters, at most {TEXT_CHARS} are read",
                whole.width()
            ),
            FIVE_FIELDS,
        ));
    }
    if whole.text.starts_with('@') {
        let Some((_, fields)) = MACROS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(whole.text))
        else {
            return Err(unknown_macro(whole));
        };
        let mut cron = cron(fields)?;
        whole.text.clone_into(&mut cron.text);
        return Ok(cron);
    }
    let parts: Vec<Part<'_>> = whole
        .split(|c| c.is_ascii_whitespace())
        .filter(|part| !part.text.is_empty())
        .collect();
    let [minute, hour, day, month, weekday] = parts[..] else {
        return Err(wrong_count(whole, &parts));
    };
    let [minutes, hours, days, months, weekdays] = [
        set(FIELDS[0], minute)?,
        set(FIELDS[1], hour)?,
        set(FIELDS[2], day)?,
        set(FIELDS[3], month)?,
        set(FIELDS[4], weekday)?,
    ];
    let either_day = !days.star && !weekdays.star;
    let possible = (1..=12)
        .filter(|month| has(months.numbers, *month))
        .any(|month| (1..=longest(month)).any(|day| has(days.numbers, day)));
    if !either_day && !possible {
        let message = format!(
            "no month of `{}` has a day `{}`, so this schedule never fires",
            month.text, day.text
        );
        return Err(day.wrong(
            Some(FIELDS[2].name),
            message,
            "February has 28 or 29 days; April, June, September and November have 30",
        ));
    }
    Ok(Cron {
        text: whole.text.to_owned(),
        minutes: minutes.numbers,
        hours: hours.numbers,
        days: days.numbers,
        months: months.numbers,
        weekdays: weekdays.numbers,
        either_day,
        fixed: !hours.star,
    })
}

fn unknown_macro(whole: Part<'_>) -> CronError {
    let hint = match whole.text.to_ascii_lowercase().as_str() {
        "@reboot" => "Ork has no reboot to wait for: start the workflow with `ork execute`, or give it an `on:` trigger".to_owned(),
        every if every.starts_with("@every") => "write the interval as fields: `*/5 * * * *` is every five minutes".to_owned(),
        _ => format!("known are {}", MACROS.map(|(name, _)| name).join(", ")),
    };
    whole.wrong(None, format!("`{}` is not a schedule", whole.text), hint)
}

fn wrong_count(whole: Part<'_>, parts: &[Part<'_>]) -> CronError {
    let found = parts.len();
    let message = format!("a schedule has five fields, this one has {found}");
    let rest = |skip: usize| {
        parts
            .iter()
            .skip(skip)
            .take(5)
            .map(|part| part.text)
            .collect::<Vec<_>>()
            .join(" ")
    };
    if parts[0].text.eq_ignore_ascii_case("every") {
        return whole.wrong(
            None,
            message,
            "write `*/5 * * * *` for every five minutes, `0 9 * * *` for every day at nine",
        );
    }
    match found {
        6 if set(YEAR, parts[5]).is_ok() && parts[5].text.len() >= 4 => parts[5].wrong(
            None,
            message,
            format!("there is no field for the year: write `{}`", rest(0)),
        ),
        6 if cron(&rest(1)).is_ok() => parts[0].wrong(
            None,
            message,
            format!("there is no field for seconds: write `{}`", rest(1)),
        ),
        7 if cron(&rest(1)).is_ok() => whole.wrong(
            None,
            message,
            format!(
                "there are no fields for seconds and year: write `{}`",
                rest(1)
            ),
        ),
        _ => whole.wrong(None, message, FIVE_FIELDS),
    }
}
