//! Attempts that are not heard of: has it begun, is it alive, and if not, the verdict that says so.
//!
//! What decides is what lies in objects, never what some process believes: the claim object says who may begin, the verdict object
//! how it ended. Both are made once, and the engine competes for them like everybody else.

use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::protect::Protection;
use ork_core::run::{Attempt, Event, Graph, Overdue};
use ork_core::task::{Report, TASK_FORMAT, Verdict};
use ork_core::time::Time;

use crate::Engine;
use crate::attempt_objects::{
    ClaimObject, bad_verdict, decode_report, decode_verdict, encode_verdict,
};
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{Clock, Executor, ObjectError, Objects, Ports};
use crate::worker::create_verdict;

/// What the claim object of an attempt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// There is none: nobody has begun, and somebody may.
    Nobody,
    /// A worker has begun.
    Worker,
    /// Nobody will ever begin.
    Sealed,
}

/// What lies in a verdict object.
#[derive(Debug)]
pub(crate) struct Left {
    verdict: Verdict,
    report: Option<Box<Report>>,
}

impl From<Verdict> for Left {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            report: None,
        }
    }
}

impl Left {
    pub(crate) fn by(self, attempt: Attempt) -> Event {
        Event::Finished {
            attempt,
            verdict: self.verdict,
            report: self.report,
        }
    }

    /// What it means where another verdict stands: jobs that nobody waits for.
    pub(crate) fn late(self, attempt: Attempt) -> Option<Event> {
        match self.verdict {
            Verdict::Deferred { jobs, count, .. } => Some(Event::DeferredLate {
                attempt,
                jobs,
                count,
            }),
            Verdict::Success { .. } | Verdict::Failed { .. } => None,
        }
    }
}

/// Bytes of a claim that are read at most.
const CLAIM_BYTES: u64 = limits::VERDICT_OUTPUT_BYTES as u64;

impl<P: Ports> Engine<P> {
    pub(crate) fn attempt_object(
        run: &ork_core::ids::RunId,
        graph: &Graph,
        attempt: Attempt,
        file: AttemptFile,
    ) -> ObjectName {
        let task = graph.task(attempt.task);
        ObjectName::Attempt {
            run: run.clone(),
            task: task.name.clone(),
            index: task.fans_out().then_some(attempt.index),
            attempt: attempt.attempt,
            file,
        }
    }

    /// Who has the claim of an attempt.
    pub(crate) async fn claimed(&self, name: &ObjectName) -> Result<Claimed, EngineError> {
        Ok(match self.ports.objects().get(name, CLAIM_BYTES).await {
            Ok(None) => Claimed::Nobody,
            Ok(Some(claim)) if ClaimObject::is_seal(&claim.bytes) => Claimed::Sealed,
            // Whatever a worker wrote, it wrote it to begin.
            Ok(Some(_)) | Err(ObjectError::TooLarge { .. }) => Claimed::Worker,
            Err(error) => return Err(error.into()),
        })
    }

    /// Takes the claim of an attempt that is given up, so that a start that is still under way comes to nothing.
    /// Says `Worker` if one was faster.
    pub(crate) async fn seal(
        &self,
        run: &ork_core::ids::RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<Claimed, EngineError> {
        if !graph.protections().hold(Protection::Seal) {
            return Ok(Claimed::Sealed);
        }
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Claim);
        let seal = ClaimObject {
            format: TASK_FORMAT,
            worker: String::new(),
            sealed: true,
            fence: attempt.fence,
            at: Some(self.ports.clock().now()),
        };
        match self.ports.objects().create(&name, &seal.encode()).await {
            Ok(_) => Ok(Claimed::Sealed),
            Err(ObjectError::Precondition(_)) => self.claimed(&name).await,
            Err(error) => Err(error.into()),
        }
    }

    /// What is to be said of an attempt whose worker has begun: its verdict, if there is one.
    pub(crate) async fn begun(
        &self,
        run: &ork_core::ids::RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<Event, EngineError> {
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
        Ok(match self.find_verdict(&name).await? {
            Some(left) => left.by(attempt),
            None => Event::Started(attempt),
        })
    }

    /// Writes the verdict "lost" or "timeout", unless the worker was first or turns out to be alive; gives what is so, and since when. Of one
    /// that is alive the executor is told, which may have something to do for it.
    pub(crate) async fn reap(
        &self,
        run: &ork_core::ids::RunId,
        graph: &Graph,
        attempt: Attempt,
        why: Overdue,
    ) -> Result<(Event, Option<Time>), EngineError> {
        let task = graph.task(attempt.task);
        let message = match why {
            Overdue::Start => {
                match self.seal(run, graph, attempt).await? {
                    Claimed::Sealed => {}
                    Claimed::Worker => return Ok((self.begun(run, graph, attempt).await?, None)),
                    Claimed::Nobody => {
                        let why = "a claim object cannot be found although it exists";
                        return Err(EngineError::new(EngineErrorKind::Unavailable, why));
                    }
                }
                format!("it did not begin within {}", task.start_timeout)
            }
            Overdue::Heartbeat => {
                // It may be over, and the notice of that lost.
                if let said @ Event::Finished { .. } = self.begun(run, graph, attempt).await? {
                    return Ok((said, None));
                }
                if let Some(alive_at) = self.signs_of_life(run, graph, attempt).await? {
                    return Ok((Event::Heartbeat(attempt), Some(alive_at)));
                }
                format!(
                    "its worker gave no sign of life for {}",
                    task.heartbeat_timeout
                )
            }
            Overdue::Timeout => format!("it ran longer than its timeout of {}", task.timeout),
        };
        let verdict = Verdict::Failed {
            category: why.category(),
            message,
            log_tail: Vec::new(),
            exit_code: None,
        };
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
        let bytes = encode_verdict(&verdict);
        let made = create_verdict(self.ports.objects(), graph.protections(), &name, &bytes);
        let left = match made.await {
            Ok(_) => {
                self.ports.executor().stop(&attempt.in_run(run)).await;
                verdict.into()
            }
            Err(ObjectError::Precondition(_)) => self.read_verdict(&name).await?,
            Err(error) => return Err(error.into()),
        };
        Ok((left.by(attempt), None))
    }

    /// When a worker was last alive, if that is recent enough: the notice of its sign of life may have been lost.
    async fn signs_of_life(
        &self,
        run: &ork_core::ids::RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<Option<Time>, EngineError> {
        if !graph.protections().hold(Protection::FreshStatus) {
            return Ok(None);
        }
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Status);
        let fresh_until = |at: Time| at + graph.task(attempt.task).heartbeat_timeout;
        let now = self.ports.clock().now();
        let updated = self.ports.objects().updated(&name).await?;
        Ok(updated.filter(|&at| fresh_until(at) > now))
    }

    /// The verdict in an object that is there.
    async fn read_verdict(&self, name: &ObjectName) -> Result<Left, EngineError> {
        self.find_verdict(name).await?.ok_or_else(|| {
            EngineError::new(
                EngineErrorKind::Unavailable,
                format!("{name} cannot be found although it exists"),
            )
        })
    }

    /// The verdict in an object, if there is one.
    pub(crate) async fn find_verdict(
        &self,
        name: &ObjectName,
    ) -> Result<Option<Left>, EngineError> {
        let limit = 4 * limits::VERDICT_OUTPUT_BYTES as u64;
        match self.ports.objects().get(name, limit).await {
            Ok(object) => Ok(object.map(|object| Left {
                verdict: decode_verdict(&object.bytes),
                report: decode_report(&object.bytes),
            })),
            Err(error @ ObjectError::TooLarge { .. }) => {
                Ok(Some(bad_verdict(&error.to_string()).into()))
            }
            Err(error) => Err(error.into()),
        }
    }
}
