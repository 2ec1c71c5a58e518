//! Durations on the command line: `90`, `90s`, `5m`, `1h30m`, as in workflow files.

use ork_core::time::Millis;

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration above zero.
pub(crate) fn parse(text: &str) -> Result<Millis, String> {
    read(text)
        .filter(|span| span.0 > 0)
        .ok_or_else(|| "write seconds as 90, or a duration such as 90s, 5m or 1h30m".to_owned())
}

fn read(text: &str) -> Option<Millis> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Millis::from_secs);
    }
    let (mut rest, mut total, mut units) = (text, 0_u64, UNITS.as_slice());
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, after) = after.split_at(
            after
                .find(|c: char| !c.is_ascii_alphabetic())
                .unwrap_or(after.len()),
        );
        let at = units.iter().position(|(word, _)| *word == unit)?;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(units[at].1)?)?;
        units = &units[at + 1..];
        rest = after;
    }
    Some(Millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_workflow_files() {
        for (text, ms) in [
            ("90", 90_000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
        ] {
            assert_eq!(parse(text), Ok(Millis(ms)), "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "5 m",
            "m",
            "5x",
            "5m1h",
            "1.5h",
            "99999999999999999999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
