//! What attempts that are started together run: one object for all of them, in which each worker finds its own by position.

use ork_core::task::{TASK_FORMAT, TaskSpec};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    specs: &'a [&'a RawValue],
}

#[derive(Deserialize)]
struct Read<'a> {
    #[serde(default)]
    format: u32,
    /// Only one of them is looked into.
    #[serde(borrow)]
    specs: Vec<&'a RawValue>,
}

/// The bytes of a batch object with these specs, each as [`encode_spec`] gives it.
pub fn encode(specs: &[&RawValue]) -> Vec<u8> {
    serde_json::to_vec(&Written {
        format: TASK_FORMAT,
        specs,
    })
    .expect("specs are plain data")
}

/// One spec as it stands in a batch object.
pub fn encode_spec(spec: &TaskSpec) -> Box<RawValue> {
    serde_json::value::to_raw_value(spec).expect("a spec is plain data")
}

/// The spec at `position` of a batch object. An error says what is wrong with the object or the position.
pub fn decode(bytes: &[u8], position: usize) -> Result<TaskSpec, String> {
    let batch: Read = serde_json::from_slice(bytes)
        .map_err(|error| format!("the batch object cannot be read: {error}"))?;
    if batch.format > TASK_FORMAT {
        return Err(format!(
            "the batch object has format {}, this worker reads up to {TASK_FORMAT}: use a newer worker image",
            batch.format
        ));
    }
    let Some(spec) = batch.specs.get(position) else {
        return Err(format!(
            "the batch object has {} specs and none at position {position}",
            batch.specs.len()
        ));
    };
    serde_json::from_str(spec.get())
        .map_err(|error| format!("spec {position} of the batch object cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first Ork wrote it. What is added later must have a default.
    const FIRST: &str = r#"{"format":1,"specs":[null,{"format":1,"id":{"run":"r","task":0,"index":1,"attempt":2,"fence":3},"task_name":"t","workflow_name":"w","workflow_version":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","executor":{"kind":"marker"},"input":{"a": 1},"upstream":{},"env":[],"parallel_index":1,"parallel_count":2,"timeout":1000,"heartbeat":1000,"fans_out":true,"created_at":5}]}"#;

    #[test]
    fn the_first_format_is_read_and_what_is_read_is_written_alike() {
        let spec = decode(FIRST.as_bytes(), 1).expect("it is read");
        assert_eq!((spec.id.attempt, spec.id.fence, spec.bundle), (2, 3, None));
        let spec = decode(FIRST.as_bytes(), 1).expect("it is read");
        let one = encode_spec(&spec);
        let again = decode(&encode(&[&one]), 0).expect("it is read");
        assert_eq!(encode_spec(&again).get(), one.get());
    }

    #[test]
    fn what_cannot_be_read_says_what_is_wrong() {
        let newer = FIRST.replacen("\"format\":1", "\"format\":2", 1);
        for (bytes, position, word) in [
            ("", 0, "EOF"),
            ("[]", 0, "cannot be read"),
            (FIRST, 0, "spec 0 of the batch object"),
            (FIRST, 2, "has 2 specs and none at position 2"),
            (newer.as_str(), 1, "format 2, this worker reads up to 1"),
        ] {
            let said = decode(bytes.as_bytes(), position).expect_err(bytes);
            assert!(said.contains(word), "{said}");
        }
    }
}
