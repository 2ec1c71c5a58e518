//! A notice of Cloud Storage: "this object was written".

use ork_core::names::ObjectName;

use super::envelope::{Broken, Envelope};

/// What became of an object, as far as Ork cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// One of ours was written.
    Written(ObjectName),
    /// Something happened that is none of Ork's business; the word says what.
    PassedOver(&'static str),
}

/// The notice in an envelope of a bucket called `bucket`.
pub fn notice(envelope: &Envelope, bucket: &str) -> Result<Notice, Broken> {
    let object = envelope.attribute("objectId")?;
    let of = envelope.attribute("bucketId")?;
    let event = envelope.attribute("eventType")?;
    if of != bucket {
        return Ok(Notice::PassedOver("another bucket"));
    }
    if event != "OBJECT_FINALIZE" {
        return Ok(Notice::PassedOver("not written"));
    }
    Ok(match ObjectName::parse(object) {
        Some(name) => Notice::Written(name),
        None => Notice::PassedOver("a foreign name"),
    })
}
