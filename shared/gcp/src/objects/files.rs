//! Objects that go to files and come from files, without being held in memory whole: logs and bundles.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_gax::error::Error;
use google_cloud_storage::streaming_source::{SizeHint, StreamingSource};
use ork_core::names::ObjectName;
use ork_engine::ports::{Generation, ObjectError};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{GcsObjects, content_type, generation, within};
use crate::retry::{Again, policy};

/// However large the file: it is given up then.
const TRANSFER: Duration = Duration::from_secs(900);
/// Read from the file at once.
const PIECE: u64 = 256 << 10;

/// A file that was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// Which write of the object it is.
    pub generation: Generation,
    /// How many bytes went up.
    pub bytes: u64,
    /// How many the file had when that began.
    pub of: u64,
}

/// An object that was downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Which write of the object it is.
    pub generation: Generation,
    /// Its size.
    pub bytes: u64,
}

impl GcsObjects {
    /// Writes the first `cap` bytes of the file as the object, replacing whatever is there.
    pub async fn upload(
        &self,
        name: &ObjectName,
        file: &Path,
        cap: u64,
    ) -> Result<Uploaded, ObjectError> {
        self.meter.class_a(name.run());
        let text = name.to_string();
        let unreadable = |error: io::Error| {
            ObjectError::Refused(format!(
                "cannot upload {} as `{text}`: {error}",
                file.display()
            ))
        };
        let opened = File::open(file).await.map_err(unreadable)?;
        let of = opened.metadata().await.map_err(unreadable)?.len();
        let source = Beginning {
            file: opened,
            size: of.min(cap),
            left: of.min(cap),
        };
        let request = self
            .storage
            .write_object(&*self.bucket, &text, source)
            .set_content_type(content_type(&text))
            .with_retry_policy(policy(Again::Harmless));
        match within(TRANSFER, &text, Box::pin(request.send_buffered())).await? {
            Ok(object) => Ok(Uploaded {
                generation: generation(object.generation),
                bytes: u64::try_from(object.size).unwrap_or(0),
                of,
            }),
            Err(error) => Err(self.failed(&text, &error)),
        }
    }

    /// Writes the object into the file, which is made or replaced, if it has at most `limit` bytes; `None` when there is none. What was
    /// written of it is removed when it fails.
    pub async fn download(
        &self,
        name: &ObjectName,
        file: &Path,
        limit: u64,
    ) -> Result<Option<Downloaded>, ObjectError> {
        self.meter.class_b(name.run());
        let text = name.to_string();
        let copying = Box::pin(self.copy(&text, file, limit));
        let copied = within(TRANSFER, &text, copying).await;
        let failed = match copied {
            Ok(Ok(downloaded)) => return Ok(Some(downloaded)),
            Ok(Err(Copying::Remote(error))) if self.is_absent(&error) => return Ok(None),
            Ok(Err(Copying::Remote(error))) => self.failed(&text, &error),
            Ok(Err(Copying::TooLarge(error))) => return Err(error),
            Ok(Err(Copying::Local(error))) => ObjectError::Refused(format!(
                "cannot write `{text}` to {}: {error}",
                file.display()
            )),
            Err(late) => late,
        };
        // It may not have been made yet, and its being there half is no worse than the failure itself.
        let _ = tokio::fs::remove_file(file).await;
        Err(failed)
    }

    async fn copy(&self, name: &str, file: &Path, limit: u64) -> Result<Downloaded, Copying> {
        let mut answer = self
            .storage
            .read_object(&*self.bucket, name)
            .with_retry_policy(policy(Again::Harmless))
            .send()
            .await
            .map_err(Copying::Remote)?;
        let known = answer.object();
        let size = u64::try_from(known.size).unwrap_or(0);
        if size > limit {
            return Err(Copying::TooLarge(ObjectError::TooLarge {
                name: name.into(),
                bytes: size,
                limit,
            }));
        }
        let mut written = File::create(file).await.map_err(Copying::Local)?;
        let mut bytes = 0;
        while let Some(piece) = answer.next().await.transpose().map_err(Copying::Remote)? {
            bytes += piece.len() as u64;
            written.write_all(&piece).await.map_err(Copying::Local)?;
        }
        written.flush().await.map_err(Copying::Local)?;
        Ok(Downloaded {
            generation: generation(known.generation),
            bytes,
        })
    }
}

/// Why an object was not copied to a file.
enum Copying {
    Remote(Error),
    Local(io::Error),
    TooLarge(ObjectError),
}

/// The first bytes of a file.
struct Beginning {
    file: File,
    size: u64,
    left: u64,
}

impl StreamingSource for Beginning {
    type Error = io::Error;

    async fn next(&mut self) -> Option<Result<Bytes, io::Error>> {
        let mut piece = Vec::new();
        let mut part = (&mut self.file).take(self.left.min(PIECE));
        match part.read_to_end(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                self.left -= read as u64;
                Some(Ok(Bytes::from(piece)))
            }
            Err(error) => Some(Err(error)),
        }
    }

    async fn size_hint(&self) -> Result<SizeHint, io::Error> {
        Ok(SizeHint::with_exact(self.size))
    }
}
