//! An object as it is stored, and its resource in the JSON API.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::checksum::{Content, encode_crc32c};
use super::refusal::Refusal;
use super::settings::Settings;

/// What stays as it is in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// One generation of an object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) bucket: String,
    pub(super) name: String,
    pub(super) generation: i64,
    pub(super) metageneration: i64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) content: Content,
    pub(super) settings: Settings,
}

impl Object {
    /// The resource of the JSON API; links start with `base`.
    pub(super) fn resource(&self, base: &str) -> Value {
        let name = utf8_percent_encode(&self.name, SEGMENT);
        let generation = self.generation;
        let path = format!("storage/v1/b/{}/o/{name}", self.bucket);
        let mut resource = Map::new();
        let mut set = |field: &str, value: Value| {
            resource.insert(field.to_owned(), value);
        };
        set("kind", "storage#object".into());
        set(
            "id",
            format!("{}/{}/{generation}", self.bucket, self.name).into(),
        );
        set("selfLink", format!("{base}/{path}").into());
        set(
            "mediaLink",
            format!("{base}/download/{path}?generation={generation}&alt=media").into(),
        );
        set("name", self.name.clone().into());
        set("bucket", self.bucket.clone().into());
        set("generation", generation.to_string().into());
        set("metageneration", self.metageneration.to_string().into());
        set("size", self.content.data.len().to_string().into());
        set("crc32c", encode_crc32c(self.content.crc32c).into());
        if let Some(md5) = self.content.md5 {
            set("md5Hash", BASE64_STANDARD.encode(md5).into());
        }
        if let Some(components) = self.content.components {
            set("componentCount", components.into());
        }
        set("etag", self.etag().into());
        let created = time(self.created);
        set("timeCreated", created.clone().into());
        set("timeFinalized", created.clone().into());
        set("timeStorageClassUpdated", created.into());
        set("updated", time(self.updated).into());
        self.settings.write(&mut resource);
        json!(resource)
    }

    /// Changes with every generation and metageneration; Google's is base64 of a message with both as well.
    pub(super) fn etag(&self) -> String {
        let mut bytes = vec![0x08];
        varint(&mut bytes, self.generation.unsigned_abs());
        bytes.push(0x10);
        varint(&mut bytes, self.metageneration.unsigned_abs());
        BASE64_STANDARD.encode(bytes)
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A time as Google writes it: with milliseconds, in UTC.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Refuses names that Google refuses.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let wrong = if name.is_empty() {
        return Err(Refusal::required("name"));
    } else if name.len() > 1024 {
        "it is longer than 1,024 bytes"
    } else if name.contains(['\r', '\n']) {
        "it has a line break"
    } else if name == "." || name == ".." {
        "it is . or .."
    } else if name.starts_with(".well-known/acme-challenge/") {
        "it starts with .well-known/acme-challenge/"
    } else {
        return Ok(());
    };
    Err(Refusal::invalid(format!(
        "The specified object name is not valid: {wrong}: {name:?}"
    )))
}
