//! Whom a workflow tells of its runs, and of what.

use serde::{Deserialize, Serialize};

use super::{Expression, SecretRef};
use crate::time::Millis;

/// One receiver, and what it is told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Of what; at least one, none twice.
    pub on: Vec<Occasion>,
    /// How long after its slot a run of a schedule may start before that is late: with [`Occasion::LateStart`], and only with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_after: Option<Millis>,
    /// Who.
    pub to: Receiver,
    /// One line; Ork's own when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Expression>,
    /// The text below it; Ork's own when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Expression>,
}

/// What somebody is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A run ended failed.
    Failure,
    /// A run ended well.
    Success,
    /// A run ended well after it had failed itself, or after the run before it had.
    Recovery,
    /// The workflow's deadline passed while a run was at work, which fails it.
    Deadline,
    /// A run of a schedule started late.
    LateStart,
}

impl Occasion {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Failure,
        Self::Success,
        Self::Recovery,
        Self::Deadline,
        Self::LateStart,
    ];
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Success => "success",
            Self::Recovery => "recovery",
            Self::Deadline => "deadline",
            Self::LateStart => "late_start",
        }
    }
}

/// Who is told, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receiver {
    /// A request with the notice as JSON.
    Webhook {
        /// Where to.
        url: Place,
        /// Headers as they are.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
        /// Headers whose values are secrets.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secret_headers: Vec<(String, SecretRef)>,
    },
    /// A request as Slack's incoming webhooks take it, and what imitates them.
    Slack {
        /// Where to.
        url: Place,
    },
    /// A letter to each of these addresses, all in one.
    Email(Vec<String>),
    /// A message to a topic: its name, or `projects/P/topics/T`.
    Pubsub(String),
}

impl Receiver {
    /// The word for its kind.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Email(_) => "email",
            Self::Pubsub(_) => "pubsub",
        }
    }
    /// Leaves of it what may be shown: of a URL the host, of headers their names.
    pub fn forget_secrets(&mut self) {
        let (place, headers) = match self {
            Self::Webhook { url, headers, .. } => (url, Some(headers)),
            Self::Slack { url } => (url, None),
            Self::Email(_) | Self::Pubsub(_) => return,
        };
        if let Place::Url(_) = place {
            *place = Place::Url(place.shown());
        }
        for (_, value) in headers.into_iter().flatten() {
            value.clear();
        }
    }
    /// What may be shown of it: of a URL the host alone, since the rest may be as good as a password.
    pub fn shown(&self) -> String {
        let detail = match self {
            Self::Webhook { url, .. } | Self::Slack { url } => url.shown(),
            Self::Email(to) => to.join(", "),
            Self::Pubsub(topic) => topic.clone(),
        };
        format!("{} {detail}", self.as_str())
    }
}

/// A URL, or the secret that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// As written.
    Url(String),
    /// Its value is looked up for each request and is part of no document.
    Secret(SecretRef),
}

impl Place {
    fn shown(&self) -> String {
        match self {
            Self::Secret(secret) => format!("at the URL in the secret {}", secret.name),
            Self::Url(url) => {
                let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let host = host.split(['/', '?', '#']).next().unwrap_or_default();
                host.rsplit('@').next().unwrap_or_default().to_owned()
            }
        }
    }
}
