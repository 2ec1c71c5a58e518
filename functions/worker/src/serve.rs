//! One attempt over any objects, or a service over them, and the exit code it comes to.

use std::process::ExitCode;

use ork_engine::ports::{Metering, Objects};
use ork_gcp::Meter;
use ork_gcp::signed::SignedUrl;
use ork_host::{listen, serve, told_to_stop};
use tracing::{error, info, warn};

use crate::attempt::{Done, Trouble, carry_out};
use crate::by_url;
use crate::service::{Supply, WorkerService, WorkerServiceSettings};
use crate::settings::{Given, WorkerSettings};
use crate::stop::Stop;

/// Ork could not do its part: the verdict does not stand.
const TROUBLE: u8 = 1;
/// Ended by SIGTERM, as shells have it.
const TOLD: u8 = 143;

/// Does the attempt that `settings` names, over `objects`, and says what `meter` counted.
///
/// 0: nothing is left to do here, which is also so when the task failed; whether it is tried again is for the engine to decide. 143: ended by
/// SIGTERM. 1: Ork could not do its part, and says why in its log. To be called within a tokio runtime with time and I/O.
pub async fn run_over<O: Objects>(
    objects: &O,
    settings: WorkerSettings,
    meter: Option<&dyn Metering>,
) -> ExitCode {
    let Given::Bucket { batch, .. } = &settings.given else {
        error!(
            "ORK_BATCH_URL is for a worker that has no objects of its own: name its batch in ORK_BATCH"
        );
        return ExitCode::from(TROUBLE);
    };
    let Some(stop) = listen_to_signals() else {
        return ExitCode::from(TROUBLE);
    };
    let done = Box::pin(carry_out(objects, batch, &settings, &stop, meter)).await;
    settings.machine.telemetry.flush().await;
    code(done, &batch.to_string(), settings.index)
}

/// The same by signed URLs, of which `url` is the first, without any objects of one's own.
pub(crate) async fn run_by_url(
    url: &SignedUrl,
    settings: &WorkerSettings,
    meter: &Meter,
) -> ExitCode {
    let Some(stop) = listen_to_signals() else {
        return ExitCode::from(TROUBLE);
    };
    let done = Box::pin(by_url::carry_out(url, settings, &stop, meter)).await;
    settings.machine.telemetry.flush().await;
    code(done, url.shown(), settings.index)
}

fn listen_to_signals() -> Option<Stop> {
    Stop::listen()
        .inspect_err(|error| error!(%error, "signals cannot be listened to"))
        .ok()
}

fn code(done: Result<Done, Trouble>, batch: &str, index: u32) -> ExitCode {
    match done {
        Ok(Done::Verdict | Done::NotOurs | Done::Void) => ExitCode::SUCCESS,
        Ok(Done::Told) | Err(Trouble::Told) => ExitCode::from(TOLD),
        Err(trouble) => {
            error!(batch, index, "{trouble}");
            ExitCode::from(TROUBLE)
        }
    }
}

/// Serves over the objects of `supply` until the process is told to end. What it has begun by then ends by itself, or is given back.
/// To be called within a tokio runtime with time and I/O.
pub async fn serve_over(settings: WorkerServiceSettings, supply: impl Supply) -> ExitCode {
    let serving = settings.serving.serving.clone();
    let made = WorkerService::new(settings, supply).and_then(|made| Ok((made, told_to_stop()?)));
    let (service, stop) = match made {
        Ok(made) => made,
        Err(error) => {
            error!("the service cannot be made: {error}");
            return ExitCode::from(TROUBLE);
        }
    };
    let listener = match listen(&serving).await {
        Ok(listener) => listener,
        Err(error) => {
            let port = serving.port;
            error!("port {port} cannot be listened on: {error} (see PORT)");
            return ExitCode::from(TROUBLE);
        }
    };
    let role = ork_host::Role::WorkerService.as_str();
    match listener.local_addr() {
        Ok(address) => info!(role, address = address.to_string(), "listens"),
        Err(error) => warn!("listens, and cannot say where: {error}"),
    }
    serve(listener, service.routes(), &serving, stop).await;
    service.finish().await;
    serving.telemetry.flush().await;
    ExitCode::SUCCESS
}
