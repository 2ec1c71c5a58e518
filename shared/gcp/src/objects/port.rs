//! The port's operations over the bucket.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_storage::model::ListObjectsResponse;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::time::Time;
use ork_engine::ports::{Generation, Object, ObjectError, Objects, Weighed};

use super::{GcsObjects, LONG, SHORT, generation, within};
use crate::meter::run_of_prefix;
use crate::retry::{Again, policy};

/// Names on one page of a listing, at most: the service gives no more.
const PAGE: usize = 1000;
/// Objects that are being removed at the same time.
const REMOVED_AT_ONCE: usize = 32;

impl Objects for GcsObjects {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        self.write(name, Bytes::copy_from_slice(bytes), Some(0), &[])
            .await
    }

    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        let expected = match expected {
            None => None,
            // To the service 0 means that there is none, which is no generation of any object.
            Some(Generation(number)) => match i64::try_from(number) {
                Ok(number) if number > 0 => Some(number),
                _ => return Err(ObjectError::Precondition(name.to_string())),
            },
        };
        self.write(name, Bytes::copy_from_slice(bytes), expected, &[])
            .await
    }

    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.meter.class_b(name.run());
        let text = name.to_string();
        let too_large = |bytes| {
            Ok(Err(ObjectError::TooLarge {
                name: text.clone(),
                bytes,
                limit,
            }))
        };
        let reading = async {
            let mut answer = self
                .storage
                .read_object(&*self.bucket, &text)
                .with_retry_policy(policy(Again::Harmless))
                .send()
                .await?;
            let known = answer.object();
            let size = u64::try_from(known.size).unwrap_or(0);
            // The headers say so; the contents stay where they are.
            if size > limit {
                return too_large(size);
            }
            let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            while let Some(piece) = answer.next().await.transpose()? {
                bytes.extend_from_slice(&piece);
                if bytes.len() as u64 > limit {
                    return too_large(bytes.len() as u64);
                }
            }
            Ok(Ok(Object {
                bytes,
                generation: generation(known.generation),
            }))
        };
        match within(LONG, &text, Box::pin(reading)).await? {
            Ok(read) => read.map(Some),
            Err(error) if self.is_absent(&error) => Ok(None),
            Err(error) => Err(self.failed(&text, &error)),
        }
    }

    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        Ok(self.metadata(name).await?.map(|known| known.updated))
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        let listed = self.listed(prefix, None, after, limit).await?;
        Ok(listed.into_iter().map(|one| one.name).collect())
    }

    async fn list_files(
        &self,
        prefix: &str,
        file: AttemptFile,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        let listed = self.listed(prefix, Some(file), after, limit).await?;
        Ok(listed.into_iter().map(|one| one.name).collect())
    }

    async fn weigh(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Weighed>, ObjectError> {
        self.listed(prefix, None, after, limit).await
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let text = name.to_string();
        let call = self
            .control
            .delete_object()
            .set_bucket(&*self.bucket)
            .set_object(&text)
            .with_attempt_timeout(SHORT)
            .with_retry_policy(policy(Again::Harmless))
            .send();
        match within(LONG, &text, call).await? {
            Ok(()) => Ok(()),
            Err(error) if self.is_absent(&error) => Ok(()),
            Err(error) => Err(self.failed(&text, &error)),
        }
    }

    /// A call for each: the service removes no more at once over this API, and it costs nothing.
    async fn delete_all(&self, names: &[ObjectName]) -> Result<(), ObjectError> {
        let removals =
            stream::iter(names.to_vec()).map(|name| async move { self.delete(&name).await });
        removals
            .buffer_unordered(REMOVED_AT_ONCE)
            .try_collect()
            .await
    }
}

impl GcsObjects {
    /// The labels of all objects whose names begin with `prefix`.
    pub async fn list_labels(
        &self,
        prefix: &str,
    ) -> Result<Vec<BTreeMap<String, String>>, ObjectError> {
        let mut labels = Vec::new();
        let mut page = String::new();
        loop {
            let answer = self.page(prefix, "", None, &page, PAGE).await?;
            let known = answer.objects.into_iter();
            labels.extend(known.map(|object| object.metadata.into_iter().collect()));
            if answer.next_page_token.is_empty() {
                return Ok(labels);
            }
            page = answer.next_page_token;
        }
    }

    /// Names and sizes of all objects, or of one kind of file, which the service picks out itself.
    async fn listed(
        &self,
        prefix: &str,
        file: Option<AttemptFile>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Weighed>, ObjectError> {
        // A prefix that is a pattern itself is none of ours; then everything is listed and picked from here.
        let plain = !prefix.contains(['*', '?', '[', '{', '\\']);
        let glob = file.filter(|_| plain);
        let glob = glob.map_or_else(String::new, |file| format!("{prefix}**/{}", file.as_str()));
        let is_wanted = |name: &ObjectName| {
            file.is_none_or(
                |file| matches!(name, ObjectName::Attempt { file: of, .. } if *of == file),
            )
        };
        let mut found = Vec::new();
        let mut page = String::new();
        while found.len() < limit {
            // One more than wanted: the listing begins with `after` itself.
            let size = (limit - found.len()).saturating_add(1);
            let answer = self.page(prefix, &glob, after, &page, size).await?;
            let known = answer.objects.iter();
            let wanted = known
                .filter(|object| after.is_none_or(|after| object.name.as_str() > after))
                .filter_map(|object| {
                    let name = ObjectName::parse(&object.name)?;
                    let bytes = u64::try_from(object.size).unwrap_or(0);
                    is_wanted(&name).then_some(Weighed { name, bytes })
                })
                .take(limit - found.len());
            found.extend(wanted);
            if answer.next_page_token.is_empty() {
                break;
            }
            page = answer.next_page_token;
        }
        Ok(found)
    }

    /// A page of a listing, from `after` on, which is its first name if there is such an object.
    async fn page(
        &self,
        prefix: &str,
        glob: &str,
        after: Option<&str>,
        page: &str,
        size: usize,
    ) -> Result<ListObjectsResponse, ObjectError> {
        self.meter.class_a(run_of_prefix(prefix).as_ref());
        let call = self
            .control
            .list_objects()
            .set_parent(&*self.bucket)
            .set_prefix(prefix)
            .set_match_glob(glob)
            .set_lexicographic_start(after.unwrap_or_default())
            .set_page_size(i32::try_from(size.min(PAGE)).unwrap_or(i32::MAX))
            .set_page_token(page)
            .with_attempt_timeout(SHORT)
            .with_retry_policy(policy(Again::Harmless))
            .send();
        within(LONG, prefix, call)
            .await?
            .map_err(|error| self.failed(prefix, &error))
    }
}
