//! A token's parts and what they must say. Pure: the instant is given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// What Cloud Run puts where the signature was.
pub const REMOVED: &str = "SIGNATURE_REMOVED_BY_GOOGLE";
/// Bytes of a token, far above what Google's have.
pub(super) const TOKEN_BYTES: usize = 8 * 1024;
/// Seconds that clocks may differ.
pub(super) const LEEWAY: i64 = 60;
/// The issuers of Google's identity tokens.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// The one algorithm of Google's identity tokens that is taken.
const ALGORITHM: &str = "RS256";

/// A token taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Which key signed it.
    pub key: Option<String>,
    /// What it says.
    pub claims: Claims,
    /// Whether Cloud Run took the signature out.
    pub removed: bool,
}

/// What a token says; what is missing or of another type is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Audience: a single one. Lists are not what Google sends for a service.
    pub aud: String,
    /// The caller's address.
    pub email: String,
    /// Whether Google knows the address to be the caller's.
    pub email_verified: bool,
    /// Seconds since 1970 at which it ends.
    pub exp: i64,
    /// Seconds since 1970 at which it was made.
    pub iat: i64,
    /// The organisation whose account it is; people's own accounts and service accounts have none.
    #[serde(default)]
    pub hd: Option<String>,
}

/// The head of a token.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
}

/// A text of the token's maker, as far as it is shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The three parts of a token.
pub(super) fn parts(text: &str) -> Result<[&str; 3], String> {
    if text.len() > TOKEN_BYTES {
        return Err(format!("the token has {} bytes", text.len()));
    }
    let parts: Vec<&str> = text.split('.').collect();
    parts
        .try_into()
        .map_err(|_| "the token has not three parts".to_owned())
}

/// The head, if its algorithm is the one that is taken: `none`, or a symmetric algorithm over the public key, must not get any further.
pub(super) fn header(text: &str, algorithm: &str) -> Result<Header, String> {
    let header: Header = part(text, "header")?;
    if header.alg == algorithm {
        Ok(header)
    } else {
        Err(format!(
            "the token's algorithm is not {algorithm} but `{}`",
            header.alg.chars().take(20).collect::<String>()
        ))
    }
}

/// Whether an instant lies between two others, as far as clocks may differ.
pub(super) fn is_on(iat: i64, exp: i64, now: i64) -> Result<(), String> {
    if now >= exp.saturating_add(LEEWAY) {
        Err(format!("the token ended {} s ago", now.saturating_sub(exp)))
    } else if now < iat.saturating_sub(LEEWAY) {
        Err(format!("the token begins in {} s", iat.saturating_sub(now)))
    } else {
        Ok(())
    }
}

pub(super) fn part<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| format!("the token's {what} is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("the token's {what} is wrong: {error}"))
}

impl Token {
    /// Takes a token apart without believing it.
    pub fn take_apart(text: &str) -> Result<Self, String> {
        let [header, claims, signature] = parts(text)?;
        // Before anything else looks at it.
        let header = self::header(header, ALGORITHM)?;
        if signature.is_empty() {
            return Err("the token has no signature".into());
        }
        Ok(Self {
            key: header.kid,
            claims: part(claims, "claims")?,
            removed: signature == REMOVED,
        })
    }
}

impl Claims {
    /// Whether they are of this address, exactly.
    pub fn is_of(&self, email: &str) -> Result<(), String> {
        if self.email == email {
            Ok(())
        } else {
            Err(format!("the token is of `{}`", shown(&self.email)))
        }
    }

    /// Whether they are of anybody that Google knows, for any of these audiences, at `now` (seconds since 1970).
    pub fn check_for(&self, audiences: &[String], now: i64) -> Result<(), String> {
        if !ISSUERS.contains(&self.iss.as_str()) {
            Err(format!("the token's issuer is `{}`", shown(&self.iss)))
        } else if !audiences.contains(&self.aud) {
            Err(format!("the token's audience is `{}`", shown(&self.aud)))
        } else if !self.email_verified {
            Err("the token's e-mail address is not verified".into())
        } else {
            is_on(self.iat, self.exp, now)
        }
    }
}
