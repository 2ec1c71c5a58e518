//! What a due slot does while runs of the same workflow are active.

use crate::definition::Overlap;

/// The decision about one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Start it.
    Start,
    /// Do not start it, now or later.
    Drop {
        /// For the log and the interface.
        why: String,
    },
    /// Create it and let it wait for a place.
    Queue {
        /// For the log and the interface.
        why: String,
    },
    /// Cancel the active runs, then start it.
    CancelThenStart,
}

/// Applies the overlap policy. Where the policy would start the run but `max_active_runs` leaves no place, it waits.
pub fn admit(overlap: Overlap, active_runs: usize, max_active_runs: Option<u32>) -> Admission {
    let places = max_active_runs.map(|max| usize::try_from(max).unwrap_or(usize::MAX));
    let active = match active_runs {
        1 => "1 run is active".to_owned(),
        n => format!("{n} runs are active"),
    };
    match overlap {
        Overlap::Skip if active_runs > 0 => Admission::Drop {
            why: format!("{active} and `overlap` is `skip`"),
        },
        Overlap::Queue if active_runs > 0 => Admission::Queue {
            why: format!("{active} and `overlap` is `queue`"),
        },
        Overlap::Cancel if active_runs > 0 && places != Some(0) => Admission::CancelThenStart,
        Overlap::Allow | Overlap::Skip | Overlap::Queue | Overlap::Cancel => match places {
            Some(places) if active_runs >= places => Admission::Queue {
                why: format!("{active} and `max_active_runs` is {places}"),
            },
            _ => Admission::Start,
        },
    }
}
