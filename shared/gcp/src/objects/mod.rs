//! Objects in a bucket of Cloud Storage.
//!
//! Contents travel over the JSON API; sizes, instants, listings and removals over gRPC.

mod files;
mod port;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::error::Error;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_wkt::Timestamp;
use ork_core::names::ObjectName;
use ork_core::time::Time;
use ork_engine::ports::{Generation, ObjectError};

pub use files::{Downloaded, Uploaded};

use crate::endpoints::{ConnectError, nobody, plain};
use crate::failure::{self, Failure};
use crate::meter::Meter;
use crate::retry::{Again, Unhindered, pauses, policy};

/// One try of a call that carries no contents.
const SHORT: Duration = Duration::from_secs(10);
/// A call with contents of some megabytes, tries and pauses included.
const LONG: Duration = Duration::from_secs(60);
/// Contents from this size on go up in pieces.
const IN_PIECES: usize = 32 << 20;

/// The objects of one bucket. Clones share their connections.
///
/// A conditional write is sent again by itself only when it was certainly not done (no connection, 429). So `Precondition` never speaks
/// of what this very call left: somebody else was first, or an earlier call of the same caller whose answer was lost and which it got
/// as `Unavailable`. Who calls again after `Unavailable` reads what is there to see whether it is its own.
#[derive(Debug, Clone)]
pub struct GcsObjects {
    storage: Storage,
    control: StorageControl,
    bucket: Arc<str>,
    meter: Meter,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Which write of it this is.
    pub generation: Generation,
    /// Its size.
    pub bytes: u64,
    /// When it was written, by the bucket's clock.
    pub updated: Time,
}

impl GcsObjects {
    /// The objects of `bucket`, which is not asked for until it is used.
    pub async fn connect(bucket: &str, endpoint: Option<&str>) -> Result<Self, ConnectError> {
        let legal =
            |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'-' | b'_' | b'.');
        if !(3..=222).contains(&bucket.len()) || !bucket.bytes().all(legal) {
            return Err(ConnectError(format!(
                "`{bucket}` is no name of a bucket: give the name alone, without gs://"
            )));
        }
        let mut storage = Storage::builder()
            .with_backoff_policy(pauses())
            .with_retry_throttler(Unhindered)
            .with_resumable_upload_threshold(IN_PIECES)
            .with_grpc_subchannel_count(1);
        let mut control = StorageControl::builder()
            .with_backoff_policy(pauses())
            .with_retry_throttler(Unhindered);
        if let Some(endpoint) = plain("Cloud Storage", endpoint)? {
            storage = storage.with_endpoint(&*endpoint).with_credentials(nobody());
            control = control.with_endpoint(endpoint).with_credentials(nobody());
        }
        let failed = |error| ConnectError::client("Cloud Storage", &error);
        Ok(Self {
            storage: storage.build().await.map_err(failed)?,
            control: control.build().await.map_err(failed)?,
            bucket: format!("projects/_/buckets/{bucket}").into(),
            meter: Meter::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        self.bucket.rsplit('/').next().unwrap_or_default()
    }

    /// What is known of the object without reading it; `None` when there is none.
    pub async fn metadata(&self, name: &ObjectName) -> Result<Option<Metadata>, ObjectError> {
        self.meter.class_b(name.run());
        let text = name.to_string();
        let call = self
            .control
            .get_object()
            .set_bucket(&*self.bucket)
            .set_object(&text)
            .with_attempt_timeout(SHORT)
            .with_retry_policy(policy(Again::Harmless))
            .send();
        match within(LONG, &text, call).await? {
            Ok(object) => Ok(Some(Metadata {
                generation: generation(object.generation),
                bytes: u64::try_from(object.size).unwrap_or(0),
                // The instant of this write, where later changes of its labels count for nothing.
                updated: instant(object.create_time.or(object.update_time)),
            })),
            Err(error) if self.is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(&text, &error)),
        }
    }

    /// At most `count` bytes from `offset` on, fewer at the end; `None` when there is no such object.
    pub async fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        count: u64,
    ) -> Result<Option<Vec<u8>>, ObjectError> {
        if count == 0 {
            return Ok(self.metadata(name).await?.map(|_| Vec::new()));
        }
        self.meter.class_b(name.run());
        let text = name.to_string();
        let reading = async {
            let mut answer = self
                .storage
                .read_object(&*self.bucket, &text)
                .set_read_range(ReadRange::segment(offset, count))
                .with_retry_policy(policy(Again::Harmless))
                .send()
                .await?;
            let mut bytes = Vec::new();
            while let Some(piece) = answer.next().await.transpose()? {
                bytes.extend_from_slice(&piece);
            }
            Ok::<_, Error>(bytes)
        };
        match within(LONG, &text, Box::pin(reading)).await? {
            Ok(bytes) => Ok(Some(bytes)),
            // Behind its end.
            Err(error) if error.http_status_code() == Some(416) => Ok(Some(Vec::new())),
            Err(error) if self.is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(&text, &error)),
        }
    }

    /// Creates the object, once, with labels that a listing shows.
    pub async fn create_labelled(
        &self,
        name: &ObjectName,
        bytes: Bytes,
        labels: &[(&str, String)],
    ) -> Result<Generation, ObjectError> {
        self.write(name, bytes, Some(0), labels).await
    }

    /// Writes the object if it is at generation `expected`, 0 meaning that there is none.
    async fn write(
        &self,
        name: &ObjectName,
        bytes: Bytes,
        expected: Option<i64>,
        labels: &[(&str, String)],
    ) -> Result<Generation, ObjectError> {
        self.meter.class_a(name.run());
        let text = name.to_string();
        let again = match expected {
            Some(_) => Again::WhenNotDone,
            None => Again::Harmless,
        };
        let mut request = self
            .storage
            .write_object(&*self.bucket, &text, bytes)
            .set_content_type(content_type(&text))
            .set_metadata(labels.iter().map(|(key, value)| (*key, value)))
            .with_retry_policy(policy(again));
        if let Some(expected) = expected {
            request = request.set_if_generation_match(expected);
        }
        match within(LONG, &text, Box::pin(request.send_buffered())).await? {
            Ok(object) => Ok(generation(object.generation)),
            Err(error) => match failure::of(&error) {
                Failure::Precondition => Err(ObjectError::Precondition(text)),
                // No live object has the generation that was expected.
                Failure::Missing if expected.is_some() && self.is_absent(&error) => {
                    Err(ObjectError::Precondition(text))
                }
                _ => Err(self.failed(&text, &error)),
            },
        }
    }

    /// Whether the object is not there, in a bucket that is.
    fn is_absent(&self, error: &Error) -> bool {
        failure::of(error) == Failure::Missing && !failure::is_of_the_bucket(error)
    }

    /// What a failed call means to the port's users, except where the call itself has more to say.
    fn failed(&self, name: &str, error: &Error) -> ObjectError {
        let bucket = self.bucket();
        match failure::of(error) {
            Failure::NotSent | Failure::Busy | Failure::Lost => {
                ObjectError::Unavailable(format!("`{name}` in bucket {bucket}: {error}"))
            }
            Failure::Precondition | Failure::Exists => ObjectError::Precondition(name.into()),
            Failure::Missing if failure::is_of_the_bucket(error) => {
                ObjectError::Refused(format!("there is no bucket {bucket}: create it ({error})"))
            }
            // It was there when the reading began.
            Failure::Missing => {
                ObjectError::Unavailable(format!("`{name}` was replaced while it was read"))
            }
            Failure::Denied => ObjectError::Refused(format!(
                "no access to `{name}` in bucket {bucket}: give this service's account \
                 roles/storage.objectUser on the bucket ({error})"
            )),
            Failure::Refused => {
                ObjectError::Refused(format!("`{name}` in bucket {bucket}: {error}"))
            }
        }
    }
}

/// Waits for a call, not for ever.
async fn within<T>(
    limit: Duration,
    name: &str,
    call: impl Future<Output = T> + Send,
) -> Result<T, ObjectError> {
    tokio::time::timeout(limit, call).await.map_err(|_| {
        ObjectError::Unavailable(format!("`{name}`: no answer within {} s", limit.as_secs()))
    })
}

fn generation(number: i64) -> Generation {
    Generation(u64::try_from(number).unwrap_or(0))
}

fn instant(at: Option<Timestamp>) -> Time {
    at.map_or(Time(0), |at| {
        Time(at.seconds() * 1000 + i64::from(at.nanos() / 1_000_000))
    })
}

/// For browsers and people; Ork reads none of it.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("yaml") => "application/yaml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("zst") => "application/zstd",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bucket_is_named_without_its_scheme() {
        for name in ["gs://b", "b", "", "Bucket", "a/b", "a b c"] {
            let error = GcsObjects::connect(name, Some("http://127.0.0.1:1"))
                .await
                .expect_err("not a name");
            assert!(error.to_string().contains("without gs://"), "{error}");
        }
        let objects = GcsObjects::connect("ork-1.example", Some("http://127.0.0.1:1"))
            .await
            .expect("a name");
        assert_eq!(objects.bucket(), "ork-1.example");
    }

    #[test]
    fn instants_keep_their_milliseconds() {
        let at = Timestamp::new(1_780_000_000, 123_999_999).expect("an instant");
        assert_eq!(instant(Some(at)), Time(1_780_000_000_123));
    }
}
