//! A notification: who is told of what.

use serde_json::json;

use super::remote::headers;
use super::{described, object, part, requiring, text};
use crate::definition::Occasion;
use crate::{Value, limits};

/// A list of them.
pub(super) fn list() -> Value {
    json!({ "type": "array", "items": part("notification"), "maxItems": limits::NOTIFICATIONS })
}

pub(super) fn schema() -> Value {
    let occasions = Occasion::ALL.map(Occasion::as_str);
    let place = json!({
        "anyOf": [
            { "type": "string", "pattern": "^https?://[^/?#@]+([/?#].*)?$" },
            {
                "type": "object",
                "properties": { "secret": part("secret_name") },
                "required": ["secret"],
                "additionalProperties": false,
            },
        ],
    });
    let addresses = json!({ "type": "array", "items": { "type": "string", "format": "email" }, "minItems": 1, "maxItems": limits::ADDRESSES });
    let schema = object(
        "Notification",
        "Somebody who is told of a run: exactly one of `webhook`, `slack`, `email` and `pubsub`.",
        vec![
            (
                "on",
                described(
                    "Occasions",
                    "What is told: a failed run, one that ended well, one that did so after a failure, a deadline that passed, a late start.",
                    json!({ "anyOf": [{ "enum": occasions }, { "type": "array", "items": { "enum": occasions }, "minItems": 1, "uniqueItems": true }] }),
                ),
            ),
            (
                "late_after",
                described(
                    "Late after",
                    "With `late_start`: how long after its slot a run of a schedule may start.",
                    part("duration"),
                ),
            ),
            (
                "webhook",
                described(
                    "Webhook",
                    "A URL that gets the notice as JSON, or the secret that holds it.",
                    place.clone(),
                ),
            ),
            (
                "slack",
                described(
                    "Slack",
                    "The URL of an incoming webhook of Slack, or the secret that holds it.",
                    place,
                ),
            ),
            (
                "email",
                described(
                    "E-mail",
                    "Addresses that get a letter.",
                    json!({ "anyOf": [{ "type": "string", "format": "email" }, addresses] }),
                ),
            ),
            (
                "pubsub",
                text(
                    "Pub/Sub",
                    "A topic of the project, or `projects/PROJECT/topics/TOPIC`.",
                ),
            ),
            (
                "headers",
                described(
                    "Headers",
                    "Headers of the request to a webhook; each may name a secret: {secret: NAME}.",
                    headers(),
                ),
            ),
            (
                "title",
                text(
                    "Title",
                    "One line; may hold templates over `notice`, `run`, `slot` and `params`.",
                ),
            ),
            (
                "body",
                text(
                    "Body",
                    "The text below the title; may hold templates as the title may.",
                ),
            ),
        ],
    );
    requiring(schema, &["on"])
}
