//! Who may do what, and who did what: keys and the audit of a site.

use ork_core::ids::RecordId;
use ork_engine::report::{KeyReport, NewKeyReport};
use ork_engine::{ApiKeyDocument, AuditFilter, AuditRecord, NewKey};

use super::Site;
use crate::engine::failure;
use crate::failure::Failure;
use crate::progress;
use crate::user;

impl Site {
    /// Every API key, by id.
    pub(crate) async fn keys(&self) -> Result<Vec<KeyReport>, Failure> {
        let here = |all: Vec<ApiKeyDocument>| {
            let now = progress::now();
            let all = all.into_iter().map(|key| KeyReport::of(key, now));
            all.collect()
        };
        use_cases!(self, engine => engine.keys().await.map(here), server => server.keys().await)
            .map_err(failure)
    }

    /// Makes an API key; its text is told once.
    pub(crate) async fn create_key(&self, wish: NewKey) -> Result<NewKeyReport, Failure> {
        use_cases!(
            self,
            engine => {
                let secret = secret()?;
                let made = engine.by(user::act()).create_key(wish, secret).await;
                made.map(|(key, token)| NewKeyReport {
                    token,
                    key: KeyReport::of(key, progress::now()),
                })
            },
            server => server.create_key(wish).await
        )
        .map_err(failure)
    }

    /// Has an API key let nobody in any more.
    pub(crate) async fn revoke_key(&self, id: &RecordId) -> Result<KeyReport, Failure> {
        use_cases!(
            self,
            engine => {
                let key = engine.by(user::act()).revoke_key(id).await;
                key.map(|key| KeyReport::of(key, progress::now()))
            },
            server => server.revoke_key(id).await
        )
        .map_err(failure)
    }

    /// Changes that people and programs made, newest first; at most `most`, and whether there are more.
    pub(crate) async fn audit(
        &self,
        filter: &AuditFilter,
        most: usize,
    ) -> Result<(Vec<AuditRecord>, bool), Failure> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (from, wanted) = (cursor.as_deref(), most - all.len());
            let (found, next) = use_cases!(
                self,
                engine => engine.audit(filter, from, wanted).await,
                server => server.audit(filter, from, wanted).await
            )
            .map_err(failure)?;
            all.extend(found);
            if next.is_none() || all.len() >= most {
                return Ok((all, next.is_some()));
            }
            cursor = next;
        }
    }
}

/// Random bytes for a key.
fn secret() -> Result<[u8; 32], Failure> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        Failure::trouble(format!(
            "this system has no random bytes for a key now: {error}"
        ))
    })?;
    Ok(secret)
}
