//! The end of every cancel: what was answered to it, and whether the job is over.
//!
//! That a job is unknown is no proof that it is over: it may only not be known yet, or not here. It is told as it is, and whoever has it
//! stopped decides when to believe it.

use std::future::Future;

use google_cloud_gax::error::Error;
use ork_engine::ports::{Stopping, TrackerError};

use super::classify::{About, Kind, classify, kind, said};

/// Whether a job that was asked to stop is over: `asked` is what became of asking, `over` looks how it stands.
pub(super) async fn confirmed(
    asked: Result<(), Error>,
    about: &About,
    over: impl Future<Output = Result<bool, Error>>,
) -> Result<Stopping, TrackerError> {
    let refused = match asked {
        Ok(()) => None,
        Err(error) => match kind(&error) {
            // Perhaps because it is over.
            Kind::Exists | Kind::State | Kind::Permanent | Kind::Unclear => Some(error),
            Kind::Missing | Kind::Transient | Kind::Denied => return Err(classify(about, &error)),
        },
    };
    match (over.await, refused) {
        (Ok(true), _) => Ok(Stopping::Over),
        (Ok(false), None) => Ok(Stopping::Asked),
        (Ok(false), Some(error)) if matches!(kind(&error), Kind::Permanent | Kind::Unclear) => {
            Err(classify(about, &error))
        }
        // Dataproc, for one, stops no job that is just being set up.
        (Ok(false), Some(error)) => Err(TrackerError::Transient {
            message: format!(
                "{} cannot stop {} as it stands now: {}",
                about.service,
                about.job,
                said(&error)
            ),
            retry_after: None,
        }),
        (Err(error), _) => Err(classify(about, &error)),
    }
}
