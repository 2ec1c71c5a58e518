//! On a loopback address: everybody on this machine is let in, and nobody's web page.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName};

/// Lets a request pass that names this very address and was not made by a page from elsewhere.
pub(super) fn judge(
    headers: &HeaderMap,
    authority: Option<&str>,
    at: SocketAddr,
) -> Result<(), String> {
    let host = match authority {
        Some(authority) => authority,
        None => text(headers, &HOST)?.ok_or("the request names no host")?,
    };
    if !names(host, at) {
        return Err(format!(
            "this is {at}, and the request is to {}: a page of somebody else cannot be let in under a name of its own",
            shown(host)
        ));
    }
    match text(headers, &ORIGIN)? {
        None => Ok(()),
        Some(origin)
            if origin
                .strip_prefix("http://")
                .is_some_and(|from| names(from, at)) =>
        {
            Ok(())
        }
        Some(origin) => Err(format!("pages of {} may not use this API", shown(origin))),
    }
}

pub(super) fn text<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, String> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(one), None) => match one.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(format!("the header `{name}` is not plain text")),
        },
        (Some(_), Some(_)) => Err(format!("the header `{name}` comes twice")),
    }
}

/// Whether `host`, with its port, is this address.
fn names(host: &str, at: SocketAddr) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    };
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let is_here = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip == at.ip());
    is_here && port == Some(at.port())
}

pub(super) fn shown(text: &str) -> String {
    format!(
        "`{}`",
        text.chars().take(100).collect::<String>().escape_debug()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_address_is_let_in() {
        let at: SocketAddr = "127.0.0.1:4000".parse().expect("an address");
        for (host, origin, is_let_in) in [
            ("127.0.0.1:4000", None, true),
            ("localhost:4000", None, true),
            ("LocalHost:4000", None, true),
            ("localhost:4000", Some("http://localhost:4000"), true),
            ("127.0.0.1:4000", Some("http://localhost:4000"), true),
            ("localhost", None, false),
            ("localhost:4001", None, false),
            ("[::1]:4000", None, false),
            ("127.0.0.2:4000", None, false),
            ("evil.example:4000", None, false),
            ("127.0.0.1.evil.example:4000", None, false),
            ("localhost:4000", Some("http://evil.example"), false),
            ("localhost:4000", Some("https://localhost:4000"), false),
            ("localhost:4000", Some("null"), false),
            ("localhost:4000", Some("http://localhost:3000"), false),
            ("", None, false),
            (":4000", None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a header"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().expect("a header"));
            }
            let found = judge(&headers, None, at);
            assert_eq!(found.is_ok(), is_let_in, "{host} {origin:?}: {found:?}");
        }
    }

    #[test]
    fn the_ipv6_loopback_is_named_in_brackets() {
        let at: SocketAddr = "[::1]:80".parse().expect("an address");
        for (host, is_let_in) in [
            ("[::1]:80", true),
            ("[::1]", true),
            ("localhost", true),
            ("::1", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().expect("a header"));
            assert_eq!(judge(&headers, None, at).is_ok(), is_let_in, "{host}");
        }
    }

    #[test]
    fn a_request_without_a_host_or_with_two_is_refused() {
        let at: SocketAddr = "127.0.0.1:4000".parse().expect("an address");
        let mut headers = HeaderMap::new();
        assert!(judge(&headers, None, at).is_err());
        headers.append(HOST, "localhost:4000".parse().expect("a header"));
        headers.append(HOST, "localhost:4000".parse().expect("a header"));
        assert!(judge(&headers, None, at).is_err());
    }
}
