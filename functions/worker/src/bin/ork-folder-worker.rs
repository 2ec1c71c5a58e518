//! A worker over a folder instead of a bucket: `ork-folder-worker FOLDER [SECONDS OF PATIENCE]`, with the environment of a Cloud Run job task.
//!
//! The tests run it as a process that they can kill. It is also a way to try a worker's image by hand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ork_host::logs::{Style, install};
use ork_host::settings::LogLevel;
use ork_local::objects::Folder;
use ork_local::store::Sync;
use ork_worker::WorkerSettings;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(code) = ork_worker::hidden(&args) {
        return code;
    }
    let project = "local".to_owned();
    install(Style::Json { project }, LogLevel::Info);
    match work(&args) {
        Ok(code) => code,
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            ExitCode::from(2)
        }
    }
}

fn work(args: &[OsString]) -> Result<ExitCode, Vec<String>> {
    let one = |problem: String| vec![problem];
    let folder = args
        .get(1)
        .ok_or_else(|| one("write the folder of the objects as the first argument".to_owned()))?;
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let mut settings = WorkerSettings::from_map(&env)?;
    settings.exe = std::env::current_exe().ok();
    if let Some(seconds) = args.get(2).and_then(|text| text.to_str()?.parse().ok()) {
        settings.patience = Duration::from_secs(seconds);
    }
    let objects =
        Folder::open(Path::new(folder), Sync::Normal).map_err(|error| one(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| one(error.to_string()))?;
    Ok(runtime.block_on(ork_worker::run_over(&objects, settings, None)))
}
