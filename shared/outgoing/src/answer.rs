//! An answer, read to its end.

use std::collections::BTreeMap;
use std::fmt;

use ork_core::Value;

use crate::error::shown_text;
use crate::field;
use crate::room::Held;
use crate::secrets::Masked;

/// An answer, read to its end. Its `Debug` shows neither headers nor body. While it is there, its body counts among those that its client
/// holds at once.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, names in small letters; several of one name with commas between.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// Who answered, after redirects, without the query.
    pub from: String,
    /// The room of the body.
    pub(crate) _held: Held,
}

impl Answer {
    /// A header by its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; an error shows its first bytes.
    pub fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| match self.body.is_empty() {
            true => "the answer is empty, not JSON".to_owned(),
            false => format!("the answer is not JSON ({error}): {}", self.start()),
        })
    }

    /// Whether it says of itself that it is JSON.
    pub fn says_json(&self) -> bool {
        let kind = self.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        kind == "application/json" || kind.ends_with("+json")
    }

    /// The same without secrets that its request had.
    pub(crate) fn masked(mut self, masked: &Masked) -> Self {
        self.body = masked.bytes(self.body);
        self.from = masked.text(self.from);
        let headers = self.headers.into_iter();
        let headers = headers.map(|(name, value)| (name, masked.text(value)));
        self.headers = headers.collect();
        self
    }

    /// The first bytes of the body, fit to be shown.
    pub(crate) fn start(&self) -> String {
        let start = &self.body[..self.body.len().min(200)];
        let text = String::from_utf8_lossy(start);
        let cut = if start.len() < self.body.len() {
            " …"
        } else {
            ""
        };
        format!("`{}`{cut}", field::visible(&text))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("from", &shown_text(&self.from))
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
