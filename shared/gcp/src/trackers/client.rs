//! Clients that are made when first used, one for each address.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder::{ClientBuilder, Error as BuildError};
use google_cloud_gax::retry_policy::NeverRetry;
use ork_engine::ports::TrackerError;
use tokio::sync::OnceCell;

use super::classify::shortened;
use crate::endpoints::{ConnectError, nobody, plain};

/// How long one call may take. What takes two of them is done within the time that the engine gives a question.
const ANSWER: Duration = Duration::from_secs(12);
/// Addresses that are known at once, which is more than there are regions; a workflow that makes regions up fills no memory.
const ADDRESSES: usize = 100;

/// Where a client asks, and as whom.
#[derive(Debug, Clone)]
pub(super) struct Place {
    url: String,
    stand_in: bool,
    answer: Duration,
}

impl Place {
    /// A builder for here. Nothing is tried twice: the engine asks again, and knows when.
    pub(super) fn of<F>(
        &self,
        builder: ClientBuilder<F, Credentials>,
    ) -> ClientBuilder<F, Credentials> {
        let builder = builder
            .with_endpoint(&*self.url)
            .with_retry_policy(NeverRetry)
            .with_attempt_timeout(self.answer);
        if self.stand_in {
            builder.with_credentials(nobody())
        } else {
            builder
        }
    }
}

/// What a tracker asks with.
pub(super) trait Client: Clone + Send + Sync {
    /// The service, for people.
    const SERVICE: &'static str;
    /// Makes it.
    fn make(place: &Place) -> impl Future<Output = Result<Self, BuildError>> + Send;
}

/// Clients by address. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Clients<C> {
    stand_in: Option<String>,
    answer: Duration,
    made: Made<C>,
}

type Made<C> = Arc<Mutex<BTreeMap<String, Arc<OnceCell<C>>>>>;

impl<C: Client> Clients<C> {
    /// Of Google's own service, or with an `endpoint` of its stand-in. Nothing is made yet.
    pub(super) fn new(endpoint: Option<&str>) -> Result<Self, ConnectError> {
        Ok(Self {
            stand_in: plain(C::SERVICE, endpoint)?,
            answer: ANSWER,
            made: Arc::default(),
        })
    }

    /// The same with another time for one call; clients that were made keep theirs.
    pub(super) fn answered_within(&self, limit: Duration) -> Self {
        Self {
            stand_in: self.stand_in.clone(),
            answer: limit,
            made: Arc::default(),
        }
    }

    /// The client that asks at `https://{host}`, or at the stand-in for all of them.
    pub(super) async fn at(&self, host: &str) -> Result<C, TrackerError> {
        let url = match &self.stand_in {
            Some(url) => url.clone(),
            None => format!("https://{host}"),
        };
        let cell = {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if made.len() >= ADDRESSES && !made.contains_key(&url) {
                made.pop_first();
            }
            made.entry(url.clone()).or_default().clone()
        };
        let place = Place {
            url,
            stand_in: self.stand_in.is_some(),
            answer: self.answer,
        };
        // What could not be made is tried again by the next who asks.
        let client = cell
            .get_or_try_init(|| async { C::make(&place).await })
            .await
            .map_err(|error| not_made::<C>(&error))?;
        Ok(client.clone())
    }
}

fn not_made<C: Client>(error: &BuildError) -> TrackerError {
    let service = C::SERVICE;
    let said = shortened(&error.to_string());
    if error.is_default_credentials() || error.is_universe_domain_mismatch() {
        return TrackerError::Denied(format!(
            "cannot ask {service} without credentials: {said}; outside Google Cloud run `gcloud auth application-default login`, \
             or name an emulator's address"
        ));
    }
    TrackerError::Transient {
        message: format!("cannot make a client for {service} now: {said}"),
        retry_after: None,
    }
}
