//! What a URL is to allow.

use std::collections::BTreeMap;

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Reading.
    Get,
    /// Writing.
    Put,
}

impl Method {
    /// As HTTP says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Put => "PUT",
        }
    }
}

/// One method on one object, under conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub(super) method: Method,
    pub(super) bucket: String,
    pub(super) object: String,
    /// By name in lowercase, with values as they are signed.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) parameters: BTreeMap<String, String>,
}

impl Grant {
    /// `method` on `object` of `bucket`, without conditions.
    pub fn new(method: Method, bucket: &str, object: &str) -> Self {
        Self {
            method,
            bucket: bucket.to_owned(),
            object: object.to_owned(),
            headers: BTreeMap::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// Only with this header, which every request has to send.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        // The canonical form: without it the one who sends and the one who checks would disagree.
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        self.headers.insert(name.to_lowercase(), value);
        self
    }

    /// Only with this parameter, which becomes part of the URL.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Only while there is no such object.
    #[must_use]
    pub fn once(self) -> Self {
        self.header("x-goog-if-generation-match", "0")
    }

    /// Only contents of at most so many bytes.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        self.header("x-goog-content-length-range", &format!("0,{bytes}"))
    }

    /// Whether a request for it arrives as it was signed; an error says what HTTP clients would change on the way.
    pub(super) fn check(&self) -> Result<(), String> {
        let empty = self.bucket.is_empty() || self.object.is_empty();
        if empty || self.bucket.contains('/') {
            return Err(format!(
                "`{}` in bucket `{}` is no name of an object",
                self.object, self.bucket
            ));
        }
        if self
            .object
            .split('/')
            .any(|part| part == "." || part == "..")
        {
            return Err(format!(
                "`{}` has a part `.` or `..`, which clients leave out of URLs: name the object otherwise",
                self.object
            ));
        }
        Ok(())
    }
}
