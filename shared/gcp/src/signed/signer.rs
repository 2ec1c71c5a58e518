//! Signs URLs in the name of the sign account.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use ork_core::limits;
use ork_core::task::TaskSpec;
use ork_core::time::Time;

use super::attempt::AttemptUrls;
use super::canonical::{Origin, Signing};
use super::grant::{Grant, Method};
use super::needs::{self, Holder};
use super::secret::{Signature, SignedUrl};
use super::sign_blob::{SignBlob, SignError};
use crate::endpoints::{ConnectError, plain};

/// The longest that a URL is good for: IAM keeps the key of a signature for twelve hours, and promises no more.
pub const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// Signs in the name of one account. Each URL is one call to IAM. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Signer {
    iam: SignBlob,
    origin: Origin,
}

impl Signer {
    /// A signer for `account`. Nothing is asked of IAM yet. `storage` is where the URLs lead, when that is not Google's own address.
    pub fn connect(
        account: &str,
        iam: Option<&str>,
        storage: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let origin = match plain("Cloud Storage", storage)? {
            Some(url) => Origin::parse(&url).map_err(ConnectError)?,
            None => Origin::google(),
        };
        Ok(Self {
            iam: SignBlob::connect(account, iam)?,
            origin,
        })
    }

    /// The same with URLs that lead somewhere else.
    #[cfg(test)]
    pub(super) fn leading_to(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// A URL that allows `grant` for so long from `now` on.
    pub async fn url(
        &self,
        grant: &Grant,
        now: Time,
        expires: Duration,
    ) -> Result<SignedUrl, SignError> {
        let signing = self.signing(now, expires)?;
        let signature = self.sign(&signing, grant).await?;
        Ok(signing.url(grant, &signature))
    }

    /// The URLs of attempts that start together, in their order, all or none. All last as long as the longest attempt needs, or as
    /// long as any can. They cost [`URLS_AN_ATTEMPT`](super::URLS_AN_ATTEMPT) signatures for each, one more for each whose URLs are to be
    /// renewed, and one for each bundle of code.
    pub async fn attempts(
        &self,
        bucket: &str,
        specs: &[&TaskSpec],
        now: Time,
    ) -> Result<Vec<AttemptUrls>, SignError> {
        let holders: Vec<Holder> = specs.iter().map(|spec| Holder::from(*spec)).collect();
        self.holders(bucket, &holders, now).await
    }

    pub(crate) async fn holders(
        &self,
        bucket: &str,
        holders: &[Holder],
        now: Time,
    ) -> Result<Vec<AttemptUrls>, SignError> {
        let longest = holders.iter().map(|holder| holder.timeout).max();
        let signing = self.signing(now, needs::lifetime(longest.unwrap_or_default()))?;
        let mut grants: Vec<Grant> = Vec::new();
        for holder in holders {
            grants.extend(holder.needs().map(|need| need.grant(bucket)));
        }
        let bundles: BTreeSet<&String> = holders
            .iter()
            .filter_map(|holder| holder.bundle.as_ref())
            .collect();
        let read = bundles
            .iter()
            .map(|name| Grant::new(Method::Get, bucket, name));
        grants.extend(read);
        let one = &signing;
        let signatures: Vec<Signature> = futures_util::stream::iter(grants)
            .map(|grant| async move { self.sign(one, &grant).await })
            .buffered(limits::READS_AT_ONCE)
            .try_collect()
            .await?;
        let of_attempts = signatures.len() - bundles.len();
        let of_bundles: BTreeMap<&String, &Signature> = bundles
            .into_iter()
            .zip(&signatures[of_attempts..])
            .collect();
        let mut signatures = signatures[..of_attempts].iter().cloned();
        Ok(holders
            .iter()
            .map(|holder| {
                let bundle = holder.bundle.as_ref().and_then(|name| of_bundles.get(name));
                let own = signatures.by_ref();
                AttemptUrls::new(
                    signing.clone(),
                    bucket,
                    holder,
                    own,
                    bundle.copied().cloned(),
                )
            })
            .collect())
    }

    pub(super) fn signing(&self, now: Time, expires: Duration) -> Result<Signing, SignError> {
        if expires.is_zero() || expires > LONGEST {
            return Err(SignError::Refused(format!(
                "a URL cannot be signed for {} s: between 1 s and {} s can, because IAM keeps its keys for no longer",
                expires.as_secs(),
                LONGEST.as_secs()
            )));
        }
        Ok(Signing {
            origin: self.origin.clone(),
            account: self.iam.account().to_owned(),
            at: now,
            seconds: expires.as_secs().max(1),
        })
    }

    pub(super) async fn sign(
        &self,
        signing: &Signing,
        grant: &Grant,
    ) -> Result<Signature, SignError> {
        grant.check().map_err(SignError::Refused)?;
        self.iam.sign(&signing.text(grant)).await
    }
}
