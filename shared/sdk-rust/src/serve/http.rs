//! As much of HTTP/1.1 as the worker service needs, read strictly.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a request's body.
pub(crate) const BODY_BYTES: usize = 10 << 20;
/// Bytes of its first line and headers together.
const HEAD_BYTES: usize = 16 << 10;
/// Time for a request to arrive: who sends slower than this sends to keep us waiting.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time to write the answer, between two writes.
const WRITING: Duration = Duration::from_secs(30);
/// What an asker may still send after it was refused, read so that it sees the answer and not a broken connection.
const LINGER: (Duration, u64) = (Duration::from_millis(500), 1 << 20);

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) is_json: bool,
    pub(crate) body: Vec<u8>,
}

/// What is answered: always JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The methods that the path has, where another was used.
    pub(crate) allow: Option<&'static str>,
}

impl Answer {
    pub(crate) const fn ok(body: String) -> Self {
        Self {
            status: 200,
            body,
            allow: None,
        }
    }
    /// A request that was not understood or not accepted. Only a full service gets better by itself.
    pub(crate) fn failed(status: u16, error: impl std::fmt::Display) -> Self {
        let category = match status {
            503 => "transient",
            _ => "permanent",
        };
        let body = serde_json::json!({"status": "failed", "error": error.to_string(), "category": category});
        Self {
            status,
            body: body.to_string(),
            allow: None,
        }
    }
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The asker is gone, or too slow.
    Lost,
    /// This is to be said to it.
    Refused(Answer),
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

fn refuse(status: u16, why: impl std::fmt::Display) -> Trouble {
    Trouble::Refused(Answer::failed(status, why))
}

/// A connection that is given up on at a fixed time, however little arrives at a time.
struct Patient<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut stream = self.stream;
        stream.read(into)
    }
}

/// Reads the request of a connection.
pub(crate) fn read(stream: &TcpStream) -> Result<Request, Trouble> {
    stream.set_write_timeout(Some(WRITING))?;
    let patient = Patient {
        stream,
        until: Instant::now() + PATIENCE,
    };
    parse(&mut BufReader::new(patient), &mut { stream })
}

/// Reads a request; `out` is where an asker that waits for leave to send its body is given it.
fn parse(from: &mut impl BufRead, out: &mut impl Write) -> Result<Request, Trouble> {
    let mut left = HEAD_BYTES;
    let first = line(from, &mut left)?;
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, version] = words[..] else {
        return Err(refuse(400, "the first line is no request of HTTP"));
    };
    if version != "HTTP/1.1" && version != "HTTP/1.0" {
        return Err(refuse(505, "this is a service of HTTP/1.1"));
    }
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_word(method) || !target.starts_with('/') {
        return Err(refuse(400, "the first line is no request of HTTP"));
    }
    let path = target.split('?').next().unwrap_or_default().to_owned();
    let mut length: Option<usize> = None;
    let (mut is_json, mut expects) = (false, false);
    loop {
        let header = line(from, &mut left)?;
        if header.is_empty() {
            break;
        }
        let Some((name, value)) = header.split_once(':') else {
            return Err(refuse(400, "a header has no colon"));
        };
        // White space before the colon, or a header over several lines, is how requests are smuggled past proxies.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse(400, "a header has no proper name"));
        }
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                match value.parse() {
                    Ok(found) if digits && length.is_none_or(|known| known == found) => {
                        length = Some(found);
                    }
                    _ => return Err(refuse(400, "the Content-Length is no length")),
                }
            }
            "transfer-encoding" => {
                return Err(refuse(501, "send the body whole, with a Content-Length"));
            }
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default().trim();
                is_json = kind.eq_ignore_ascii_case("application/json");
            }
            "expect" => {
                expects = value.eq_ignore_ascii_case("100-continue");
                if !expects {
                    return Err(refuse(417, "only 100-continue can be expected"));
                }
            }
            _ => {}
        }
    }
    let length = match length {
        Some(length) if length > BODY_BYTES => {
            return Err(refuse(
                413,
                format_args!("the request has {length} bytes, more than the {BODY_BYTES} allowed"),
            ));
        }
        Some(length) => length,
        None if method == "POST" => return Err(refuse(411, "a Content-Length is needed")),
        None => 0,
    };
    if expects && length > 0 {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = Vec::new();
    // Not made in advance: who announces much need not send it.
    from.take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(Trouble::Lost);
    }
    Ok(Request {
        method: method.to_owned(),
        path,
        is_json,
        body,
    })
}

/// A line without its end. `left` is what the head may still have.
fn line(from: &mut impl BufRead, left: &mut usize) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    let read = from.take(*left as u64).read_until(b'\n', &mut bytes)?;
    *left -= read;
    if bytes.pop() != Some(b'\n') {
        return Err(if *left == 0 {
            refuse(431, "the headers are too large")
        } else {
            Trouble::Lost
        });
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    if bytes
        .iter()
        .any(|byte| byte.is_ascii_control() && *byte != b'\t')
    {
        return Err(refuse(400, "a header holds a control character"));
    }
    String::from_utf8(bytes).map_err(|_| refuse(400, "a header is not text"))
}

/// Writes the answer, and takes in what was not read.
pub(crate) fn write(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    write_now(stream, answer)?;
    stream.shutdown(Shutdown::Write)?;
    let (time, bytes) = LINGER;
    let rest = Patient {
        stream,
        until: Instant::now() + time,
    };
    io::copy(&mut rest.take(bytes), &mut io::sink())?;
    Ok(())
}

/// Writes the answer.
pub(crate) fn write_now(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut head = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        reason(answer.status),
        answer.body.len()
    );
    if let Some(allow) = answer.allow {
        head.push_str(&format!("Allow: {allow}\r\n"));
    }
    if answer.status == 503 {
        head.push_str("Retry-After: 1\r\n");
    }
    head.push_str("\r\n");
    out.write_all(head.as_bytes())?;
    out.write_all(answer.body.as_bytes())?;
    out.flush()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Result<Request, Option<u16>>, String) {
        let mut out = Vec::new();
        let found = parse(&mut text.as_bytes(), &mut out).map_err(|trouble| match trouble {
            Trouble::Lost => None,
            Trouble::Refused(answer) => Some(answer.status),
        });
        (found, String::from_utf8(out).expect("text"))
    }

    #[test]
    fn a_request_is_read_as_sent() {
        let (found, out) = parsed(
            "POST /execute?x=1 HTTP/1.1\r\nHost: a\r\ncontent-TYPE: Application/JSON; charset=utf-8\r\n\
             Content-Length: 4\r\nExpect: 100-continue\r\n\r\n[12]more",
        );
        let found = found.expect("a request");
        assert_eq!(
            (found.method.as_str(), found.path.as_str()),
            ("POST", "/execute")
        );
        assert!(found.is_json && found.body == b"[12]");
        assert_eq!(out, "HTTP/1.1 100 Continue\r\n\r\n");
        let (found, out) = parsed("GET /healthz HTTP/1.0\n\n");
        assert!(found.expect("a request").body.is_empty() && out.is_empty());
    }

    #[test]
    fn what_is_not_strictly_a_request_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(HEAD_BYTES));
        let large = format!(
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
            BODY_BYTES + 1
        );
        for (text, status) in [
            ("GET / HTTP/2\r\n\r\n", 505),
            ("GET  / HTTP/1.1\r\n\r\n", 400),
            ("get / HTTP/1.1\r\n\r\n", 400),
            ("GET http://x/ HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\n\r\n", 411),
            ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx", 400),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
                400,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                501,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: tea\r\n\r\nx",
                417,
            ),
            (large.as_str(), 413),
            (long.as_str(), 431),
        ] {
            assert_eq!(parsed(text).0.expect_err(text), Some(status), "{text:.60}");
        }
        for cut in [
            "",
            "GET / HT",
            "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
        ] {
            assert_eq!(parsed(cut).0.expect_err(cut), None, "{cut}");
        }
    }
}
