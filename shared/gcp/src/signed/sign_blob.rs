//! Signatures that IAM makes in the name of an account (`serviceAccounts.signBlob`).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use google_cloud_auth::credentials::{Builder, CacheableResource, Credentials};
use google_cloud_auth::errors::CredentialsError;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::http::{client, said};
use super::secret::Signature;
use crate::endpoints::{ConnectError, nobody, plain};

const IAM: &str = "https://iamcredentials.googleapis.com";
/// One try.
const ANSWER: Duration = Duration::from_secs(10);
/// Tries of one signature, and the pauses between them.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
];
/// Signatures that are asked for at once: IAM gives a project 60,000 a minute.
const AT_ONCE: usize = 32;

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// This service may not sign in the name of the account, or there is no such account.
    #[error("{0}")]
    Denied(String),
    /// IAM cannot be reached, or has no time, after several tries.
    #[error("cannot sign now: {0}")]
    Unavailable(String),
    /// It will not be signed as it is.
    #[error("{0}")]
    Refused(String),
}

/// One account at IAM. Clones share their connections.
#[derive(Debug, Clone)]
pub(super) struct SignBlob {
    client: Client,
    credentials: Credentials,
    account: Arc<str>,
    url: Arc<str>,
    places: Arc<Semaphore>,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(rename = "signedBlob")]
    signed_blob: String,
}

#[derive(Deserialize)]
struct Failed {
    error: Message,
}

#[derive(Deserialize)]
struct Message {
    message: String,
}

impl SignBlob {
    pub(super) fn connect(account: &str, endpoint: Option<&str>) -> Result<Self, ConnectError> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        match account.split_once('@') {
            Some((name, host))
                if !name.is_empty()
                    && host.contains('.')
                    && (name.bytes().chain(host.bytes())).all(legal) => {}
            _ => {
                return Err(ConnectError(format!(
                    "`{account}` is no service account: write it as NAME@PROJECT.iam.gserviceaccount.com"
                )));
            }
        }
        let stand_in = plain("IAM", endpoint)?;
        let failed = |error: &dyn std::error::Error| ConnectError::client("IAM", error);
        let credentials = match &stand_in {
            Some(_) => nobody(),
            None => Builder::default().build().map_err(|error| failed(&error))?,
        };
        let client = client(stand_in.is_some()).map_err(|error| failed(&error))?;
        let base = stand_in.as_deref().unwrap_or(IAM);
        Ok(Self {
            client,
            credentials,
            account: account.into(),
            url: format!("{base}/v1/projects/-/serviceAccounts/{account}:signBlob").into(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// The account's signature of `text`.
    pub(super) async fn sign(&self, text: &str) -> Result<Signature, SignError> {
        let _place = self.places.acquire().await.expect("nobody closes it");
        let mut pauses = PAUSES.iter();
        loop {
            match self.try_once(text).await {
                Err(SignError::Unavailable(why)) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(SignError::Unavailable(why)),
                },
                other => return other,
            }
        }
    }

    async fn try_once(&self, text: &str) -> Result<Signature, SignError> {
        let unavailable = |error: reqwest::Error| SignError::Unavailable(said(error));
        let headers = match self.credentials.headers(Default::default()).await {
            Ok(CacheableResource::New { data, .. }) => data,
            Ok(CacheableResource::NotModified) => {
                return Err(SignError::Unavailable("no credentials came".into()));
            }
            Err(error) => return Err(without_credentials(&error)),
        };
        let answer = self
            .client
            .post(&*self.url)
            .timeout(ANSWER)
            .headers(headers)
            .json(&serde_json::json!({ "payload": BASE64_STANDARD.encode(text) }))
            .send()
            .await
            .map_err(unavailable)?;
        if !answer.status().is_success() {
            return Err(self.not_signed(answer).await);
        }
        let signed: Signed = answer.json().await.map_err(unavailable)?;
        Signature::parse(&signed.signed_blob)
            .map_err(|why| SignError::Unavailable(format!("IAM: {why}")))
    }

    async fn not_signed(&self, answer: Response) -> SignError {
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        let message = serde_json::from_str::<Failed>(&text).map_or_else(
            |_| String::new(),
            |failed| format!(": {}", failed.error.message),
        );
        let message = format!("IAM answered {status}{message}");
        let account = &self.account;
        match status {
            // Of an account that is not there it says 403, too.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                SignError::Denied(format!(
                    "no leave to sign as {account}: see that the account exists, that the project has iamcredentials.googleapis.com \
                     enabled, and give this service's account roles/iam.serviceAccountTokenCreator on {account} ({message})"
                ))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                SignError::Unavailable(message)
            }
            status if status.is_server_error() => SignError::Unavailable(message),
            _ => SignError::Refused(format!("cannot sign as {account}: {message}")),
        }
    }
}

fn without_credentials(error: &CredentialsError) -> SignError {
    let message = format!("no credentials to ask IAM with: {error}");
    if error.is_transient() {
        return SignError::Unavailable(message);
    }
    SignError::Denied(format!(
        "{message}; outside Google Cloud run `gcloud auth application-default login`, or name an emulator's address"
    ))
}
