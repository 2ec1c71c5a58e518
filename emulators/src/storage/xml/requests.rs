//! Reading, writing and deleting one object.

use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;

use super::canonical;
use super::refused::Refused;
use crate::storage::call::Received;
use crate::storage::checksum::{Content, Stated};
use crate::storage::conditions::Conditions;
use crate::storage::download;
use crate::storage::refusal::Refusal;
use crate::storage::settings::Settings;
use crate::storage::store::{New, Store};
use crate::storage::target::Name;

/// What a query of this API may have beside the signature's parameters.
const KNOWN: [&str; 3] = [
    "generation",
    "response-content-type",
    "response-content-disposition",
];

/// Answers a request that may be answered, and says how many bytes of objects went out.
pub(super) fn answer(
    store: &Store,
    parts: &Parts,
    name: &Name,
    received: Received,
) -> Result<(Response, u64), Refused> {
    let said = |refusal: Refusal| Refused::from(&refusal);
    let parameters = canonical::parameters(parts.uri.query().unwrap_or_default());
    for (parameter, _) in &parameters {
        let known =
            parameter.to_lowercase().starts_with("x-goog-") || KNOWN.contains(&parameter.as_str());
        if !known {
            return Err(Refused::not_implemented(format!(
                "The stand-in's XML API has no parameter {parameter}."
            )));
        }
    }
    let given = |wanted: &str| {
        parameters
            .iter()
            .find(|(parameter, _)| parameter == wanted)
            .map(|(_, value)| value.as_str())
    };
    let generation = match given("generation") {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|_| Refused::invalid(format!("generation: {text} is no number")))?,
        ),
    };
    let conditions = conditions(&parts.headers)?;
    let Name { bucket, object } = name;
    match parts.method.as_str() {
        "GET" | "HEAD" => {
            let object = store
                .get(bucket, object, generation, &conditions)
                .map_err(said)?;
            let mut response = download::serve(&parts.headers, &object).map_err(said)?;
            for (parameter, name) in [
                ("response-content-type", header::CONTENT_TYPE),
                ("response-content-disposition", header::CONTENT_DISPOSITION),
            ] {
                if let Some(Ok(value)) = given(parameter).map(str::parse) {
                    response.headers_mut().insert(name, value);
                }
            }
            let bytes = response.body().size_hint().exact().unwrap_or_default();
            let out = if parts.method == "GET" { bytes } else { 0 };
            Ok((response, out))
        }
        "PUT" => {
            if parts.headers.contains_key("x-goog-copy-source") {
                return Err(Refused::not_implemented(
                    "The stand-in copies over the JSON API.",
                ));
            }
            Ok((put(store, &parts.headers, name, received, &conditions)?, 0))
        }
        "DELETE" => {
            store
                .delete(bucket, object, generation, &conditions)
                .map_err(said)?;
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok((response, 0))
        }
        _ => Err(said(Refusal::method(
            &parts.method,
            "an object of the XML API",
        ))),
    }
}

fn put(
    store: &Store,
    headers: &HeaderMap,
    name: &Name,
    received: Received,
    conditions: &Conditions,
) -> Result<Response, Refused> {
    let said = |refusal: Refusal| Refused::from(&refusal);
    let body = received.whole().map_err(said)?;
    if let Some((least, most)) = length_range(headers)? {
        if body.len() as u64 > most {
            return Err(Refused::too_large(body.len(), most));
        }
        if (body.len() as u64) < least {
            return Err(Refused::too_small(body.len(), least));
        }
    }
    store
        .check_put(&name.bucket, &name.object, conditions)
        .map_err(said)?;
    let content = Content::of(body);
    let stated = Stated::from_headers(headers).map_err(said)?;
    stated.verify(&content).map_err(said)?;
    let new = New {
        bucket: name.bucket.clone(),
        name: name.object.clone(),
        content,
        settings: settings(headers),
    };
    let object = store.put(new, conditions).map_err(said)?;
    let mut response = Response::new(Body::empty());
    download::name(response.headers_mut(), &object);
    Ok(response)
}

/// What the headers say of the object.
fn settings(headers: &HeaderMap) -> Settings {
    let text = |name: &str| canonical::header(headers, name);
    let metadata = headers.keys().filter_map(|name| {
        let key = name.as_str().strip_prefix("x-goog-meta-")?;
        Some((key.to_owned(), text(name.as_str())?))
    });
    Settings {
        content_type: Some(
            text("content-type").unwrap_or_else(|| "application/octet-stream".to_owned()),
        ),
        content_encoding: text("content-encoding"),
        content_disposition: text("content-disposition"),
        content_language: text("content-language"),
        cache_control: text("cache-control"),
        storage_class: text("x-goog-storage-class"),
        metadata: metadata.collect(),
        ..Settings::default()
    }
}

fn conditions(headers: &HeaderMap) -> Result<Conditions, Refused> {
    let number = |name: &str| -> Result<Option<i64>, Refused> {
        let Some(text) = canonical::header(headers, name) else {
            return Ok(None);
        };
        let number = text.parse().map(Some);
        number.map_err(|_| Refused::invalid(format!("{name}: {text} is no number")))
    };
    Ok(Conditions {
        generation: number("x-goog-if-generation-match")?,
        metageneration: number("x-goog-if-metageneration-match")?,
        ..Conditions::default()
    })
}

/// The header `x-goog-content-length-range`: `LEAST,MOST`.
fn length_range(headers: &HeaderMap) -> Result<Option<(u64, u64)>, Refused> {
    let Some(text) = canonical::header(headers, "x-goog-content-length-range") else {
        return Ok(None);
    };
    let range = text.split_once(',').and_then(|(least, most)| {
        let (least, most) = (least.trim().parse().ok()?, most.trim().parse().ok()?);
        (least <= most).then_some((least, most))
    });
    range.map(Some).ok_or_else(|| {
        Refused::invalid(format!(
            "x-goog-content-length-range: {text} is not LEAST,MOST"
        ))
    })
}
