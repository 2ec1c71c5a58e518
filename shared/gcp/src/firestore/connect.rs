//! The connection: to Google with application default credentials, or to an emulator without any.

use ::firestore::gcloud_sdk::google_cloud_auth::credentials::{
    CacheableResource, Credentials, CredentialsProvider, EntityTag,
};
use ::firestore::gcloud_sdk::google_cloud_auth::errors::CredentialsError;
use ::firestore::gcloud_sdk::tonic::codegen::http::{
    Extensions, HeaderMap, HeaderValue, header::AUTHORIZATION,
};
use ::firestore::gcloud_sdk::{GCP_DEFAULT_SCOPES, GoogleAuthHeaders};
use ::firestore::{FirestoreDb, FirestoreDbOptions};
use ork_engine::ports::{StoreError, StoreErrorKind};

use super::error::{self, Place};

/// Said always, so that no variable of the environment can say otherwise.
const GOOGLE: &str = "https://firestore.googleapis.com";

/// Opens the channel; the first request does not wait for it.
pub(super) async fn connect(place: &Place) -> Result<FirestoreDb, StoreError> {
    for (what, name) in [("project", &place.project), ("database", &place.database)] {
        if name.is_empty() || name.contains('/') {
            return Err(StoreError::new(
                StoreErrorKind::Refused,
                format!("`{name}` is not the name of a {what}"),
            ));
        }
    }
    let (url, headers) = match &place.endpoint {
        None => {
            let headers = GoogleAuthHeaders::from_adc_with_scopes(GCP_DEFAULT_SCOPES.clone()).await;
            let headers = headers.map_err(|error| error::of_credentials(place, &error))?;
            (GOOGLE.to_owned(), headers)
        }
        Some(endpoint) => (
            with_scheme(endpoint),
            GoogleAuthHeaders::from(Credentials::from(Owner::new())),
        ),
    };
    open(place, url, headers).await
}

async fn open(
    place: &Place,
    url: String,
    headers: GoogleAuthHeaders,
) -> Result<FirestoreDb, StoreError> {
    // Nothing is sent through the crate's own calls, so that its retries never come into play; 0 says it all the same.
    let options = FirestoreDbOptions::new(place.project.clone())
        .with_database_id(place.database.clone())
        .with_max_retries(0)
        .with_firebase_api_url(url);
    let connected = FirestoreDb::with_options_auth(options, headers).await;
    connected.map_err(|error| error::of_connect(place, &error))
}

fn with_scheme(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    }
}

/// What the emulator takes for a superuser.
#[derive(Debug)]
struct Owner(EntityTag);

impl Owner {
    fn new() -> Self {
        Self(EntityTag::new())
    }
}

impl CredentialsProvider for Owner {
    async fn headers(
        &self,
        known: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        if known.get::<EntityTag>() == Some(&self.0) {
            return Ok(CacheableResource::NotModified);
        }
        Ok(CacheableResource::New {
            entity_tag: self.0.clone(),
            data: HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Bearer owner"))]),
        })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use ork_core::ids::RunId;
    use ork_engine::ports::{Index, Key, Precondition, Store, Write};

    use super::super::store::FirestoreStore;
    use super::*;

    /// Credentials that never come, for now or for good.
    #[derive(Debug)]
    struct Nobody {
        transient: bool,
    }

    impl CredentialsProvider for Nobody {
        async fn headers(
            &self,
            _: Extensions,
        ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
            Err(CredentialsError::from_msg(self.transient, "no token today"))
        }

        async fn universe_domain(&self) -> Option<String> {
            None
        }
    }

    #[tokio::test]
    async fn without_a_token_nothing_is_sent_and_the_outcome_is_certain() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let key = Key::Run(RunId::new("r").expect("valid"));
        let write = Write::Put {
            key: key.clone(),
            precondition: Precondition::Absent,
            body: Vec::new(),
            index: Index::default(),
        };
        for (transient, kind) in [
            (true, StoreErrorKind::Unavailable),
            (false, StoreErrorKind::Refused),
        ] {
            let place = Place {
                project: "p".to_owned(),
                database: "(default)".to_owned(),
                endpoint: Some(address.clone()),
            };
            let headers = GoogleAuthHeaders::from(Credentials::from(Nobody { transient }));
            let db = open(&place, with_scheme(&address), headers)
                .await
                .expect("a connection");
            let store = FirestoreStore::over(db, place);
            let errors = [
                store
                    .commit(std::slice::from_ref(&write))
                    .await
                    .expect_err("no token"),
                store
                    .read(std::slice::from_ref(&key))
                    .await
                    .expect_err("no token"),
            ];
            for error in errors {
                assert_eq!(error.kind, kind, "{error}");
                assert!(error.message.contains("no token today"), "{error}");
            }
        }
    }
}
