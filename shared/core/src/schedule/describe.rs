//! A cron in plain English.

use super::cron::{Cron, has};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// What a pattern says, such as `at 02:30 on Monday to Friday`. Times are those of the schedule's zone.
pub fn describe(cron: &Cron) -> String {
    format!("{} {}", times(cron), days(cron))
        .trim_end()
        .to_owned()
}

fn times(cron: &Cron) -> String {
    let (minutes, hours) = (members(cron.minutes, 0, 59), members(cron.hours, 0, 23));
    if minutes.len() * hours.len() <= 4 {
        let times = hours.iter().flat_map(|hour| {
            minutes
                .iter()
                .map(move |minute| format!("{hour:02}:{minute:02}"))
        });
        return format!("at {}", listed(&times.collect::<Vec<_>>()));
    }
    if let ([0], Some(step @ 2..)) = (minutes.as_slice(), stride(&hours, 24)) {
        return format!("every {step} hours");
    }
    let minute = match (minutes.as_slice(), stride(&minutes, 60)) {
        ([0], _) if hours.len() == 24 => return "every hour".to_owned(),
        (_, Some(1)) => "every minute".to_owned(),
        (_, Some(step)) => format!("every {step} minutes"),
        (some, None) => format!("at minute {}", listed(&runs(some, &|n| n.to_string()))),
    };
    match (hours.len(), stride(&hours, 24)) {
        (24, _) if minute.starts_with("every") => minute,
        (24, _) => format!("{minute} of every hour"),
        (_, Some(step)) => format!("{minute} of every {step}{} hour", ordinal(step)),
        _ => format!(
            "{minute} of the hours {}",
            listed(&runs(&hours, &|n| n.to_string()))
        ),
    }
}

fn days(cron: &Cron) -> String {
    let (days, months, weekdays) = (
        members(cron.days, 1, 31),
        members(cron.months, 1, 12),
        members(cron.weekdays, 0, 6),
    );
    let by_date = (days.len() < 31).then(|| {
        format!(
            "on day {} of the month",
            listed(&runs(&days, &|n| n.to_string()))
        )
    });
    let by_weekday = (weekdays.len() < 7)
        .then(|| format!("on {}", listed(&runs(&weekdays, &|n| name(&WEEKDAYS, n)))));
    let months = (months.len() < 12)
        .then(|| format!("in {}", listed(&runs(&months, &|n| name(&MONTHS, n - 1)))));
    let day = match (by_date, by_weekday) {
        (Some(date), Some(weekday)) => format!(
            "{date} {} {weekday}",
            if cron.either_day { "or" } else { "if it falls" }
        ),
        (Some(one), None) | (None, Some(one)) => one,
        // "every 15 minutes every day" says no more than "every 15 minutes".
        (None, None) if stride(&members(cron.hours, 0, 23), 24).is_some() => String::new(),
        (None, None) => "every day".to_owned(),
    };
    match months {
        Some(months) if day.is_empty() => months,
        Some(months) => format!("{day} {months}"),
        None => day,
    }
}

fn name(names: &[&str], position: u32) -> String {
    names
        .iter()
        .zip(0..)
        .find(|(_, at)| *at == position)
        .map_or_else(|| position.to_string(), |(name, _)| (*name).to_owned())
}

fn members(set: u64, min: u32, max: u32) -> Vec<u32> {
    (min..=max).filter(|n| has(set, *n)).collect()
}

/// The step, if the numbers are those of `*/step` and the step divides the whole evenly.
fn stride(numbers: &[u32], whole: u32) -> Option<u32> {
    let count = u32::try_from(numbers.len())
        .ok()
        .filter(|count| *count > 1 && whole.is_multiple_of(*count))?;
    let step = whole / count;
    numbers
        .iter()
        .zip(0..)
        .all(|(n, i)| *n == i * step)
        .then_some(step)
}

fn ordinal(n: u32) -> &'static str {
    match n {
        2 => "nd",
        3 => "rd",
        _ => "th",
    }
}

/// Runs of three or more neighbours become `first to last`.
fn runs(numbers: &[u32], show: &dyn Fn(u32) -> String) -> Vec<String> {
    let groups = numbers.chunk_by(|a, b| *b == a + 1);
    groups
        .flat_map(|group| match group {
            [first, _, .., last] if group.len() > 2 => {
                vec![format!("{} to {}", show(*first), show(*last))]
            }
            few => few.iter().map(|n| show(*n)).collect(),
        })
        .collect()
}

fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
