//! The objects of one attempt over its signed URLs, without credentials of any kind.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::TaskSpec;
use ork_core::time::Time;
use ork_engine::ports::{Generation, Object, ObjectError, Objects};
use reqwest::Client;
use tokio::sync::watch;

use super::attempt::{AttemptUrls, URLS_BYTES, Write, content_type};
use super::fetch::{failed, patiently};
use super::http::{self, Answer, Ask, Not};
use super::renewal::{is_late, is_to_be_looked_for};
use crate::endpoints::ConnectError;
use crate::meter::Meter;
use crate::retry::Again;

/// The objects of one attempt, and its code: what its worker reads and writes, and nothing else. Clones share their connections and their URLs.
///
/// Which objects are created once and which are replaced was signed with their URLs: asking otherwise is an error here, and would be one
/// at the server.
#[derive(Debug, Clone)]
pub struct UrlObjects {
    client: Client,
    /// The latest.
    urls: Arc<RwLock<Arc<AttemptUrls>>>,
    /// When renewed ones were looked for last.
    looked: Arc<Mutex<Option<Time>>>,
    /// Where those are.
    renewed: ObjectName,
    meter: Meter,
    /// Whether the server has said that they have expired.
    over: Arc<watch::Sender<bool>>,
}

/// What became of a look for renewed URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// There is no need for any, or not yet.
    NotDue,
    /// There are none.
    NotYet {
        /// The present ones are about to expire.
        late: bool,
    },
    /// There are, and they are used from here on.
    Done,
}

impl UrlObjects {
    /// The objects of the attempt that `spec` describes, over its URLs.
    pub fn new(urls: AttemptUrls, spec: &TaskSpec) -> Result<Self, ConnectError> {
        if !urls.are_of(spec) {
            return Err(ConnectError(format!(
                "the signed URLs are for {} and not for the attempt that this worker was given",
                urls.prefix()
            )));
        }
        let client = http::client(urls.is_plain())
            .map_err(|error| ConnectError(format!("no HTTP client: {}", http::said(error))))?;
        Ok(Self {
            client,
            urls: Arc::new(RwLock::new(Arc::new(urls))),
            looked: Arc::default(),
            renewed: spec.object(AttemptFile::Urls),
            meter: Meter::default(),
            over: Arc::default(),
        })
    }

    /// The same, counted by `meter`.
    #[must_use]
    pub fn metered(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    /// When the URLs expire, as far as is known now.
    pub fn until(&self) -> Time {
        self.urls().until()
    }

    /// Looks for renewed URLs if it is time for that at `now`. To be called often: at every sign of life.
    ///
    /// An error leaves everything as it is; there is time for many more looks.
    pub async fn renew(&self, now: Time) -> Result<Renewal, ObjectError> {
        let urls = self.urls();
        let (at, until) = (urls.signed_at(), urls.until());
        let is_due = urls.read(&self.renewed).is_some() && {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = is_to_be_looked_for(at, until, *looked, now);
            if is_due {
                *looked = Some(now);
            }
            is_due
        };
        if !is_due {
            return Ok(Renewal::NotDue);
        }
        let none = Renewal::NotYet {
            late: is_late(at, until, now),
        };
        let Some(found) = self.get(&self.renewed, URLS_BYTES).await? else {
            return Ok(none);
        };
        let wrong = |why: &str| ObjectError::Refused(format!("`{}`: {why}", self.renewed));
        let text = std::str::from_utf8(&found.bytes).map_err(|_| wrong("it is no text"))?;
        let found = AttemptUrls::decode(text).map_err(|why| wrong(&why))?;
        if found.prefix() != urls.prefix() {
            return Err(wrong("it has the signed URLs of another attempt"));
        }
        if found.until() <= until {
            return Ok(none);
        }
        *self.urls.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(found);
        Ok(Renewal::Done)
    }

    fn urls(&self) -> Arc<AttemptUrls> {
        let urls = self.urls.read().unwrap_or_else(PoisonError::into_inner);
        urls.clone()
    }

    /// Waits until a request was refused because the URLs have expired: nothing can be read or written any more, ever.
    pub async fn expired(&self) {
        // Nobody closes what is held here.
        let _ = self.over.subscribe().wait_for(|over| *over).await;
    }

    fn foreign(&self, what: &str, name: impl std::fmt::Display) -> ObjectError {
        ObjectError::Refused(format!(
            "no signed URL lets this worker {what} `{name}`: it has those of its own attempt, {}, and no credentials",
            self.urls().prefix()
        ))
    }

    /// Sees that there is a URL that reads `name`.
    fn may_read(&self, name: &ObjectName) -> Result<(), ObjectError> {
        match self.urls().read(name) {
            Some(_) => Ok(()),
            None => Err(self.foreign("read", name)),
        }
    }

    async fn ask(&self, name: &ObjectName, ask: &Ask, again: Again) -> Result<Answer, Not> {
        match ask {
            Ask::Write { .. } => self.meter.class_a(name.run()),
            Ask::Read { .. } | Ask::Look => self.meter.class_b(name.run()),
        }
        let text = name.to_string();
        loop {
            let urls = self.urls();
            let Some(url) = urls.url(name, ask.method()) else {
                return Err(Not::Ever("no signed URL allows it".into()));
            };
            let answer = patiently(&self.client, &url, ask, again, &text).await;
            match answer {
                // Others were found while it was asked.
                Err(Not::InTime(_)) if self.until() > urls.until() => {}
                Err(Not::InTime(_)) => {
                    self.over.send_replace(true);
                    return answer;
                }
                _ => return answer,
            }
        }
    }

    /// Writes as the URL has it: once, or again and again.
    async fn write(
        &self,
        name: &ObjectName,
        write: Write,
        bytes: &[u8],
    ) -> Result<Generation, ObjectError> {
        let text = name.to_string();
        let too_large = || ObjectError::TooLarge {
            name: text.clone(),
            bytes: bytes.len() as u64,
            limit: write.most,
        };
        if bytes.len() as u64 > write.most {
            return Err(too_large());
        }
        let ask = Ask::Write {
            bytes: Bytes::copy_from_slice(bytes),
            kind: content_type(name),
        };
        let again = if write.once {
            Again::WhenNotDone
        } else {
            Again::Harmless
        };
        match self.ask(name, &ask, again).await {
            Ok(answer) => self.generation(&text, &answer),
            Err(Not::Fitting { .. }) => Err(too_large()),
            Err(not) => Err(failed(&text, self.urls().account(), not)),
        }
    }

    fn generation(&self, name: &str, answer: &Answer) -> Result<Generation, ObjectError> {
        let generation = answer.generation.map(Generation);
        generation.ok_or_else(|| {
            ObjectError::Unavailable(format!("`{name}`: an answer without x-goog-generation"))
        })
    }
}

impl Objects for UrlObjects {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        match self.urls().write(name) {
            Some(write) if write.once => self.write(name, write, bytes).await,
            Some(_) => Err(self.foreign("create, once,", name)),
            None => Err(self.foreign("write", name)),
        }
    }

    /// An output is created once here. Asked for again with the same contents it is done already; with others it is `Precondition`.
    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        if expected.is_some() {
            return Err(self.foreign("replace a certain generation of", name));
        }
        let Some(write) = self.urls().write(name) else {
            return Err(self.foreign("write", name));
        };
        let once = write.once;
        match self.write(name, write, bytes).await {
            Err(ObjectError::Precondition(text)) if once => {
                match self.get(name, bytes.len() as u64).await {
                    Ok(Some(there)) if there.bytes == bytes => Ok(there.generation),
                    Ok(_) | Err(ObjectError::TooLarge { .. }) => {
                        Err(ObjectError::Precondition(text))
                    }
                    Err(error) => Err(error),
                }
            }
            other => other,
        }
    }

    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.may_read(name)?;
        let text = name.to_string();
        let ask = Ask::Read { limit };
        match self.ask(name, &ask, Again::Harmless).await {
            Ok(answer) => Ok(Some(Object {
                generation: self.generation(&text, &answer)?,
                bytes: answer.bytes,
            })),
            Err(Not::There) => Ok(None),
            Err(not) => Err(failed(&text, self.urls().account(), not)),
        }
    }

    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        self.may_read(name)?;
        let text = name.to_string();
        let mut looked = self.ask(name, &Ask::Look, Again::Harmless).await;
        if let Err(Not::Filled) = looked {
            let all = Ask::Read { limit: 0 };
            looked = self.ask(name, &all, Again::Harmless).await;
        }
        match looked {
            Ok(answer) => answer.modified.map(Some).ok_or_else(|| {
                ObjectError::Unavailable(format!("`{text}`: an answer without Last-Modified"))
            }),
            Err(Not::There) => Ok(None),
            Err(not) => Err(failed(&text, self.urls().account(), not)),
        }
    }

    async fn list(
        &self,
        prefix: &str,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        Err(self.foreign("list", prefix))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        Err(self.foreign("delete", name))
    }
}
