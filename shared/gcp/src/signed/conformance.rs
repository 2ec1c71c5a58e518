//! Google's published examples of signatures of version 4 (googleapis/conformance-tests, storage/v1/v4_signatures.json) against ours.
//!
//! The whole way is gone: an IAM of this test's gives an example's signature to whoever asks for exactly that example's text, and to
//! nobody else, so that a right URL at the end proves every step before. The key itself is not needed for that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ork_core::time::Time;
use serde::Deserialize;
use serde_json::{Value, json};

use super::canonical::Origin;
use super::{Grant, Method, Signer};

const ACCOUNT: &str = "test-iam-credentials@dummy-project-id.iam.gserviceaccount.com";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    method: String,
    bucket: String,
    object: Option<String>,
    at: String,
    seconds: u64,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    scheme: Option<String>,
    style: Option<String>,
    bound_host: Option<String>,
    host: Option<String>,
    client_endpoint: Option<String>,
    emulator_host: Option<String>,
    universe: Option<String>,
    canonical_request: String,
    string_to_sign: String,
    url: String,
}

impl Example {
    /// Why it is nothing that Ork's URLs could be.
    fn left_out(&self) -> Option<&'static str> {
        let addresses = [&self.host, &self.client_endpoint, &self.emulator_host];
        if self.style.is_some() || self.bound_host.is_some() {
            Some("Ork has the bucket in the path, which every bucket's name allows")
        } else if self.object.is_none() {
            Some("no worker may list")
        } else if self.method == "POST" {
            Some("what a worker writes is small enough for one request")
        } else if addresses.into_iter().flatten().count() > 1 {
            Some("which of several addresses counts: the signer is given one")
        } else {
            None
        }
    }

    fn origin(&self) -> Origin {
        let given = [&self.host, &self.client_endpoint, &self.emulator_host];
        let address = match (given.into_iter().flatten().next(), &self.universe) {
            (Some(address), _) => address.clone(),
            (None, Some(universe)) => format!("storage.{universe}"),
            (None, None) => return Origin::google(),
        };
        let scheme = self.scheme.as_deref().unwrap_or("https");
        let url = match address.contains("://") {
            true => address,
            false => format!("{scheme}://{address}"),
        };
        Origin::parse(&url).expect("an address")
    }

    fn grant(&self) -> Grant {
        let method = match &*self.method {
            "GET" => Method::Get,
            "PUT" => Method::Put,
            other => panic!("{other}"),
        };
        let object = self.object.as_deref().expect("of an object");
        let mut grant = Grant::new(method, &self.bucket, object);
        for (name, value) in &self.headers {
            grant = grant.header(name, value);
        }
        for (name, value) in &self.parameters {
            grant = grant.parameter(name, value);
        }
        grant
    }

    fn signature(&self) -> String {
        let (_, hex) = self.url.split_once("X-Goog-Signature=").expect("signed");
        let digits = hex.as_bytes().chunks(2);
        let bytes: Vec<u8> = digits
            .map(|pair| {
                let pair = std::str::from_utf8(pair).expect("ASCII");
                u8::from_str_radix(pair, 16).expect("hexadecimal")
            })
            .collect();
        BASE64_STANDARD.encode(bytes)
    }
}

fn examples() -> Vec<Example> {
    serde_json::from_str(include_str!("../../tests/signed/vectors.json")).expect("the examples")
}

type Signatures = Arc<BTreeMap<String, String>>;

async fn sign(
    State(signatures): State<Signatures>,
    Json(asked): Json<Value>,
) -> Result<Json<Value>, StatusCode> {
    let payload = asked["payload"].as_str().unwrap_or_default();
    let text = BASE64_STANDARD.decode(payload).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match signatures.get(&*text) {
        Some(signature) => Ok(Json(json!({ "keyId": "k", "signedBlob": signature }))),
        None => Err(StatusCode::BAD_REQUEST),
    }
}

async fn iam() -> String {
    let known = examples()
        .iter()
        .map(|example| (example.string_to_sign.clone(), example.signature()))
        .collect();
    let router = Router::new()
        .fallback(sign)
        .with_state(Signatures::new(known));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address.to_string()
}

#[tokio::test]
async fn urls_are_what_google_says_they_are() {
    let iam = iam().await;
    let mut checked = Vec::new();
    for example in examples() {
        if example.left_out().is_some() {
            continue;
        }
        let signer = Signer::connect(ACCOUNT, Some(&iam), None)
            .expect("a signer")
            .leading_to(example.origin());
        let (grant, at) = (
            example.grant(),
            Time::parse(&example.at).expect("an instant"),
        );
        let lasts = Duration::from_secs(example.seconds);
        let signing = signer.signing(at, lasts).expect("short enough");
        let name = &example.name;
        assert_eq!(signing.request(&grant), example.canonical_request, "{name}");
        assert_eq!(signing.text(&grant), example.string_to_sign, "{name}");
        let url = signer.url(&grant, at, lasts).await.expect(name);
        assert_eq!(url.reveal(), example.url, "{name}");
        checked.push(example.name);
    }
    // An example more or less is looked at by somebody.
    assert_eq!(checked.len(), 21, "{checked:#?}");
}

#[test]
fn what_is_left_out_is_what_ork_does_not_do() {
    let examples = examples();
    let left_out: Vec<&str> = examples
        .iter()
        .filter(|example| example.left_out().is_some())
        .map(|example| &*example.name)
        .collect();
    assert_eq!(
        left_out,
        [
            "POST for resumable uploads",
            "List Objects",
            "Virtual Hosted Style",
            "HTTP Bucket Bound Hostname Support",
            "HTTPS Bucket Bound Hostname Support",
            "Endpoint on client takes precedence over emulator",
            "Hostname takes precedence over endpoint and emulator",
            "Universe domain with virtual hosted style",
        ]
    );
}
