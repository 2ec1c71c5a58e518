//! Stops attempts that have an execution to themselves.
//!
//! An attempt's id does not name its objects, so the object of a batch of one carries labels that do: one listing of a run's batches tells
//! where the claims of all its lone attempts are, and the claim tells which execution the worker is in.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::task::AttemptId;
use ork_engine::ClaimObject;
use ork_engine::ports::{ObjectError, Objects};

use super::RunJobs;
use super::batches::Batch;

const ATTEMPT: &str = "ork-attempt";
const CLAIM: &str = "ork-claim";
const JOB: &str = "ork-job";

/// How long a listing is good for: when a run with thousands of attempts is cancelled, it is listed a few times, not thousands.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// Listings that are kept.
const RUNS: usize = 64;

/// Where a lone attempt's claim is, and which job runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lone {
    claim: ObjectName,
    job: String,
}

/// The lone attempts of one run.
type Listed = BTreeMap<String, Lone>;

/// The lone attempts of runs, as listed a moment ago.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<BTreeMap<RunId, (Instant, Listed)>>);

impl Alone {
    /// `None`: not known. `Some(None)`: not among the lone ones.
    fn get(&self, run: &RunId, attempt: &str) -> Option<Option<Lone>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, lone) = known.get(run)?;
        (at.elapsed() < GOOD_FOR).then(|| lone.get(attempt).cloned())
    }
    fn put(&self, run: RunId, lone: Listed) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < GOOD_FOR);
        if known.len() < RUNS {
            known.insert(run, (Instant::now(), lone));
        }
    }
}

/// Names an attempt within its run; starts of it that differ in their fence share one claim.
fn key(attempt: &AttemptId) -> String {
    format!("{}.{}.{}", attempt.task, attempt.index, attempt.attempt)
}

/// The labels of a batch's object.
pub(super) fn labels(batch: &Batch) -> Vec<(&'static str, String)> {
    let Some(spec) = &batch.alone else {
        return Vec::new();
    };
    vec![
        (ATTEMPT, key(&spec.id)),
        (CLAIM, spec.object(AttemptFile::Claim).to_string()),
        (JOB, batch.job.clone()),
    ]
}

fn lone<'a>(label: impl Fn(&str) -> Option<&'a str>) -> Option<(String, Lone)> {
    let claim = ObjectName::parse(label(CLAIM)?)?;
    let job = label(JOB)?.to_owned();
    Some((label(ATTEMPT)?.to_owned(), Lone { claim, job }))
}

impl RunJobs {
    pub(super) async fn stop_alone(&self, attempt: &AttemptId) {
        if let Err(why) = self.try_stop(attempt).await {
            // The worker finds its verdict at its next heartbeat.
            tracing::warn!(run = %attempt.run, attempt = key(attempt), why, "its execution could not be cancelled");
        }
    }

    async fn try_stop(&self, attempt: &AttemptId) -> Result<(), String> {
        let Some(lone) = self
            .lone(attempt)
            .await
            .map_err(|error| error.to_string())?
        else {
            return Ok(());
        };
        let claim = self
            .objects
            .get(&lone.claim, limits::VERDICT_OUTPUT_BYTES as u64)
            .await
            .map_err(|error| error.to_string())?;
        let Some(claim) = claim else {
            // Whoever comes for it finds it given up.
            return Ok(());
        };
        match execution_of(&claim.bytes) {
            Some(execution) => self
                .cancel(&format!("{}/executions/{execution}", lone.job))
                .await
                .map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    async fn lone(&self, attempt: &AttemptId) -> Result<Option<Lone>, ObjectError> {
        let key = key(attempt);
        if let Some(known) = self.alone.get(&attempt.run, &key) {
            return Ok(known);
        }
        let prefix = format!("runs/{}/batches/", attempt.run);
        let listed = self.objects.list_labels(&prefix).await?;
        let lone: Listed = listed
            .iter()
            .filter_map(|labels| lone(|label| labels.get(label).map(String::as_str)))
            .collect();
        let found = lone.get(&key).cloned();
        self.alone.put(attempt.run.clone(), lone);
        Ok(found)
    }
}

/// The execution of a worker that has one to itself, as its claim says: `<execution>/<index>/<task count>` and a suffix.
fn execution_of(claim: &[u8]) -> Option<String> {
    let claim: ClaimObject = serde_json::from_slice(claim).ok()?;
    let mut parts = claim.worker.split('/');
    let (execution, _index, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let count: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let named = !execution.is_empty() && execution.chars().all(legal);
    (!claim.sealed && count == "1" && named).then(|| execution.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::batches::part;
    use super::super::start::tests::spec;
    use super::*;

    fn claim(worker: &str, sealed: bool) -> Vec<u8> {
        let claim = ClaimObject {
            format: 1,
            worker: worker.into(),
            sealed,
            fence: 1,
            at: None,
        };
        claim.encode()
    }

    #[test]
    fn only_the_execution_of_a_lone_worker_is_cancelled() {
        for (worker, expected) in [
            ("worker-x7k2/0/1-9f3a", Some("worker-x7k2")),
            ("worker-x7k2/0/1", Some("worker-x7k2")),
            ("worker-x7k2/0/1/9f3a", Some("worker-x7k2")),
            ("worker-x7k2/0/10-9f3a", None),
            ("worker-x7k2/3/1000", None),
            ("laptop", None),
            ("/0/1", None),
            ("..%2Fother/0/1", None),
        ] {
            let found = execution_of(&claim(worker, false));
            assert_eq!(found.as_deref(), expected, "{worker}");
        }
        assert_eq!(execution_of(&claim("worker-x7k2/0/1", true)), None);
        assert_eq!(execution_of(b"not a claim"), None);
    }

    #[test]
    fn labels_lead_from_an_attempt_to_its_claim() {
        let (batches, _) = part(vec![spec("a", 4)], |_| Ok("projects/p/locations/r/jobs/j"));
        let labels: BTreeMap<_, _> = labels(&batches[0]).into_iter().collect();
        let found = lone(|label| labels.get(label).map(String::as_str));
        let expected = Lone {
            claim: spec("a", 4).object(AttemptFile::Claim),
            job: "projects/p/locations/r/jobs/j".into(),
        };
        assert_eq!(found, Some(("0.4.1".to_owned(), expected)));
        let mut again = spec("a", 4).id;
        again.fence = 9;
        assert_eq!(key(&again), "0.4.1");
        let (many, _) = part(vec![spec("a", 4), spec("a", 5)], |_| Ok("j"));
        assert_eq!(super::labels(&many[0]), []);
    }
}
