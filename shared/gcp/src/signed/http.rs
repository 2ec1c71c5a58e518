//! One request to a signed URL, and what its answer means. Nothing here repeats a URL.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use ork_core::time::Time;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LAST_MODIFIED, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};

use super::grant::Method;
use super::secret::SignedUrl;

const CONNECT: Duration = Duration::from_secs(5);
/// Without a byte of an answer.
const SILENCE: Duration = Duration::from_secs(20);
/// As much of an error's text as is looked at.
const ERROR_BYTES: u64 = 16 << 10;

/// A client that follows nobody elsewhere. A stand-in on this machine is no matter for a proxy.
pub(super) fn client(is_stand_in: bool) -> reqwest::Result<Client> {
    let client = Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .redirect(Policy::none());
    let client = if is_stand_in {
        client.no_proxy()
    } else {
        client
    };
    client.build()
}

/// What an error of a request says, with its reasons and without its URL.
pub(super) fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        text.push_str(&format!(": {reason}"));
        source = reason.source();
    }
    text
}

/// What is asked.
pub(super) enum Ask {
    /// The object, if it is no larger.
    Read { limit: u64 },
    /// Whether there is one, and since when.
    Look,
    /// That it be written.
    Write { bytes: Bytes, kind: &'static str },
}

impl Ask {
    pub(super) const fn method(&self) -> Method {
        match self {
            Self::Read { .. } | Self::Look => Method::Get,
            Self::Write { .. } => Method::Put,
        }
    }
}

/// A request that was done.
#[derive(Debug)]
pub(super) struct Answer {
    /// Of the object.
    pub(super) generation: Option<u64>,
    /// When it was written.
    pub(super) modified: Option<Time>,
    /// What was read.
    pub(super) bytes: Vec<u8>,
}

/// A request that was not done, or of which nobody knows.
#[derive(Debug)]
pub(super) enum Not {
    /// Nothing was sent.
    Sent(String),
    /// Nothing was done; later perhaps.
    Now(String),
    /// It may have been done.
    Known(String),
    /// There is no such object.
    There,
    /// There is one already.
    First,
    /// There is one that is empty, so that it has no first byte to look at.
    Filled,
    /// More than the reader or the signature allows.
    Fitting { bytes: u64, limit: u64 },
    /// The URL is no longer good.
    InTime(String),
    /// The account that signed has no access.
    Allowed(String),
    /// It never will be.
    Ever(String),
}

/// Makes one request.
pub(super) async fn ask(client: &Client, url: &SignedUrl, ask: &Ask) -> Result<Answer, Not> {
    let mut request = match ask.method() {
        Method::Get => client.get(url.reveal()),
        Method::Put => client.put(url.reveal()),
    };
    for (name, value) in url.headers() {
        request = request.header(name, value);
    }
    request = match ask {
        Ask::Read { .. } => request,
        // A byte is enough to see that it is there.
        Ask::Look => request.header(RANGE, "bytes=0-0"),
        Ask::Write { bytes, kind } => request.header(CONTENT_TYPE, *kind).body(bytes.clone()),
    };
    let answer = request.send().await.map_err(|error| {
        if error.is_builder() {
            Not::Ever(said(error))
        } else if error.is_connect() {
            Not::Sent(said(error))
        } else {
            Not::Known(said(error))
        }
    })?;
    let status = answer.status().as_u16();
    match (status, ask) {
        (200..300, _) => {}
        (416, Ask::Look) => return Err(Not::Filled),
        _ => return Err(not_done(answer, ask).await),
    }
    let mut known = known(answer.headers());
    let sum = checksum(answer.headers());
    let written = match ask {
        Ask::Look => return Ok(known),
        Ask::Read { limit } => {
            known.bytes = read(answer, *limit).await?;
            &known.bytes[..]
        }
        Ask::Write { bytes, .. } => &bytes[..],
    };
    match sum {
        Some(sum) if sum != crc32c::crc32c(written) => Err(Not::Known(
            "its checksum is another than that of the bytes that were sent".into(),
        )),
        _ => Ok(known),
    }
}

fn known(headers: &HeaderMap) -> Answer {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let modified = text(LAST_MODIFIED.as_str())
        .and_then(|text| jiff::fmt::rfc2822::parse(text).ok())
        .map(|at| Time(at.timestamp().as_millisecond()));
    Answer {
        generation: text("x-goog-generation").and_then(|text| text.parse().ok()),
        modified,
        bytes: Vec::new(),
    }
}

/// The CRC32C of the object, of which the service says so: `x-goog-hash: crc32c=…,md5=…`, or one header for each.
fn checksum(headers: &HeaderMap) -> Option<u32> {
    use base64::Engine;
    let all = headers.get_all("x-goog-hash").into_iter();
    let said = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|part| part.trim().strip_prefix("crc32c="))?;
    let bytes = base64::prelude::BASE64_STANDARD.decode(said).ok()?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// The body, if it is no larger than `limit`.
async fn read(mut answer: Response, limit: u64) -> Result<Vec<u8>, Not> {
    if let Some(bytes) = answer.content_length().filter(|bytes| *bytes > limit) {
        return Err(Not::Fitting { bytes, limit });
    }
    let mut read = Vec::new();
    while let Some(piece) = answer
        .chunk()
        .await
        .map_err(|error| Not::Known(said(error)))?
    {
        read.extend_from_slice(&piece);
        if read.len() as u64 > limit {
            return Err(Not::Fitting {
                bytes: read.len() as u64,
                limit,
            });
        }
    }
    Ok(read)
}

/// What an answer means that is an error. Its text names the code; what was signed stands in some of them and is left out.
async fn not_done(answer: Response, ask: &Ask) -> Not {
    let status = answer.status();
    let text = match read(answer, ERROR_BYTES).await {
        Ok(text) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    };
    let code = element(&text, "Code").unwrap_or_default();
    let details = element(&text, "Details").or_else(|| element(&text, "Message"));
    let message = format!("{status} {code}: {}", details.unwrap_or("no reason given"));
    match (status.as_u16(), code) {
        (_, "ExpiredToken") => Not::InTime(message),
        (_, "EntityTooLarge") => match ask {
            Ask::Write { bytes, .. } => Not::Fitting {
                bytes: bytes.len() as u64,
                limit: 0,
            },
            Ask::Read { .. } | Ask::Look => Not::Ever(message),
        },
        (_, "NoSuchBucket") => Not::Ever(message),
        (404, _) => Not::There,
        (412, _) => Not::First,
        (429, _) => Not::Now(message),
        (401 | 403, "AccessDenied" | "AuthenticationRequired") => Not::Allowed(message),
        (408 | 500.., _) => Not::Known(message),
        _ => Not::Ever(message),
    }
}

/// The text of the first element called so.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(checksum(&headers), None);
        headers.append("x-goog-hash", "md5=AAAA".parse().expect("a header"));
        headers.append(
            "x-goog-hash",
            "md5=A, crc32c=yZRlqg==".parse().expect("a header"),
        );
        assert_eq!(checksum(&headers), Some(crc32c::crc32c(b"hello world")));
    }

    #[test]
    fn instants_are_read_as_http_writes_them() {
        let mut headers = HeaderMap::new();
        let written = "Mon, 01 Jun 2026 02:30:00 GMT".parse().expect("a header");
        headers.insert(LAST_MODIFIED, written);
        headers.insert("x-goog-generation", "7".parse().expect("a header"));
        let read = known(&headers);
        assert_eq!(read.modified, Time::parse("2026-06-01T02:30:00Z").ok());
        assert_eq!(read.generation, Some(7));
    }
}
