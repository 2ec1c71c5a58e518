//! The values of single variables: what is accepted, and what to say when it is not.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::parse::parse_retention;
use ork_core::retention::Retention;
use ork_core::time::Millis;

use super::LogLevel;

/// A value, or what is wrong with the text.
type Read<T> = Result<T, String>;

fn is_segment(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~+%:".contains(&b))
}

/// A name such as `projects/P/topics/T`, of which `kinds` are the words at its even places.
fn resource(text: &str, kinds: &[&str]) -> Read<String> {
    let parts: Vec<&str> = text.split('/').collect();
    let fits = parts.len() == kinds.len() * 2
        && parts
            .chunks(2)
            .zip(kinds)
            .all(|(pair, kind)| pair[0] == *kind && is_segment(pair[1]));
    let shape: Vec<String> = kinds.iter().map(|kind| format!("{kind}/…")).collect();
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("is `{text}`, which is not {}", shape.join("/")))
    }
}

/// `projects/…/topics/…`
pub(super) fn topic(text: &str) -> Read<String> {
    resource(text, &["projects", "topics"])
}

/// `projects/…/subscriptions/…`
pub(super) fn subscription(text: &str) -> Read<String> {
    resource(text, &["projects", "subscriptions"])
}

/// `projects/…/locations/…/queues/…`, or `off`.
pub(super) fn queue(text: &str) -> Read<Option<String>> {
    if text == "off" {
        return Ok(None);
    }
    resource(text, &["projects", "locations", "queues"])
        .map(Some)
        .map_err(|wrong| format!("{wrong}, nor `off`"))
}

/// How long runs are kept, as in `ork.yaml`.
pub(super) fn retention(text: &str) -> Read<Retention> {
    let retention = parse_retention(text).map_err(|wrong| format!("is `{text}`: {wrong}"))?;
    // Until then workers that were cut off, and services that are just at it, may write what belongs to a run that has ended.
    let least = Millis::from_secs(3_600);
    for span in [retention.runs, retention.failed_runs]
        .into_iter()
        .flatten()
    {
        if span < least {
            return Err(format!(
                "is `{text}`: runs are kept for an hour at least, not {span}"
            ));
        }
    }
    Ok(retention)
}

/// A JSON object of profiles and jobs.
pub(super) fn worker_jobs(text: &str) -> Read<BTreeMap<String, String>> {
    by_profile(text, "job", &["projects", "locations", "jobs"])
}

/// A JSON object of profiles and topics.
pub(super) fn worker_services(text: &str) -> Read<BTreeMap<String, String>> {
    by_profile(text, "topic", &["projects", "topics"])
}

fn by_profile(text: &str, what: &str, kinds: &[&str]) -> Read<BTreeMap<String, String>> {
    let named: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|error| format!("is not a JSON object of texts (profile: {what}): {error}"))?;
    for (profile, name) in &named {
        resource(name, kinds)
            .map_err(|wrong| format!("has a {what} for `{profile}` that {wrong}"))?;
    }
    Ok(named)
}

/// Worker profiles with commas between.
pub(super) fn profiles(text: &str) -> Read<BTreeSet<String>> {
    let mut named = BTreeSet::new();
    for profile in text.split(',').map(str::trim) {
        if profile.is_empty() {
            return Err(format!("is `{text}`, which is not profile,profile,…"));
        }
        if !named.insert(profile.to_owned()) {
            return Err(format!("names `{profile}` twice"));
        }
    }
    Ok(named)
}

/// A project, a bucket, a database, a region: one segment of a name.
pub(super) fn segment(text: &str) -> Read<String> {
    let database = text == "(default)";
    if database || is_segment(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("is `{text}`, which is no such name"))
    }
}

/// An https URL, or an http URL of this machine.
pub(super) fn url(text: &str) -> Read<String> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| {
            text.strip_prefix("http://")
                .filter(|rest| rest.starts_with("127.0.0.1:") || rest.starts_with("localhost:"))
        })
        .filter(|rest| !rest.is_empty() && !rest.contains(char::is_whitespace));
    match rest {
        Some(_) => Ok(text.to_owned()),
        None => Err(format!("is `{text}`, which is not an https URL")),
    }
}

/// An audience: mostly a URL, but any word may be one.
pub(super) fn audience(text: &str) -> Read<String> {
    if text.contains(|c: char| c.is_whitespace() || c == ',') {
        Err(format!("is `{text}`, which is not a single audience"))
    } else {
        Ok(text.to_owned())
    }
}

/// An e-mail address, as far as that can be told.
pub(super) fn email(text: &str) -> Read<String> {
    let whole = text
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && host.contains('.'));
    if whole && !text.contains(char::is_whitespace) {
        Ok(text.to_owned())
    } else {
        Err(format!("is `{text}`, which is not an e-mail address"))
    }
}

/// Where an emulator is: `host:port`, with or without `http://`.
pub(super) fn emulator(text: &str) -> Read<String> {
    let bare = text.strip_prefix("http://").unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let port = bare.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.map(|(_, port)| port.parse::<u16>()) {
        Some(Ok(1..)) if !bare.contains(['/', '@', ' ']) => Ok(format!("http://{bare}")),
        _ => Err(format!("is `{text}`, which is not host:port")),
    }
}

/// A whole number from `least` to `most`.
pub(super) fn number(text: &str, least: u32, most: u32) -> Read<u32> {
    match text.parse::<u32>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!(
            "is `{text}`, which is not a whole number from {least} to {most}"
        )),
    }
}

/// One of the levels.
pub(super) fn level(text: &str) -> Read<LogLevel> {
    match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        "trace" => Ok(LogLevel::Trace),
        _ => Err(format!(
            "is `{text}`, which is not error, warn, info, debug or trace"
        )),
    }
}
