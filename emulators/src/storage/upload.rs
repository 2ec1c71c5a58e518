//! Uploads: bytes alone (media), metadata and bytes (multipart), or in chunks (resumable).

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use super::call::{self, Call, Received};
use super::checksum::{Content, Stated};
use super::conditions::Conditions;
use super::multipart;
use super::refusal::Refusal;
use super::session::{Progress, Range, Session};
use super::settings::Settings;
use super::store::{New, lock};

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// What an upload says before its bytes.
struct Announced {
    name: String,
    settings: Settings,
    stated: Stated,
    conditions: Conditions,
}

pub(super) fn upload(call: &Call, bucket: &str, received: Received) -> Result<Response, Refusal> {
    if let Some(id) = call.query.text("upload_id") {
        return match call.method {
            Method::PUT | Method::POST => chunk(call, id, received),
            Method::DELETE => cancel(call, id),
            _ => Err(Refusal::method(&call.method, "an upload")),
        };
    }
    if !matches!(call.method, Method::POST | Method::PUT) {
        return Err(Refusal::method(&call.method, "an upload"));
    }
    match call.query.text("uploadType") {
        Some("media") => media(call, bucket, received.whole()?),
        Some("multipart") => multipart(call, bucket, &received.whole()?),
        Some("resumable") => start(call, bucket, &received.whole()?),
        other => Err(Refusal::invalid(format!(
            "Invalid value for parameter uploadType: {}",
            other.unwrap_or("(none)")
        ))),
    }
}

fn media(call: &Call, bucket: &str, body: Bytes) -> Result<Response, Refusal> {
    let mut announced = announced(call, &Map::new())?;
    let given = call.header("content-type").unwrap_or(UNKNOWN_TYPE);
    announced.settings.content_type = Some(given.to_owned());
    store(call, bucket, announced, body)
}

fn multipart(call: &Call, bucket: &str, body: &Bytes) -> Result<Response, Refusal> {
    let content_type = call.header("content-type").unwrap_or_default();
    let parts = multipart::parse(multipart::UPLOAD, content_type, body)?;
    let [metadata, media, trailing @ ..] = &parts[..] else {
        return Err(Refusal::invalid(
            "Malformed multipart body: it has one part only.",
        ));
    };
    let mut announced = announced(call, &call::resource(&metadata.body)?)?;
    if announced.settings.content_type.is_none() {
        let given = media.content_type.clone();
        announced.settings.content_type = Some(given.unwrap_or_else(|| UNKNOWN_TYPE.to_owned()));
    }
    if let [trailing] = trailing {
        let resource = call::resource(&trailing.body)?;
        announced.stated = announced.stated.and(Stated::from_resource(&resource)?);
    }
    store(call, bucket, announced, media.body.clone())
}

fn store(
    call: &Call,
    bucket: &str,
    announced: Announced,
    body: Bytes,
) -> Result<Response, Refusal> {
    // Asked first, so that a missing bucket or a lost race does not wait for the checksums of its bytes.
    call.store
        .check_put(bucket, &announced.name, &announced.conditions)?;
    let content = Content::of(body);
    announced.stated.verify(&content)?;
    let new = New {
        bucket: bucket.to_owned(),
        name: announced.name,
        content,
        settings: announced.settings,
    };
    let object = call.store.put(new, &announced.conditions)?;
    Ok(call::json(&object.resource(&call.base)))
}

fn announced(call: &Call, resource: &Map<String, Value>) -> Result<Announced, Refusal> {
    let mut settings = Settings::default();
    settings.apply(resource)?;
    if let Some(encoding) = call.query.text("contentEncoding") {
        settings.content_encoding = Some(encoding.to_owned());
    }
    let in_resource = resource.get("name").and_then(Value::as_str);
    let name = match (call.query.text("name"), in_resource) {
        (Some(query), Some(resource)) if query != resource => {
            return Err(Refusal::invalid(format!(
                "Value '{query}' in the query does not agree with value '{resource}' of the field name."
            )));
        }
        (query, resource) => query
            .or(resource)
            .ok_or_else(|| Refusal::required("name"))?,
    };
    Ok(Announced {
        name: name.to_owned(),
        settings,
        stated: Stated::from_headers(&call.headers)?.and(Stated::from_resource(resource)?),
        conditions: Conditions::from_query(&call.query)?,
    })
}

fn start(call: &Call, bucket: &str, body: &[u8]) -> Result<Response, Refusal> {
    let mut announced = announced(call, &call::resource(body)?)?;
    call.store
        .check_put(bucket, &announced.name, &announced.conditions)?;
    if announced.settings.content_type.is_none() {
        let given = call.header("x-upload-content-type").unwrap_or(UNKNOWN_TYPE);
        announced.settings.content_type = Some(given.to_owned());
    }
    let length = call.header("x-upload-content-length");
    let length = length
        .map(|text| {
            text.parse()
                .map_err(|_| Refusal::invalid(format!("Invalid X-Upload-Content-Length: {text}")))
        })
        .transpose()?;
    let name = utf8_percent_encode(&announced.name, NON_ALPHANUMERIC).to_string();
    let mut session = Session::new(
        bucket,
        &announced.name,
        announced.settings,
        announced.stated,
        announced.conditions,
    );
    session.announced = length;
    let mut state = call.store.state();
    let id = format!("upload-{}", state.number());
    state
        .sessions
        .insert(id.clone(), Arc::new(Mutex::new(session)));
    drop(state);
    let location = format!(
        "{}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name={name}&upload_id={id}",
        call.base
    );
    let mut response = Response::new(Body::empty());
    let text = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| Refusal::invalid(format!("Not a header: {text}")))
    };
    response
        .headers_mut()
        .insert(header::LOCATION, text(&location)?);
    response
        .headers_mut()
        .insert("x-guploader-uploadid", text(&id)?);
    Ok(response)
}

fn chunk(call: &Call, id: &str, received: Received) -> Result<Response, Refusal> {
    let session = call.store.state().sessions.get(id).cloned();
    let session = session.ok_or_else(|| Refusal::not_found(format!("No such upload: {id}")))?;
    let range = Range::of(&call.headers, received.bytes.len())?;
    let whole = received.broken.is_none();
    let progress = lock(&session).take(call.store, range, &received.bytes, whole, &call.headers)?;
    match progress {
        Progress::Done(object) => Ok(call::json(&object.resource(&call.base))),
        Progress::Kept(kept) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
            if let Some(last) = kept.checked_sub(1)
                && let Ok(range) = HeaderValue::from_str(&format!("bytes=0-{last}"))
            {
                response.headers_mut().insert(header::RANGE, range);
            }
            Ok(response)
        }
    }
}

fn cancel(call: &Call, id: &str) -> Result<Response, Refusal> {
    // 499 is Google's answer to an upload that was cancelled as it should.
    match call.store.state().sessions.remove(id) {
        Some(_) => Err(Refusal::cancelled()),
        None => Err(Refusal::not_found(format!("No such upload: {id}"))),
    }
}
