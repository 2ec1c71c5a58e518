//! Who asks, for handlers: by then it is known.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use ork_core::ids::WorkflowName;
use ork_engine::ports::Ports;
use ork_engine::{Act, Role};

use super::{Caller, REQUEST_ID};
use crate::Problem;

/// Whoever asks, and by which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Who.
    pub caller: Caller,
    /// The request's id.
    pub request: String,
}

impl Who {
    /// For the record of what they change.
    pub fn act(&self) -> Act {
        Act {
            actor: self.caller.actor.clone(),
            request: Some(self.request.clone()),
        }
    }
    /// Whether they may do what needs `role`.
    pub fn may(&self, role: Role) -> bool {
        self.caller.role >= role
    }
    /// Whether `workflow` is among those they may know of.
    pub fn sees(&self, workflow: &WorkflowName) -> bool {
        let all = &self.caller.workflows;
        all.is_empty() || all.contains(workflow)
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        // Routes for anyone have nobody to ask about.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "it was not asked who this is"))
    }
}

/// The request's id: the one it brings if it is fit to be kept, else a new one.
pub(super) fn request_id<P: Ports>(headers: &HeaderMap, ports: &P) -> String {
    let is_fit = |text: &&str| {
        (8..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    let brought = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    match brought.filter(is_fit) {
        Some(id) => id.to_owned(),
        None => format!("{:016x}", ports.random()),
    }
}
