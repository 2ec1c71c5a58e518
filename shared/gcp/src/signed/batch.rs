//! The batch objects of workers without credentials: signed URLs stand beside the specs, at the same positions.

use ork_core::task::TASK_FORMAT;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::attempt::AttemptUrls;

/// What the URLs of one attempt take at most, long names included.
pub(crate) const ROOM: usize = 5 << 10;

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    specs: &'a [&'a RawValue],
    urls: &'a [AttemptUrls],
}

#[derive(Deserialize)]
struct Read<'a> {
    /// Only one of them is looked into.
    #[serde(borrow, default)]
    urls: Vec<&'a RawValue>,
}

/// The bytes of a batch object with these specs, each as `ork_engine::batch::encode_spec` gives it, and the URLs of each. The specs are read as
/// those of any batch object.
pub fn encode(specs: &[&RawValue], urls: &[AttemptUrls]) -> Vec<u8> {
    serde_json::to_vec(&Written {
        format: TASK_FORMAT,
        specs,
        urls,
    })
    .expect("specs and URLs are plain data")
}

/// The URLs at `position` of a batch object. An error says what is wrong with the object, and nothing of what stands in it.
pub fn decode(bytes: &[u8], position: usize) -> Result<AttemptUrls, String> {
    let batch: Read = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "the batch object cannot be read (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    match batch.urls.get(position) {
        Some(urls) => AttemptUrls::decode(urls.get()),
        None => Err(format!(
            "the batch object has signed URLs for {} attempts and none at position {position}: it was made for workers with credentials, \
             which are told of it by ORK_BATCH",
            batch.urls.len()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_urls_says_so_and_what_is_broken_is_not_repeated() {
        let batch = ork_engine::batch::encode(&[]);
        let said = decode(&batch, 0).expect_err("none");
        assert!(
            said.contains("for 0 attempts") && said.contains("ORK_BATCH"),
            "{said}"
        );
        for bytes in [
            &br#"{"urls": ["c2VjcmV0"]}"#[..],
            br#"{"urls": "c2VjcmV0"}"#,
            b"c2VjcmV0",
        ] {
            let said = decode(bytes, 0).expect_err("no URLs");
            assert!(
                said.contains("cannot be read") && !said.contains("c2V"),
                "{said}"
            );
        }
    }
}
