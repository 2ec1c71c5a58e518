//! Figures and how they are written.

use std::time::{Duration, SystemTime};

use crate::table::Row;

/// Milliseconds between two instants, negative when they are the other way round.
pub(crate) fn ms(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(after) => after.as_secs_f64() * 1e3,
        Err(before) => -before.duration().as_secs_f64() * 1e3,
    }
}

/// Measurements in order.
#[derive(Debug, Clone)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    /// At least one.
    pub(crate) fn of(found: impl IntoIterator<Item = f64>) -> Self {
        let mut found: Vec<f64> = found.into_iter().collect();
        assert!(!found.is_empty(), "nothing was measured");
        found.sort_unstable_by(f64::total_cmp);
        Self(found)
    }

    /// The smallest that at least so many percent do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent).div_ceil(100).max(1);
        self.0[at - 1]
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub(crate) fn max(&self) -> f64 {
        self.percentile(100)
    }

    /// For a column of milliseconds.
    pub(crate) fn text(&self) -> String {
        format!(
            "p50 {:.1}, p99 {:.1}, max {:.1} ms",
            self.median(),
            self.percentile(99),
            self.max()
        )
    }
}

/// A duration in milliseconds.
pub(crate) fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// A row that has something to reach: `most`, in `unit`.
pub(crate) fn at_most(what: &str, found: f64, most: f64, unit: &str, beside: String) -> Row {
    // As many digits as what is to be reached has, and one more.
    let digits = match most {
        ..0.1 => 4,
        ..10.0 => 3,
        _ => 1,
    };
    let (before, unit) = match unit {
        "$" => ("$", String::new()),
        "" => ("", String::new()),
        unit => ("", format!(" {unit}")),
    };
    Row {
        what: what.to_owned(),
        measured: format!("{before}{found:.digits$}{unit}"),
        budget: format!("≤ {before}{most}{unit}"),
        floor: beside,
        met: Some(found <= most),
    }
}

/// A row that is there to be known.
pub(crate) fn known(what: &str, measured: String, beside: String) -> Row {
    Row {
        what: what.to_owned(),
        measured,
        budget: String::new(),
        floor: beside,
        met: None,
    }
}
