//! What stands before a route: lets its caller in and nobody else.

use axum::http::HeaderMap;

use super::claims::Claims;
use super::tokens::Tokens;
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
    Token { email: String, tokens: Tokens },
}

impl Guard {
    /// The guard that `auth` asks for. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(auth: &Auth, keys_url: Option<&str>) -> Self {
        let (caller, behind_iam) = match auth {
            Auth::Off => return Self { rule: Rule::Off },
            Auth::Iam(caller) => (caller, true),
            Auth::Verify(caller) => (caller, false),
        };
        let audiences = vec![caller.audience.clone()];
        Self {
            rule: Rule::Token {
                email: caller.email.clone(),
                tokens: Tokens::new(audiences, behind_iam, keys_url),
            },
        }
    }

    /// The same for a route with a caller of its own, whose tokens may also be for `audience`.
    #[must_use]
    pub fn of(&self, email: &str, audience: &str) -> Self {
        match &self.rule {
            Rule::Off => self.clone(),
            Rule::Token { tokens, .. } => Self {
                rule: Rule::Token {
                    email: email.to_owned(),
                    tokens: tokens.also_for(audience),
                },
            },
        }
    }

    /// The same for a route with a caller of its own, whose tokens are for the usual audience.
    #[must_use]
    pub fn of_caller(&self, email: &str) -> Self {
        match &self.rule {
            Rule::Off => self.clone(),
            Rule::Token { tokens, .. } => Self {
                rule: Rule::Token {
                    email: email.to_owned(),
                    tokens: tokens.clone(),
                },
            },
        }
    }

    /// Lets a request in, at `now` (seconds since 1970).
    pub async fn admit(&self, headers: &HeaderMap, now: i64) -> Result<(), Refusal> {
        let Rule::Token { email, tokens } = &self.rule else {
            return Ok(());
        };
        let Some(text) = tokens.shown(headers)? else {
            return Err(Refusal::Unknown("there is no Authorization header".into()));
        };
        let is_theirs = |claims: &Claims| claims.is_of(email);
        tokens.claims(text, is_theirs, now).await.map(|_| ())
    }
}
