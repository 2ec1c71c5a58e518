//! Signed URLs of version 4: whether a request is what was signed, by whom, and for how long.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::canonical;
use super::refused::Refused;
use crate::keyring::{Keyring, hex};

const ALGORITHM: &str = "GOOG4-RSA-SHA256";
/// The longest that a signature may hold: a week.
const LONGEST: i64 = 604_800;
/// How far the clocks of client and server may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Whether a query says that it is signed.
pub(super) fn is_signed(query: &str) -> bool {
    canonical::parameters(query).iter().any(|(name, _)| {
        name.eq_ignore_ascii_case("x-goog-signature")
            || name.eq_ignore_ascii_case("x-goog-algorithm")
    })
}

/// Who signed, and for which day and place.
struct Credential<'a> {
    account: &'a str,
    /// `DATE/LOCATION/storage/goog4_request`
    scope: &'a str,
}

impl<'a> Credential<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (account, scope) = text.split_once('/')?;
        let parts: Vec<&str> = scope.split('/').collect();
        matches!(parts[..], [_, _, "storage", "goog4_request"]).then_some(Self { account, scope })
    }
}

/// Checks the signature of a request and everything that it promises.
pub(super) fn check(keyring: &Keyring, parts: &Parts, now: Timestamp) -> Result<(), Refused> {
    let parameters = canonical::parameters(parts.uri.query().unwrap_or_default());
    let wanted = |name: &str| -> Result<&str, Refused> {
        let mut values = parameters
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(Refused::invalid(format!("{name} is missing"))),
            (Some(_), Some(_)) => Err(Refused::invalid(format!("{name} comes twice"))),
        }
    };
    let algorithm = wanted("X-Goog-Algorithm")?;
    if algorithm != ALGORITHM {
        return Err(Refused::invalid(format!(
            "X-Goog-Algorithm: {algorithm} is not {ALGORITHM}"
        )));
    }
    let credential = wanted("X-Goog-Credential")?;
    let credential = Credential::parse(credential).ok_or_else(|| {
        Refused::invalid(format!(
            "X-Goog-Credential: {credential} is not ACCOUNT/DATE/LOCATION/storage/goog4_request"
        ))
    })?;
    let date = wanted("X-Goog-Date")?;
    check_time(date, &credential, wanted("X-Goog-Expires")?, now)?;
    let signed = wanted("X-Goog-SignedHeaders")?;
    let mut headers = parts.headers.clone();
    // HTTP/2 says it elsewhere.
    if let (false, Some(authority)) = (headers.contains_key("host"), parts.uri.authority())
        && let Ok(host) = authority.as_str().parse()
    {
        headers.insert("host", host);
    }
    let signature = bytes(wanted("X-Goog-Signature")?);
    let payload = canonical::header(&headers, "x-goog-content-sha256")
        .unwrap_or_else(|| "UNSIGNED-PAYLOAD".to_owned());
    let mut shown = None;
    for headers in hosts(headers) {
        let lines = check_headers(&headers, signed)?;
        let request = format!(
            "{}\n{}\n{}\n{lines}\n{signed}\n{payload}",
            parts.method,
            canonical::path(parts.uri.path()),
            canonical::query(&parameters),
        );
        let hash = hex(digest(&SHA256, request.as_bytes()).as_ref());
        let text = format!("{ALGORITHM}\n{date}\n{}\n{hash}", credential.scope);
        let verified = signature
            .as_ref()
            .map(|signature| keyring.verify(credential.account, text.as_bytes(), signature));
        match verified {
            Some(Some(true)) => return Ok(()),
            Some(None) => {
                return Err(Refused::denied(format!(
                    "No key of the service account {} is known here: none has signed for it, and none was told.",
                    credential.account
                )));
            }
            Some(Some(false)) | None => shown = shown.or(Some((text, request))),
        }
    }
    let (text, request) = shown.unwrap_or_default();
    Err(Refused::signature(&text, &request))
}

/// The headers as they came, and with a host that has no port: Google has none, and its own crate leaves it out of what it signs.
fn hosts(headers: HeaderMap) -> Vec<HeaderMap> {
    let host = canonical::header(&headers, "host");
    let name = host
        .as_deref()
        .and_then(|host| host.rsplit_once(':'))
        .and_then(|(name, _)| name.parse().ok());
    let mut all = vec![headers];
    if let Some(name) = name {
        let mut without = all[0].clone();
        without.insert("host", name);
        all.push(without);
    }
    all
}

fn check_time(
    date: &str,
    credential: &Credential<'_>,
    expires: &str,
    now: Timestamp,
) -> Result<(), Refused> {
    let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", date)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map_err(|_| Refused::invalid(format!("X-Goog-Date: {date} is not YYYYMMDDTHHMMSSZ")))?
        .timestamp();
    if !credential.scope.starts_with(&format!("{}/", &date[..8])) {
        return Err(Refused::invalid(
            "X-Goog-Date: it is another day than the one of X-Goog-Credential",
        ));
    }
    let seconds: i64 = expires
        .parse()
        .ok()
        .filter(|seconds| (1..=LONGEST).contains(seconds))
        .ok_or_else(|| {
            Refused::invalid(format!(
                "X-Goog-Expires: {expires} is not between 1 and {LONGEST} seconds"
            ))
        })?;
    if signed.duration_since(now) > SKEW {
        return Err(Refused::too_early());
    }
    let ends = signed
        .checked_add(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MAX);
    if now > ends {
        return Err(Refused::expired(&ends.to_string()));
    }
    Ok(())
}

/// Checks that what is signed is there, and what is there of Google's own is signed; gives the canonical lines.
fn check_headers(headers: &HeaderMap, signed: &str) -> Result<String, Refused> {
    let names: Vec<&str> = signed.split(';').collect();
    if !names.contains(&"host") {
        return Err(Refused::invalid(
            "X-Goog-SignedHeaders: the header host must be signed",
        ));
    }
    if !names.is_sorted() || names.iter().any(|name| *name != name.to_lowercase()) {
        return Err(Refused::invalid(
            "X-Goog-SignedHeaders: the names must be in lowercase and in their order",
        ));
    }
    let foreign = headers
        .keys()
        .find(|name| name.as_str().starts_with("x-goog-") && !names.contains(&name.as_str()));
    if let Some(name) = foreign {
        return Err(Refused::header(
            name.as_str(),
            "Header was included in the request, but not in signedheaders.",
        ));
    }
    let mut lines = String::new();
    for name in names {
        let value = canonical::header(headers, name).ok_or_else(|| {
            Refused::header(
                name,
                "Header was included in signedheaders, but not in the request.",
            )
        })?;
        lines.push_str(&format!("{name}:{value}\n"));
    }
    Ok(lines)
}

/// The bytes of hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}
