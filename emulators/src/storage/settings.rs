//! What a client may say of an object beside its bytes: read from a resource, changed by a patch.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The settable metadata of an object.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Settings {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) storage_class: Option<String>,
    pub(super) custom_time: Option<Timestamp>,
    pub(super) temporary_hold: bool,
    pub(super) event_based_hold: bool,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Settings {
    /// Takes over the fields that `resource` has; `null` clears one. Fields that only the server sets are ignored, as Google does.
    pub(super) fn apply(&mut self, resource: &Map<String, Value>) -> Result<(), Refusal> {
        for (field, value) in resource {
            match field.as_str() {
                "contentType" => self.content_type = text(field, value)?,
                "contentEncoding" => self.content_encoding = text(field, value)?,
                "contentDisposition" => self.content_disposition = text(field, value)?,
                "contentLanguage" => self.content_language = text(field, value)?,
                "cacheControl" => self.cache_control = text(field, value)?,
                "storageClass" => self.storage_class = text(field, value)?,
                "customTime" => {
                    self.custom_time = text(field, value)?
                        .map(|text| text.parse().map_err(|_| wrong(field, value)))
                        .transpose()?;
                }
                "temporaryHold" => self.temporary_hold = flag(field, value)?,
                "eventBasedHold" => self.event_based_hold = flag(field, value)?,
                "metadata" => self.apply_metadata(value)?,
                "retention" | "customerEncryption" | "contexts" if !value.is_null() => {
                    return Err(Refusal::not_implemented(format!("the field {field}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn apply_metadata(&mut self, value: &Value) -> Result<(), Refusal> {
        match value {
            Value::Null => self.metadata.clear(),
            Value::Object(entries) => {
                for (key, value) in entries {
                    match value {
                        Value::Null => {
                            self.metadata.remove(key);
                        }
                        Value::String(text) => {
                            self.metadata.insert(key.clone(), text.clone());
                        }
                        _ => return Err(wrong(&format!("metadata.{key}"), value)),
                    }
                }
            }
            _ => return Err(wrong("metadata", value)),
        }
        Ok(())
    }

    /// Adds what is set to a resource.
    pub(super) fn write(&self, resource: &mut Map<String, Value>) {
        let texts = [
            ("contentType", &self.content_type),
            ("contentEncoding", &self.content_encoding),
            ("contentDisposition", &self.content_disposition),
            ("contentLanguage", &self.content_language),
            ("cacheControl", &self.cache_control),
        ];
        for (field, value) in texts {
            if let Some(value) = value {
                resource.insert(field.into(), value.clone().into());
            }
        }
        resource.insert("storageClass".into(), self.storage_class().into());
        if let Some(time) = self.custom_time {
            resource.insert("customTime".into(), time.to_string().into());
        }
        for (field, value) in [
            ("temporaryHold", self.temporary_hold),
            ("eventBasedHold", self.event_based_hold),
        ] {
            if value {
                resource.insert(field.into(), true.into());
            }
        }
        if !self.metadata.is_empty() {
            let metadata = self
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), Value::from(value.clone())))
                .collect::<Map<_, _>>();
            resource.insert("metadata".into(), metadata.into());
        }
    }

    pub(super) fn storage_class(&self) -> &str {
        self.storage_class.as_deref().unwrap_or("STANDARD")
    }
}

fn text(field: &str, value: &Value) -> Result<Option<String>, Refusal> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err(wrong(field, value)),
    }
}

fn flag(field: &str, value: &Value) -> Result<bool, Refusal> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        _ => Err(wrong(field, value)),
    }
}

fn wrong(field: &str, value: &Value) -> Refusal {
    Refusal::invalid(format!("Invalid value for field {field}: {value}"))
}
