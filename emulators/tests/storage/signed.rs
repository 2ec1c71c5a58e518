//! Signed URLs: made by the official crate with a key of its own, and by hand where something is to be wrong.

use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use google_cloud_auth::credentials::service_account;
use google_cloud_auth::signer::Signer;
use google_cloud_storage::builder::storage::SignedUrlBuilder;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::json;

use crate::support::{BUCKET, World};

const ACCOUNT: &str = "sign@prj.iam.gserviceaccount.com";

struct Signing {
    world: World,
    signer: Signer,
    client: Client,
}

fn pem(kind: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}

fn signer(pair: &KeyPair) -> Signer {
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let key = json!({
        "type": "service_account",
        "client_email": ACCOUNT,
        "private_key_id": "one",
        "private_key": pem("PRIVATE KEY", der.as_ref()),
        "project_id": "prj",
        "universe_domain": "googleapis.com",
    });
    service_account::Builder::new(key).build_signer().unwrap()
}

impl Signing {
    /// The stand-in is told the public key.
    async fn new() -> Self {
        let world = World::new().await;
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pem("PUBLIC KEY", pair.public_key().as_der().unwrap().as_ref());
        let path = format!("/emulator/v1/signers/{ACCOUNT}");
        let told = world.ask("PUT", &path).body(public).send().await.unwrap();
        assert_eq!(told.status(), 204);
        Self {
            world,
            signer: signer(&pair),
            client: Client::new(),
        }
    }

    async fn url(&self, method: &Method, object: &str, headers: &[(&str, &str)]) -> String {
        let mut builder = SignedUrlBuilder::for_object(BUCKET, object)
            .with_method(method.clone())
            .with_expiration(Duration::from_secs(60))
            .with_endpoint(self.world.storage.endpoint());
        for (name, value) in headers {
            builder = builder.with_header(*name, *value);
        }
        builder.sign_with(&self.signer).await.unwrap()
    }

    /// The status, the headers and the text of the answer.
    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, HeaderMap, String) {
        let mut request = self.client.request(method, url).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        (status, headers, response.text().await.unwrap())
    }

    async fn refused(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> String {
        let (status, _, text) = self.send(method, url, headers, body).await;
        let code = text
            .split("<Code>")
            .nth(1)
            .and_then(|rest| rest.split("</Code>").next());
        format!("{status} {}", code.unwrap_or_default())
    }
}

#[tokio::test]
async fn an_object_is_written_read_and_deleted_by_those_who_have_its_urls() {
    let signing = Signing::new().await;
    let name = "runs/r 1/\u{e9}+~(1).json";
    let headers = [
        ("content-type", "application/json"),
        ("x-goog-meta-run", "r1"),
    ];
    let url = signing.url(&Method::PUT, name, &headers).await;
    let (status, answered, text) = signing
        .send(Method::PUT, &url, &headers, "{\"a\": 1}")
        .await;
    assert_eq!(status, 200, "{text}");
    let generation = answered["x-goog-generation"].to_str().unwrap().to_owned();
    assert!(answered.contains_key("etag") && answered.contains_key("x-goog-hash"));
    assert_eq!(signing.world.read(name).await.unwrap(), "{\"a\": 1}");

    let url = signing.url(&Method::GET, name, &[]).await;
    let (status, answered, text) = signing.send(Method::GET, &url, &[], "").await;
    assert_eq!((status, text.as_str()), (200, "{\"a\": 1}"));
    assert_eq!(answered["content-type"], "application/json");
    assert_eq!(answered["x-goog-meta-run"], "r1");
    assert_eq!(answered["x-goog-generation"], generation.as_str());
    let (status, _, text) = signing
        .send(Method::GET, &url, &[("range", "bytes=1-3")], "")
        .await;
    assert_eq!((status, text.as_str()), (206, "\"a\""));
    assert_eq!(
        signing.refused(Method::DELETE, &url, &[], "").await,
        "403 SignatureDoesNotMatch"
    );

    let url = signing.url(&Method::HEAD, name, &[]).await;
    let (status, answered, text) = signing.send(Method::HEAD, &url, &[], "").await;
    assert_eq!((status, text.as_str()), (200, ""));
    assert_eq!(answered["content-length"], "8");

    let url = signing.url(&Method::DELETE, name, &[]).await;
    assert_eq!(signing.send(Method::DELETE, &url, &[], "").await.0, 204);
    assert_eq!(
        signing.refused(Method::DELETE, &url, &[], "").await,
        "404 NoSuchKey"
    );
    let operations = signing.world.storage.operations();
    assert_eq!(operations.methods["objects.insert"], 1);
    assert_eq!(operations.methods["objects.delete"], 1);
    assert_eq!(operations.refusals["objects.delete 403"], 1);
}

#[tokio::test]
async fn a_signed_condition_lets_only_the_first_write_through() {
    let signing = Signing::new().await;
    let once = [("x-goog-if-generation-match", "0")];
    let url = signing.url(&Method::PUT, "claim", &once).await;
    assert_eq!(signing.send(Method::PUT, &url, &once, "first").await.0, 200);
    assert_eq!(
        signing.refused(Method::PUT, &url, &once, "second").await,
        "412 PreconditionFailed"
    );
    // Neither without the header nor with another value of it.
    assert_eq!(
        signing.refused(Method::PUT, &url, &[], "third").await,
        "400 MalformedSecurityHeader"
    );
    let other = [("x-goog-if-generation-match", "5")];
    assert_eq!(
        signing.refused(Method::PUT, &url, &other, "fourth").await,
        "403 SignatureDoesNotMatch"
    );
    // What is not signed is not taken either.
    let plain = signing.url(&Method::PUT, "claim", &[]).await;
    assert_eq!(
        signing.refused(Method::PUT, &plain, &once, "fifth").await,
        "400 MalformedSecurityHeader"
    );
    assert_eq!(signing.world.read("claim").await.unwrap(), "first");
}

#[tokio::test]
async fn a_signed_range_limits_how_much_is_written() {
    let signing = Signing::new().await;
    let range = [("x-goog-content-length-range", "2,4")];
    let url = signing.url(&Method::PUT, "log", &range).await;
    assert_eq!(
        signing.refused(Method::PUT, &url, &range, "12345").await,
        "400 EntityTooLarge"
    );
    assert_eq!(
        signing.refused(Method::PUT, &url, &range, "1").await,
        "400 EntityTooSmall"
    );
    assert_eq!(signing.world.read("log").await, Err(404));
    assert_eq!(signing.send(Method::PUT, &url, &range, "1234").await.0, 200);
    let wrong = [("x-goog-content-length-range", "many")];
    let url = signing.url(&Method::PUT, "log", &wrong).await;
    assert_eq!(
        signing.refused(Method::PUT, &url, &wrong, "1").await,
        "400 InvalidArgument"
    );
}

#[tokio::test]
async fn whatever_is_changed_about_a_signed_url_makes_it_worthless() {
    let signing = Signing::new().await;
    signing.world.write("a", "secret").await;
    signing.world.write("b", "secret").await;
    let url = signing.url(&Method::GET, "a", &[]).await;
    assert_eq!(signing.send(Method::GET, &url, &[], "").await.0, 200);
    let signature = url
        .split("X-Goog-Signature=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let expires = "X-Goog-Expires=60";
    assert!(url.contains(expires));
    for (changed, expected) in [
        (
            url.replace("/bkt/a?", "/bkt/b?"),
            "403 SignatureDoesNotMatch",
        ),
        (
            url.replace(expires, "X-Goog-Expires=600"),
            "403 SignatureDoesNotMatch",
        ),
        (format!("{url}&generation=1"), "403 SignatureDoesNotMatch"),
        (
            url.replace(signature, &"0".repeat(512)),
            "403 SignatureDoesNotMatch",
        ),
        (url.replace(signature, "xyz"), "403 SignatureDoesNotMatch"),
        (url.replace("sign%40", "other%40"), "403 AccessDenied"),
        (
            url.replace(expires, "X-Goog-Expires=604801"),
            "400 InvalidArgument",
        ),
        (
            url.replace(expires, "X-Goog-Expires=soon"),
            "400 InvalidArgument",
        ),
        (
            url.replace("GOOG4-RSA-SHA256", "GOOG4-HMAC-SHA256"),
            "400 InvalidArgument",
        ),
        (
            url.replace("X-Goog-SignedHeaders=host", "X-Goog-SignedHeaders=range"),
            "400 InvalidArgument",
        ),
        (format!("{url}&{expires}"), "400 InvalidArgument"),
        (
            url.split("&X-Goog-Expires").next().unwrap().to_owned(),
            "400 InvalidArgument",
        ),
        (
            url.split('?').next().unwrap().to_owned(),
            "403 AccessDenied",
        ),
    ] {
        assert_ne!(changed, url);
        assert_eq!(
            signing.refused(Method::GET, &changed, &[], "").await,
            expected,
            "{changed}"
        );
    }
    // Whoever brings a token needs no signature.
    let plain = url.split('?').next().unwrap();
    let token = [("authorization", "Bearer x")];
    assert_eq!(
        signing.send(Method::GET, plain, &token, "").await.2,
        "secret"
    );
    assert_eq!(
        signing.refused(Method::POST, plain, &token, "").await,
        "405 MethodNotAllowed"
    );
}

#[tokio::test]
async fn a_signature_holds_for_its_time_only() {
    let signing = Signing::new().await;
    signing.world.write("a", "text").await;
    let url = signing.url(&Method::GET, "a", &[]).await;
    let at = url.find("X-Goog-Date=").unwrap() + "X-Goog-Date=".len();
    let (date, day) = (&url[at..at + 16], &url[at..at + 8]);
    // The time is looked at before the signature, as it is with Google.
    for (other, expected) in [
        ("20200101T000000Z", "400 ExpiredToken"),
        ("20990101T000000Z", "403 RequestTimeTooSkewed"),
        ("yesterday0000000", "400 InvalidArgument"),
    ] {
        let moved = url
            .replace(date, other)
            .replace(&format!("%2F{day}%2F"), &format!("%2F{}%2F", &other[..8]));
        assert_eq!(
            signing.refused(Method::GET, &moved, &[], "").await,
            expected
        );
    }
    let torn = url.replace(date, "20200101T000000Z");
    assert_eq!(
        signing.refused(Method::GET, &torn, &[], "").await,
        "400 InvalidArgument"
    );
    let storage = &signing.world.storage;
    storage.put_forward(Duration::from_secs(3600));
    let said = signing.refused(Method::GET, &url, &[], "").await;
    assert_eq!(said, "400 ExpiredToken");
    storage.put_forward(Duration::ZERO);
    assert_eq!(signing.send(Method::GET, &url, &[], "").await.0, 200);
}

#[tokio::test]
async fn errors_and_faults_come_as_xml_and_other_buckets_are_none() {
    let signing = Signing::new().await;
    let url = signing.url(&Method::GET, "none", &[]).await;
    let (status, headers, text) = signing.send(Method::GET, &url, &[], "").await;
    assert_eq!(status, 404);
    assert_eq!(headers["content-type"], "application/xml; charset=UTF-8");
    assert!(
        text.starts_with("<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code>"),
        "{text}"
    );
    let fault = json!({"path": "/bkt/none", "times": 1, "status": 503});
    let told = signing
        .world
        .ask("POST", "/emulator/v1/faults")
        .json(&fault);
    assert_eq!(told.send().await.unwrap().status(), 204);
    assert_eq!(
        signing.refused(Method::GET, &url, &[], "").await,
        "503 ServiceUnavailable"
    );
    let token = [("authorization", "Bearer x")];
    let base = signing.world.storage.endpoint();
    for (path, expected) in [
        ("/other/a", "404 NoSuchBucket"),
        ("/bkt", "501 NotImplemented"),
        ("/bkt/a?acl", "501 NotImplemented"),
    ] {
        let url = format!("{base}{path}");
        assert_eq!(
            signing.refused(Method::GET, &url, &token, "").await,
            expected,
            "{path}"
        );
    }
    let nonsense = signing
        .world
        .ask("PUT", "/emulator/v1/signers/x%40y")
        .body("no key");
    assert_eq!(nonsense.send().await.unwrap().status(), 400);
}
