//! The body of a request as JSON.

use serde::de::DeserializeOwned;

use super::{ApiError, Code};

/// A JSON body; an empty one stands for an empty object.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|error| {
        ApiError::new(
            Code::InvalidArgument,
            format!("the body is not what is expected: {error}"),
        )
    })
}
