//! Showing how runs go: what is known of them, lines for pipes, a picture for terminals, a summary at the end.

mod board;
mod failures;
mod frame;
mod lines;
mod screen;
mod summary;

pub(crate) use failures::{BYTES as LOG_BYTES, Logs};
pub(crate) use screen::{Screen, SharedScreen, Style};
pub(crate) use summary::{row, shown_failures, summary};

use std::time::{SystemTime, UNIX_EPOCH};

use ork_core::time::Time;

/// The instant.
pub(crate) fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
