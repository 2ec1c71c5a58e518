//! Files by name, with create-once and generations: specs, claims, verdicts, outputs, logs.

use std::future::Future;

use ork_core::names::{AttemptFile, ObjectName};
use ork_core::time::Time;

/// Which write of an object this is. Only equality means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// An object as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Which write they are.
    pub generation: Generation,
}

/// An object that was not read: its name and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Which object.
    pub name: ObjectName,
    /// Bytes of its contents.
    pub bytes: u64,
}

/// A failed operation on objects.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Create-once found one already there, or the generation was another. Nothing was written.
    #[error("`{0}` exists already or has another generation")]
    Precondition(String),
    /// Larger than the reader allows.
    #[error("`{name}` has {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Which object.
        name: String,
        /// Its size.
        bytes: u64,
        /// The reader's limit.
        limit: u64,
    },
    /// Cannot be reached now.
    #[error("cannot reach the objects: {0}")]
    Unavailable(String),
    /// Will not be done, now or later: read-only, no space.
    #[error("{0}")]
    Refused(String),
}

/// Names that are asked for at once.
const LISTED: usize = 1_000;

/// Files by name.
pub trait Objects: Send + Sync {
    /// Creates the object, once: `Precondition` when it exists. First writer wins, also against a writer that died half-way.
    fn create(
        &self,
        name: &ObjectName,
        bytes: &[u8],
    ) -> impl Future<Output = Result<Generation, ObjectError>> + Send;

    /// Writes the object, replacing `expected` or whatever is there when `None`. Readers see the old or the new, never a mixture.
    fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> impl Future<Output = Result<Generation, ObjectError>> + Send;

    /// Reads the object whole, if it is at most `limit` bytes.
    fn get(
        &self,
        name: &ObjectName,
        limit: u64,
    ) -> impl Future<Output = Result<Option<Object>, ObjectError>> + Send;

    /// When the object was last written, by the clock of whoever keeps it; `None` when there is none.
    fn updated(
        &self,
        name: &ObjectName,
    ) -> impl Future<Output = Result<Option<Time>, ObjectError>> + Send;

    /// Names under `runs/<run>/` or `workflows/<name>/` (any text prefix), in order; foreign names are left out.
    fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ObjectName>, ObjectError>> + Send;

    /// Names of one kind of file under `runs/<run>/` (any text prefix), in order: what a reader of many verdicts asks for. An adapter that
    /// can have the other names left out by whoever keeps them does better than this.
    fn list_files(
        &self,
        prefix: &str,
        file: AttemptFile,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ObjectName>, ObjectError>> + Send {
        async move {
            let mut found = Vec::new();
            let mut after = after.map(str::to_owned);
            loop {
                let names = self.list(prefix, after.as_deref(), LISTED).await?;
                let Some(last) = names.last() else {
                    return Ok(found);
                };
                let more = names.len() == LISTED;
                after = more.then(|| last.to_string());
                let is_wanted = |name: &ObjectName| matches!(name, ObjectName::Attempt { file: of, .. } if *of == file);
                found.extend(names.into_iter().filter(is_wanted));
                if found.len() >= limit || !more {
                    found.truncate(limit);
                    return Ok(found);
                }
            }
        }
    }

    /// As [`Objects::list`], with the size of each. What is removed meanwhile is left out. An adapter whose listing tells sizes does better
    /// than this, which asks once for each object.
    fn weigh(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Weighed>, ObjectError>> + Send {
        async move {
            let mut found = Vec::new();
            for name in self.list(prefix, after, limit).await? {
                // Nothing of its contents is wanted, so that it is too large is all there is to know.
                let bytes = match self.get(&name, 0).await {
                    Ok(None) => continue,
                    Ok(Some(object)) => object.bytes.len() as u64,
                    Err(ObjectError::TooLarge { bytes, .. }) => bytes,
                    Err(error) => return Err(error),
                };
                found.push(Weighed { name, bytes });
            }
            Ok(found)
        }
    }

    /// Removes the object; fine when there is none.
    fn delete(&self, name: &ObjectName) -> impl Future<Output = Result<(), ObjectError>> + Send;

    /// Removes objects for good, in any order; fine where there is none. Some may be gone when it fails, and whoever calls again goes on.
    fn delete_all(
        &self,
        names: &[ObjectName],
    ) -> impl Future<Output = Result<(), ObjectError>> + Send {
        async move {
            for name in names {
                self.delete(name).await?;
            }
            Ok(())
        }
    }
}
