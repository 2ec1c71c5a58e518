//! Takes requests of both protocols on one port: faults first, then the answer, then the count.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::call::{Call, Received};
use super::faults::{Fault, Faults};
use super::operations::{self, Class, Operations};
use super::query::Query;
use super::refusal::Refusal;
use super::store::{Store, lock};
use super::target::Target;
use super::{batch, buckets, control, download, grpc, objects, upload, xml};
use crate::keyring::Keyring;

/// Everything that the requests share.
pub(super) struct Server {
    pub(super) store: Store,
    /// Whose signatures count.
    pub(super) keyring: Keyring,
    pub(super) faults: Mutex<Faults>,
    pub(super) operations: Mutex<Operations>,
    /// By how much the clock that signed URLs are judged by is put forward.
    pub(super) ahead: Mutex<Duration>,
}

pub(super) async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    let path = request.uri().path();
    if let Some(control) = path.strip_prefix("/emulator/v1/").map(str::to_owned) {
        return control::answer(&server, &control, request).await;
    }
    if path == "/" || path == "/healthz" {
        return Response::new(Body::from("Ork's stand-in for Cloud Storage\n"));
    }
    if path == batch::PATH {
        return batch::answer(&server, request).await;
    }
    let rpc = path.strip_prefix(grpc::SERVICE).map(str::to_owned);
    let xml = xml::is_meant(request.uri());
    let refused = |refusal: &Refusal, rpc: bool| {
        if rpc {
            refusal.grpc().into_http()
        } else if xml {
            xml::refusal(refusal)
        } else {
            refusal.json()
        }
    };
    let fault = server.fault(&request);
    if let Some(fault) = &fault
        && fault.delay_ms > 0
    {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    let injected = fault
        .as_ref()
        .and_then(|fault| fault.status)
        .map(Refusal::injected);
    if let Some(refusal) = &injected
        && !fault.as_ref().is_some_and(|fault| fault.after)
    {
        return refused(refusal, rpc.is_some());
    }
    let response = match &rpc {
        Some(method) => server.rpc(method, request).await,
        None if xml => xml::answer(&server, request).await,
        None => server.json(request).await,
    };
    match injected {
        None => response,
        Some(refusal) => refused(&refusal, rpc.is_some()),
    }
}

impl Server {
    fn fault(&self, request: &Request) -> Option<Fault> {
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        let path = percent_decode_str(path).decode_utf8_lossy();
        lock(&self.faults).take(request.method().as_str(), &path)
    }

    async fn rpc(&self, method: &str, request: Request) -> Response {
        let response = grpc::answer(&self.store, method, request).await;
        if let Some((name, class)) = operations::of_rpc(method) {
            // The code stands in the headers only if there is no message: then it is a refusal.
            let code = response
                .headers()
                .get("grpc-status")
                .and_then(|code| code.to_str().ok());
            let status = match code {
                None | Some("0") => 200,
                Some("5") => 404,
                Some("6") => 409,
                Some("9") => 412,
                Some("10") => 304,
                _ => 400,
            };
            lock(&self.operations).count(name, class, status);
        }
        response
    }

    pub(super) async fn json(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let is_download = parts.uri.path().starts_with("/download/")
            || parts
                .uri
                .query()
                .is_some_and(|query| query.split('&').any(|one| one == "alt=media"));
        let mut counted = None;
        let answer = async {
            let target = Target::parse(parts.uri.path())?;
            let query = Query::of(&parts.uri)?;
            // Clients that cannot send PATCH say so in a header.
            let method = match parts.headers.get("x-http-method-override") {
                Some(method) if parts.method == Method::POST => {
                    Method::from_bytes(method.as_bytes())
                        .map_err(|_| Refusal::invalid("X-HTTP-Method-Override is not a method"))?
                }
                _ => parts.method.clone(),
            };
            counted = Some(operations::of_request(&method, &target, &query));
            if query.text("upload_id").is_some() {
                counted = Some(("objects.insert (chunk)", Class::Free));
            }
            let received = Received::read(body).await?;
            let base = Call::base(&parts.headers, &self.store.base);
            let call = Call {
                store: &self.store,
                method,
                query,
                headers: parts.headers,
                base,
            };
            let is_upload = matches!(target, Target::Upload(_));
            let bytes_in = received.bytes.len() as u64;
            let response = route(&call, &target, received)?;
            let mut operations = lock(&self.operations);
            if is_upload {
                operations.bytes_in += bytes_in;
            } else if is_download {
                operations.bytes_out += response.body().size_hint().exact().unwrap_or_default();
            }
            Ok(response)
        };
        let response = answer.await.unwrap_or_else(|refusal: Refusal| {
            if is_download {
                refusal.text()
            } else {
                refusal.json()
            }
        });
        if let Some((name, class)) = counted {
            lock(&self.operations).count(name, class, response.status().as_u16());
        }
        response
    }
}

fn route(call: &Call, target: &Target, received: Received) -> Result<Response, Refusal> {
    if let Target::Upload(bucket) = target {
        return upload::upload(call, bucket, received);
    }
    let body = &received.whole()?[..];
    match target {
        Target::Buckets => buckets::buckets(call, body),
        Target::Bucket(name) => buckets::bucket(call, name, body),
        Target::BucketLayout(name) => buckets::layout(call, name),
        Target::BucketPolicy(name) => buckets::policy(call, name),
        Target::BucketPermissions(name) => {
            buckets::permissions(call, name, call.query.all("permissions"))
        }
        Target::ServiceAccount(project) => Ok(buckets::service_account(project)),
        Target::Notifications(name) => buckets::notifications(call, name, body),
        Target::Notification(name, id) => buckets::notification(call, name, id),
        Target::Objects(bucket) => objects::list(call, bucket),
        Target::Object(name) => objects::object(call, name, body),
        Target::Download(name) => download::download(call, name),
        Target::Upload(_) => Err(Refusal::method(&call.method, "an upload")),
        Target::Compose(to) => objects::compose(call, to, body),
        Target::Move { bucket, from, to } => objects::rename(call, bucket, from, to),
        Target::Copy { from, to } => objects::copy(call, from, to, body),
        Target::Rewrite { from, to } => objects::rewrite(call, from, to, body),
    }
}
