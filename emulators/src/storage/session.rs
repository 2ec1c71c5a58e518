//! An upload in chunks (resumable): what has come so far and what it will become.

use std::sync::Arc;

use axum::http::HeaderMap;
use bytes::Bytes;

use super::checksum::{Content, Stated};
use super::conditions::Conditions;
use super::object::Object;
use super::refusal::Refusal;
use super::settings::Settings;
use super::store::{New, Store};

/// Chunks but the last are multiples of this; a rest is not kept.
pub(super) const CHUNK: usize = 256 * 1024;

/// One upload.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) stated: Stated,
    pub(super) conditions: Conditions,
    /// The length that the client announced when it started.
    pub(super) announced: Option<u64>,
    data: Vec<u8>,
    /// The object once all has come: a client that lost the answer asks again.
    done: Option<Arc<Object>>,
}

/// What a chunk led to.
pub(super) enum Progress {
    /// So many bytes are kept.
    Kept(u64),
    Done(Arc<Object>),
}

/// The header `Content-Range` of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    /// Where the bytes belong; `None` sends none (a question, or the end of an upload whose length was open).
    first: Option<u64>,
    /// The last byte, where it is known beforehand.
    last: Option<u64>,
    total: Option<u64>,
}

impl Session {
    pub(super) fn new(
        bucket: &str,
        name: &str,
        settings: Settings,
        stated: Stated,
        conditions: Conditions,
    ) -> Self {
        Self {
            bucket: bucket.to_owned(),
            name: name.to_owned(),
            settings,
            stated,
            conditions,
            announced: None,
            data: Vec::new(),
            done: None,
        }
    }

    /// Takes a chunk. `whole` says that the body came to its end: a broken one counts as far as it came.
    pub(super) fn take(
        &mut self,
        store: &Store,
        range: Range,
        body: &Bytes,
        whole: bool,
        headers: &HeaderMap,
    ) -> Result<Progress, Refusal> {
        if let Some(object) = &self.done {
            return Ok(Progress::Done(object.clone()));
        }
        if let (Some(announced), Some(total)) = (self.announced, range.total)
            && announced != total
        {
            return Err(Refusal::invalid(format!(
                "The upload was announced with {announced} bytes and now has {total}."
            )));
        }
        let total = range.total.or(self.announced);
        if let Some(first) = range.first {
            self.append(first, range, body, total, whole)?;
        } else if !body.is_empty() {
            return Err(Refusal::invalid(
                "A Content-Range without a first byte came with a body.",
            ));
        }
        let kept = self.data.len() as u64;
        // `bytes a-*/*` streams to the end of its body, so the end of the body is the end of the object.
        let ended = range.first.is_some() && range.last.is_none() && total.is_none() && whole;
        let finished =
            range.total == Some(kept) || ended || (range.first.is_some() && total == Some(kept));
        if !finished {
            return Ok(Progress::Kept(kept));
        }
        let content = Content::of(Bytes::from(std::mem::take(&mut self.data)));
        self.stated
            .and(Stated::from_headers(headers)?)
            .verify(&content)?;
        let new = New {
            bucket: self.bucket.clone(),
            name: self.name.clone(),
            content,
            settings: self.settings.clone(),
        };
        let object = store.put(new, &self.conditions)?;
        self.done = Some(object.clone());
        Ok(Progress::Done(object))
    }

    fn append(
        &mut self,
        first: u64,
        range: Range,
        body: &Bytes,
        total: Option<u64>,
        whole: bool,
    ) -> Result<(), Refusal> {
        let kept = self.data.len() as u64;
        let end = first + body.len() as u64;
        if first > kept {
            return Err(Refusal::invalid(format!(
                "Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), \
                 which exceeds already uploaded size of {kept} byte(s)."
            )));
        }
        if whole && range.last.is_some_and(|last| last + 1 != end) {
            return Err(Refusal::invalid(format!(
                "Invalid request. The Content-Range header says {} byte(s) and the body has {}.",
                range.last.map_or(0, |last| last + 1 - first),
                body.len()
            )));
        }
        if total.is_some_and(|total| end > total) {
            return Err(Refusal::invalid(format!(
                "Invalid request. The upload reaches to byte {end}, behind its end."
            )));
        }
        let open = range.last.is_none() && total.is_none();
        let is_last = whole && (total == Some(end) || open);
        if whole && !is_last && body.len() < CHUNK {
            return Err(Refusal::invalid(format!(
                "Invalid request. The number of bytes uploaded is required to be equal or greater than {CHUNK}, \
                 except for the final request (it's recommended to be the exact multiple of {CHUNK}). \
                 The received request contained {} bytes, which does not meet this requirement.",
                body.len()
            )));
        }
        // What was kept before comes again when a client does not know how far it got.
        let known = (kept - first) as usize;
        if let Some(news) = body.get(known..) {
            self.data.extend_from_slice(news);
        }
        if !is_last {
            let kept = (self.data.len() / CHUNK * CHUNK).max(kept as usize);
            self.data.truncate(kept);
        }
        Ok(())
    }
}

impl Range {
    /// Reads `bytes a-b/total`, `bytes a-b/*`, `bytes a-*/*`, `bytes */total` and `bytes */*`; no header is everything at once.
    pub(super) fn of(headers: &HeaderMap, length: usize) -> Result<Self, Refusal> {
        let Some(header) = headers.get("content-range") else {
            let total = length as u64;
            return Ok(Self {
                first: Some(0),
                last: total.checked_sub(1),
                total: Some(total),
            });
        };
        let text = header.to_str().unwrap_or("(not text)");
        Self::parse(text).ok_or_else(|| {
            Refusal::invalid(format!("Failed to parse Content-Range header: {text}"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (range, total) = text
            .strip_prefix("bytes")?
            .trim_start_matches([' ', '='])
            .split_once('/')?;
        let total = match total {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let (first, last) = match range {
            "*" => (None, None),
            range => match range.split_once('-')? {
                (first, "*") => (Some(first.parse().ok()?), None),
                (first, last) => (Some(first.parse().ok()?), Some(last.parse().ok()?)),
            },
        };
        let ordered = match (first, last, total) {
            (Some(first), Some(last), _) if last < first => false,
            (_, Some(last), Some(total)) if last >= total => false,
            _ => true,
        };
        ordered.then_some(Self { first, last, total })
    }
}
