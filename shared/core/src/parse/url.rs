//! URLs that files write out. What nobody could ask is said here; where a request may go, its guard says when it is made: no file knows
//! what a deployment opens.

use crate::diagnostic::Diagnostics;
use crate::expr;

use super::codes;
use super::fields::Field;

/// Whether a request can be made to what is written, as far as it stands before the first template.
pub(super) fn check(field: &Field<'_>, found: &mut Diagnostics) -> bool {
    let Some(text) = field.node.text() else {
        // Whoever reads the field says that it is no text.
        return true;
    };
    match judge(text) {
        Ok(Reach::Open) => true,
        Ok(Reach::Plain) => {
            let message = format!(
                "{} is plain http, which is asked only where `ORK_OUTGOING_ALLOW` of the deployment lists its host",
                field.label
            );
            found
                .warning(codes::BAD_URL, field.node.at, message)
                .hint("write https://, or have the host listed: requests go to public https addresses otherwise");
            true
        }
        Err(wrong) => {
            let (what, hint) = wrong.said();
            let message = format!("{}: {}", field.label, what.replace("{}", text));
            found
                .error(codes::BAD_URL, field.node.at, message)
                .hint(hint);
            false
        }
    }
}

/// Which hosts a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Any public one, or the text does not say.
    Open,
    /// One that the deployment lists.
    Plain,
}

/// Why no request can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    NoScheme,
    Scheme,
    Credentials,
    Host,
}

impl Wrong {
    /// What is wrong, with the text at `{}`, and what to do about it.
    const fn said(self) -> (&'static str, &'static str) {
        const WHOLE: &str = "write it in full, as in https://example.com/jobs";
        match self {
            Self::NoScheme => ("`{}` is not a URL", WHOLE),
            Self::Scheme => ("`{}` is not a URL of https", WHOLE),
            // The text itself is not repeated: it may hold a password.
            Self::Credentials => (
                "the URL holds a user or a password, and every reader of the workflow reads it",
                "put them into a header, as in `headers: {Authorization: {secret: NAME}}`",
            ),
            Self::Host => ("`{}` is a URL without a host that can be asked", WHOLE),
        }
    }
}

fn judge(text: &str) -> Result<Reach, Wrong> {
    let whole = !expr::has_template(text);
    let literal = if whole {
        text
    } else {
        text.split("{{").next().unwrap_or_default()
    };
    let Some((scheme, rest)) = literal.split_once("://") else {
        return if whole {
            Err(Wrong::NoScheme)
        } else {
            Ok(Reach::Open)
        };
    };
    let reach = match scheme.to_ascii_lowercase().as_str() {
        "https" => Reach::Open,
        "http" => Reach::Plain,
        _ => return Err(Wrong::Scheme),
    };
    let end = rest.find(['/', '\\', '?', '#']);
    if end.is_none() && !whole {
        // The host goes on in a template.
        return Ok(reach);
    }
    let authority = &rest[..end.unwrap_or(rest.len())];
    if authority.contains('@') {
        return Err(Wrong::Credentials);
    }
    if is_host(authority) {
        Ok(reach)
    } else {
        Err(Wrong::Host)
    }
}

/// Whether `authority` can be `host`, `host:port` or the same with an address in brackets.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, rest)) => match rest.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            Some(_) => return false,
            None => (authority, None),
        },
    };
    let illegal = |c: char| c.is_whitespace() || c.is_control() || "<>[]^|\"`{}".contains(c);
    let port_fits = port.is_none_or(|port| {
        port.is_empty() || port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    !host.is_empty() && !host.contains(illegal) && port_fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_could_ask_is_told_from_what_somebody_may() {
        for (text, expected) in [
            ("https://example.com", Ok(Reach::Open)),
            ("HTTPS://Example.com:8443/a b?q=@x#y", Ok(Reach::Open)),
            ("https://exämple.de", Ok(Reach::Open)),
            ("https://[2001:db8::1]:443/x", Ok(Reach::Open)),
            ("http://127.0.0.1:8080/x", Ok(Reach::Plain)),
            ("example.com/jobs", Err(Wrong::NoScheme)),
            ("//example.com", Err(Wrong::NoScheme)),
            ("mailto:a@example.com", Err(Wrong::NoScheme)),
            ("ftp://example.com", Err(Wrong::Scheme)),
            ("htps://example.com", Err(Wrong::Scheme)),
            ("gs://bucket/name", Err(Wrong::Scheme)),
            ("://example.com", Err(Wrong::Scheme)),
            ("https://", Err(Wrong::Host)),
            ("https:///jobs", Err(Wrong::Host)),
            ("https://exam ple.com", Err(Wrong::Host)),
            ("https://example.com:http/", Err(Wrong::Host)),
            ("https://example.com:65536", Err(Wrong::Host)),
            ("https://a:b:c", Err(Wrong::Host)),
            ("https://[::1", Err(Wrong::Host)),
            ("https://me:word@example.com/", Err(Wrong::Credentials)),
            // A template may become the part that is missing.
            ("{{ params.service }}/jobs", Ok(Reach::Open)),
            ("https://{{ params.host }}/jobs", Ok(Reach::Open)),
            ("https://api.{{ params.zone }}.example", Ok(Reach::Open)),
            ("http://{{ params.host }}", Ok(Reach::Plain)),
            ("{{ params.scheme }}://example.com", Ok(Reach::Open)),
            ("ftp://{{ params.host }}/x", Err(Wrong::Scheme)),
            ("https:///{{ params.path }}", Err(Wrong::Host)),
            ("https://a b/{{ params.path }}", Err(Wrong::Host)),
        ] {
            assert_eq!(judge(text), expected, "{text}");
        }
    }
}
