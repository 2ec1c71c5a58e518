//! CRC32C and MD5: as Google writes them, and what an upload says of itself.

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::refusal::Refusal;

/// The bytes of an object with their checksums.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) data: Bytes,
    pub(super) crc32c: u32,
    /// Composite objects have none, as with Google.
    pub(super) md5: Option<[u8; 16]>,
    /// How many objects a composite was made of.
    pub(super) components: Option<i32>,
}

impl Content {
    pub(super) fn of(data: Bytes) -> Self {
        Self {
            crc32c: crc32c::crc32c(&data),
            md5: Some(md5::compute(&data).0),
            components: None,
            data,
        }
    }

    pub(super) fn composed(data: Bytes, components: i32) -> Self {
        Self {
            crc32c: crc32c::crc32c(&data),
            md5: None,
            components: Some(components),
            data,
        }
    }

    /// The header `x-goog-hash`.
    pub(super) fn header(&self) -> String {
        let crc32c = format!("crc32c={}", encode_crc32c(self.crc32c));
        match self.md5 {
            Some(md5) => format!("{crc32c},md5={}", BASE64_STANDARD.encode(md5)),
            None => crc32c,
        }
    }
}

/// Base64 of the big-endian bytes.
pub(super) fn encode_crc32c(value: u32) -> String {
    BASE64_STANDARD.encode(value.to_be_bytes())
}

/// The checksums that a client states of what it uploads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) crc32c: Option<u32>,
    pub(super) md5: Option<[u8; 16]>,
}

impl Stated {
    /// From the headers `x-goog-hash` (which may come more than once) and `content-md5`.
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut stated = Self::default();
        for header in headers.get_all("x-goog-hash") {
            let text = header
                .to_str()
                .map_err(|_| Refusal::invalid("the header x-goog-hash is not text"))?;
            for part in text.split(',').map(str::trim) {
                if let Some(value) = part.strip_prefix("crc32c=") {
                    stated.crc32c = Some(decode_crc32c(value)?);
                } else if let Some(value) = part.strip_prefix("md5=") {
                    stated.md5 = Some(decode_md5(value)?);
                }
            }
        }
        if let Some(value) = headers.get("content-md5") {
            let text = value
                .to_str()
                .map_err(|_| Refusal::invalid("the header content-md5 is not text"))?;
            stated.md5 = Some(decode_md5(text)?);
        }
        Ok(stated)
    }

    /// From the fields `crc32c` and `md5Hash` of a resource.
    pub(super) fn from_resource(
        resource: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Self, Refusal> {
        let text = |field: &str| match resource.get(field) {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(serde_json::Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(Refusal::invalid(format!(
                "Invalid value for field {field}: {other}"
            ))),
        };
        Ok(Self {
            crc32c: text("crc32c")?.as_deref().map(decode_crc32c).transpose()?,
            md5: text("md5Hash")?.as_deref().map(decode_md5).transpose()?,
        })
    }

    /// Both statements; what `other` says comes first.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            crc32c: other.crc32c.or(self.crc32c),
            md5: other.md5.or(self.md5),
        }
    }

    /// Refuses content that is not what the client said it would be.
    pub(super) fn verify(&self, content: &Content) -> Result<(), Refusal> {
        if let Some(stated) = self.crc32c
            && stated != content.crc32c
        {
            return Err(Refusal::invalid(format!(
                "Provided CRC32C \"{}\" doesn't match calculated CRC32C \"{}\".",
                encode_crc32c(stated),
                encode_crc32c(content.crc32c)
            )));
        }
        if let (Some(stated), Some(md5)) = (self.md5, content.md5)
            && stated != md5
        {
            return Err(Refusal::invalid(format!(
                "Provided MD5 hash \"{}\" doesn't match calculated MD5 hash \"{}\".",
                BASE64_STANDARD.encode(stated),
                BASE64_STANDARD.encode(md5)
            )));
        }
        Ok(())
    }
}

fn decode_crc32c(text: &str) -> Result<u32, Refusal> {
    decode(text, "CRC32C").map(u32::from_be_bytes)
}

fn decode_md5(text: &str) -> Result<[u8; 16], Refusal> {
    decode(text, "MD5 hash")
}

fn decode<const N: usize>(text: &str, what: &str) -> Result<[u8; N], Refusal> {
    BASE64_STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "Invalid {what} (not the base64 of {N} bytes): {text}"
            ))
        })
}
