//! The worker as Cloud Run has it, as a job and as a service: over a bucket, with logs in Cloud Logging's shape.

use std::process::ExitCode;

use ork_engine::ports::Metering;
use ork_gcp::{GcsObjects, Meter};
use ork_host::logs::{Style, install};
use ork_host::settings::LogLevel;
use tracing::{Level, error};

use crate::serve::{run_by_url, run_over, serve_over};
use crate::service::{Supply, WorkerServiceSettings};
use crate::settings::{Given, WorkerSettings};

/// Does the attempt that `settings` names; see [`run_over`] for the exit code.
///
/// The program that calls it passes its arguments to [`crate::hidden`] before anything else.
pub async fn run(mut settings: WorkerSettings) -> ExitCode {
    install(Style::fitting(&settings.project), level(settings.level));
    if settings.machine.exe.is_none() {
        // Without it library tasks are refused, and a killed worker leaves its task to its container.
        settings.machine.exe = std::env::current_exe().ok();
    }
    if let Err(problem) = settings.measured() {
        error!("{problem}");
        return ExitCode::FAILURE;
    }
    let meter = Meter::of_client("worker");
    let (bucket, storage) = match &settings.given {
        Given::Url(url) => return run_by_url(url, &settings, &meter).await,
        Given::Bucket {
            bucket, storage, ..
        } => (bucket, storage.as_deref()),
    };
    let objects = match GcsObjects::connect(bucket, storage).await {
        Ok(objects) => objects,
        Err(problem) => {
            error!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let objects = objects.metered(meter.clone());
    run_over(&objects, settings, Some(&meter)).await
}

/// Serves until it is told to end.
///
/// The program that calls it passes its arguments to [`crate::hidden`] before anything else.
pub async fn run_service(mut settings: WorkerServiceSettings) -> ExitCode {
    install(
        Style::fitting(&settings.serving.project),
        settings.serving.log,
    );
    if let Err(problem) = settings.measured() {
        error!("{problem}");
        return ExitCode::FAILURE;
    }
    let serving = &settings.serving;
    if settings.machine.exe.is_none() {
        settings.machine.exe = std::env::current_exe().ok();
    }
    let bucket = GcsObjects::connect(&serving.bucket, serving.storage.as_deref()).await;
    match bucket {
        Ok(objects) => serve_over(settings, Bucket(objects)).await,
        Err(problem) => {
            error!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// The bucket, counted for each attempt apart.
struct Bucket(GcsObjects);

impl Supply for Bucket {
    type Objects = GcsObjects;
    fn objects(&self) -> (GcsObjects, Option<Box<dyn Metering>>) {
        let meter = Meter::of_client("worker");
        let objects = self.0.clone().metered(meter.clone());
        (objects, Some(Box::new(meter)))
    }
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
