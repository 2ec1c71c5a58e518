//! The URLs of one attempt, as its worker is handed them.

use std::collections::BTreeMap;

use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::TaskSpec;
use ork_core::time::Time;
use serde::{Deserialize, Serialize};

use super::canonical::Signing;
use super::grant::{Grant, Method};
use super::needs::{Holder, Way, Writing, grant};
use super::secret::{Signature, SignedUrl};

/// The version of [`AttemptUrls`].
///
/// 1: they last until the end of the attempt. 2: they do not, and its worker has to look for renewed ones, which a worker that knows 1 only
/// would not do.
pub const URLS_FORMAT: u32 = 2;
const LASTING: u32 = 1;

/// Bytes of one set of URLs, far more than it has with the longest names.
pub(crate) const URLS_BYTES: u64 = 64 << 10;

/// The URLs of one attempt. They belong in the object that tells its worker what to run: who has them may claim the attempt and give
/// its verdict.
///
/// Written are the signatures, and once what all URLs have in common: written out they would be three times as long, and a thousand
/// attempts that start together would not fit one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptUrls {
    format: u32,
    /// What the names of the attempt's objects begin with.
    prefix: String,
    bucket: String,
    #[serde(flatten)]
    signing: Signing,
    /// By the last part of the object's name.
    files: BTreeMap<String, Ways>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bundle: Option<Bundle>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Ways {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    get: Option<Signature>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    put: Option<Put>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Put {
    signature: Signature,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    once: bool,
    most: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Bundle {
    name: String,
    get: Signature,
}

/// How an object may be written.
pub(super) struct Write {
    url: SignedUrl,
    pub(super) once: bool,
    pub(super) most: u64,
}

#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl AttemptUrls {
    /// Puts together what was signed: `own` in the order of what the attempt needs.
    pub(super) fn new(
        signing: Signing,
        bucket: &str,
        holder: &Holder,
        own: impl IntoIterator<Item = Signature>,
        bundle_signature: Option<Signature>,
    ) -> Self {
        let mut files: BTreeMap<String, Ways> = BTreeMap::new();
        for (need, signature) in holder.needs().zip(own) {
            let ways = files.entry(need.file.as_str().to_owned()).or_default();
            match need.way {
                Way::Read => ways.get = Some(signature),
                Way::Write(writing, most) => {
                    ways.put = Some(Put {
                        signature,
                        once: writing == Writing::Once,
                        most,
                    });
                }
            }
        }
        let bundle = holder.bundle.clone();
        let bundle = bundle.zip(bundle_signature);
        let bundle = bundle.map(|(name, get)| Bundle { name, get });
        Self {
            format: if holder.renews() {
                URLS_FORMAT
            } else {
                LASTING
            },
            prefix: holder.prefix.clone(),
            bucket: bucket.to_owned(),
            signing,
            files,
            bundle,
        }
    }

    /// Reads what stands in an object. An error says what is wrong with it, and nothing of what it says.
    pub fn decode(json: &str) -> Result<Self, String> {
        let unreadable = |error: serde_json::Error| {
            format!(
                "the signed URLs of the attempt cannot be read (line {}, column {})",
                error.line(),
                error.column()
            )
        };
        let Format { format } = serde_json::from_str(json).map_err(unreadable)?;
        if format > URLS_FORMAT {
            return Err(format!(
                "the signed URLs have format {format}, this worker reads up to {URLS_FORMAT}: use a newer worker image"
            ));
        }
        serde_json::from_str(json).map_err(unreadable)
    }

    /// Whether they are of the attempt that `spec` describes.
    pub fn are_of(&self, spec: &TaskSpec) -> bool {
        self.prefix == Holder::from(spec).prefix
    }

    /// When they expire.
    pub fn until(&self) -> Time {
        self.signing.until()
    }

    /// When they were signed.
    pub(super) fn signed_at(&self) -> Time {
        self.signing.at
    }

    /// What the names of the attempt's objects begin with.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
    /// The account that signed.
    pub(super) fn account(&self) -> &str {
        &self.signing.account
    }
    pub(super) fn is_plain(&self) -> bool {
        self.signing.origin.is_plain()
    }

    fn ways(&self, name: &ObjectName) -> Option<(String, &Ways)> {
        let text = name.to_string();
        let file = text.strip_prefix(&self.prefix)?;
        let ways = self.files.get(file)?;
        Some((text, ways))
    }

    /// The URL that reads the object, if there is one.
    pub(super) fn read(&self, name: &ObjectName) -> Option<SignedUrl> {
        if let Some((object, ways)) = self.ways(name) {
            let grant = grant(&self.bucket, &object, Way::Read);
            return Some(self.signing.url(&grant, ways.get.as_ref()?));
        }
        let bundle = self.bundle.as_ref()?;
        let grant = Grant::new(Method::Get, &self.bucket, &bundle.name);
        (name.to_string() == bundle.name).then(|| self.signing.url(&grant, &bundle.get))
    }

    /// How the object may be written, if it may be.
    pub(super) fn write(&self, name: &ObjectName) -> Option<Write> {
        let (object, ways) = self.ways(name)?;
        let Put {
            signature,
            once,
            most,
        } = ways.put.as_ref()?;
        let writing = if *once { Writing::Once } else { Writing::Again };
        let grant = grant(&self.bucket, &object, Way::Write(writing, *most));
        Some(Write {
            url: self.signing.url(&grant, signature),
            once: *once,
            most: *most,
        })
    }

    /// A URL of one of the attempt's objects, for whoever speaks HTTP himself.
    pub fn url(&self, name: &ObjectName, method: Method) -> Option<SignedUrl> {
        match method {
            Method::Get => self.read(name),
            Method::Put => self.write(name).map(|write| write.url),
        }
    }
}

/// For browsers and people; Ork reads none of it.
pub(super) fn content_type(name: &ObjectName) -> &'static str {
    match name {
        ObjectName::Attempt {
            file: AttemptFile::Log,
            ..
        } => "text/plain; charset=utf-8",
        ObjectName::Attempt {
            file: AttemptFile::Claim,
            ..
        } => "application/octet-stream",
        _ => "application/json",
    }
}
