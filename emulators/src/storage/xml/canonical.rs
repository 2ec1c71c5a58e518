//! The canonical form of a request, as signatures of version 4 mean it.

use axum::http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stays as it is in a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// What stays as it is in a path.
const PATH: &AsciiSet = &UNRESERVED.remove(b'/');

/// A query, taken apart and decoded; a plus is a plus.
pub(super) fn parameters(query: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// The path, encoded as everybody has to.
pub(super) fn path(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    utf8_percent_encode(&decoded, PATH).to_string()
}

/// The query without its signature, encoded and sorted.
pub(super) fn query(parameters: &[(String, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut parts: Vec<(String, String)> = parameters
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("x-goog-signature"))
        .map(|(name, value)| (encoded(name), encoded(value)))
        .collect();
    parts.sort();
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.join("&")
}

/// The value of a header: of one that comes several times all of them, with single spaces.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_encoding_the_canonical_form_is_one() {
        assert_eq!(path("/bkt/a b/\u{e9}~"), "/bkt/a%20b/%C3%A9~");
        assert_eq!(path("/bkt/a%20b/%C3%A9%7E"), "/bkt/a%20b/%C3%A9~");
        let given = parameters("b=2&a=x/y&X-Goog-Signature=ff&c&a=1%2B2");
        assert_eq!(query(&given), "a=1%2B2&a=x%2Fy&b=2&c=");
    }

    #[test]
    fn header_values_have_single_spaces() {
        let mut headers = HeaderMap::new();
        headers.append("x-goog-meta-a", "  one   two ".parse().expect("a header"));
        headers.append("x-goog-meta-a", "three".parse().expect("a header"));
        assert_eq!(
            header(&headers, "x-goog-meta-a").as_deref(),
            Some("one two,three")
        );
        assert_eq!(header(&headers, "host"), None);
    }
}
