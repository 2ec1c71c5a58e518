//! `notifications:` whom runs tell of themselves, in a workflow or for all of a project.

use crate::definition::{Notification, Occasion, Place, Receiver, Workflow};
use crate::diagnostic::Diagnostics;
use crate::limits;
use crate::schema::{NOTIFICATION_KEYS, RECEIVER_KEYS};
use crate::time::Millis;

use super::bindings;
use super::codes;
use super::fields::{Field, Fields};
use super::node::{Kind, Plain};
use super::remote::secrets_in;
use super::scope;
use super::without_worker::is_secret;

const ONE_RECEIVER: &str = "write one of `webhook: https://…`, `slack: {secret: SLACK_URL}`, `email: [a@example.com]`, `pubsub: topic`";

/// A list of notifications. `params` are those that templates may refer to.
pub(super) fn read(
    field: &Field<'_>,
    params: &[String],
    found: &mut Diagnostics,
) -> Vec<Notification> {
    let items = field
        .items(false, "a list of notifications", found)
        .unwrap_or_default();
    if items.len() > limits::NOTIFICATIONS {
        let message = format!(
            "{} has {} entries, and {} are allowed",
            field.label,
            items.len(),
            limits::NOTIFICATIONS
        );
        found
            .error(codes::OUT_OF_RANGE, field.key_at, message)
            .hint("send to one topic or webhook, and have that tell the others");
    }
    items
        .iter()
        .filter_map(|item| one(item, params, found))
        .collect()
}

/// Says which notifications of a workflow of its own will never come.
pub(super) fn check(field: &Field<'_>, workflow: &Workflow, found: &mut Diagnostics) {
    let Kind::List(items) = &field.node.kind else {
        return;
    };
    let mut never = |occasion: Occasion, lacks: &str, hint: &str| {
        for item in items {
            let on = item.get("on").map(|node| Field::new(String::new(), node));
            let words = match on.as_ref().map(|on| &on.node.kind) {
                Some(Kind::List(words)) => words.as_slice(),
                Some(_) => on
                    .as_ref()
                    .map_or(&[][..], |on| std::slice::from_ref(on.node)),
                None => &[],
            };
            for word in words {
                if word.text() == Some(occasion.as_str()) {
                    let message = format!(
                        "nobody is ever told of `{}`: the workflow has no {lacks}",
                        occasion.as_str()
                    );
                    found
                        .error(codes::NEVER_TOLD, word.at, message)
                        .hint(hint.to_owned());
                }
            }
        }
    };
    if workflow.deadline.is_none() {
        let hint = "add `deadline: 2h` to the workflow, or remove the word";
        never(Occasion::Deadline, "`deadline`", hint);
    }
    if workflow.schedules.is_empty() {
        let hint = "add a `schedule` to the workflow, or remove the word";
        never(Occasion::LateStart, "`schedule`", hint);
    }
}

fn one(item: &Field<'_>, params: &[String], found: &mut Diagnostics) -> Option<Notification> {
    let item = Field {
        label: "a notification".to_owned(),
        ..item.clone()
    };
    let fields = item.fields(NOTIFICATION_KEYS, found)?;
    let on = fields
        .need("on", "write `on: [failure, recovery]`", found)
        .and_then(|on| occasions(&on, found));
    let late_after = late_after(&fields, on.as_deref(), found);
    let to = receiver(&fields, found);
    let template = |key: &str, found: &mut Diagnostics| match fields.field(key) {
        None => Some(None),
        Some(field) => scope::notification(&field, params, found).map(Some),
    };
    let (title, body) = (template("title", found), template("body", found));
    Some(Notification {
        on: on?,
        late_after: late_after?,
        to: to?,
        title: title?,
        body: body?,
    })
}

fn occasions(on: &Field<'_>, found: &mut Diagnostics) -> Option<Vec<Occasion>> {
    let words = Occasion::ALL.map(|one| (one.as_str(), one));
    let mut occasions = Vec::new();
    let mut good = true;
    for item in on.items(true, "a list of occasions", found)? {
        match item.word(&words, found) {
            Some(one) if occasions.contains(&one) => {
                let message = format!("{} names `{}` twice", on.label, one.as_str());
                found
                    .error(codes::DUPLICATE_KEY, item.node.at, message)
                    .hint("remove one of them");
            }
            Some(one) => occasions.push(one),
            None => good = false,
        }
    }
    if occasions.is_empty() && good {
        found
            .error(
                codes::WRONG_KIND,
                on.node.at,
                format!("{} must name an occasion", on.label),
            )
            .hint("write `on: [failure, recovery]`");
    }
    (good && !occasions.is_empty()).then_some(occasions)
}

/// How late is late; `None` when that is wrong.
fn late_after(
    fields: &Fields<'_>,
    on: Option<&[Occasion]>,
    found: &mut Diagnostics,
) -> Option<Option<Millis>> {
    let waits = on.is_none_or(|on| on.contains(&Occasion::LateStart));
    match fields.field("late_after") {
        Some(field) if !waits => {
            let message = format!("{} says nothing without `on: [late_start]`", field.label);
            found
                .error(codes::KEYS_EXCLUDE, field.key_at, message)
                .hint("add `late_start` to `on`, or remove `late_after`");
            None
        }
        Some(field) => field.duration(Millis::from_secs(1), found).map(Some),
        None if waits && on.is_some() => {
            let hint = "write `late_after: 10m`: how long after its slot a run may start";
            fields.need("late_after", hint, found);
            None
        }
        None => Some(None),
    }
}

fn receiver(fields: &Fields<'_>, found: &mut Diagnostics) -> Option<Receiver> {
    let named: Vec<Field<'_>> = RECEIVER_KEYS
        .iter()
        .filter_map(|key| fields.field(key))
        .collect();
    let headers = fields.field("headers");
    match named.as_slice() {
        [] => {
            found
                .error(
                    codes::MISSING_KEY,
                    fields.at,
                    format!("{} does not say who is told", fields.owner),
                )
                .hint(ONE_RECEIVER);
            return None;
        }
        [_] => {}
        [_, second, ..] => {
            found
                .error(
                    codes::KEYS_EXCLUDE,
                    second.key_at,
                    format!("{} names more than one receiver", fields.owner),
                )
                .hint("write an entry for each");
            return None;
        }
    }
    if let Some(headers) = headers
        .as_ref()
        .filter(|_| fields.field("webhook").is_none())
    {
        found
            .error(
                codes::KEYS_EXCLUDE,
                headers.key_at,
                format!("{} belongs to `webhook`", headers.label),
            )
            .hint("remove it");
        return None;
    }
    if let Some(field) = fields.field("webhook") {
        let url = place(&field, found);
        let (headers, secret_headers) = headers
            .map(|headers| self::headers(&headers, found))
            .unwrap_or_default();
        return Some(Receiver::Webhook {
            url: url?,
            headers,
            secret_headers,
        });
    }
    if let Some(field) = fields.field("slack") {
        return place(&field, found).map(|url| Receiver::Slack { url });
    }
    if let Some(field) = fields.field("email") {
        return addresses(&field, found).map(Receiver::Email);
    }
    fields
        .field("pubsub")
        .and_then(|field| topic(&field, found))
        .map(Receiver::Pubsub)
}

/// A URL, or `{secret: NAME}`.
fn place(field: &Field<'_>, found: &mut Diagnostics) -> Option<Place> {
    if is_secret(field.node) {
        let named = field.node.get("secret").map(|node| Field {
            node,
            ..field.clone()
        });
        return named
            .and_then(|named| bindings::secret(&named, found))
            .map(Place::Secret);
    }
    let Kind::Scalar(_) = field.node.kind else {
        field.wrong_kind("a URL or {secret: NAME}", found);
        return None;
    };
    let url = field.text(found)?;
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .and_then(|rest| rest.split(['/', '?', '#']).next());
    let visible = url.bytes().all(|byte| byte.is_ascii_graphic());
    let why = match host {
        _ if !visible => Some("it holds something else than visible ASCII"),
        _ if url.contains("{{") => Some("it holds a template"),
        None | Some("") => Some("it does not begin with https:// and a host"),
        Some(host) if host.contains('@') => Some("it holds a user or password"),
        Some(_) => None,
    };
    if let Some(why) = why {
        // It may be as good as a password: it is not repeated.
        found
            .error(
                codes::BAD_ADDRESS,
                field.node.at,
                format!("{} is not a URL that can be told: {why}", field.label),
            )
            .hint("write https://host/path, or {secret: NAME} for one that nobody may see");
        return None;
    }
    Some(Place::Url(url.to_owned()))
}

type Headers = (
    Vec<(String, String)>,
    Vec<(String, crate::definition::SecretRef)>,
);

fn headers(field: &Field<'_>, found: &mut Diagnostics) -> Headers {
    let Some(fields) = field.open(found) else {
        return Headers::default();
    };
    let mut plain = Vec::new();
    for (key, node) in fields.entries() {
        if is_secret(node) {
            continue;
        }
        let one = Field {
            label: format!("`{}` in {}", key.text, field.label),
            key_at: key.at,
            node,
        };
        match (&node.kind, node.plain()) {
            (Kind::Scalar(scalar), Some(value)) if !matches!(value, Plain::Null) => {
                plain.push((key.text.clone(), scalar.text.clone()));
            }
            _ => one.wrong_kind("text, a number, true or false, or {secret: NAME}", found),
        }
    }
    (plain, secrets_in(field, found))
}

fn addresses(field: &Field<'_>, found: &mut Diagnostics) -> Option<Vec<String>> {
    let mut addresses = Vec::new();
    let mut good = true;
    let items = field.items(true, "a list of addresses", found)?;
    if items.is_empty() || items.len() > limits::ADDRESSES {
        let message = format!(
            "{} must have 1 to {} addresses, not {}",
            field.label,
            limits::ADDRESSES,
            items.len()
        );
        found
            .error(codes::OUT_OF_RANGE, field.node.at, message)
            .hint("use the address of a mailing list");
        good = false;
    }
    for item in items {
        match item.text(found) {
            Some(text) if is_address(text) => addresses.push(text.to_owned()),
            Some(text) => {
                found
                    .error(
                        codes::BAD_ADDRESS,
                        item.node.at,
                        format!("{}: `{text}` is not an e-mail address", field.label),
                    )
                    .hint("write name@example.com, without a name for people around it");
                good = false;
            }
            None => good = false,
        }
    }
    good.then_some(addresses)
}

/// Nothing that could end an address, or a line, early.
fn is_address(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte))
    };
    let host = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    };
    text.len() <= 254
        && matches!(text.split_once('@'), Some((name, domain)) if plain(name) && plain(domain) && host(domain))
}

fn topic(field: &Field<'_>, found: &mut Diagnostics) -> Option<String> {
    let text = field.text(found)?;
    let name = |part: &str| {
        (3..=255).contains(&part.len())
            && part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+%".contains(&byte))
    };
    let project = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-:.".contains(&byte))
    };
    let good = match text.split('/').collect::<Vec<_>>().as_slice() {
        [topic] => name(topic),
        ["projects", owner, "topics", topic] => project(owner) && name(topic),
        _ => false,
    };
    if !good {
        found
            .error(
                codes::BAD_ADDRESS,
                field.node.at,
                format!("{}: `{text}` is not the name of a topic", field.label),
            )
            .hint("write the name of a topic of the project, or projects/PROJECT/topics/TOPIC");
    }
    good.then(|| text.to_owned())
}
