//! API keys: what programs show to be let in. Of a key itself only a hash is kept.

use std::collections::BTreeMap;
use std::fmt;

use ork_core::Value;
use ork_core::ids::{RecordId, WorkflowName};
use ork_core::time::{Millis, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::access::{Act, Actor, Role};
use crate::audit::{AuditResult, Deed};
use crate::documents::{decode, encode};
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{
    Clock, Index, Key, ListQuery, Ports, Precondition, Store, StoreErrorKind, Version, Write,
};

/// The format of a key's document.
const FORMAT: u32 = 1;
/// What every key begins with, so that scanners of repositories and logs know one.
const PREFIX: &str = "ork_";
/// Random bytes of a key.
const SECRET: usize = 32;
/// How coarsely the last use of a key is known: one write in so long.
const USED: Millis = Millis::from_secs(24 * 3600);
/// Characters of a key's name.
const NAME: usize = 80;
/// Workflows that a key may be limited to.
const WORKFLOWS: usize = 50;

/// The SHA-256 of a key. It can only be compared in a time that does not depend on where two differ.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyHash([u8; SECRET]);

impl KeyHash {
    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
    /// Whether both are of the same key.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let differ = pairs.fold(0, |differ, (a, b)| std::hint::black_box(differ | (a ^ b)));
        differ == 0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl From<KeyHash> for String {
    fn from(hash: KeyHash) -> Self {
        hex(&hash.0)
    }
}

impl TryFrom<String> for KeyHash {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let byte = |at: usize| {
            let pair = text.get(2 * at..2 * at + 2)?;
            u8::from_str_radix(pair, 16).ok()
        };
        let mut bytes = [0; SECRET];
        for (at, place) in bytes.iter_mut().enumerate() {
            *place = byte(at).ok_or("it is no SHA-256 in hexadecimal digits")?;
        }
        let hash = Self(bytes);
        if String::from(hash.clone()) == text {
            Ok(hash)
        } else {
            Err("it is no SHA-256 in hexadecimal digits".into())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A key that somebody shows: `ork_<id>_<64 hexadecimal digits>`. What is secret in it is not kept.
#[derive(Debug, Clone)]
pub struct Token {
    id: RecordId,
    hash: KeyHash,
}

impl Token {
    /// Whether `text` is meant to be a key, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }
    /// Reads a key; `None` when it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_secret = secret.len() == 2 * SECRET
            && secret
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = RecordId::new(id).ok().filter(|_| is_secret)?;
        Some(Self {
            id,
            hash: KeyHash::of(text),
        })
    }
    /// Which key it says it is.
    pub const fn id(&self) -> &RecordId {
        &self.id
    }
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is for, in a few words.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// Only to these workflows and their runs; to all when empty.
    pub workflows: Vec<WorkflowName>,
    /// How long it is good for; until it is revoked when absent.
    pub lasts: Option<Millis>,
}

/// A key as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiKeyDocument {
    /// Encoding version.
    pub format: u32,
    /// Its id, which is also part of it.
    pub id: RecordId,
    /// What it is for.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// Only to these workflows and their runs; to all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workflows: Vec<WorkflowName>,
    /// Its hash.
    pub hash: KeyHash,
    /// When it was made.
    pub created_at: Time,
    /// By whom.
    pub created_by: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was used last, to the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_by: Option<String>,
    /// What a newer Ork wrote and this one keeps.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

impl ApiKeyDocument {
    /// Why it lets nobody in any more at `now`; `None`: it does.
    pub fn is_over(&self, now: Time) -> Option<String> {
        if let Some(at) = self.revoked_at {
            return Some(format!("it was revoked at {at}"));
        }
        let at = self.expires_at.filter(|at| *at <= now)?;
        Some(format!("it ended at {at}"))
    }
    /// `good`, `expired` or `revoked`.
    pub fn status(&self, now: Time) -> &'static str {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= now => "expired",
            (None, _) => "good",
        }
    }
    /// Who its holder is to others.
    pub fn actor(&self) -> Actor {
        Actor {
            name: Some(self.name.clone()),
            ..Actor::new("key", self.id.as_str())
        }
    }
}

impl<P: Ports> Engine<P> {
    /// Makes a key out of random bytes; the text is all that its holder needs, and nobody can be told it again.
    pub(crate) async fn make_key(
        &self,
        wish: NewKey,
        secret: [u8; SECRET],
        act: &Act,
    ) -> Result<(ApiKeyDocument, String), EngineError> {
        let name = wish.name.trim();
        let characters = name.chars().count();
        if characters == 0 || characters > NAME || name.chars().any(char::is_control) {
            return Err(EngineError::refused(format!(
                "a key needs a name of 1 to {NAME} characters that says what it is for"
            )));
        }
        if wish.workflows.len() > WORKFLOWS {
            return Err(EngineError::refused(format!(
                "a key may be limited to {WORKFLOWS} workflows at most, and these are {}",
                wish.workflows.len()
            )));
        }
        if !wish.workflows.is_empty() && wish.role == Role::Admin {
            return Err(EngineError::refused(
                "an admin can give itself leave to everything: a key with role admin cannot be limited to workflows",
            ));
        }
        let mut unsure: Option<(ApiKeyDocument, String)> = None;
        for _ in 0..8 {
            if let Some((made, text)) = unsure.take()
                && self.stored_key(&made.id).await?.is_some()
            {
                return Ok((made, text));
            }
            let now = self.ports.clock().now();
            let id = invented(self.ports.random());
            let text = format!("{PREFIX}{id}_{}", hex(&secret));
            let made = ApiKeyDocument {
                format: FORMAT,
                hash: KeyHash::of(&text),
                id,
                name: name.to_owned(),
                role: wish.role,
                workflows: wish.workflows.clone(),
                created_at: now,
                created_by: act.actor.to_string(),
                expires_at: wish.lasts.map(|lasts| now + lasts),
                last_used_at: None,
                revoked_at: None,
                revoked_by: None,
                extra: BTreeMap::new(),
            };
            let mut deed = Deed::new(act, "key.create")
                .of_key(&made.id)
                .saying("name", name)
                .saying("role", made.role.as_str());
            if let Some(at) = made.expires_at {
                deed = deed.saying("expires_at", at.rfc3339());
            }
            if !made.workflows.is_empty() {
                let names: Vec<&str> = made.workflows.iter().map(WorkflowName::as_str).collect();
                deed = deed.saying("workflows", names);
            }
            let writes = [
                Write::Put {
                    key: Key::ApiKey(made.id.clone()),
                    precondition: Precondition::Absent,
                    body: encode(&made),
                    index: Index::default(),
                },
                self.record(&deed, AuditResult::Done),
            ];
            match self.ports.store().commit(&writes).await {
                Ok(_) => return Ok((made, text)),
                Err(error) if error.kind == StoreErrorKind::Conflict => {}
                Err(error) if error.kind == StoreErrorKind::Ambiguous => {
                    unsure = Some((made, text));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            "the key could not be stored: gave up, there is none",
        ))
    }

    async fn stored_key(
        &self,
        id: &RecordId,
    ) -> Result<Option<(Version, ApiKeyDocument)>, EngineError> {
        let key = Key::ApiKey(id.clone());
        let found = self.ports.store().read(std::slice::from_ref(&key)).await?;
        found
            .into_iter()
            .flatten()
            .next()
            .map(|found| Ok((found.version, decode(&key.to_string(), &found.body)?)))
            .transpose()
    }

    /// The key that somebody shows, if it is one: it may have ended.
    pub async fn key_of(&self, token: &Token) -> Result<Option<ApiKeyDocument>, EngineError> {
        let stored = self.stored_key(&token.id).await?;
        Ok(stored
            .map(|(_, known)| known)
            .filter(|known| known.hash.is(&token.hash)))
    }

    /// Keeps when a key was used, once a day. Nothing depends on it, so nothing is tried twice.
    pub async fn used_key(&self, known: &ApiKeyDocument) {
        let now = self.ports.clock().now();
        if known.last_used_at.is_some_and(|at| now < at + USED) {
            return;
        }
        let Ok(Some((version, mut stored))) = self.stored_key(&known.id).await else {
            return;
        };
        stored.last_used_at = Some(now);
        let write = put(version, &stored);
        let _ = self.ports.store().commit(&[write]).await;
    }

    /// A key's document.
    pub async fn key(&self, id: &RecordId) -> Result<ApiKeyDocument, EngineError> {
        let stored = self.stored_key(id).await?;
        stored
            .map(|(_, known)| known)
            .ok_or_else(|| EngineError::not_found(format!("there is no key {id}")))
    }

    /// Keys by id, at most `limit`, and where to go on.
    pub async fn keys_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<ApiKeyDocument>, Option<String>), EngineError> {
        let cursor = cursor.map(|id| format!("keys/{id}"));
        let listing = self
            .ports
            .store()
            .list(&ListQuery::ApiKeys, cursor.as_deref(), limit);
        let page = listing.await?;
        let mut all = Vec::with_capacity(page.items.len());
        for (key, document) in page.items {
            all.push(decode::<ApiKeyDocument>(&key.to_string(), &document.body)?);
        }
        let last = all.last().map(|last| last.id.as_str().to_owned());
        Ok((all, page.cursor.and(last)))
    }

    /// Every key, by id.
    pub async fn keys(&self) -> Result<Vec<ApiKeyDocument>, EngineError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let (found, next) = self.keys_page(cursor.as_deref(), 200).await?;
            all.extend(found);
            cursor = next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// Has a key let nobody in any more. Once revoked it stays so.
    pub(crate) async fn end_key(
        &self,
        id: &RecordId,
        act: &Act,
    ) -> Result<ApiKeyDocument, EngineError> {
        for _ in 0..8 {
            let Some((version, mut known)) = self.stored_key(id).await? else {
                return Err(EngineError::not_found(format!("there is no key {id}")));
            };
            if known.revoked_at.is_some() {
                return Ok(known);
            }
            known.revoked_at = Some(self.ports.clock().now());
            known.revoked_by = Some(act.actor.to_string());
            let deed = Deed::new(act, "key.revoke")
                .of_key(id)
                .saying("name", known.name.as_str());
            let writes = [put(version, &known), self.record(&deed, AuditResult::Done)];
            match self.ports.store().commit(&writes).await {
                Ok(_) => return Ok(known),
                Err(error)
                    if matches!(
                        error.kind,
                        StoreErrorKind::Conflict | StoreErrorKind::Ambiguous
                    ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::new(
            EngineErrorKind::Unavailable,
            format!("key {id} is being changed by others: gave up"),
        ))
    }
}

fn put(version: Version, known: &ApiKeyDocument) -> Write {
    Write::Put {
        key: Key::ApiKey(known.id.clone()),
        precondition: Precondition::At(version),
        body: encode(known),
        index: Index::default(),
    }
}

/// Ten digits and letters; not secret.
fn invented(mut number: u64) -> RecordId {
    let digits = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let text: String = (0..10)
        .map(|_| {
            let digit = digits[(number % 36) as usize];
            number /= 36;
            char::from(digit)
        })
        .collect();
    RecordId::new(&text).expect("digits and letters make a record id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_strictly() {
        let secret = "0123456789abcdef".repeat(4);
        let token = Token::parse(&format!("ork_7f3k_{secret}")).expect("a key");
        assert_eq!(token.id().as_str(), "7f3k");
        for wrong in [
            String::new(),
            "ork_".into(),
            format!("ork__{secret}"),
            format!("ork_7f3k_{}", &secret[1..]),
            format!("ork_7f3k_{secret}0"),
            format!("ork_7f3k_{}", secret.to_uppercase()),
            format!("ORK_7f3k_{secret}"),
            format!("ork_7F3K_{secret}"),
            format!("ork_a/b_{secret}"),
            format!("ork_7f3k_{secret} "),
            format!("ork_7f3k_{}é", &secret[2..]),
            format!("ork_{}_{secret}", "a".repeat(65)),
        ] {
            assert!(Token::parse(&wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn hashes_are_compared_whole_and_shown_to_nobody() {
        let hash = KeyHash::of("ork_a_b");
        assert!(hash.is(&KeyHash::of("ork_a_b")));
        for at in [0, 1, 15, 31] {
            let mut other = hash.clone();
            other.0[at] ^= 1;
            assert!(!hash.is(&other), "byte {at}");
        }
        let text = String::from(hash.clone());
        assert_eq!(text.len(), 64);
        let read = KeyHash::try_from(text.clone()).expect("it is one");
        assert!(read.is(&hash));
        assert!(!format!("{hash:?}").contains(&text[..8]));
        for wrong in [
            "",
            &text[1..],
            &text.to_uppercase(),
            &format!("{text}00"),
            &"é".repeat(32),
        ] {
            assert!(KeyHash::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_that_ended_says_why() {
        let key = |expires_at, revoked_at| ApiKeyDocument {
            format: 1,
            id: RecordId::new("a").expect("valid"),
            name: "ci".into(),
            role: Role::Viewer,
            workflows: Vec::new(),
            hash: KeyHash::of("x"),
            created_at: Time(0),
            created_by: "local:ada".into(),
            expires_at,
            last_used_at: None,
            revoked_at,
            revoked_by: None,
            extra: BTreeMap::new(),
        };
        for (expires, revoked, status) in [
            (None, None, "good"),
            (Some(Time(11)), None, "good"),
            (Some(Time(10)), None, "expired"),
            (None, Some(Time(20)), "revoked"),
            (Some(Time(5)), Some(Time(4)), "revoked"),
        ] {
            let key = key(expires, revoked);
            assert_eq!(key.status(Time(10)), status);
            assert_eq!(key.is_over(Time(10)).is_none(), status == "good");
        }
    }
}
