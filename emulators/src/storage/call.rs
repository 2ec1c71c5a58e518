//! One request of the JSON API, read and ready to be answered.

use axum::body::Body;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Map, Value};

use super::query::Query;
use super::refusal::Refusal;
use super::store::Store;

/// The largest body: objects live in memory.
const BODY_MAX: usize = 1 << 30;

/// A request without its body.
pub(super) struct Call<'a> {
    pub(super) store: &'a Store,
    pub(super) method: Method,
    pub(super) query: Query,
    pub(super) headers: HeaderMap,
    /// How this client reaches the server: the start of the links in answers.
    pub(super) base: String,
}

/// A body as far as it came.
pub(super) struct Received {
    pub(super) bytes: Bytes,
    /// Why it did not come to its end.
    pub(super) broken: Option<String>,
}

impl Received {
    pub(super) async fn read(mut body: Body) -> Result<Self, Refusal> {
        let mut chunks = Vec::<Bytes>::new();
        let mut length = 0;
        let mut broken = None;
        while let Some(frame) = body.frame().await {
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => {
                    length += data.len();
                    if length > BODY_MAX {
                        return Err(Refusal::invalid(format!(
                            "The body is longer than the {BODY_MAX} bytes that the stand-in takes."
                        )));
                    }
                    chunks.push(data);
                }
                Ok(Err(_)) => {}
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            }
        }
        let bytes = if chunks.len() == 1 {
            chunks.swap_remove(0)
        } else {
            Bytes::from(chunks.concat())
        };
        Ok(Self { bytes, broken })
    }

    /// The whole body, where a part of it is of no use.
    pub(super) fn whole(self) -> Result<Bytes, Refusal> {
        match self.broken {
            None => Ok(self.bytes),
            Some(why) => Err(Refusal::invalid(format!("The body broke off: {why}"))),
        }
    }
}

/// A resource in a body; an empty body is an empty one.
pub(super) fn resource(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|error| Refusal::invalid(format!("Parse Error: {error}")))
}

impl Call<'_> {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The base of the links: the name that the client used, if it says the port as well (the Rust client does not).
    pub(super) fn base(headers: &HeaderMap, otherwise: &str) -> String {
        headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .filter(|host| {
                host.rsplit_once(':')
                    .is_some_and(|(_, port)| port.parse::<u16>().is_ok())
            })
            .map_or_else(|| otherwise.to_owned(), |host| format!("http://{host}"))
    }
}

pub(super) fn json(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    response
}

/// Done, with nothing to say.
pub(super) fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = axum::http::StatusCode::NO_CONTENT;
    response
}
