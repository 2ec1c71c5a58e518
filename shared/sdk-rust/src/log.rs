//! The log of a task: lines on standard error, which Ork keeps with the attempt.

use std::fmt::Display;
use std::io::Write as _;

/// Writes `LEVEL text` lines to standard error. See [`info!`](crate::info), [`warning!`](crate::warning), [`error!`](crate::error).
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// Whose lines these are, where several tasks share a process.
    pub(crate) of: Option<String>,
}

impl Log {
    /// Something that went as it should.
    pub fn info(&self, text: impl Display) {
        self.line("INFO", &text);
    }
    /// Something that somebody should look at.
    pub fn warning(&self, text: impl Display) {
        self.line("WARNING", &text);
    }
    /// Something that failed.
    pub fn error(&self, text: impl Display) {
        self.line("ERROR", &text);
    }

    fn line(&self, level: &str, text: &dyn Display) {
        // In one write, so that lines of several threads do not mix. Without a standard error there is nobody to tell.
        let _ = std::io::stderr()
            .lock()
            .write_all(self.format(level, text).as_bytes());
    }

    fn format(&self, level: &str, text: &dyn Display) -> String {
        match &self.of {
            None => format!("{level} {text}\n"),
            Some(task) => format!("{level} [{task}] {text}\n"),
        }
    }
}

/// Logs that something went as it should: `ork::info!(ctx, "read {} rows", rows.len())`.
///
/// ```
/// let ctx = ork::Context::default();
/// let rows = 3;
/// ork::info!(ctx, "read {rows} rows of {}", "orders.csv");
/// ```
#[macro_export]
macro_rules! info {
    ($ctx:expr, $($text:tt)+) => { $ctx.log.info(::core::format_args!($($text)+)) };
}

/// Logs something that somebody should look at: `ork::warning!(ctx, "{skipped} rows skipped")`.
#[macro_export]
macro_rules! warning {
    ($ctx:expr, $($text:tt)+) => { $ctx.log.warning(::core::format_args!($($text)+)) };
}

/// Logs something that failed: `ork::error!(ctx, "{path}: {error}")`.
#[macro_export]
macro_rules! error {
    ($ctx:expr, $($text:tt)+) => { $ctx.log.error(::core::format_args!($($text)+)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_whose_it_is_where_several_share_the_process() {
        let mut log = Log::default();
        assert_eq!(log.format("INFO", &"read"), "INFO read\n");
        log.of = Some("r1/load.3".to_owned());
        assert_eq!(log.format("ERROR", &"lost"), "ERROR [r1/load.3] lost\n");
    }
}
