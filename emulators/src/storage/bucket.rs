//! A bucket: its objects, its notifications, and its resource in the JSON API.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::conditions::Conditions;
use super::notification::Notification;
use super::object::{Object, time};
use super::refusal::Refusal;

/// What the server alone says of a bucket; a client's value is not taken over.
const SERVER_FIELDS: [&str; 11] = [
    "kind",
    "id",
    "name",
    "selfLink",
    "projectNumber",
    "metageneration",
    "timeCreated",
    "updated",
    "etag",
    "locationType",
    "acl",
];

/// A bucket and everything in it.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    pub(super) project: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) metageneration: i64,
    /// What clients set, kept as they wrote it.
    pub(super) settings: Map<String, Value>,
    pub(super) objects: BTreeMap<String, Arc<Object>>,
    pub(super) notifications: BTreeMap<u64, Notification>,
}

impl Bucket {
    pub(super) fn new(
        name: &str,
        project: &str,
        settings: &Map<String, Value>,
    ) -> Result<Self, Refusal> {
        check_name(name)?;
        let now = Timestamp::now();
        let mut bucket = Self {
            name: name.to_owned(),
            project: project.to_owned(),
            created: now,
            updated: now,
            metageneration: 1,
            settings: Map::new(),
            objects: BTreeMap::new(),
            notifications: BTreeMap::new(),
        };
        bucket.apply(settings)?;
        Ok(bucket)
    }

    /// Takes over the fields of a resource; `null` removes one.
    fn apply(&mut self, resource: &Map<String, Value>) -> Result<(), Refusal> {
        if resource
            .get("versioning")
            .is_some_and(|value| value["enabled"] == true)
        {
            return Err(Refusal::not_implemented(
                "keeping old generations (versioning.enabled)",
            ));
        }
        for (field, value) in resource {
            if SERVER_FIELDS.contains(&field.as_str()) {
                continue;
            }
            match value {
                Value::Null => {
                    self.settings.remove(field);
                }
                Value::Object(changes) if field == "labels" => {
                    let labels = self.settings.entry("labels").or_insert_with(|| json!({}));
                    for (key, value) in changes {
                        if value.is_null() {
                            labels.as_object_mut().and_then(|labels| labels.remove(key));
                        } else {
                            labels[key] = value.clone();
                        }
                    }
                }
                _ => {
                    self.settings.insert(field.clone(), value.clone());
                }
            }
        }
        Ok(())
    }

    /// Changes the settings (PATCH), or sets them anew (PUT).
    pub(super) fn change(
        &mut self,
        resource: &Map<String, Value>,
        anew: bool,
    ) -> Result<(), Refusal> {
        let before = self.settings.clone();
        if anew {
            self.settings.retain(|field, _| field == "location");
        }
        if let Err(refusal) = self.apply(resource) {
            self.settings = before;
            return Err(refusal);
        }
        self.metageneration += 1;
        self.updated = Timestamp::now();
        Ok(())
    }

    /// Buckets have a metageneration only.
    pub(super) fn check(&self, conditions: &Conditions) -> Result<(), Refusal> {
        Conditions {
            generation: None,
            not_generation: None,
            ..*conditions
        }
        .check_numbers(0, self.metageneration)
    }

    pub(super) fn text(&self, field: &str, otherwise: &str) -> String {
        self.settings
            .get(field)
            .and_then(Value::as_str)
            .unwrap_or(otherwise)
            .to_owned()
    }

    pub(super) fn resource(&self, base: &str) -> Value {
        let mut resource = json!({
            "storageClass": "STANDARD",
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": true},
                "publicAccessPrevention": "inherited",
            },
            "softDeletePolicy": {"retentionDurationSeconds": "0"},
        });
        for (field, value) in &self.settings {
            resource[field] = value.clone();
        }
        resource["kind"] = "storage#bucket".into();
        resource["id"] = self.name.clone().into();
        resource["name"] = self.name.clone().into();
        resource["selfLink"] = format!("{base}/storage/v1/b/{}", self.name).into();
        resource["projectNumber"] = "0".into();
        resource["metageneration"] = self.metageneration.to_string().into();
        resource["location"] = self.text("location", "US").to_uppercase().into();
        resource["locationType"] = "region".into();
        resource["timeCreated"] = time(self.created).into();
        resource["updated"] = time(self.updated).into();
        resource["etag"] = BASE64_STANDARD
            .encode(self.metageneration.to_string())
            .into();
        resource
    }
}

/// Google's rule, without the one about names that are domains.
fn check_name(name: &str) -> Result<(), Refusal> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let length = if name.contains('.') { 3..=222 } else { 3..=63 };
    let good = length.contains(&name.len())
        && name.chars().all(inner)
        && name.starts_with(outer)
        && name.ends_with(outer)
        && !name.starts_with("goog")
        && !name.contains("..");
    if good {
        Ok(())
    } else {
        Err(Refusal::invalid(format!("Invalid bucket name: '{name}'")))
    }
}
