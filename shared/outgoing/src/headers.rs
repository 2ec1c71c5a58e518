//! Headers that users state, and which of them another host may see.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::error::OutgoingError;

/// What the connection decides, and what only metadata services ask for.
const NOT_STATED: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "metadata",
    "metadata-flavor",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-aws-ec2-metadata-token",
    "x-aws-ec2-metadata-token-ttl-seconds",
    "x-google-metadata-request",
];

/// What another host may see. Everything else could be a credential under a name of its own.
const FOR_OTHERS: &[&str] = &[
    "accept",
    "accept-language",
    "cache-control",
    "content-type",
    "traceparent",
    "tracestate",
    "user-agent",
];

/// The headers of a request; with a body it is JSON unless they say something else.
pub(crate) fn read(
    stated: &BTreeMap<String, String>,
    has_body: bool,
) -> Result<HeaderMap, OutgoingError> {
    let mut headers = HeaderMap::new();
    for (name, value) in stated {
        let name: HeaderName = name.trim().parse().map_err(|_| {
            OutgoingError::Unusable(format!("`{}` is not a header's name", name.escape_debug()))
        })?;
        if NOT_STATED.contains(&name.as_str()) {
            let why = format!("the header `{name}` cannot be stated");
            return Err(OutgoingError::Unusable(why));
        }
        // Never the value: it may be a secret.
        let ascii = Some(value.trim()).filter(|value| value.is_ascii());
        let value = ascii.and_then(|value| HeaderValue::from_str(value).ok());
        let mut value = value.ok_or_else(|| {
            OutgoingError::Unusable(format!(
                "the value of the header `{name}` holds something else than visible ASCII"
            ))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if has_body && !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(headers)
}

/// Takes away what another host may not see.
pub(crate) fn for_others(headers: &mut HeaderMap) {
    let hidden: Vec<HeaderName> = headers
        .keys()
        .filter(|name| !FOR_OTHERS.contains(&name.as_str()))
        .cloned()
        .collect();
    for name in hidden {
        headers.remove(name);
    }
}

/// Takes away what describes a body.
pub(crate) fn without_body(headers: &mut HeaderMap) {
    let describing: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("content-"))
        .cloned()
        .collect();
    for name in describing {
        headers.remove(name);
    }
}
