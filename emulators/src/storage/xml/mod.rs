//! The XML API as far as signed URLs need it: one object at `/BUCKET/OBJECT` is read, written or deleted.

mod canonical;
mod refused;
mod requests;
mod signed;

use axum::extract::Request;
use axum::http::{Uri, header};
use axum::response::Response;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::call::Received;
use super::operations::Class;
use super::refusal::Refusal;
use super::server::Server;
use super::store::lock;
use super::target::Name;
use refused::Refused;

/// What paths of the other APIs begin with.
const OTHERS: [&str; 7] = [
    "storage",
    "upload",
    "download",
    "resumable",
    "batch",
    "emulator",
    "google.storage.v2.Storage",
];

/// Whether a request is one of the XML API: it is signed in its query, or its path belongs to no other API.
pub(super) fn is_meant(uri: &Uri) -> bool {
    let first = uri.path().trim_start_matches('/').split('/').next();
    signed::is_signed(uri.query().unwrap_or_default())
        || first.is_some_and(|first| !first.is_empty() && !OTHERS.contains(&first))
}

/// An error of the whole server in the words of this API.
pub(super) fn refusal(refusal: &Refusal) -> Response {
    Refused::from(refusal).response()
}

pub(super) async fn answer(server: &Server, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let counted = match parts.method.as_str() {
        "GET" => Some(("objects.get (media)", Class::B)),
        "HEAD" => Some(("objects.get", Class::B)),
        "PUT" => Some(("objects.insert", Class::A)),
        "DELETE" => Some(("objects.delete", Class::Free)),
        _ => None,
    };
    let answer = async {
        let name = name(parts.uri.path())?;
        if signed::is_signed(parts.uri.query().unwrap_or_default()) {
            let now = Timestamp::now()
                .checked_add(*lock(&server.ahead))
                .unwrap_or(Timestamp::MAX);
            signed::check(&server.keyring, &parts, now)?;
        } else if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Err(Refused::denied(format!(
                "Anonymous caller does not have access to {}/{}: the request has no signature and no token.",
                name.bucket, name.object
            )));
        }
        let received = Received::read(body)
            .await
            .map_err(|error| Refused::from(&error))?;
        let bytes_in = received.bytes.len() as u64;
        let (response, bytes_out) = requests::answer(&server.store, &parts, &name, received)?;
        let mut operations = lock(&server.operations);
        operations.bytes_in += bytes_in;
        operations.bytes_out += bytes_out;
        Ok(response)
    };
    let response = answer.await.unwrap_or_else(|refused| refused.response());
    if let Some((name, class)) = counted {
        lock(&server.operations).count(name, class, response.status().as_u16());
    }
    response
}

/// `/BUCKET/OBJECT`; the slashes of an object's name may stand as they are.
fn name(path: &str) -> Result<Name, Refused> {
    let decoded = percent_decode_str(path.trim_start_matches('/'))
        .decode_utf8()
        .map_err(|_| Refused::invalid("the path is not UTF-8"))?;
    match decoded.split_once('/') {
        Some((bucket, object)) if !bucket.is_empty() && !object.is_empty() => Ok(Name {
            bucket: bucket.to_owned(),
            object: object.to_owned(),
        }),
        _ => Err(Refused::not_implemented(
            "The stand-in's XML API has objects only, at /BUCKET/OBJECT.",
        )),
    }
}
