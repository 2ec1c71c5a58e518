//! The status object of a remote worker.

use ork_core::Value;
use ork_core::task::WorkerStatus;

use crate::Reading;

/// Bytes of a status object that are read; a worker that writes more is not listened to.
const STATUS_BYTES: usize = 256 * 1024;

/// `status.json` as a worker wrote it.
///
/// Reading ends. What is accepted is written with every key it came with, those of a newer worker included.
pub fn status(bytes: &[u8]) -> Reading {
    if bytes.len() > STATUS_BYTES {
        return Reading::Rejected;
    }
    let Ok(status) = serde_json::from_slice::<WorkerStatus>(bytes) else {
        return Reading::Rejected;
    };
    let written = serde_json::to_value(&status).expect("a status is plain data");
    let mut read: Value = serde_json::from_slice(bytes).expect("it was read once");
    // An error that is null is one that is not there.
    if let Some(fields) = read.as_object_mut()
        && fields.get("error").is_some_and(Value::is_null)
    {
        fields.remove("error");
    }
    assert_eq!(written, read, "keys were lost");
    let again: WorkerStatus =
        serde_json::from_value(written).expect("what was written can be read");
    assert_eq!(again, status);
    Reading::Accepted
}
