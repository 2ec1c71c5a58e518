//! A token's parts and what they must say. Pure: the instant is given.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// What Cloud Run puts where the signature was.
pub const REMOVED: &str = "SIGNATURE_REMOVED_BY_GOOGLE";
/// Bytes of a token, far above what Google's have.
const TOKEN_BYTES: usize = 8 * 1024;
/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;
/// The issuers of Google's identity tokens.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// The one algorithm that is taken.
const ALGORITHM: &str = "RS256";

/// Who a token must be of, and for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Any of these audiences, exactly.
    pub audiences: Vec<String>,
    /// This e-mail address, exactly.
    pub email: String,
}

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
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

fn part<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| format!("the token's {what} is not base64url"))?;
    serde_json::from_slice(&bytes).map_err(|error| format!("the token's {what} is wrong: {error}"))
}

impl Token {
    /// Takes a token apart without believing it.
    pub fn take_apart(text: &str) -> Result<Self, String> {
        if text.len() > TOKEN_BYTES {
            return Err(format!("the token has {} bytes", text.len()));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            return Err("the token has not three parts".into());
        };
        let header: Header = part(header, "header")?;
        // Before anything else looks at it: `none`, or a symmetric algorithm over the public key, must not get any further.
        if header.alg != ALGORITHM {
            return Err(format!(
                "the token's algorithm is not {ALGORITHM} but `{}`",
                header.alg.chars().take(20).collect::<String>()
            ));
        }
        if signature.is_empty() {
            return Err("the token has no signature".into());
        }
        Ok(Self {
            key: header.kid,
            claims: part(claims, "claims")?,
            removed: *signature == REMOVED,
        })
    }
}

impl Claims {
    /// Whether they are what is expected, at `now` (seconds since 1970).
    pub fn check(&self, expected: &Expected, now: i64) -> Result<(), String> {
        let ends = self.exp.saturating_add(LEEWAY);
        let begins = self.iat.saturating_sub(LEEWAY);
        if !ISSUERS.contains(&self.iss.as_str()) {
            Err(format!("the token's issuer is `{}`", self.iss))
        } else if !expected.audiences.contains(&self.aud) {
            Err(format!("the token's audience is `{}`", self.aud))
        } else if self.email != expected.email {
            Err(format!("the token is of `{}`", self.email))
        } else if !self.email_verified {
            Err("the token's e-mail address is not verified".into())
        } else if now >= ends {
            Err(format!("the token ended {} s ago", now - self.exp))
        } else if now < begins {
            Err(format!("the token begins in {} s", self.iat - now))
        } else {
            Ok(())
        }
    }
}
