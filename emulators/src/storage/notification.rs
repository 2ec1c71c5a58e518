//! A notification configuration: which changes of a bucket are told to which topic, and the message of one change.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::object::Object;
use super::refusal::Refusal;

const SERVICE: &str = "//pubsub.googleapis.com/";

/// What can happen to an object. (OBJECT_ARCHIVE needs versioning, which the stand-in lacks.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Finalize,
    Delete,
    MetadataUpdate,
}

impl Event {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Finalize => "OBJECT_FINALIZE",
            Self::Delete => "OBJECT_DELETE",
            Self::MetadataUpdate => "OBJECT_METADATA_UPDATE",
        }
    }
}

/// The resource as a client writes it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) topic: String,
    #[serde(default)]
    pub(super) event_types: Vec<String>,
    #[serde(default)]
    pub(super) object_name_prefix: String,
    #[serde(default)]
    pub(super) payload_format: String,
    #[serde(default)]
    pub(super) custom_attributes: BTreeMap<String, String>,
}

/// A configuration of a bucket.
#[derive(Debug, Clone)]
pub(super) struct Notification {
    pub(super) id: u64,
    /// `projects/P/topics/T`
    pub(super) topic: String,
    /// None of them means all.
    event_types: Vec<String>,
    prefix: String,
    payload_format: String,
    custom_attributes: BTreeMap<String, String>,
}

impl Notification {
    pub(super) fn new(id: u64, wanted: Wanted) -> Result<Self, Refusal> {
        let topic = wanted.topic.strip_prefix(SERVICE).unwrap_or(&wanted.topic);
        let parts = topic.split('/').collect::<Vec<_>>();
        if !matches!(parts[..], ["projects", project, "topics", topic] if !project.is_empty() && !topic.is_empty())
        {
            return Err(Refusal::invalid(format!(
                "Invalid Cloud Pub/Sub topic {:?}: it must be {SERVICE}projects/PROJECT/topics/TOPIC",
                wanted.topic
            )));
        }
        let known = [
            "OBJECT_FINALIZE",
            "OBJECT_DELETE",
            "OBJECT_METADATA_UPDATE",
            "OBJECT_ARCHIVE",
        ];
        if let Some(unknown) = wanted
            .event_types
            .iter()
            .find(|name| !known.contains(&name.as_str()))
        {
            return Err(Refusal::invalid(format!("Invalid event type: {unknown}")));
        }
        let payload_format = match wanted.payload_format.as_str() {
            format @ ("JSON_API_V1" | "NONE") => format.to_owned(),
            "" => return Err(Refusal::required("payload_format")),
            other => return Err(Refusal::invalid(format!("Invalid payload format: {other}"))),
        };
        Ok(Self {
            id,
            topic: topic.to_owned(),
            event_types: wanted.event_types,
            prefix: wanted.object_name_prefix,
            payload_format,
            custom_attributes: wanted.custom_attributes,
        })
    }

    pub(super) fn resource(&self, bucket: &str, base: &str) -> Value {
        let mut resource = json!({
            "kind": "storage#notification",
            "id": self.id.to_string(),
            "selfLink": format!("{base}/storage/v1/b/{bucket}/notificationConfigs/{}", self.id),
            "topic": format!("{SERVICE}{}", self.topic),
            "payload_format": self.payload_format,
            "etag": self.id.to_string(),
        });
        if !self.event_types.is_empty() {
            resource["event_types"] = json!(self.event_types);
        }
        if !self.prefix.is_empty() {
            resource["object_name_prefix"] = self.prefix.clone().into();
        }
        if !self.custom_attributes.is_empty() {
            resource["custom_attributes"] = json!(self.custom_attributes);
        }
        resource
    }

    pub(super) fn wants(&self, event: Event, name: &str) -> bool {
        let listed = || self.event_types.iter().any(|listed| listed == event.name());
        name.starts_with(&self.prefix) && (self.event_types.is_empty() || listed())
    }

    /// The message as Pub/Sub's publish takes it. `other` is the generation that was overwritten, or that overwrote.
    pub(super) fn message(
        &self,
        event: Event,
        object: &Object,
        other: Option<i64>,
        base: &str,
    ) -> Value {
        let mut attributes = self.custom_attributes.clone();
        let mut set = |key: &str, value: String| {
            attributes.insert(key.to_owned(), value);
        };
        set("bucketId", object.bucket.clone());
        set("objectId", object.name.clone());
        set("objectGeneration", object.generation.to_string());
        set("eventType", event.name().to_owned());
        set("eventTime", format!("{:.6}", Timestamp::now()));
        set("payloadFormat", self.payload_format.clone());
        set(
            "notificationConfig",
            format!(
                "projects/_/buckets/{}/notificationConfigs/{}",
                object.bucket, self.id
            ),
        );
        if let Some(other) = other {
            let key = match event {
                Event::Delete => "overwrittenByGeneration",
                Event::Finalize | Event::MetadataUpdate => "overwroteGeneration",
            };
            set(key, other.to_string());
        }
        let data = if self.payload_format == "NONE" {
            String::new()
        } else {
            BASE64_STANDARD.encode(object.resource(base).to_string())
        };
        json!({"data": data, "attributes": attributes})
    }
}
