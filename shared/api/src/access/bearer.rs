//! `Authorization: Bearer …`, and API keys in it.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineErrorKind, Token};

use super::{Caller, Stranger};
use crate::site::Site;

/// What is wrong with an `Authorization` header.
pub type Challenge = String;

/// The token of the one `Authorization` header; `None` when there is no such header.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Challenge> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let header = match (all.next(), all.next()) {
        (None, _) => return Ok(None),
        (Some(only), None) => only,
        (Some(_), Some(_)) => {
            return Err("there is more than one Authorization header".to_owned());
        }
    };
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    match text {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err("the Authorization header is not `Bearer <token>`".to_owned()),
    }
}

/// Whose API key is shown, if one is.
pub(super) async fn key<P: Ports>(
    site: &Site<P>,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Stranger> {
    let Some(text) = bearer(headers).map_err(Stranger::Unproven)? else {
        return Ok(None);
    };
    if !Token::is_meant(text) {
        return Ok(None);
    }
    // The same words whether there is no such key or another one has its id.
    let wrong = || Stranger::Unproven("this API key is not known here".to_owned());
    let token = Token::parse(text).ok_or_else(wrong)?;
    let known = match site.engine.key_of(&token).await {
        Ok(known) => known.ok_or_else(wrong)?,
        Err(error) if error.kind == EngineErrorKind::Corrupt => return Err(wrong()),
        Err(error) => return Err(Stranger::Unavailable(error.message)),
    };
    let now = site.engine.ports().clock().now();
    if let Some(why) = known.is_over(now) {
        return Err(Stranger::Unproven(format!(
            "this API key lets nobody in any more: {why}"
        )));
    }
    site.engine.used_key(&known).await;
    Ok(Some(Caller {
        actor: known.actor(),
        role: known.role,
        workflows: known.workflows,
        ambient: false,
    }))
}
