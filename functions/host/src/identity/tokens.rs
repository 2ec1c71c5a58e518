//! Google's identity tokens in the head of a request, believed or not.

use std::sync::Arc;

use axum::http::header::{AUTHORIZATION, HeaderName};
use axum::http::{HeaderMap, HeaderValue};

use super::claims::{Claims, Token};
use super::guard::Refusal;
use super::keys::{KeyError, Keys};

/// Where a caller of Cloud Run may put the token instead: then it alone is checked, and `Authorization` comes through as it was sent.
const SERVERLESS: HeaderName = HeaderName::from_static("x-serverless-authorization");

/// Tokens for some audiences.
#[derive(Debug, Clone)]
pub struct Tokens {
    audiences: Vec<String>,
    keys: Arc<Keys>,
    /// Where keys are published, if not at Google's own place.
    keys_url: Option<String>,
    /// Cloud Run stands before this process and takes signatures out.
    behind_iam: bool,
}

impl Tokens {
    /// Tokens for any of `audiences`. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(audiences: Vec<String>, behind_iam: bool, keys_url: Option<&str>) -> Self {
        Self {
            keys: Arc::new(Keys::new(&audiences, keys_url)),
            audiences,
            keys_url: keys_url.map(str::to_owned),
            behind_iam,
        }
    }

    /// The same for tokens that may also be for `audience`.
    #[must_use]
    pub fn also_for(&self, audience: &str) -> Self {
        let mut audiences = self.audiences.clone();
        audiences.push(audience.to_owned());
        Self::new(audiences, self.behind_iam, self.keys_url.as_deref())
    }

    /// The token that a request shows; `None` when it shows none.
    ///
    /// Only the one that Cloud Run has looked at: whoever may call the service could put another one without a signature beside it.
    pub fn shown<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a str>, Refusal> {
        let name = match self.behind_iam && headers.contains_key(&SERVERLESS) {
            true => SERVERLESS,
            false => AUTHORIZATION,
        };
        let mut all = headers.get_all(&name).iter();
        match (all.next(), all.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => bearer(only).map(Some),
            (Some(_), Some(_)) => Err(Refusal::Unknown(
                "there is more than one Authorization header".into(),
            )),
        }
    }

    /// What a token says, once it is believed: it is for one of the audiences, it is of now, it `fits`, and somebody has checked its signature.
    pub async fn claims(
        &self,
        text: &str,
        fits: impl Fn(&Claims) -> Result<(), String> + Send + Sync,
        now: i64,
    ) -> Result<Claims, Refusal> {
        let token = Token::take_apart(text).map_err(Refusal::Unknown)?;
        if token.removed && !self.behind_iam {
            return Err(Refusal::Unknown(
                "the token's signature was taken out, and nobody here has checked it".into(),
            ));
        }
        let check = |claims: &Claims| {
            fits(claims)
                .and_then(|()| claims.check_for(&self.audiences, now))
                .map_err(Refusal::Wrong)
        };
        // Nobody has keys fetched with a token that would not do anyway.
        check(&token.claims)?;
        if token.removed {
            return Ok(token.claims);
        }
        let proven = self.keys.verify(text, &token).await;
        let proven = proven.map_err(|error| match error {
            KeyError::Bad(why) => Refusal::Unknown(why),
            KeyError::Unavailable(why) => Refusal::Unavailable(why),
        })?;
        check(&proven)?;
        Ok(proven)
    }
}

fn bearer(header: &HeaderValue) -> Result<&str, Refusal> {
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Refusal::Unknown(
            "the Authorization header is not `Bearer <token>`".into(),
        )),
    }
}
