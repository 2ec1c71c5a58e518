//! Days since 1970-01-01 to year, month and day, and back: the proleptic Gregorian calendar.

/// Seconds of a calendar day on a wall clock.
pub(super) const DAY: i64 = 86_400;

/// The day number of a date. Years are counted from March here, so that the leap day comes last.
pub(super) fn day_number(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month (from 1) and day (from 1) of a day number.
pub(super) fn date(day_number: i64) -> (i64, u32, u32) {
    let shifted = day_number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, small(month), small(day))
}

/// Day of the week, Sunday is 0.
pub(super) fn weekday(day_number: i64) -> u32 {
    small((day_number + 4).rem_euclid(7))
}

/// The most days a month can have.
pub(super) fn longest(month: u32) -> u32 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A number that the arithmetic above keeps within a month, a week or a day.
pub(super) fn small(n: i64) -> u32 {
    u32::try_from(n).expect("remainders of a positive modulus are small and not negative")
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    #[test]
    fn every_day_of_eight_centuries_agrees_with_jiff() {
        let epoch = Date::constant(1970, 1, 1);
        let mut current = Date::constant(1599, 12, 25);
        while current.year() < 2405 {
            let days = i64::from((current - epoch).get_days());
            let expected = (
                i64::from(current.year()),
                u32::from(current.month().unsigned_abs()),
                u32::from(current.day().unsigned_abs()),
            );
            assert_eq!(date(days), expected);
            assert_eq!(day_number(expected.0, expected.1, expected.2), days);
            assert_eq!(
                weekday(days),
                u32::from(current.weekday().to_sunday_zero_offset().unsigned_abs())
            );
            assert!(expected.2 <= longest(expected.1));
            current = current.tomorrow().expect("in range");
        }
    }
}
