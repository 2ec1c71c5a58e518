//! Bodies of several parts: an upload's metadata, bytes and (from some clients) checksums, or the requests of a batch.

use bytes::Bytes;
use memchr::memmem;

use super::refusal::Refusal;

/// One part of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) content_type: Option<String>,
    pub(super) content_id: Option<String>,
    pub(super) body: Bytes,
}

/// An upload: no client sends more parts.
pub(super) const UPLOAD: Kind = Kind {
    name: "multipart/related",
    parts_max: 3,
};

/// A batch, with Google's limit on its requests.
pub(super) const BATCH: Kind = Kind {
    name: "multipart/mixed",
    parts_max: 100,
};

/// What the parts are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    name: &'static str,
    parts_max: usize,
}

/// Cuts a body apart; lines end in CRLF or, from Google's Python tools, in LF.
pub(super) fn parse(kind: Kind, content_type: &str, body: &Bytes) -> Result<Vec<Part>, Refusal> {
    let boundary = boundary(kind, content_type)?;
    let mark = format!("--{boundary}");
    if !body.starts_with(mark.as_bytes()) {
        return Err(wrong("it does not start with its boundary"));
    }
    let newline: &[u8] = match body.get(mark.len()..) {
        Some([b'\r', b'\n', ..]) => b"\r\n",
        Some([b'\n', ..]) => b"\n",
        _ => return Err(wrong("its first boundary does not end its line")),
    };
    let delimiter = [newline, mark.as_bytes()].concat();
    let finder = memmem::Finder::new(&delimiter);
    let mut parts = Vec::new();
    let mut at = mark.len() + newline.len();
    loop {
        let length = finder
            .find(&body[at..])
            .ok_or_else(|| wrong("a part is not ended by the boundary"))?;
        parts.push(part(&body.slice(at..at + length), newline)?);
        at += length + delimiter.len();
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        if !rest.starts_with(newline) {
            return Err(wrong("a boundary does not end its line"));
        }
        if parts.len() == kind.parts_max {
            return Err(wrong(&format!("it has more than {} parts", kind.parts_max)));
        }
        at += newline.len();
    }
}

fn boundary(kind: Kind, content_type: &str) -> Result<&str, Refusal> {
    let mut fields = content_type.split(';').map(str::trim);
    if !fields
        .next()
        .is_some_and(|given| given.eq_ignore_ascii_case(kind.name))
    {
        return Err(wrong(&format!("its Content-Type is not {}", kind.name)));
    }
    fields
        .find_map(|field| field.strip_prefix("boundary="))
        .map(|boundary| boundary.trim_matches(['"', '\'']))
        .filter(|boundary| !boundary.is_empty() && boundary.len() <= 200)
        .ok_or_else(|| wrong("its Content-Type has no boundary"))
}

fn part(part: &Bytes, newline: &[u8]) -> Result<Part, Refusal> {
    let blank = [newline, newline].concat();
    let (headers, start) = if part.starts_with(newline) {
        (&[][..], newline.len())
    } else {
        let length = memmem::find(part, &blank)
            .ok_or_else(|| wrong("a part has no blank line behind its headers"))?;
        (&part[..length], length + blank.len())
    };
    let headers =
        std::str::from_utf8(headers).map_err(|_| wrong("the headers of a part are not text"))?;
    let (mut content_type, mut content_id) = (None, None);
    for line in headers.lines() {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| wrong("a header of a part has no colon"))?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => content_type = Some(value.trim().to_owned()),
            "content-id" => content_id = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    Ok(Part {
        content_type,
        content_id,
        body: part.slice(start..),
    })
}

fn wrong(why: &str) -> Refusal {
    Refusal::invalid(format!("Malformed multipart body: {why}."))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
mod tests {
    use super::*;

    const RELATED: &str = "multipart/related; boundary=b1";

    fn bodies(content_type: &str, body: &str) -> Result<Vec<String>, Refusal> {
        let parts = parse(UPLOAD, content_type, &Bytes::from(body.to_owned()))?;
        Ok(parts
            .iter()
            .map(|part| String::from_utf8(part.body.to_vec()).unwrap())
            .collect())
    }

    #[test]
    fn three_parts_with_crlf() {
        let body = "--b1\r\nContent-Type: application/json\r\n\r\n{}\r\n--b1\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\n\
                    a\r\n--b\r\nb\r\n--b1\r\n\r\n{\"crc32c\":\"x\"}\r\n--b1--\r\n";
        assert_eq!(
            bodies(RELATED, body).unwrap(),
            ["{}", "a\r\n--b\r\nb", "{\"crc32c\":\"x\"}"]
        );
    }

    #[test]
    fn lines_of_python_and_a_quoted_boundary() {
        let body = "--==1==\nContent-Type: application/json\n\n{}\n--==1==\nContent-Type: text/plain\n\nx\r\n--==1==--";
        let content_type = "multipart/related; boundary='==1=='";
        assert_eq!(bodies(content_type, body).unwrap(), ["{}", "x\r"]);
    }

    #[test]
    fn an_empty_part_is_empty() {
        let body = "--b1\r\n\r\n{}\r\n--b1\r\nContent-Type: a/b\r\n\r\n\r\n--b1--";
        assert_eq!(bodies(RELATED, body).unwrap(), ["{}", ""]);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (content_type, body) in [
            (
                "multipart/form-data; boundary=b1",
                "--b1\r\n\r\n{}\r\n--b1--",
            ),
            ("multipart/related", "--b1\r\n\r\n{}\r\n--b1--"),
            (RELATED, ""),
            (RELATED, "--other\r\n\r\n{}\r\n--other--"),
            (RELATED, "--b1\r\n\r\n{}\r\n"),
            (RELATED, "--b1\r\nno colon\r\n\r\n{}\r\n--b1--"),
            (RELATED, "--b1\r\n\r\n{}\r\n--b1x\r\n\r\n\r\n--b1--"),
        ] {
            assert!(bodies(content_type, body).is_err(), "{body:?} was taken");
        }
    }
}
