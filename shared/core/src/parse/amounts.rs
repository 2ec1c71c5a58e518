//! Durations, cores, memory and shares as people write them.

use crate::definition::Tolerate;
use crate::time::Millis;

/// The longest duration a file may state.
pub(super) const LONGEST: Millis = Millis::from_secs(365 * 86_400);

/// A span as people write it: `90s`, `5m`, `1h30m`, `1.5h`, `2d`, `500ms`, or digits alone for seconds. Units come once each, the largest first.
pub fn duration(text: &str) -> Option<Millis> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(Millis::from_secs);
    }
    let (mut rest, mut total, mut last) = (text, 0u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (whole, fraction) = rest[..digits]
            .split_once('.')
            .map_or((&rest[..digits], None), |(whole, fraction)| {
                (whole, Some(fraction))
            });
        let amount: u64 = whole.parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| !c.is_ascii_alphabetic())
            .map_or(rest.len(), |at| digits + at);
        let factor = match &rest[digits..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        if factor >= last {
            return None;
        }
        last = factor;
        total = total
            .checked_add(amount.checked_mul(factor)?)?
            .checked_add(part_of(fraction, factor)?)?;
        rest = rest[unit_end..].trim_start();
    }
    (last != u64::MAX).then_some(Millis(total))
}

/// What the digits behind a decimal point are worth, when that is a whole number of milliseconds.
fn part_of(fraction: Option<&str>, factor: u64) -> Option<u64> {
    let Some(digits) = fraction else {
        return Some(0);
    };
    let scale = 10u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
    let scaled = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    scaled.is_multiple_of(scale).then(|| scaled / scale)
}

/// Cores: `2`, `0.5`, `500m`, or millicores from 1000 up.
pub(super) fn cpu(text: &str) -> Option<u32> {
    let millis = match text.strip_suffix('m') {
        Some(digits) => digits.parse::<u32>().ok()?,
        None => {
            let cores: f64 = text.parse().ok()?;
            let millis = if cores >= 1000.0 {
                cores
            } else {
                cores * 1000.0
            };
            if !millis.is_finite() || millis.fract() != 0.0 || !(0.0..=1e9).contains(&millis) {
                return None;
            }
            // In range and without a fraction, so nothing is lost.
            millis as u32
        }
    };
    (millis > 0).then_some(millis)
}

/// Bytes: `512Mi`, `2Gi`, `500M`, `1.5Gi`, or a plain number of bytes.
pub(super) fn memory(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("K", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("T", 1_000_000_000_000),
    ];
    let text = text.strip_suffix('B').unwrap_or(text).trim_end();
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .or_else(|| Some((text.strip_suffix('k')?, 1_000)))
        .unwrap_or((text, 1));
    let digits = digits.trim();
    let bytes = if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse::<u64>().ok()?.checked_mul(factor)?
    } else {
        let bytes = digits.parse::<f64>().ok()? * factor as f64;
        if !bytes.is_finite() || !(0.0..=1e15).contains(&bytes) {
            return None;
        }
        bytes as u64
    };
    (bytes > 0 && bytes <= 1 << 50).then_some(bytes)
}

/// A share such as `5%` or `0.25%`, in hundredths of a percent.
pub(super) fn share(text: &str) -> Option<Tolerate> {
    let (whole, fraction) = {
        let digits = text.strip_suffix('%')?.trim();
        digits.split_once('.').unwrap_or((digits, ""))
    };
    if fraction.len() > 2
        || whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let points = format!("{whole}{fraction:0<2}").parse::<u32>().ok()?;
    (points <= 10_000).then_some(Tolerate::BasisPoints(points))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, wanted) in [
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("500ms", Some(500)),
            ("1m500ms", Some(60_500)),
            ("300", Some(300_000)),
            ("", None),
            ("m", None),
            ("5 minutes", None),
            ("30m1h", None),
            ("1s1s", None),
            ("1.5h", Some(5_400_000)),
            ("2.5s", Some(2_500)),
            ("0.0001s", None),
            ("1.s", None),
            ("1.2.3s", None),
            ("-5s", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(duration(text), wanted.map(Millis), "{text}");
        }
    }

    #[test]
    fn cores_and_memory_have_their_usual_spellings() {
        for (text, wanted) in [
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("500m", Some(500)),
            ("1500", Some(1500)),
            ("0", None),
            ("-1", None),
            ("two", None),
            ("0.0001", None),
        ] {
            assert_eq!(cpu(text), wanted, "{text}");
        }
        for (text, wanted) in [
            ("512Mi", Some(512 << 20)),
            ("2Gi", Some(2 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("500M", Some(500_000_000)),
            ("1k", Some(1000)),
            ("2GiB", Some(2 << 30)),
            ("0", None),
            ("Mi", None),
            ("5X", None),
        ] {
            assert_eq!(memory(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_share_is_at_most_everything() {
        assert_eq!(share("5%"), Some(Tolerate::BasisPoints(500)));
        assert_eq!(share("0.25%"), Some(Tolerate::BasisPoints(25)));
        assert_eq!(share("100%"), Some(Tolerate::BasisPoints(10_000)));
        for bad in ["101%", "5", "%", "-1%", "0.001%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
    }
}
