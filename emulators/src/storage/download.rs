//! Downloads: the bytes of an object, whole or a range of them.

use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::call::Call;
use super::conditions::Conditions;
use super::object::Object;
use super::refusal::Refusal;
use super::target::Name;

pub(super) fn download(call: &Call, name: &Name) -> Result<Response, Refusal> {
    let conditions = Conditions::from_query(&call.query)?;
    let generation = call.query.number("generation")?;
    let object = call
        .store
        .get(&name.bucket, &name.object, generation, &conditions)?;
    serve(&call.headers, &object)
}

/// The bytes of an object, or the range of them that the headers ask for.
pub(super) fn serve(headers: &HeaderMap, object: &Object) -> Result<Response, Refusal> {
    check_etag(headers, object)?;
    let data = &object.content.data;
    let range = headers.get(header::RANGE);
    let wanted = match range.and_then(|range| range.to_str().ok()) {
        Some(range) => wanted(range, data.len()),
        None => Wanted::All,
    };
    let (status, body, range) = match wanted {
        Wanted::All => (StatusCode::OK, data.clone(), None),
        Wanted::Part(part) => {
            let text = format!("bytes {}-{}/{}", part.start, part.end - 1, data.len());
            (StatusCode::PARTIAL_CONTENT, data.slice(part), Some(text))
        }
        Wanted::Nothing => {
            let mut response = Refusal::range(data.len()).text();
            set(
                response.headers_mut(),
                header::CONTENT_RANGE,
                &format!("bytes */{}", data.len()),
            );
            return Ok(response);
        }
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some(range) = range {
        set(headers, header::CONTENT_RANGE, &range);
    }
    describe(headers, object);
    Ok(response)
}

/// The conditions that HTTP itself has.
pub(super) fn check_etag(headers: &HeaderMap, object: &Object) -> Result<(), Refusal> {
    let names_it = |header: HeaderName| {
        let text = headers.get(header)?.to_str().ok()?;
        let etag = object.etag();
        Some(text.split(',').any(|one| {
            matches!(one.trim().trim_matches('"'), "*" | "W/*")
                || one.trim().trim_matches('"') == etag
        }))
    };
    if names_it(header::IF_MATCH) == Some(false) {
        return Err(Refusal::condition());
    }
    if names_it(header::IF_NONE_MATCH) == Some(true) {
        return Err(Refusal::not_modified());
    }
    Ok(())
}

fn describe(headers: &mut HeaderMap, object: &Object) {
    let settings = &object.settings;
    let standard = [
        (
            header::CONTENT_TYPE,
            settings
                .content_type
                .as_deref()
                .unwrap_or("application/octet-stream"),
        ),
        (
            header::CONTENT_ENCODING,
            settings.content_encoding.as_deref().unwrap_or_default(),
        ),
        (
            header::CONTENT_DISPOSITION,
            settings.content_disposition.as_deref().unwrap_or_default(),
        ),
        (
            header::CONTENT_LANGUAGE,
            settings.content_language.as_deref().unwrap_or_default(),
        ),
        (
            header::CACHE_CONTROL,
            settings
                .cache_control
                .as_deref()
                .unwrap_or("private, max-age=0"),
        ),
        (header::ACCEPT_RANGES, "bytes"),
    ];
    for (name, value) in standard {
        if !value.is_empty() {
            set(headers, name, value);
        }
    }
    let modified = object
        .updated
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    set(headers, header::LAST_MODIFIED, &modified);
    name(headers, object);
    for (key, value) in &settings.metadata {
        if let Ok(name) = HeaderName::try_from(format!("x-goog-meta-{key}")) {
            set(headers, name, value);
        }
    }
}

/// What tells one generation of an object from all others.
pub(super) fn name(headers: &mut HeaderMap, object: &Object) {
    let settings = &object.settings;
    set(headers, header::ETAG, &object.etag());
    let named = [
        ("x-goog-generation", object.generation.to_string()),
        ("x-goog-metageneration", object.metageneration.to_string()),
        ("x-goog-hash", object.content.header()),
        (
            "x-goog-stored-content-length",
            object.content.data.len().to_string(),
        ),
        (
            "x-goog-stored-content-encoding",
            settings
                .content_encoding
                .clone()
                .unwrap_or_else(|| "identity".to_owned()),
        ),
        ("x-goog-storage-class", settings.storage_class().to_owned()),
    ];
    for (name, value) in named {
        set(headers, HeaderName::from_static(name), &value);
    }
}

/// Leaves out what cannot be a header, as a metadata value with a line break.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<usize>),
    /// The range lies behind the end.
    Nothing,
}

/// Reads the header `Range`. What is no range of bytes, or several, is answered with everything, as HTTP allows.
fn wanted(range: &str, size: usize) -> Wanted {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Wanted::All;
    };
    let part = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if last < first => return Wanted::All,
        (Ok(first), Ok(last)) => first..size.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(last)) if first.is_empty() => {
            if last == 0 {
                return Wanted::Nothing;
            }
            size.saturating_sub(last)..size
        }
        _ => return Wanted::All,
    };
    if part.start >= size {
        Wanted::Nothing
    } else {
        Wanted::Part(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_http_says() {
        for (range, expected) in [
            ("bytes=0-4", Wanted::Part(0..5)),
            ("bytes=3-99", Wanted::Part(3..10)),
            ("bytes=3-", Wanted::Part(3..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-4", Wanted::All),
            ("bytes=0-1,3-4", Wanted::All),
            ("lines=0-4", Wanted::All),
        ] {
            assert_eq!(wanted(range, 10), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
    }
}
