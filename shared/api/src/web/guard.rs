//! What every page is served with: headers that leave nothing of a page to chance, problems as pages, and forms only from pages of our own.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    HeaderValue, ORIGIN, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;

use super::actor::Actor;
use super::assets::{gzip, takes_gzip};
use super::page::ProblemPage;
use crate::Problem;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Pages below this are not worth packing.
const SMALL: usize = 1400;
/// Bytes of a page at most; what is longer is shown by pages.
const LARGE: usize = 16 << 20;

/// Around everything: what is not of the API gets its headers, and its problems become pages.
pub(crate) async fn pages(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/api" || path.starts_with("/api/") {
        return next.run(request).await;
    }
    let packs = takes_gzip(request.headers()) && request.method() == Method::GET;
    let is_part = request.headers().contains_key("hx-request");
    let actor = request.extensions().get::<Actor>().cloned();
    let mut answer = next.run(request).await;
    if let Some(problem) = answer.extensions().get::<Problem>().cloned() {
        let kept = answer.headers().get("retry-after").cloned();
        answer = ProblemPage::of(&problem, actor, is_part).into_response();
        if let Some(kept) = kept {
            answer.headers_mut().insert("retry-after", kept);
        }
    }
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if packs { packed(answer).await } else { answer }
}

/// Pages shrink to a sixth.
async fn packed(answer: Response) -> Response {
    let kind = answer.headers().get(CONTENT_TYPE);
    let is_page = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if !is_page || answer.headers().contains_key(CONTENT_ENCODING) {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(bytes) = to_bytes(body, LARGE).await else {
        return Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the page is larger than a page may be",
        )
        .into_response();
    };
    if bytes.len() < SMALL {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.headers.remove(CONTENT_LENGTH);
    for (name, value) in [(CONTENT_ENCODING, "gzip"), (VARY, "accept-encoding")] {
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    Response::from_parts(parts, Body::from(gzip(&bytes, Compression::fast())))
}

/// Lets nothing be changed but from a page of our own: browsers say where a request comes from, and who does not say so is refused.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let authority = request.uri().authority().map(|one| one.as_str());
    match is_ours(request.headers(), authority) {
        Ok(()) => next.run(request).await,
        Err(why) => Problem::new(StatusCode::FORBIDDEN, why).into_response(),
    }
}

fn is_ours(headers: &HeaderMap, authority: Option<&str>) -> Result<(), &'static str> {
    let site = headers.get(FETCH_SITE);
    let origin = headers.get(ORIGIN);
    if site.is_none() && origin.is_none() {
        return Err(
            "the request does not say which page it comes from; programs use the API, under /api",
        );
    }
    let comes_from_us = origin.is_none_or(|origin| {
        let host = || headers.get(HOST).and_then(|host| host.to_str().ok());
        let host = authority.or_else(host);
        let origin = origin.to_str().ok();
        let name = origin.and_then(|one| {
            one.strip_prefix("https://")
                .or_else(|| one.strip_prefix("http://"))
        });
        name.zip(host)
            .is_some_and(|(name, host)| name.eq_ignore_ascii_case(host))
    });
    if site.is_some_and(|site| site != "same-origin") || !comes_from_us {
        return Err("the request comes from a page of somebody else; nothing was changed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forms_of_our_own_pages_are_taken() {
        let host = "localhost:4000";
        for (site, origin, is_taken) in [
            (Some("same-origin"), Some("http://localhost:4000"), true),
            (Some("same-origin"), None, true),
            (None, Some("http://localhost:4000"), true),
            (None, Some("https://localhost:4000"), true),
            (None, None, false),
            (Some("none"), None, false),
            (Some("same-site"), Some("http://localhost:4000"), false),
            (Some("cross-site"), None, false),
            (Some("same-origin"), Some("http://localhost:4001"), false),
            (Some("same-origin"), Some("null"), false),
            (None, Some("localhost:4000"), false),
            (None, Some("http://localhost:4000.evil.example"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            if let Some(site) = site {
                headers.insert(FETCH_SITE, HeaderValue::from_static(site));
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            let found = is_ours(&headers, None);
            assert_eq!(found.is_ok(), is_taken, "{site:?} {origin:?}: {found:?}");
        }
    }
}
