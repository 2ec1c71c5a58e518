//! Whether a page of somebody else made a browser ask.

use axum::http::HeaderMap;
use axum::http::header::{HOST, HeaderName, ORIGIN};

use super::loopback::{shown, text};

/// What a browser says of where a request comes from; no page can change it.
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Lets a request pass that a page of this very place made. `strict`: one that says nothing of where it comes from is refused, too.
pub(super) fn judge(headers: &HeaderMap, strict: bool) -> Result<(), String> {
    let site = text(headers, &SITE)?;
    if let Some(site) = site
        && site != "same-origin"
    {
        return Err(format!(
            "a page of somewhere else may not change anything here (`{SITE}` is {})",
            shown(site)
        ));
    }
    let Some(origin) = text(headers, &ORIGIN)? else {
        return match (site, strict) {
            (Some(_), _) | (None, false) => Ok(()),
            (None, true) => Err(format!(
                "this changes something, and nothing says which page asks for it: send the header `{ORIGIN}`, or use an API key"
            )),
        };
    };
    let host = text(headers, &HOST)?.unwrap_or_default();
    let from = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let same = from.is_some_and(|from| !from.is_empty() && from.eq_ignore_ascii_case(host));
    if same {
        Ok(())
    } else {
        Err(format!(
            "pages of {} may not change anything here",
            shown(origin)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_place_change_something() {
        for (origin, site, loose, strict) in [
            (None, None, true, false),
            (None, Some("same-origin"), true, true),
            (None, Some("same-site"), false, false),
            (None, Some("cross-site"), false, false),
            (None, Some("none"), false, false),
            (Some("https://ork.example"), None, true, true),
            (Some("https://ORK.example"), Some("same-origin"), true, true),
            (
                Some("https://ork.example"),
                Some("cross-site"),
                false,
                false,
            ),
            (Some("https://ork.example:8443"), None, false, false),
            (Some("https://evil.example"), None, false, false),
            (Some("https://ork.example.evil.example"), None, false, false),
            (Some("null"), None, false, false),
            (Some(""), None, false, false),
            (Some("ftp://ork.example"), None, false, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "ork.example".parse().expect("a header"));
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().expect("a header"));
            }
            if let Some(site) = site {
                headers.insert(SITE, site.parse().expect("a header"));
            }
            let said = [false, true].map(|strict| judge(&headers, strict).is_ok());
            assert_eq!(said, [loose, strict], "{origin:?} {site:?}");
        }
        let mut nowhere = HeaderMap::new();
        nowhere.insert(ORIGIN, "https://".parse().expect("a header"));
        assert!(judge(&nowhere, false).is_err(), "no host is no place");
    }
}
