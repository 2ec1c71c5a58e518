//! Who acts, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody may do; each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look.
    Viewer,
    /// Start runs and look after them, let schedules fire or not.
    Operator,
    /// Store workflows and remove them.
    Author,
    /// Give others leave.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Author, Self::Admin];
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Author => "author",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| {
                let shown: String = text.chars().take(40).collect();
                format!("`{shown}` is no role; there are viewer, operator, author and admin")
            })
    }
}

/// Who acts: a person or a program, as whoever let them in knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Actor {
    /// How they are known: `local`, `key`, `google`, `iap`; others may follow.
    pub kind: String,
    /// Which of them: an address, the id of a key, the name of an account of this machine.
    pub id: String,
    /// What they are called beside that: a key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Actor {
    /// Whoever is called `id` among those known as `kind`.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            id: id.into(),
            name: None,
        }
    }
    /// Somebody at this very machine; `user` is the account, if it is known.
    pub fn local(user: Option<&str>) -> Self {
        Self::new("local", user.unwrap_or("unknown"))
    }
}

impl fmt::Display for Actor {
    /// `key:7f3k2m9q1x (nightly ci)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// Somebody who changes something, and the request by which they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// The request's id, where there is one.
    pub request: Option<String>,
}

impl Act {
    /// What `actor` does without a request.
    pub const fn of(actor: Actor) -> Self {
        Self {
            actor,
            request: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            let json = serde_json::to_string(&role).expect("a word");
            assert_eq!(json, format!("\"{role}\""));
        }
        for wrong in ["", "Admin", "root", "viewer "] {
            assert!(wrong.parse::<Role>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn actors_are_named_by_kind_and_id() {
        let key = Actor {
            name: Some("ci".into()),
            ..Actor::new("key", "7f3k")
        };
        assert_eq!(key.to_string(), "key:7f3k (ci)");
        assert_eq!(Actor::local(None).to_string(), "local:unknown");
    }
}
