//! The envelope of a push, read strictly: what does not have its shape will never have it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Attributes of a message, as Pub/Sub limits them.
const ATTRIBUTES: usize = 100;
/// Bytes of an attribute's name.
const KEY_BYTES: usize = 256;
/// Bytes of an attribute's value.
const VALUE_BYTES: usize = 1_024;
/// Bytes of a message's id; Google's have about twenty.
const ID_BYTES: usize = 256;

/// A message that can never be understood, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// A message as it was pushed. Its data is left where it is: everything Ork wants is in the attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `projects/…/subscriptions/…`
    pub subscription: String,
    /// Pub/Sub's id of the message.
    pub message: String,
    /// What the message says.
    pub attributes: BTreeMap<String, String>,
    /// Which try this is, where the subscription counts.
    pub attempt: Option<u32>,
}

#[derive(Deserialize)]
struct Outer {
    message: Inner,
    subscription: String,
    #[serde(rename = "deliveryAttempt")]
    attempt: Option<u32>,
}

// Google sends ids and times in two spellings.
#[derive(Deserialize)]
struct Inner {
    attributes: Option<BTreeMap<String, String>>,
    #[serde(rename = "messageId")]
    camel: Option<String>,
    message_id: Option<String>,
}

impl Envelope {
    /// Reads the body of a push.
    pub fn parse(body: &[u8]) -> Result<Self, Broken> {
        let outer: Outer = serde_json::from_slice(body)
            .map_err(|error| Broken(format!("the body is no envelope: {error}")))?;
        let message = outer.message.camel.or(outer.message.message_id);
        let message = message.ok_or_else(|| Broken("the message has no id".into()))?;
        if message.is_empty() || message.len() > ID_BYTES {
            return Err(Broken(format!(
                "the message's id has {} bytes",
                message.len()
            )));
        }
        let attributes = outer.message.attributes.unwrap_or_default();
        if attributes.len() > ATTRIBUTES {
            return Err(Broken(format!(
                "the message has {} attributes",
                attributes.len()
            )));
        }
        for (name, value) in &attributes {
            if name.is_empty() || name.len() > KEY_BYTES || value.len() > VALUE_BYTES {
                return Err(Broken(format!(
                    "an attribute has a name of {} and a value of {} bytes",
                    name.len(),
                    value.len()
                )));
            }
        }
        Ok(Self {
            subscription: outer.subscription,
            message,
            attributes,
            attempt: outer.attempt,
        })
    }

    /// An attribute that the message must have.
    pub(super) fn attribute(&self, name: &str) -> Result<&str, Broken> {
        match self.attributes.get(name) {
            Some(value) => Ok(value),
            None => Err(Broken(format!("the message has no attribute `{name}`"))),
        }
    }
}
