//! Who looks at a page, and what they may do there.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ork_engine::{Act, Role};

use crate::Who;

/// Who asks, as pages need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Actor {
    /// What to call them; nothing where there is no password.
    pub(crate) name: Option<String>,
    /// Whether they may start, stop and change runs.
    pub(crate) operates: bool,
    /// Whether they may store workflows.
    pub(crate) writes: bool,
    /// Whether they may make API keys and see who changed what.
    pub(crate) rules: bool,
    /// For the record of what they change; nothing where nobody was asked who this is, so nothing is changed there.
    pub(crate) act: Option<Act>,
}

impl Actor {
    /// Of whom nothing is known.
    pub(crate) const NOBODY: Self = Self {
        name: None,
        operates: false,
        writes: false,
        rules: false,
        act: None,
    };

    fn of(who: &Who) -> Self {
        let actor = &who.caller.actor;
        Self {
            name: (actor.kind != "local").then(|| actor.to_string()),
            operates: who.may(Role::Operator),
            writes: who.may(Role::Author),
            rules: who.may(Role::Admin),
            act: Some(who.act()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Actor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let who = parts.extensions.get::<Who>();
        Ok(who.map_or(Self::NOBODY, Self::of))
    }
}
