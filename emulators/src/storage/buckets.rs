//! The buckets of the JSON API and their notification configurations.

use axum::http::Method;
use axum::response::Response;
use serde_json::{Value, json};

use super::bucket::Bucket;
use super::call::{self, Call};
use super::conditions::Conditions;
use super::listing;
use super::notification::{Notification, Wanted};
use super::refusal::Refusal;
use super::store::{State, Store};

pub(super) fn buckets(call: &Call, body: &[u8]) -> Result<Response, Refusal> {
    match call.method {
        Method::GET => list(call),
        Method::POST => {
            let resource = call::resource(body)?;
            let name = resource.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| Refusal::required("name"))?;
            let project = call
                .query
                .text("project")
                .ok_or_else(|| Refusal::required("project"))?;
            let bucket = Bucket::new(name, project, &resource)?;
            let answer = bucket.resource(&call.base);
            insert(&mut call.store.state(), bucket)?;
            Ok(call::json(&answer))
        }
        _ => Err(Refusal::method(&call.method, "the buckets of a project")),
    }
}

pub(super) fn insert(state: &mut State, bucket: Bucket) -> Result<(), Refusal> {
    if state.buckets.contains_key(&bucket.name) {
        return Err(Refusal::conflict(
            "Your previous request to create the named bucket succeeded and you already own it.",
        ));
    }
    state.buckets.insert(bucket.name.clone(), bucket);
    Ok(())
}

fn list(call: &Call) -> Result<Response, Refusal> {
    let project = call
        .query
        .text("project")
        .ok_or_else(|| Refusal::required("project"))?;
    let prefix = call.query.text("prefix").unwrap_or_default();
    let size = listing::page_size(call.query.number("maxResults")?)?;
    let state = call.store.state();
    let (page, next) = page(&state, project, prefix, size, call.query.text("pageToken"));
    let mut answer = json!({"kind": "storage#buckets"});
    if !page.is_empty() {
        answer["items"] = page
            .iter()
            .map(|bucket| bucket.resource(&call.base))
            .collect();
    }
    if let Some(next) = next {
        answer["nextPageToken"] = next.into();
    }
    Ok(call::json(&answer))
}

/// A page of a project's buckets; the token is the name of the last one.
pub(super) fn page<'a>(
    state: &'a State,
    project: &str,
    prefix: &str,
    size: usize,
    after: Option<&str>,
) -> (Vec<&'a Bucket>, Option<String>) {
    let mut matching = state
        .buckets
        .values()
        .filter(|bucket| bucket.project == project && bucket.name.starts_with(prefix))
        .filter(|bucket| after.is_none_or(|after| bucket.name.as_str() > after));
    let page = matching.by_ref().take(size).collect::<Vec<_>>();
    let next = matching
        .next()
        .and_then(|_| page.last().map(|bucket| bucket.name.clone()));
    (page, next)
}

pub(super) fn bucket(call: &Call, name: &str, body: &[u8]) -> Result<Response, Refusal> {
    let mut state = call.store.state();
    let conditions = Conditions::from_query(&call.query)?;
    let bucket = state.bucket_mut(name)?;
    bucket.check(&conditions)?;
    match call.method {
        Method::GET => {}
        Method::PATCH | Method::PUT | Method::POST => {
            bucket.change(&call::resource(body)?, call.method == Method::PUT)?;
        }
        Method::DELETE => {
            remove(&mut state, name)?;
            return Ok(call::empty());
        }
        _ => return Err(Refusal::method(&call.method, "a bucket")),
    }
    Ok(call::json(&bucket.resource(&call.base)))
}

/// Removes a bucket that is empty.
pub(super) fn remove(state: &mut State, name: &str) -> Result<(), Refusal> {
    if !state.bucket(name)?.objects.is_empty() {
        return Err(Refusal::conflict(
            "The bucket you tried to delete is not empty.",
        ));
    }
    state.buckets.remove(name);
    Ok(())
}

/// Names are flat: tools ask before they handle folders.
pub(super) fn layout(call: &Call, name: &str) -> Result<Response, Refusal> {
    let state = call.store.state();
    let bucket = state.bucket(name)?.resource(&call.base);
    Ok(call::json(&json!({
        "kind": "storage#storageLayout",
        "bucket": name,
        "location": bucket["location"],
        "locationType": bucket["locationType"],
        "hierarchicalNamespace": {"enabled": false},
    })))
}

pub(super) fn policy(call: &Call, name: &str) -> Result<Response, Refusal> {
    call.store.state().bucket(name)?;
    if call.method != Method::GET {
        return Err(Refusal::not_implemented(
            "permissions: everybody may do everything",
        ));
    }
    Ok(call::json(&json!({
        "kind": "storage#policy",
        "resourceId": format!("projects/_/buckets/{name}"),
        "version": 1,
        "etag": "CAE=",
    })))
}

/// Everybody may do everything.
pub(super) fn permissions(
    call: &Call,
    name: &str,
    asked: Vec<String>,
) -> Result<Response, Refusal> {
    call.store.state().bucket(name)?;
    let mut answer = json!({"kind": "storage#testIamPermissionsResponse"});
    answer["permissions"] = asked.into();
    Ok(call::json(&answer))
}

/// The account that would publish for a project: tools ask for it before they make a notification.
pub(super) fn service_account(project: &str) -> Response {
    call::json(&json!({
        "kind": "storage#serviceAccount",
        "email_address": format!("service-{project}@gs-project-accounts.iam.gserviceaccount.com"),
    }))
}

pub(super) fn notifications(call: &Call, name: &str, body: &[u8]) -> Result<Response, Refusal> {
    match call.method {
        Method::GET => {
            let state = call.store.state();
            let mut answer = json!({"kind": "storage#notifications"});
            let configs = &state.bucket(name)?.notifications;
            if !configs.is_empty() {
                answer["items"] = configs
                    .values()
                    .map(|config| config.resource(name, &call.base))
                    .collect();
            }
            Ok(call::json(&answer))
        }
        Method::POST => {
            let wanted = serde_json::from_slice(body)
                .map_err(|error| Refusal::invalid(format!("Parse Error: {error}")))?;
            let config = notify(call.store, name, wanted)?;
            Ok(call::json(&config.resource(name, &call.base)))
        }
        _ => Err(Refusal::method(
            &call.method,
            "the notifications of a bucket",
        )),
    }
}

/// Adds a notification to a bucket.
pub(super) fn notify(store: &Store, bucket: &str, wanted: Wanted) -> Result<Notification, Refusal> {
    if !store.notifier.has_pubsub() {
        return Err(Refusal::not_implemented(
            "notifications without Pub/Sub: start it with the address of a Pub/Sub emulator",
        ));
    }
    let mut state = store.state();
    state.bucket(bucket)?;
    let config = Notification::new(state.number(), wanted)?;
    state
        .bucket_mut(bucket)?
        .notifications
        .insert(config.id, config.clone());
    Ok(config)
}

pub(super) fn notification(call: &Call, name: &str, id: &str) -> Result<Response, Refusal> {
    let mut state = call.store.state();
    let configs = &mut state.bucket_mut(name)?.notifications;
    let missing = || Refusal::not_found(format!("No such notification: {name}/{id}"));
    let number = id.parse().map_err(|_| missing())?;
    match call.method {
        Method::GET => {
            let config = configs.get(&number).ok_or_else(missing)?;
            Ok(call::json(&config.resource(name, &call.base)))
        }
        Method::DELETE => {
            configs.remove(&number).ok_or_else(missing)?;
            Ok(call::empty())
        }
        _ => Err(Refusal::method(&call.method, "a notification")),
    }
}
