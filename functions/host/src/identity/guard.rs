//! What stands before a route: lets its caller in and nobody else.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::claims::{Expected, Token};
use super::keys::{KeyError, Keys};
use crate::settings::Auth;

/// Why somebody was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not known who calls (401).
    #[error("{0}")]
    Unknown(String),
    /// It is known, and it is not whom the route is for (403).
    #[error("{0}")]
    Wrong(String),
    /// It cannot be known now (503).
    #[error("{0}")]
    Unavailable(String),
}

/// Lets one caller in.
#[derive(Debug, Clone)]
pub struct Guard {
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Off,
    Token {
        expected: Expected,
        keys: Arc<Keys>,
        /// Where keys are published, if not at Google's own place.
        keys_url: Option<String>,
        /// Cloud Run stands before this process and takes signatures out.
        behind_iam: bool,
    },
}

impl Guard {
    /// The guard that `auth` asks for. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(auth: &Auth, keys_url: Option<&str>) -> Self {
        let (caller, behind_iam) = match auth {
            Auth::Off => return Self { rule: Rule::Off },
            Auth::Iam(caller) => (caller, true),
            Auth::Verify(caller) => (caller, false),
        };
        let expected = Expected {
            audiences: vec![caller.audience.clone()],
            email: caller.email.clone(),
        };
        Self::expecting(expected, behind_iam, keys_url)
    }

    fn expecting(expected: Expected, behind_iam: bool, keys_url: Option<&str>) -> Self {
        let keys = Arc::new(Keys::new(&expected.audiences, keys_url));
        Self {
            rule: Rule::Token {
                expected,
                keys,
                keys_url: keys_url.map(str::to_owned),
                behind_iam,
            },
        }
    }

    /// The same for a route with a caller of its own, whose tokens may also be for `audience`.
    #[must_use]
    pub fn of(&self, email: &str, audience: &str) -> Self {
        match &self.rule {
            Rule::Off => self.clone(),
            Rule::Token {
                expected,
                keys_url,
                behind_iam,
                ..
            } => {
                let mut expected = expected.clone();
                expected.audiences.push(audience.to_owned());
                expected.email = email.to_owned();
                Self::expecting(expected, *behind_iam, keys_url.as_deref())
            }
        }
    }

    /// The same for a route with a caller of its own, whose tokens are for the usual audience.
    #[must_use]
    pub fn of_caller(&self, email: &str) -> Self {
        match &self.rule {
            Rule::Token { expected, .. } => {
                let audience = expected.audiences.first().cloned();
                self.of(email, &audience.unwrap_or_default())
            }
            Rule::Off => self.clone(),
        }
    }

    /// Lets a request in, at `now` (seconds since 1970).
    pub async fn admit(&self, headers: &HeaderMap, now: i64) -> Result<(), Refusal> {
        let Rule::Token {
            expected,
            keys,
            behind_iam,
            ..
        } = &self.rule
        else {
            return Ok(());
        };
        let text = bearer(headers)?;
        let token = Token::take_apart(text).map_err(Refusal::Unknown)?;
        if token.removed && !behind_iam {
            return Err(Refusal::Unknown(
                "the token's signature was taken out, and nobody here has checked it".into(),
            ));
        }
        // Nobody has keys fetched with a token that would not do anyway.
        token.claims.check(expected, now).map_err(Refusal::Wrong)?;
        if token.removed {
            return Ok(());
        }
        let proven = keys
            .verify(text, &token)
            .await
            .map_err(|error| match error {
                KeyError::Bad(why) => Refusal::Unknown(why),
                KeyError::Unavailable(why) => Refusal::Unavailable(why),
            })?;
        proven.check(expected, now).map_err(Refusal::Wrong)
    }
}

/// The token of the one `Authorization` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = match (all.next(), all.next()) {
        (Some(only), None) => only,
        (None, _) => return Err(Refusal::Unknown("there is no Authorization header".into())),
        (Some(_), Some(_)) => {
            return Err(Refusal::Unknown(
                "there is more than one Authorization header".into(),
            ));
        }
    };
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::Unknown(
            "the Authorization header is not `Bearer <token>`".into(),
        )),
    }
}
