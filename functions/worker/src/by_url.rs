//! One attempt by signed URLs: the worker holds one, which leads to what to run and to the others.

use std::time::Duration;

use ork_core::limits;
use ork_engine::batch;
use ork_engine::ports::{Clock, Metering, ObjectError};
use ork_gcp::signed::{self, Renewal, SignedUrl, UrlObjects};
use ork_gcp::{Meter, Usage};
use ork_local::clock::SystemClock;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::attempt::{Around, Done, Trouble};
use crate::patience::patiently;
use crate::settings::WorkerSettings;
use crate::stop::Stop;

/// Does the attempt at the position that `settings` names, of the batch behind `url`.
pub(crate) async fn carry_out(
    url: &SignedUrl,
    settings: &WorkerSettings,
    stop: &Stop,
    meter: &Meter,
) -> Result<Done, Trouble> {
    let patience = settings.machine.patience;
    let fetching = patiently("reading the batch", patience, || {
        signed::fetch(url, limits::BATCH_BYTES as u64)
    });
    let fetched = tokio::select! {
        fetched = fetching => fetched,
        () = stop.asked() => return Err(Trouble::Told),
    };
    let name = || url.shown().to_owned();
    let wrong = |error: String| Trouble::Batch {
        name: name(),
        error,
    };
    let bytes = match fetched {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(wrong("there is no such object".to_owned())),
        Err(ObjectError::Unavailable(error)) => {
            return Err(Trouble::Unreachable {
                name: name(),
                error,
            });
        }
        Err(error) => return Err(wrong(error.to_string())),
    };
    let position = settings.index as usize;
    let spec = batch::decode(&bytes, position).map_err(wrong)?;
    let urls = signed::batch::decode(&bytes, position).map_err(wrong)?;
    let objects = UrlObjects::new(urls, &spec).map_err(|error| wrong(error.to_string()))?;
    let objects = objects.metered(meter.clone());
    // Whoever fetched did not know yet for which run.
    let used = Usage {
        class_b: 1,
        ..Usage::default()
    };
    meter.count(Some(&spec.id.run), &used);
    let around = Around {
        objects: &objects,
        machine: &settings.machine,
        stop,
        warm: None,
        meter: Some(meter as &dyn Metering),
        urls: Some(&objects),
    };
    around.attempt(&spec, settings.name()).await
}

/// A look for renewed URLs that takes longer is given up for a later one: a sign of life waits for it.
const LOOK: Duration = Duration::from_secs(10);

/// Takes renewed URLs when those in use grow old. What is missing or cannot be read is missed until they have expired, and looked for again.
pub(crate) async fn renew(urls: Option<&UrlObjects>) {
    let Some(urls) = urls else { return };
    match timeout(LOOK, urls.renew(SystemClock.now())).await {
        Ok(Ok(Renewal::NotDue | Renewal::NotYet { late: false })) => {}
        Ok(Ok(Renewal::NotYet { late: true })) => {
            let until = urls.until();
            warn!(%until, "the signed URLs are about to expire, and nobody has renewed them yet");
        }
        Ok(Ok(Renewal::Done)) => info!(until = %urls.until(), "the signed URLs are renewed"),
        Ok(Err(error)) => warn!(%error, "renewed signed URLs cannot be read"),
        Err(_) => {
            let seconds = LOOK.as_secs();
            warn!("renewed signed URLs: no answer within {seconds} s");
        }
    }
}

/// Waits until nothing can be said of the attempt any more, because its URLs have expired. What has no URLs has all the time.
pub(crate) async fn expired(urls: Option<&UrlObjects>) {
    match urls {
        Some(urls) => urls.expired().await,
        None => std::future::pending().await,
    }
}
