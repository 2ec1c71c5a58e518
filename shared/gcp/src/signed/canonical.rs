//! The text that is signed: a request in its canonical form, and the URL that it becomes (signatures of version 4).

use ork_core::time::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::grant::Grant;
use super::secret::{Signature, SignedUrl};

const ALGORITHM: &str = "GOOG4-RSA-SHA256";

/// Where objects are: `https://storage.googleapis.com` or another address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Origin(String);

impl Origin {
    /// Google's own.
    pub(super) fn google() -> Self {
        Self("https://storage.googleapis.com".into())
    }
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let authority = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        match authority {
            Some(authority)
                if !authority.is_empty() && !authority.contains(['/', '?', '#', '@']) =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(format!(
                "`{text}` is no address of Cloud Storage: write it as https://host"
            )),
        }
    }
    /// The host without its port, which is how Google means it.
    fn host(&self) -> &str {
        let authority = self.0.rsplit('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    }
    /// Whether it is asked without encryption, as stand-ins are.
    pub(super) fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl TryFrom<String> for Origin {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// What all URLs have in common that are signed at one time: by whom, from when on and how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signing {
    pub(super) origin: Origin,
    pub(super) account: String,
    pub(super) at: Time,
    pub(super) seconds: u64,
}

impl Signing {
    /// The instant from which on nothing is allowed any more.
    pub(super) fn until(&self) -> Time {
        // Signatures know whole seconds only.
        let at = Time(self.at.0 - self.at.0.rem_euclid(1000));
        at + ork_core::time::Millis::from_secs(self.seconds)
    }

    /// `DATE/LOCATION/SERVICE/KIND`
    fn scope(&self) -> String {
        let instant = self.at.compact();
        let date = instant.split('T').next().unwrap_or_default();
        format!("{date}/auto/storage/goog4_request")
    }

    fn headers<'a>(&'a self, grant: &'a Grant) -> Vec<(&'a str, &'a str)> {
        let given = grant
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value));
        let mut headers: Vec<(&str, &str)> = given.collect();
        headers.push(("host", self.origin.host()));
        headers.sort_unstable();
        headers
    }

    fn query(&self, grant: &Grant) -> String {
        let names: Vec<&str> = self.headers(grant).iter().map(|(name, _)| *name).collect();
        let own = [
            ("X-Goog-Algorithm", ALGORITHM.to_owned()),
            (
                "X-Goog-Credential",
                format!("{}/{}", self.account, self.scope()),
            ),
            ("X-Goog-Date", self.at.compact()),
            ("X-Goog-Expires", self.seconds.to_string()),
            ("X-Goog-SignedHeaders", names.join(";")),
        ];
        let given = grant
            .parameters
            .iter()
            .map(|(name, value)| (&**name, value.clone()));
        let mut parts: Vec<(String, String)> = own
            .into_iter()
            .chain(given)
            .map(|(name, value)| (encoded(name, b""), encoded(&value, b"")))
            .collect();
        parts.sort_unstable();
        let parts = parts
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"));
        parts.collect::<Vec<String>>().join("&")
    }

    fn path(grant: &Grant) -> String {
        format!("/{}/{}", grant.bucket, encoded(&grant.object, b"/"))
    }

    /// The request in its canonical form.
    pub(super) fn request(&self, grant: &Grant) -> String {
        let headers = self.headers(grant);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let payload = grant.headers.get("x-goog-content-sha256");
        format!(
            "{}\n{}\n{}\n{lines}\n{}\n{}",
            grant.method.as_str(),
            Self::path(grant),
            self.query(grant),
            names.join(";"),
            payload.map_or("UNSIGNED-PAYLOAD", String::as_str),
        )
    }

    /// What is signed.
    pub(super) fn text(&self, grant: &Grant) -> String {
        let hash = Sha256::digest(self.request(grant).as_bytes());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "{ALGORITHM}\n{}\n{}\n{hash}",
            self.at.compact(),
            self.scope()
        )
    }

    /// The URL that carries the signature.
    pub(super) fn url(&self, grant: &Grant, signature: &Signature) -> SignedUrl {
        let url = format!(
            "{}{}?{}&X-Goog-Signature={}",
            self.origin.0,
            Self::path(grant),
            self.query(grant),
            signature.hex()
        );
        SignedUrl::new(url, grant.headers.clone().into_iter().collect())
    }
}

/// Percent-encoded, but for letters, digits, `-_.~` and the bytes of `kept`.
fn encoded(text: &str, kept: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_signed_without_its_port() {
        for (origin, host) in [
            ("https://storage.googleapis.com", "storage.googleapis.com"),
            (
                "https://storage.googleapis.com:443",
                "storage.googleapis.com",
            ),
            ("http://127.0.0.1:9000", "127.0.0.1"),
            ("http://[::1]:9000", "[::1]"),
            ("http://[::1]", "[::1]"),
        ] {
            assert_eq!(Origin::parse(origin).expect("an origin").host(), host);
        }
        for text in ["", "h", "ftp://h", "https://", "https://h/", "https://a@h"] {
            let error = Origin::parse(text).expect_err(text);
            assert!(error.contains("https://host"), "{error}");
        }
    }

    #[test]
    fn they_end_on_a_whole_second() {
        let signing = Signing {
            origin: Origin::google(),
            account: "a@b".into(),
            at: Time(1_780_000_000_999),
            seconds: 10,
        };
        assert_eq!(signing.until(), Time(1_780_000_010_000));
    }
}
