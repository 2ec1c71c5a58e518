//! Signatures of service accounts as IAM Credentials gives them, and the public keys to check them with.

use axum::http::Method;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::fault::{Asked, Call};
use super::job::Service;
use super::state::{Answer, Inner, Reply};
use crate::http::{ApiError, Code, read};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignBlob {
    payload: String,
    /// Whoever may do everything needs no chain of accounts.
    #[serde(default, rename = "delegates")]
    _delegates: Vec<String>,
}

fn about<'a>(on: Call, account: &'a str) -> Asked<'a> {
    // The account's project is in its address: NAME@PROJECT.iam.gserviceaccount.com.
    let project = account
        .split_once('@')
        .and_then(|(_, host)| host.split('.').next())
        .unwrap_or_default();
    Asked {
        service: Service::Iam,
        on,
        project,
        job: Some(account),
    }
}

/// `projects/-/serviceAccounts/EMAIL:signBlob`
pub(super) async fn account(
    inner: &Inner,
    method: &Method,
    account: &str,
    verb: Option<&str>,
    body: &[u8],
) -> Response {
    let asked = about(Call::Sign, account);
    let answer = match (method, verb) {
        (&Method::POST, Some("signBlob")) => match inner.gate(&asked).await {
            Ok(gate) => gate.close(sign(inner, account, body)),
            Err(refusal) => Err(refusal),
        },
        _ => Err(ApiError::new(
            Code::Unimplemented,
            format!(
                "the stand-in for IAM has signBlob only, not {method} {}",
                verb.unwrap_or("of an account")
            ),
        )),
    };
    inner.told(&asked, answer)
}

fn failed(error: &anyhow::Error) -> ApiError {
    ApiError::new(Code::FailedPrecondition, error.to_string())
}

fn sign(inner: &Inner, account: &str, body: &[u8]) -> Answer {
    let asked: SignBlob = read(body)?;
    if !account.contains('@') {
        return Err(ApiError::new(
            Code::NotFound,
            format!("Unknown service account: {account} is no address"),
        ));
    }
    let payload = BASE64_STANDARD.decode(&asked.payload).map_err(|error| {
        ApiError::new(
            Code::InvalidArgument,
            format!("payload: it is not base64: {error}"),
        )
    })?;
    let (key_id, signature) = inner
        .keyring
        .sign(account, &payload)
        .map_err(|error| failed(&error))?;
    Ok(Reply::Json(json!({
        "keyId": key_id,
        "signedBlob": BASE64_STANDARD.encode(signature),
    })))
}

/// The public keys of an account as `www.googleapis.com/service_accounts/v1/jwk/EMAIL` gives them.
pub(super) async fn keys(inner: &Inner, account: &str) -> Response {
    let asked = about(Call::Keys, account);
    let answer = match inner.gate(&asked).await {
        Ok(gate) => gate.close(jwk(inner, account)),
        Err(refusal) => Err(refusal),
    };
    inner.told(&asked, answer)
}

fn jwk(inner: &Inner, account: &str) -> Answer {
    let (id, modulus, exponent) = inner
        .keyring
        .public(account)
        .map_err(|error| failed(&error))?;
    Ok(Reply::Json(json!({"keys": [{
        "kty": "RSA",
        "alg": "RS256",
        "use": "sig",
        "kid": id,
        "n": URL_SAFE_NO_PAD.encode(modulus),
        "e": URL_SAFE_NO_PAD.encode(exponent),
    }]})))
}
