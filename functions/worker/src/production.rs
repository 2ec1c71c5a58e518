//! The worker as a Cloud Run job has it: over a bucket, with logs in Cloud Logging's shape.

use std::process::ExitCode;

use ork_gcp::{GcsObjects, Meter};
use ork_host::logs::{Style, install};
use ork_host::settings::LogLevel;
use tracing::{Level, error};

use crate::serve::run_over;
use crate::settings::WorkerSettings;

/// Does the attempt that `settings` names; see [`run_over`] for the exit code.
///
/// The program that calls it passes its arguments to [`crate::hidden`] before anything else.
pub async fn run(mut settings: WorkerSettings) -> ExitCode {
    install(Style::fitting(&settings.project), level(settings.level));
    if settings.exe.is_none() {
        // Without it library tasks are refused, and a killed worker leaves its task to its container.
        settings.exe = std::env::current_exe().ok();
    }
    let objects = match GcsObjects::connect(&settings.bucket, settings.storage.as_deref()).await {
        Ok(objects) => objects,
        Err(problem) => {
            error!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let meter = Meter::of_client("worker");
    let objects = objects.metered(meter.clone());
    run_over(&objects, settings, Some(&meter)).await
}

const fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}
