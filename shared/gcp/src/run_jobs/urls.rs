//! What workers without credentials are handed: signed URLs beside the specs, and one URL that leads to them.

use std::collections::BTreeSet;

use ork_core::ids::VersionHash;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::task::TaskSpec;
use ork_engine::ports::{Clock, StartError};

use super::batches::Batch;
use super::start::{permanent, write};
use super::stop::labels;
use crate::clock::SystemClock;
use crate::objects::GcsObjects;
use crate::signed::{self, Grant, Method, SignError, SignedUrl, Signer, batch};

/// The jobs whose workers have no credentials, and who signs for them.
#[derive(Debug, Clone)]
pub(super) struct Urls {
    pub(super) signer: Signer,
    /// By their full names.
    pub(super) jobs: BTreeSet<String>,
}

impl Urls {
    /// Whether the workers of `job` are handed URLs.
    pub(super) fn are_for(&self, job: &str) -> bool {
        self.jobs.contains(job)
    }

    /// Leaves what the workers of `batch` are to do, with the URLs to do it by; gives the object's name and the URL that reads it.
    pub(super) async fn leave(
        &self,
        objects: &GcsObjects,
        batch: &Batch,
    ) -> Result<(ObjectName, SignedUrl), StartError> {
        let now = SystemClock.now();
        let lasts = signed::lifetime(batch.timeout);
        let specs: Vec<&TaskSpec> = batch.with_urls.iter().collect();
        let bucket = objects.bucket();
        let urls = self.signer.attempts(bucket, &specs, now);
        let urls = urls.await.map_err(not_signed)?;
        let bytes = batch::encode(&batch.specs(), &urls);
        if bytes.len() > limits::BATCH_BYTES {
            return Err(permanent(format!(
                "its workers' batch object would have {} bytes with its signed URLs, more than the {} that they read: use shorter names",
                bytes.len(),
                limits::BATCH_BYTES
            )));
        }
        let name = ObjectName::Batch(batch.run.clone(), VersionHash::of(&bytes));
        let grant = Grant::new(Method::Get, bucket, &name.to_string());
        // Before it is written: what cannot be told to anybody need not be there.
        let url = self.signer.url(&grant, now, lasts).await;
        let url = url.map_err(not_signed)?;
        write(objects, &name, bytes, &labels(batch)).await?;
        Ok((name, url))
    }
}

/// Why the workers of a job without credentials cannot do what `spec` asks for.
pub(super) fn refusal(spec: &TaskSpec) -> Option<String> {
    let of_inputs = spec.input_secrets.iter().map(|(name, _)| name);
    let mut secrets = of_inputs.chain(spec.secrets.iter().map(|mount| &mount.name));
    let first = secrets.next()?;
    let all = secrets.fold(format!("`{first}`"), |all, name| format!("{all}, `{name}`"));
    Some(format!(
        "it has secrets ({all}), and the workers of its profile have no credentials to read any (ORK_WORKER_URLS): run it on a worker job \
         whose service account may read them"
    ))
}

/// What a signature that was not made means for the start.
fn not_signed(error: SignError) -> StartError {
    match error {
        SignError::Unavailable(why) => StartError::Busy(format!("nothing was started: {why}")),
        SignError::Denied(why) | SignError::Refused(why) => permanent(why),
    }
}

#[cfg(test)]
mod tests {
    use ork_core::definition::{SecretMount, SecretRef};

    use super::super::start::tests::spec;
    use super::*;
    use crate::signed::UNRENEWED_LONGEST;

    #[test]
    fn what_a_worker_without_credentials_cannot_do_is_said() {
        let mut long = spec("a", 0);
        assert_eq!(refusal(&long), None);
        long.timeout.0 += UNRENEWED_LONGEST.0;
        assert_eq!(refusal(&long), None, "they are renewed");

        let secret = || SecretRef {
            name: "projects/p/secrets/s/versions/1".into(),
        };
        let mut secrets = spec("a", 0);
        secrets.input_secrets = vec![("token".into(), secret())];
        let said = refusal(&secrets).expect("a secret");
        assert!(said.contains("(`token`)"), "{said}");
        secrets.secrets = vec![SecretMount {
            name: "PASSWORD".into(),
            secret: secret(),
            path: None,
        }];
        let said = refusal(&secrets).expect("two secrets");
        assert!(said.contains("(`token`, `PASSWORD`)"), "{said}");
        secrets.input_secrets.clear();
        let said = refusal(&secrets).expect("a secret");
        assert!(
            said.contains("(`PASSWORD`)") && said.contains("ORK_WORKER_URLS"),
            "{said}"
        );
    }

    #[test]
    fn a_signer_that_is_not_there_is_busy_and_one_that_may_not_is_for_ever() {
        let busy = not_signed(SignError::Unavailable("down".into()));
        assert!(matches!(busy, StartError::Busy(why) if why.contains("down")));
        for error in [
            SignError::Denied("role".into()),
            SignError::Refused("role".into()),
        ] {
            let said = not_signed(error);
            assert!(matches!(&said, StartError::Refused { message, .. } if message == "role"));
        }
    }
}
