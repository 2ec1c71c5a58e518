//! What Identity-Aware Proxy says of a person: an assertion that it signs. Its other headers are not signed, and are not looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::claims::{header, is_on, part, parts, shown};
use super::guard::Refusal;

/// The header of the assertion.
pub const IAP_HEADER: HeaderName = HeaderName::from_static("x-goog-iap-jwt-assertion");
/// Where its keys are published.
const KEYS: &str = "https://www.gstatic.com/iap/verify/public_key-jwk";
/// Its issuer.
const ISSUER: &str = "https://cloud.google.com/iap";
/// The one algorithm that is taken.
const ALGORITHM: &str = "ES256";
/// How long keys may take to come.
const FETCH: Duration = Duration::from_secs(5);
/// How long keys are good.
const KNOWN: Duration = Duration::from_secs(3_600);
/// How far apart keys are fetched: a stranger who makes up names could have them fetched as often as he likes.
const APART: Duration = Duration::from_secs(10);
/// Keys that are kept; there are a handful.
const MOST: usize = 64;

/// Assertions for one audience.
#[derive(Debug)]
pub struct Iap {
    audience: String,
    url: String,
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: BTreeMap<String, DecodingKey>,
    /// When they came.
    came: Option<Instant>,
    /// When they were last asked for.
    asked: Option<Instant>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&String> = self.keys.keys().collect();
        f.debug_struct("State").field("keys", &names).finish()
    }
}

/// What an assertion says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IapClaims {
    iss: String,
    aud: String,
    exp: i64,
    iat: i64,
    /// The person's address.
    pub email: String,
    /// The organisation whose account it is, if it is one's.
    #[serde(default)]
    pub hd: Option<String>,
}

impl IapClaims {
    fn check(&self, audience: &str, now: i64) -> Result<(), String> {
        if self.iss != ISSUER {
            Err(format!("the assertion's issuer is `{}`", shown(&self.iss)))
        } else if self.aud != audience {
            Err(format!(
                "the assertion's audience is `{}`",
                shown(&self.aud)
            ))
        } else if self.email.is_empty() {
            Err("the assertion names nobody".into())
        } else {
            is_on(self.iat, self.exp, now)
        }
    }
}

impl Iap {
    /// Assertions for `audience`. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(audience: &str, keys_url: Option<&str>) -> Result<Self, String> {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Ok(Self {
            audience: audience.to_owned(),
            url: keys_url.unwrap_or(KEYS).to_owned(),
            client: client
                .build()
                .map_err(|error| format!("no HTTP client: {error}"))?,
            state: Mutex::default(),
        })
    }

    /// Whom the proxy let through, at `now` (seconds since 1970); `None` when it says nothing.
    pub async fn who(&self, headers: &HeaderMap, now: i64) -> Result<Option<IapClaims>, Refusal> {
        let mut all = headers.get_all(&IAP_HEADER).iter();
        let only = match (all.next(), all.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => only,
            (Some(_), Some(_)) => {
                return Err(Refusal::Unknown("there is more than one assertion".into()));
            }
        };
        let text = only
            .to_str()
            .map_err(|_| Refusal::Unknown("the assertion is not text".into()))?;
        let [head, claims, _] = parts(text).map_err(Refusal::Unknown)?;
        let head = header(head, ALGORITHM).map_err(Refusal::Unknown)?;
        let name = head
            .kid
            .ok_or_else(|| Refusal::Unknown("the assertion does not name its key".into()))?;
        // Nobody has keys fetched with an assertion that would not do anyway.
        let said: IapClaims = part(claims, "claims").map_err(Refusal::Unknown)?;
        said.check(&self.audience, now).map_err(Refusal::Unknown)?;
        let key = self.key(&name).await?;
        // What the claims must be is compared above, with the instant that is given.
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let proven = jsonwebtoken::decode::<IapClaims>(text, &key, &validation)
            .map_err(|error| Refusal::Unknown(format!("the assertion is not good: {error}")))?;
        let proven = proven.claims;
        proven
            .check(&self.audience, now)
            .map_err(Refusal::Unknown)?;
        Ok(Some(proven))
    }

    async fn key(&self, name: &str) -> Result<DecodingKey, Refusal> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        let is_fresh = state
            .came
            .is_some_and(|came| now.duration_since(came) < KNOWN);
        if let Some(key) = state.keys.get(name).filter(|_| is_fresh) {
            return Ok(key.clone());
        }
        if let Some(asked) = state.asked
            && now.duration_since(asked) < APART
        {
            return Err(Refusal::Unavailable(
                "the assertion names a key that is not known, and keys were fetched just now"
                    .into(),
            ));
        }
        state.asked = Some(now);
        let set = match timeout(FETCH, self.fetch()).await {
            Ok(set) => set.map_err(Refusal::Unavailable)?,
            Err(_) => {
                return Err(Refusal::Unavailable(format!(
                    "the proxy's keys did not come within {} s",
                    FETCH.as_secs()
                )));
            }
        };
        state.keys = set
            .keys
            .iter()
            .take(MOST)
            .filter_map(|one| {
                let name = one.common.key_id.clone()?;
                Some((name, DecodingKey::from_jwk(one).ok()?))
            })
            .collect();
        state.came = Some(now);
        let key = state.keys.get(name).cloned();
        if key.is_some() {
            // A good key found is no stranger's doing.
            state.asked = None;
        }
        key.ok_or_else(|| {
            Refusal::Unknown("the assertion names a key that the proxy does not have".into())
        })
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let trouble = |error: reqwest::Error| {
            format!("the proxy's keys cannot be had: {}", error.without_url())
        };
        let answer = self.client.get(&self.url).send().await.map_err(trouble)?;
        let answer = answer.error_for_status().map_err(trouble)?;
        answer.json().await.map_err(trouble)
    }
}
