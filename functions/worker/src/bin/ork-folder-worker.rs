//! A worker over a folder instead of a bucket: `ork-folder-worker FOLDER [SECONDS OF PATIENCE [service]]`, with the environment of a task of a
//! Cloud Run job, or of a worker service. With `ORK_BATCH_URL` among it the folder is not looked at.
//!
//! The tests run it as a process that they can kill. It is also a way to try a worker's image by hand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ork_engine::ports::Metering;
use ork_host::logs::{Style, install};
use ork_host::settings::LogLevel;
use ork_local::objects::Folder;
use ork_local::store::Sync;
use ork_worker::{Given, Machine, Supply, WorkerServiceSettings, WorkerSettings, serve_over};

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
    let exe = std::env::current_exe().ok();
    let patience = args.get(2).and_then(|text| text.to_str()?.parse().ok());
    let patience = patience.map(Duration::from_secs);
    let with = |machine: &mut Machine| {
        machine.exe = exe;
        machine.patience = patience.unwrap_or(machine.patience);
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| one(error.to_string()))?;
    if args.get(3).is_some_and(|word| word == "service") {
        let mut settings = WorkerServiceSettings::from_map(&env).map_err(|problems| {
            problems
                .0
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })?;
        with(&mut settings.machine);
        settings.measured().map_err(one)?;
        return Ok(runtime.block_on(Box::pin(serve_over(settings, Of(folder.into())))));
    }
    let mut settings = WorkerSettings::from_map(&env)?;
    with(&mut settings.machine);
    settings.measured().map_err(one)?;
    if matches!(settings.given, Given::Url(_)) {
        return Ok(runtime.block_on(ork_worker::run(settings)));
    }
    let objects = open(Path::new(folder)).map_err(one)?;
    Ok(runtime.block_on(ork_worker::run_over(&objects, settings, None)))
}

fn open(folder: &Path) -> Result<Folder, String> {
    Folder::open(folder, Sync::Normal).map_err(|error| error.to_string())
}

/// The objects of a folder.
struct Of(PathBuf);

impl Supply for Of {
    type Objects = Folder;
    fn objects(&self) -> (Folder, Option<Box<dyn Metering>>) {
        let folder = open(&self.0).expect("the folder was there when the tests made it");
        (folder, None)
    }
}
