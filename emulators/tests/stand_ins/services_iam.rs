//! IAM: signatures that the public key proves, and signed URLs that Cloud Storage takes because of them.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::prelude::BASE64_STANDARD;
use ork_emulators::Keyring;
use ork_emulators::storage::{Storage, StorageOptions};
use serde_json::{Value, json};

use crate::services::World;

const ACCOUNT: &str = "sign@prj.iam.gserviceaccount.com";

fn path(account: &str) -> String {
    format!("/v1/projects/-/serviceAccounts/{account}:signBlob")
}

#[tokio::test]
async fn what_is_signed_is_proved_by_the_published_key() {
    let world = World::new().await;
    let body = json!({"payload": BASE64_STANDARD.encode("to be signed")});
    let signed = world.good("POST", &path(ACCOUNT), body.clone()).await;
    let keys = format!("/service_accounts/v1/jwk/{ACCOUNT}");
    let key = world.good("GET", &keys, Value::Null).await["keys"][0].clone();
    assert_eq!(key["kid"], signed["keyId"]);
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = PublicKeyComponents {
        n: number("n"),
        e: number("e"),
    };
    let signature = BASE64_STANDARD.decode(signed["signedBlob"].as_str().unwrap());
    let signature = signature.unwrap();
    let verify = |message: &[u8]| public.verify(&RSA_PKCS1_2048_8192_SHA256, message, &signature);
    assert!(verify(b"to be signed").is_ok());
    assert!(verify(b"to be singed").is_err());
    let other = world
        .good("POST", &path("other@prj.iam.gserviceaccount.com"), body)
        .await;
    assert_ne!(other["keyId"], signed["keyId"]);
}

/// A signed URL by the book: the account's signature through IAM, the host as the client sends it.
async fn signed_url(world: &World, method: &str, storage: &str, path: &str) -> String {
    let now = jiff::Timestamp::now();
    let (date, time) = (now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ"));
    let scope = format!("{date}/auto/storage/goog4_request");
    let credential = format!("{ACCOUNT}/{scope}")
        .replace('/', "%2F")
        .replace('@', "%40");
    let query = format!(
        "X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential={credential}&X-Goog-Date={time}&X-Goog-Expires=60&X-Goog-SignedHeaders=host"
    );
    let host = storage.strip_prefix("http://").unwrap();
    let request = format!("{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
    let hash: String = digest(&SHA256, request.as_bytes())
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = format!("GOOG4-RSA-SHA256\n{time}\n{scope}\n{hash}");
    let body = json!({"payload": BASE64_STANDARD.encode(text)});
    let signed = world.good("POST", &self::path(ACCOUNT), body).await;
    let signature = BASE64_STANDARD.decode(signed["signedBlob"].as_str().unwrap());
    let signature: String = signature
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{storage}{path}?{query}&X-Goog-Signature={signature}")
}

#[tokio::test]
async fn cloud_storage_takes_urls_that_were_signed_through_iam() {
    let keyring = Keyring::default();
    let world = World::with(1.0, keyring.clone()).await;
    let options = StorageOptions {
        keyring,
        ..StorageOptions::default()
    };
    let storage = Storage::start(options).await.unwrap();
    storage.create_bucket("bkt").unwrap();
    let url = signed_url(&world, "PUT", &storage.endpoint(), "/bkt/runs/r1/claim").await;
    let client = reqwest::Client::new();
    let put = client.put(&url).body("mine").send().await.unwrap();
    assert_eq!(put.status(), 200, "{}", put.text().await.unwrap());
    let get = client.get(&url).send().await.unwrap();
    assert_eq!(get.status(), 403);
    let text = get.text().await.unwrap();
    assert!(
        text.contains("<CanonicalRequest>GET\n/bkt/runs/r1/claim\n"),
        "{text}"
    );
    let url = signed_url(&world, "GET", &storage.endpoint(), "/bkt/runs/r1/claim").await;
    assert_eq!(
        client.get(&url).send().await.unwrap().text().await.unwrap(),
        "mine"
    );
    storage.stop().await;
}

#[tokio::test]
async fn wrong_requests_are_refused_and_faults_are_met() {
    let world = World::new().await;
    let good = json!({"payload": "eA=="});
    for (account, body, status) in [
        (ACCOUNT, json!({}), 400),
        (ACCOUNT, json!({"payload": "not base64!"}), 400),
        ("nobody", good.clone(), 404),
    ] {
        assert_eq!(world.ask("POST", &path(account), body).await.0, status);
    }
    let other = path(ACCOUNT).replace("signBlob", "generateAccessToken");
    assert_eq!(world.ask("POST", &other, json!({})).await.0, 501);
    for fault in [
        json!({"service": "iam", "on": "sign", "job": ACCOUNT, "status": 403, "times": 1}),
        json!({"project": "prj", "status": 429, "retry_after": 1, "times": 1}),
    ] {
        let status = fault["status"].as_u64().unwrap();
        world.control("faults", fault).await;
        let met = world.ask("POST", &path(ACCOUNT), good.clone()).await.0;
        assert_eq!(u64::from(met), status);
    }
    world.good("POST", &path(ACCOUNT), good).await;
}
