//! Schedules: every rule as a table, golden slots from an independent implementation, and properties.

mod cron;
mod due;
mod golden;
mod overlap;
mod preview;
mod properties;
mod refused;
mod slots;
mod zone;

use ork_core::definition::{Catchup, Overlap, Schedule};
use ork_core::schedule::{Cron, Zone};
use ork_core::time::Time;

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap_or_else(|error| panic!("{error}"))
}

fn time(text: &str) -> Time {
    Time::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn schedule(cron: &str, timezone: &str, catchup: Catchup) -> Schedule {
    Schedule {
        cron: cron.to_owned(),
        timezone: timezone.to_owned(),
        enabled: true,
        catchup,
        overlap: Overlap::Allow,
    }
}
