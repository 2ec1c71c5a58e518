//! Ways to know who asks: Google's identity tokens, and what Identity-Aware Proxy says.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::HeaderMap;
use ork_api::{Caller, Identify, Stranger};
use ork_engine::Actor;
use ork_host::identity::{Iap, People, Refusal, Tokens};
use ork_host::settings::GoogleAuth;

/// Characters of a refusal that are told; what stands in it may be the stranger's own words.
const TOLD: usize = 300;

/// By Google's identity tokens.
#[derive(Debug)]
pub struct ByGoogle {
    tokens: Tokens,
    people: Arc<People>,
}

impl ByGoogle {
    /// Tokens as `google` wants them, of `people`. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(google: &GoogleAuth, people: Arc<People>, keys_url: Option<&str>) -> Self {
        let audiences = google.audiences.clone();
        Self {
            tokens: Tokens::new(audiences, google.behind_iam, keys_url),
            people,
        }
    }

    async fn find(&self, headers: &HeaderMap) -> Result<Option<Caller>, Stranger> {
        let Some(text) = self.tokens.shown(headers).map_err(stranger)? else {
            return Ok(None);
        };
        let claims = self.tokens.claims(text, |_| Ok(()), now()).await;
        let claims = claims.map_err(stranger)?;
        let person = Person {
            kind: "google",
            email: &claims.email,
            organisation: claims.hd.as_deref(),
            // No browser sends it by itself.
            ambient: false,
        };
        person.with_role(&self.people).map(Some)
    }
}

impl Identify for ByGoogle {
    fn identify<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Caller>, Stranger>> + Send + 'a>> {
        Box::pin(self.find(headers))
    }
    fn wanted(&self) -> &'static str {
        "an identity token of Google as `Authorization: Bearer …`"
    }
}

/// By the assertion of Identity-Aware Proxy.
#[derive(Debug)]
pub struct ByIap {
    iap: Iap,
    people: Arc<People>,
}

impl ByIap {
    /// Assertions for `audience`, of `people`. `keys_url` is where keys are published, Google's own place without one.
    pub fn new(
        audience: &str,
        people: Arc<People>,
        keys_url: Option<&str>,
    ) -> Result<Self, String> {
        Ok(Self {
            iap: Iap::new(audience, keys_url)?,
            people,
        })
    }

    async fn find(&self, headers: &HeaderMap) -> Result<Option<Caller>, Stranger> {
        let Some(claims) = self.iap.who(headers, now()).await.map_err(stranger)? else {
            return Ok(None);
        };
        let person = Person {
            kind: "iap",
            email: &claims.email,
            organisation: claims.hd.as_deref(),
            // The proxy knows a browser by its cookie.
            ambient: true,
        };
        person.with_role(&self.people).map(Some)
    }
}

impl Identify for ByIap {
    fn identify<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Caller>, Stranger>> + Send + 'a>> {
        Box::pin(self.find(headers))
    }
    fn wanted(&self) -> &'static str {
        "what Identity-Aware Proxy says of you: come through it"
    }
}

struct Person<'a> {
    kind: &'static str,
    email: &'a str,
    organisation: Option<&'a str>,
    ambient: bool,
}

impl Person<'_> {
    fn with_role(&self, people: &People) -> Result<Caller, Stranger> {
        let email = self.email.to_ascii_lowercase();
        match people.role_of(&email, self.organisation) {
            Some(role) => Ok(Caller {
                actor: Actor::new(self.kind, email),
                role,
                workflows: Vec::new(),
                ambient: self.ambient,
            }),
            None => {
                let email: String = email.chars().take(TOLD).collect();
                tracing::warn!("{email} was refused: ORK_ROLES gives no role");
                Err(Stranger::Nobody(format!(
                    "{email} has no role here; an admin can give one (ORK_ROLES)"
                )))
            }
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn stranger(refusal: Refusal) -> Stranger {
    tracing::warn!("a caller was refused: {refusal}");
    let told = |why: String| why.chars().take(TOLD).collect();
    match refusal {
        // A token that is for somebody else, or is over, proves nothing here.
        Refusal::Unknown(why) | Refusal::Wrong(why) => Stranger::Unproven(told(why)),
        Refusal::Unavailable(why) => Stranger::Unavailable(told(why)),
    }
}
