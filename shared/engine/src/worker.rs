//! A worker's side of an attempt, over nothing but objects: claim, signs of life, verdict.
//!
//! Every step may be repeated by the same worker when its answer was lost. Whoever starts attempts elsewhere runs this.

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::protect::{Protection, Protections};
use ork_core::task::{Output, Report, TASK_FORMAT, TaskSpec, Verdict, WorkerStatus};
use ork_core::time::Time;

use crate::attempt_objects::{ClaimObject, encode_verdict_with};
use crate::ports::{Generation, ObjectError, Objects};

/// One worker and the attempt it was started for.
#[derive(Debug)]
pub struct Worker<'a, O> {
    objects: &'a O,
    spec: &'a TaskSpec,
    /// A name nobody else has, not even another start of the same attempt.
    name: String,
    protections: Protections,
}

impl<'a, O: Objects> Worker<'a, O> {
    /// The worker called `name`, for the attempt that `spec` describes.
    pub fn new(objects: &'a O, spec: &'a TaskSpec, name: String) -> Self {
        Self {
            objects,
            spec,
            name,
            protections: Protections::default(),
        }
    }

    /// The same with other protections.
    #[must_use]
    pub fn protected_by(mut self, protections: Protections) -> Self {
        self.protections = protections;
        self
    }

    fn object(&self, file: AttemptFile) -> ObjectName {
        self.spec.object(file)
    }

    /// The first act: takes the attempt. `false`: somebody else has it or it was given up; there is nothing to do and nothing to say.
    pub async fn begin(&self, now: Time) -> Result<bool, ObjectError> {
        let name = self.object(AttemptFile::Claim);
        let claim = ClaimObject {
            format: TASK_FORMAT,
            worker: self.name.clone(),
            sealed: false,
            fence: self.spec.id.fence,
            at: Some(now),
        };
        match self.objects.create(&name, &claim.encode()).await {
            Ok(_) => Ok(true),
            Err(ObjectError::Precondition(_)) if !self.protections.hold(Protection::ClaimOnce) => {
                Ok(true)
            }
            // Perhaps it was this very worker, whose answer was lost.
            Err(ObjectError::Precondition(_)) => Ok(self
                .objects
                .get(&name, limits::VERDICT_OUTPUT_BYTES as u64)
                .await?
                .is_some_and(|claim| ClaimObject::is_of(&claim.bytes, &self.name))),
            Err(error) => Err(error),
        }
    }

    /// A sign of life. `false`: the attempt has its verdict already, so whatever it still does is void and it had better stop.
    pub async fn beat(&self, started_at: Time, now: Time) -> Result<bool, ObjectError> {
        let status = WorkerStatus {
            format: TASK_FORMAT,
            status: "running".into(),
            heartbeat: now,
            started_at,
            error: None,
            extra: std::collections::BTreeMap::new(),
        };
        let bytes = serde_json::to_vec(&status).expect("a status is plain data");
        self.objects
            .put(&self.object(AttemptFile::Status), &bytes, None)
            .await?;
        let verdict = self.object(AttemptFile::Result);
        Ok(self.objects.updated(&verdict).await?.is_none())
    }

    /// The last act: leaves the verdict. `false`: the attempt had another already, and this one is void.
    pub async fn finish(&self, verdict: &Verdict) -> Result<bool, ObjectError> {
        self.finish_with(verdict, Report::default()).await
    }

    /// The same, with what the attempt took and used until now; what leaving the verdict uses is added. A second try has to say the same.
    pub async fn finish_with(
        &self,
        verdict: &Verdict,
        mut report: Report,
    ) -> Result<bool, ObjectError> {
        let left = self.without_large_text(verdict).await?;
        if let Some(used) = &mut report.used {
            used.class_a += if left == *verdict { 1 } else { 2 };
        }
        let bytes = encode_verdict_with(&left, report);
        let name = self.object(AttemptFile::Result);
        match create_verdict(self.objects, self.protections, &name, &bytes).await {
            Ok(_) => Ok(true),
            // Perhaps it was this very worker, whose answer was lost.
            Err(ObjectError::Precondition(_)) => {
                let stands = self.objects.get(&name, bytes.len() as u64).await.or_else(
                    |error| match error {
                        ObjectError::TooLarge { .. } => Ok(None),
                        other => Err(other),
                    },
                )?;
                let first = stands.is_some_and(|stands| stands.bytes == bytes);
                if !first && matches!(left, Verdict::Deferred { .. }) {
                    self.say_late(&bytes).await?;
                }
                Ok(first)
            }
            Err(error) => Err(error),
        }
    }

    /// Says which jobs the worker started although its attempt has another verdict: somebody has to stop them.
    async fn say_late(&self, verdict: &[u8]) -> Result<(), ObjectError> {
        if !self.protections.hold(Protection::LateKept) {
            return Ok(());
        }
        match self
            .objects
            .create(&self.object(AttemptFile::Late), verdict)
            .await
        {
            // There is one worker, and it says the same every time.
            Ok(_) | Err(ObjectError::Precondition(_)) => Ok(()),
            // Signed URLs from before there was such an object have none for it. That the verdict is void is what matters here.
            Err(ObjectError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A large text has an object of its own, which is there before the verdict that names it.
    async fn without_large_text(&self, verdict: &Verdict) -> Result<Verdict, ObjectError> {
        let (Verdict::Success {
            output: Output::Inline(text),
        }
        | Verdict::Deferred {
            jobs: Output::Inline(text),
            ..
        }) = verdict
        else {
            return Ok(verdict.clone());
        };
        if text.len() <= limits::VERDICT_OUTPUT_BYTES {
            return Ok(verdict.clone());
        }
        let name = self.object(AttemptFile::Output);
        self.objects.put(&name, text.as_bytes(), None).await?;
        let kept = Output::Object {
            bytes: text.len() as u64,
        };
        Ok(match verdict {
            Verdict::Deferred { count, .. } => Verdict::deferred(kept, *count, text),
            Verdict::Success { .. } | Verdict::Failed { .. } => Verdict::Success { output: kept },
        })
    }
}

/// Creates a verdict object, once.
pub(crate) async fn create_verdict<O: Objects>(
    objects: &O,
    protections: Protections,
    name: &ObjectName,
    bytes: &[u8],
) -> Result<Generation, ObjectError> {
    if protections.hold(Protection::VerdictOnce) {
        objects.create(name, bytes).await
    } else {
        objects.put(name, bytes, None).await
    }
}
