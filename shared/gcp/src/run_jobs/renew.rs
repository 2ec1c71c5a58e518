//! Renews the signed URLs of attempts that take longer than a signature is good for.
//!
//! A worker has no right and no address by which it could ask for new URLs. So they are left for it among the objects of its attempt, where it
//! looks for them by a URL that it has from the beginning. Nothing is remembered of when that was done last: it is the object's age.

use std::time::Duration;

use futures_util::StreamExt;
use ork_core::definition::Task;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::Time;
use ork_engine::ports::{Alive, ObjectError, Objects};

use super::urls::Urls;
use super::{Lane, RunJobs};
use crate::objects::GcsObjects;
use crate::signed::{self, Holder};

/// Attempts that are looked after at once.
const AT_ONCE: usize = 8;
/// How long all of it may take. Those who wait have other things to do, and what is left is found again at the next sign of life.
const ALL: Duration = Duration::from_secs(15);

/// An attempt whose URLs may have to be renewed.
struct Old {
    id: AttemptId,
    /// Where the renewed ones are.
    name: ObjectName,
    holder: Holder,
}

impl RunJobs {
    /// Why the workers of a job without credentials cannot run attempts of `task`.
    pub(super) fn refusal_of(&self, spec: &TaskSpec, task: &Task) -> Option<String> {
        if !self.by_urls(self.workers.of(spec)) {
            return None;
        }
        signed::refusal(spec.timeout, task.heartbeat_timeout)
    }

    fn by_urls(&self, lane: Result<Lane<'_>, String>) -> bool {
        match (&self.urls, lane) {
            (Some(urls), Ok(Lane::Job(job))) => urls.are_for(job),
            _ => false,
        }
    }

    /// Renews the URLs of those among `attempts` that have grown old at `now`. Whose URLs last until its end costs nothing here; of each
    /// other it is looked how old they are.
    ///
    /// What fails is logged and tried again at the next sign of life: there are hours for that. Two that do it at once leave what one of them
    /// signed.
    pub async fn renew(&self, attempts: &[Alive<'_>], now: Time) {
        let Some(urls) = &self.urls else { return };
        let long = attempts.iter().filter(|alive| {
            signed::renews(alive.task.timeout) && self.by_urls(self.workers.of_task(alive.task))
        });
        let old: Vec<Old> = long
            .map(|alive| Old {
                id: alive.id.clone(),
                name: alive.object(AttemptFile::Urls),
                holder: Holder::from(alive),
            })
            .collect();
        let count = old.len();
        let renewing = futures_util::stream::iter(old)
            .map(|old| async move {
                let answer = urls.renew(&self.objects, &old, now).await;
                let (run, urls) = (&old.id.run, &old.name);
                match answer {
                    Ok(true) => tracing::debug!(%run, %urls, "signed URLs are renewed"),
                    Ok(false) => {}
                    Err(Not::Now(why)) => {
                        tracing::warn!(%run, %urls, why, "signed URLs are not renewed yet");
                    }
                    Err(Not::Ever(why)) => {
                        tracing::error!(%run, %urls, why, "signed URLs cannot be renewed");
                    }
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<()>();
        if tokio::time::timeout(ALL, renewing).await.is_err() {
            let seconds = ALL.as_secs();
            tracing::warn!(
                attempts = count,
                "not all signed URLs could be looked after within {seconds} s"
            );
        }
    }
}

/// Why URLs were not renewed.
#[derive(Debug)]
enum Not {
    Now(String),
    /// Somebody has to do something.
    Ever(String),
}

impl From<ObjectError> for Not {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Unavailable(why) => Self::Now(why),
            other => Self::Ever(other.to_string()),
        }
    }
}

impl From<signed::SignError> for Not {
    fn from(error: signed::SignError) -> Self {
        match error {
            signed::SignError::Unavailable(why) => Self::Now(why),
            other => Self::Ever(other.to_string()),
        }
    }
}

impl Urls {
    /// Leaves new URLs where the worker looks for them, if those that are there are old; says whether it did.
    async fn renew(&self, objects: &GcsObjects, old: &Old, now: Time) -> Result<bool, Not> {
        let there = objects.metadata(&old.name).await?;
        if !signed::is_to_be_signed(there.map(|there| there.updated), now) {
            return Ok(false);
        }
        let one = std::slice::from_ref(&old.holder);
        let urls = self.signer.holders(objects.bucket(), one, now).await?;
        let bytes = serde_json::to_vec(&urls[0]).expect("URLs are plain data");
        let written = match there {
            Some(there) => objects.put(&old.name, &bytes, Some(there.generation)).await,
            None => objects.create(&old.name, &bytes).await,
        };
        match written {
            Ok(_) => Ok(true),
            // Somebody else did so just now, and theirs are as new.
            Err(ObjectError::Precondition(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
