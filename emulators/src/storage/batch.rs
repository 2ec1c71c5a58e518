//! Several requests of the JSON API in one (`client.batch()` of the Python client). Faults do not meet them.

use std::fmt::Write as _;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::Response;

use super::call::Received;
use super::multipart::{self, Part};
use super::refusal::Refusal;
use super::server::Server;

pub(super) const PATH: &str = "/batch/storage/v1";

const BOUNDARY: &str = "batch_of_answers";

pub(super) async fn answer(server: &Server, request: Request) -> Response {
    match answers(server, request).await {
        Ok(answers) => {
            let mut response = Response::new(Body::from(answers));
            let kind = HeaderValue::from_static("multipart/mixed; boundary=batch_of_answers");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
        Err(refusal) => refusal.json(),
    }
}

async fn answers(server: &Server, request: Request) -> Result<String, Refusal> {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let body = Received::read(body).await?.whole()?;
    let mut answers = String::new();
    for part in multipart::parse(multipart::BATCH, kind, &body)? {
        let response = server.json(inner(&part)?).await;
        let status = response.status();
        let body = Received::read(response.into_body()).await?.whole()?;
        let id = part.content_id.as_deref().unwrap_or_default();
        let id = id.trim_start_matches('<');
        // Writing to a String cannot fail.
        let _ = write!(
            answers,
            "--{BOUNDARY}\r\nContent-Type: application/http\r\nContent-ID: <response-{id}\r\n\r\n\
             HTTP/1.1 {} {}\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {}\r\n\r\n{}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("Unknown"),
            body.len(),
            String::from_utf8_lossy(&body),
        );
    }
    let _ = write!(answers, "--{BOUNDARY}--\r\n");
    Ok(answers)
}

/// The request that a part holds as text.
fn inner(part: &Part) -> Result<Request, Refusal> {
    let wrong = |why: &str| Refusal::invalid(format!("Malformed request in a batch: {why}."));
    let text = std::str::from_utf8(&part.body).map_err(|_| wrong("it is not text"))?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .or_else(|| text.split_once("\n\n"))
        .unwrap_or((text, ""));
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(uri)) = (first.next(), first.next()) else {
        return Err(wrong("it has no method and address"));
    };
    let uri = uri
        .parse::<Uri>()
        .map_err(|_| wrong("its address is none"))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(method).uri(path);
    for line in lines.filter(|line| !line.is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| wrong("a header has no colon"))?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| wrong("a header has no name"))?;
        request = request.header(name, value.trim());
    }
    request
        .body(Body::from(body.to_owned()))
        .map_err(|error| wrong(&error.to_string()))
}
