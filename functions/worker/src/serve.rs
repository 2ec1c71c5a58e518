//! One attempt over any objects, and the exit code it comes to.

use std::process::ExitCode;

use ork_engine::ports::{Metering, Objects};
use tracing::error;

use crate::attempt::{Done, Trouble, carry_out};
use crate::settings::WorkerSettings;
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
    let stop = match Stop::listen() {
        Ok(stop) => stop,
        Err(error) => {
            error!(%error, "signals cannot be listened to");
            return ExitCode::from(TROUBLE);
        }
    };
    match Box::pin(carry_out(objects, &settings, &stop, meter)).await {
        Ok(Done::Verdict | Done::NotOurs | Done::Void) => ExitCode::SUCCESS,
        Ok(Done::Told) | Err(Trouble::Told) => ExitCode::from(TOLD),
        Err(trouble) => {
            error!(batch = %settings.batch, index = settings.index, "{trouble}");
            ExitCode::from(TROUBLE)
        }
    }
}
