//! Signatures and the URLs that carry them: secrets, which nobody prints by mistake.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A signature. Who has it may do what was signed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Signature(Vec<u8>);

impl Signature {
    /// From base64, as IAM writes it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match BASE64_STANDARD.decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(Self(bytes)),
            Ok(_) => Err("the signature is empty".into()),
            // What could not be read is not repeated: it may be most of a signature.
            Err(_) => Err("the signature is not base64".into()),
        }
    }
    /// As URLs have it.
    pub(super) fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// For the object that a worker is handed, and nowhere else.
impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// A URL with its signature, and the headers that a request for it must send. Printing it shows the object and not the signature.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl {
    url: String,
    headers: Vec<(String, String)>,
}

impl SignedUrl {
    pub(super) fn new(url: String, headers: Vec<(String, String)>) -> Self {
        Self { url, headers }
    }

    /// A URL that came from elsewhere, as out of the environment, and needs no headers.
    pub fn of(url: &str) -> Self {
        Self::new(url.to_owned(), Vec::new())
    }

    /// The URL itself. It belongs in a request or a variable of a worker's environment, never in a log, an error or a document.
    pub fn reveal(&self) -> &str {
        &self.url
    }

    /// The URL without its signature: what it leads to, for logs and errors.
    pub fn shown(&self) -> &str {
        self.url.split('?').next().unwrap_or_default()
    }

    /// The headers, signed as they stand here.
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedUrl")
            .field("url", &format!("{}?…", self.shown()))
            .field("headers", &self.headers)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_signature_nor_its_url_is_printed() {
        let signature = Signature::parse("c2VjcmV0").expect("base64");
        assert_eq!(format!("{signature:?}"), "Signature(…)");
        assert_eq!(signature.hex(), "736563726574");
        let url = SignedUrl::of("https://h/b/o?X-Goog-Signature=736563726574");
        let shown = format!("{url:?} {url:#?}");
        assert!(shown.contains("https://h/b/o?…"), "{shown}");
        assert_eq!(url.shown(), "https://h/b/o");
        assert!(!shown.contains("736563726574"), "{shown}");
    }

    #[test]
    fn what_is_no_signature_is_refused_without_repeating_it() {
        for text in ["\"\"", "\"not base64!\"", "7"] {
            let error = serde_json::from_str::<Signature>(text).expect_err(text);
            assert!(!error.to_string().contains("not base64!"), "{error}");
        }
        let signature: Signature = serde_json::from_str("\"c2VjcmV0\"").expect("base64");
        let text = serde_json::to_string(&signature).expect("plain data");
        assert_eq!(text, "\"c2VjcmV0\"");
    }
}
