//! The objects of the JSON API: metadata, listing, changes, copies, composition and deletion.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::call::{self, Call};
use super::checksum::{Content, Stated};
use super::conditions::Conditions;
use super::download;
use super::listing::Listing;
use super::object::Object;
use super::refusal::Refusal;
use super::settings::Settings;
use super::store::{New, Store};
use super::target::Name;

/// As many sources as Google composes in one call.
const SOURCES_MAX: usize = 32;

pub(super) fn list(call: &Call, bucket: &str) -> Result<Response, Refusal> {
    if call.method != Method::GET {
        return Err(Refusal::method(&call.method, "the objects of a bucket"));
    }
    let listing = Listing::from_query(&call.query)?;
    let page = listing.page(&call.store.state().bucket(bucket)?.objects);
    let mut answer = json!({"kind": "storage#objects"});
    if !page.objects.is_empty() {
        answer["items"] = page
            .objects
            .iter()
            .map(|object| object.resource(&call.base))
            .collect();
    }
    if !page.prefixes.is_empty() {
        answer["prefixes"] = page.prefixes.into();
    }
    if let Some(next) = page.next {
        answer["nextPageToken"] = next.into();
    }
    Ok(call::json(&answer))
}

pub(super) fn object(call: &Call, name: &Name, body: &[u8]) -> Result<Response, Refusal> {
    let Name { bucket, object } = name;
    let generation = call.query.number("generation")?;
    let conditions = Conditions::from_query(&call.query)?;
    match call.method {
        Method::GET => {
            if call.query.text("alt") == Some("media") {
                return download::download(call, name);
            }
            let object = call.store.get(bucket, object, generation, &conditions)?;
            download::check_etag(&call.headers, &object)?;
            Ok(answer(call, &object))
        }
        Method::PATCH | Method::PUT | Method::POST => {
            let resource = call::resource(body)?;
            let anew = call.method == Method::PUT;
            let changed =
                call.store
                    .change(bucket, object, generation, &conditions, |settings| {
                        if anew {
                            *settings = Settings::default();
                        }
                        settings.apply(&resource)
                    })?;
            Ok(answer(call, &changed))
        }
        Method::DELETE => {
            call.store.delete(bucket, object, generation, &conditions)?;
            Ok(call::empty())
        }
        _ => Err(Refusal::method(&call.method, "an object")),
    }
}

pub(super) fn copy(call: &Call, from: &Name, to: &Name, body: &[u8]) -> Result<Response, Refusal> {
    let resource = call::resource(body)?;
    let object = copied(call, from, to, &resource)?;
    Ok(answer(call, &object))
}

/// A rewrite is done in its first call: nothing here is too far away or too large.
pub(super) fn rewrite(
    call: &Call,
    from: &Name,
    to: &Name,
    body: &[u8],
) -> Result<Response, Refusal> {
    let resource = call::resource(body)?;
    let object = copied(call, from, to, &resource)?;
    let size = object.content.data.len().to_string();
    Ok(call::json(&json!({
        "kind": "storage#rewriteResponse",
        "totalBytesRewritten": size,
        "objectSize": size,
        "done": true,
        "resource": object.resource(&call.base),
    })))
}

fn copied(
    call: &Call,
    from: &Name,
    to: &Name,
    resource: &Map<String, Value>,
) -> Result<Arc<Object>, Refusal> {
    let generation = call.query.number("sourceGeneration")?;
    let source = call.store.get(
        &from.bucket,
        &from.object,
        generation,
        &Conditions::of_source(&call.query)?,
    )?;
    let mut settings = source.settings.clone();
    settings.temporary_hold = false;
    settings.event_based_hold = false;
    settings.apply(resource)?;
    let conditions = Conditions::from_query(&call.query)?;
    copy_as(call.store, &source, to, settings, &conditions)
}

/// Stores the bytes of an object under another name.
pub(super) fn copy_as(
    store: &Store,
    source: &Object,
    to: &Name,
    settings: Settings,
    conditions: &Conditions,
) -> Result<Arc<Object>, Refusal> {
    let new = New {
        bucket: to.bucket.clone(),
        name: to.object.clone(),
        content: source.content.clone(),
        settings,
    };
    store.put(new, conditions)
}

pub(super) fn rename(call: &Call, bucket: &str, from: &str, to: &str) -> Result<Response, Refusal> {
    let of_source = Conditions::of_source(&call.query)?;
    let of_target = Conditions::from_query(&call.query)?;
    let object = call
        .store
        .rename(bucket, (from, &of_source), (to, &of_target))?;
    Ok(answer(call, &object))
}

/// One part of a composite.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) generation: Option<i64>,
    pub(super) conditions: Conditions,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceResource {
    name: String,
    #[serde(default)]
    generation: Option<Value>,
    #[serde(default)]
    object_preconditions: Map<String, Value>,
}

pub(super) fn compose(call: &Call, to: &Name, body: &[u8]) -> Result<Response, Refusal> {
    let mut resource = call::resource(body)?;
    let sources = resource.remove("sourceObjects").unwrap_or_default();
    let sources = serde_json::from_value::<Vec<SourceResource>>(sources)
        .map_err(|error| {
            Refusal::invalid(format!("Invalid value for field sourceObjects: {error}"))
        })?
        .into_iter()
        .map(|source| {
            let conditions = Conditions {
                generation: integer(source.object_preconditions.get("ifGenerationMatch"))?,
                ..Conditions::default()
            };
            Ok(Source {
                name: source.name,
                generation: integer(source.generation.as_ref())?,
                conditions,
            })
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    let mut settings = Settings::default();
    let mut stated = Stated::default();
    if let Some(Value::Object(destination)) = resource.get("destination") {
        settings.apply(destination)?;
        stated = Stated::from_resource(destination)?;
    }
    let delete_sources = resource.get("deleteSourceObjects") == Some(&Value::Bool(true));
    let conditions = Conditions::from_query(&call.query)?;
    let object = compose_as(call.store, to, &sources, settings, stated, &conditions)?;
    if delete_sources {
        delete_all(call.store, &to.bucket, &sources)?;
    }
    Ok(answer(call, &object))
}

/// An int64 as JSON writes it: a string, or a number.
fn integer(value: Option<&Value>) -> Result<Option<i64>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .map(Some)
            .ok_or_else(|| Refusal::invalid(format!("Not an integer: {value}"))),
    }
}

/// Joins the bytes of objects of one bucket under a name.
pub(super) fn compose_as(
    store: &Store,
    to: &Name,
    sources: &[Source],
    settings: Settings,
    stated: Stated,
    conditions: &Conditions,
) -> Result<Arc<Object>, Refusal> {
    if sources.is_empty() || sources.len() > SOURCES_MAX {
        return Err(Refusal::invalid(format!(
            "The number of source components provided ({}) must be 1 to {SOURCES_MAX}.",
            sources.len()
        )));
    }
    let mut bytes = Vec::new();
    let mut components = 0;
    for source in sources {
        let part = store.get(
            &to.bucket,
            &source.name,
            source.generation,
            &source.conditions,
        )?;
        bytes.extend_from_slice(&part.content.data);
        components += part.content.components.unwrap_or(1);
    }
    let content = Content::composed(bytes.into(), components);
    stated.verify(&content)?;
    let new = New {
        bucket: to.bucket.clone(),
        name: to.object.clone(),
        content,
        settings,
    };
    store.put(new, conditions)
}

/// Deletes the parts of a composite that was made.
pub(super) fn delete_all(store: &Store, bucket: &str, sources: &[Source]) -> Result<(), Refusal> {
    for source in sources {
        store.delete(
            bucket,
            &source.name,
            source.generation,
            &Conditions::default(),
        )?;
    }
    Ok(())
}

fn answer(call: &Call, object: &Object) -> Response {
    call::json(&object.resource(&call.base))
}
