//! Schedules by chance.

use ork_core::definition::{Catchup, Overlap};

use crate::random::Random;

use super::plan::SchedulePlan;

/// From every ten minutes to every two hours; the last ones have fixed hours, which daylight saving treats differently.
const CRONS: [&str; 12] = [
    "*/10 * * * *",
    "*/15 * * * *",
    "*/30 * * * *",
    "0 * * * *",
    "@hourly",
    "7,37 * * * *",
    "0 */2 * * *",
    "*/20 * * * MON-SUN",
    "30 * 1-31 * 1-5",
    "30 0-23 * * *",
    "15 0,1,2,3,4,5,6,8,10,12,14,16,18,20,22 * * *",
    "0 0-23/2 * * *",
];

/// Zones whose clocks change: by an hour, by half an hour, the other way round; and some that never do.
const ZONES: [&str; 9] = [
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "America/Havana",
    "Asia/Kathmandu",
    "UTC",
];

/// A schedule.
pub(super) fn draw(random: &mut Random) -> SchedulePlan {
    SchedulePlan {
        cron: (*random.pick(&CRONS)).to_owned(),
        timezone: (!random.one_in(3)).then(|| (*random.pick(&ZONES)).to_owned()),
        enabled: match random.below(20) {
            0 => Some(false),
            1..=4 => Some(true),
            _ => None,
        },
        catchup: (!random.one_in(4))
            .then(|| *random.pick(&[Catchup::None, Catchup::Latest, Catchup::All])),
        overlap: (!random.one_in(4)).then(|| {
            *random.pick(&[
                Overlap::Allow,
                Overlap::Skip,
                Overlap::Queue,
                Overlap::Cancel,
            ])
        }),
    }
}
