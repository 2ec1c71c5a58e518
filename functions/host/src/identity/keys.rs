//! Checking signatures with Google's published keys.

use std::collections::BTreeMap;
use std::time::Duration;

use google_cloud_auth::credentials::idtoken::verifier::{Builder, Verifier};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::claims::{Claims, Token};

/// How long keys may take to come.
const FETCH: Duration = Duration::from_secs(5);
/// How long a key that was good is taken for one that is in the cache; the library keeps them as long.
const KNOWN: Duration = Duration::from_secs(3_600);
/// How far apart keys are fetched for tokens that name keys nobody knows. The library asks Google each time, so a stranger
/// who makes up names could have it ask as often as he likes.
const APART: Duration = Duration::from_secs(10);
/// Keys that are remembered; Google has two or three at a time.
const MOST: usize = 16;

/// Why a signature could not be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The token is not good.
    #[error("{0}")]
    Bad(String),
    /// The keys cannot be had now.
    #[error("{0}")]
    Unavailable(String),
}

/// Google's keys, as far as they are known.
#[derive(Debug)]
pub struct Keys {
    // The library gives up when two ask at once, so one asks at a time: with a key in the cache it takes a tenth of a millisecond.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verifier: Verifier,
    /// When a key was last seen to be good.
    good: BTreeMap<String, Instant>,
    /// When keys were last fetched for one that was not known.
    fetched: Option<Instant>,
}

impl Keys {
    /// The keys that `url` publishes, Google's own without one, for tokens of these audiences.
    pub fn new(audiences: &[String], url: Option<&str>) -> Self {
        // Who it is of is compared here, where a claim that is missing is an error and no panic.
        let mut builder = Builder::new(audiences.to_vec()).with_clock_skew(Duration::from_secs(60));
        if let Some(url) = url {
            builder = builder.with_jwks_url(url);
        }
        Self {
            state: Mutex::new(State {
                verifier: builder.build(),
                good: BTreeMap::new(),
                fetched: None,
            }),
        }
    }

    /// The claims of a token whose signature is right.
    pub async fn verify(&self, text: &str, token: &Token) -> Result<Claims, KeyError> {
        let Some(key) = token.key.clone() else {
            return Err(KeyError::Bad("the token does not name its key".into()));
        };
        let mut state = self.state.lock().await;
        let now = Instant::now();
        let known = state
            .good
            .get(&key)
            .is_some_and(|at| now.duration_since(*at) < KNOWN);
        if !known {
            if let Some(at) = state.fetched
                && now.duration_since(at) < APART
            {
                return Err(KeyError::Unavailable(
                    "the token names a key that is not known, and keys were fetched just now"
                        .into(),
                ));
            }
            state.fetched = Some(now);
        }
        let verified = timeout(FETCH, state.verifier.verify(text)).await;
        let verified = match verified {
            Ok(verified) => verified,
            Err(_) => {
                return Err(KeyError::Unavailable(format!(
                    "Google's keys did not come within {} s",
                    FETCH.as_secs()
                )));
            }
        };
        match verified {
            Ok(claims) => {
                let fresh = !known;
                if fresh {
                    if state.good.len() >= MOST {
                        state.good.clear();
                    }
                    state.good.insert(key, now);
                    // A good key found is no stranger's doing.
                    state.fetched = None;
                }
                serde_json::from_value(serde_json::Value::Object(claims)).map_err(|error| {
                    KeyError::Bad(format!("the token's claims are wrong: {error}"))
                })
            }
            Err(error) if error.is_load_cert() => {
                state.good.remove(&key);
                Err(KeyError::Unavailable(format!(
                    "the key that signed the token cannot be had: {error}"
                )))
            }
            Err(error) => Err(KeyError::Bad(error.to_string())),
        }
    }
}
