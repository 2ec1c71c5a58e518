//! Word that a job is over, before the time to ask about it has come: which run waits for it, and asking at once.
//!
//! Nothing is stored for it. A job that was started by Ork names its run ([`label_of`]); for any other the runs are looked
//! through that are due before long, and a run that waits for a job is one of them.

use futures_util::{StreamExt, stream};
use ork_core::Value;
use ork_core::deferred::Job;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Attempt, Event, JobAnswer, State};
use ork_core::task::Output;

use super::AT_ONCE;
use crate::advance::{ClaimRequest, Stepped};
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{Clock, Ports, Store};
use crate::views::RunView;
use crate::{Engine, outputs};

/// What a job's description and word of its end have in common. Two jobs may share it: the service is asked in any case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobKey {
    /// The id of a job of BigQuery.
    BigQuery(String),
    /// The short name of an execution of a Cloud Run job.
    Execution(String),
    /// The short name of a Cloud Run job, any of its executions.
    CloudRunJob(String),
    /// The id of a job or batch of Dataproc.
    Dataproc(String),
}

impl JobKey {
    /// The keys of a description. What nobody sends word of has none.
    fn of(description: &Value) -> Vec<Self> {
        // What Ork itself starts, before its service has said that it knows it.
        let id = || description["id"].as_str().map(str::to_owned);
        match description["operator"].as_str() {
            Some("bigquery") => return id().map(Self::BigQuery).into_iter().collect(),
            Some("dataproc") => return id().map(Self::Dataproc).into_iter().collect(),
            Some("cloudrun" | "cloud_run") => {
                let job = description["request"]["job"].as_str().map(str::to_owned);
                return job.map(Self::CloudRunJob).into_iter().collect();
            }
            _ => {}
        }
        match Job::read(description) {
            Ok(Job::BigQuery(job)) => vec![Self::BigQuery(job.job_id)],
            Ok(Job::CloudRun(job)) => vec![
                Self::Execution(job.execution_id),
                Self::CloudRunJob(job.job_name),
            ],
            Ok(Job::Dataproc(job)) => vec![Self::Dataproc(job.job_id)],
            _ => Vec::new(),
        }
    }
}

/// Characters of a label's value.
const LABEL: usize = 63;

/// The value of the label `ork-run` on a job that `run` waits for: labels know no capitals, so `_` stands before what is one, and
/// before itself. None for a run whose id is too long.
pub fn label_of(run: &RunId) -> Option<String> {
    let mut label = String::new();
    for letter in run.as_str().chars() {
        if letter == '_' || letter.is_ascii_uppercase() {
            label.push('_');
        }
        label.push(letter.to_ascii_lowercase());
    }
    (label.len() <= LABEL).then_some(label)
}

/// The run that [`label_of`] made a label of.
pub fn run_of_label(label: &str) -> Option<RunId> {
    let mut run = String::new();
    let mut letters = label.chars();
    while let Some(letter) = letters.next() {
        run.push(match letter {
            '_' => letters.next()?.to_ascii_uppercase(),
            other => other,
        });
    }
    RunId::new(&run).ok()
}

/// A job that an attempt waits for and that is not known to be over.
struct OpenJob {
    attempt: Attempt,
    /// Its place in the attempt's list.
    job: u32,
    description: Value,
}

impl<P: Ports> Engine<P> {
    /// The jobs that runs wait for which are due before long, at most `limit` runs, each with its run. A job about which its task
    /// wants to be asked less than once a minute may not be among them.
    pub async fn open_jobs(&self, limit: usize) -> Result<Vec<(JobKey, RunId)>, EngineError> {
        let until = self.ports.clock().now() + limits::POLL_LONGEST;
        let due = self.ports.store().due_runs(until, limit).await?;
        let looks = stream::iter(due).map(|(run, _)| Box::pin(self.keys_of(run)));
        let looked: Vec<_> = looks.buffered(AT_ONCE).collect().await;
        let mut found = Vec::new();
        for keys in looked {
            found.extend(keys?);
        }
        Ok(found)
    }

    async fn keys_of(&self, run: RunId) -> Result<Vec<(JobKey, RunId)>, EngineError> {
        let view = match self.find_run(&run).await {
            Ok(Some(view)) => view,
            Err(error) if error.kind == EngineErrorKind::Unavailable => return Err(error),
            // It was removed, or nobody can read it, which is the tick's to say.
            Ok(None) | Err(_) => return Ok(Vec::new()),
        };
        let open = self.open_jobs_of(&view).await?;
        let keys = open.iter().flat_map(|one| JobKey::of(&one.description));
        Ok(keys.map(|key| (key, run.clone())).collect())
    }

    /// Asks about whatever `run` waits for that goes by `key`, and takes down what is over as the tick would have. While it is not over
    /// nothing changes: it is asked about again when it is due.
    pub async fn ask_early(
        &self,
        run: &RunId,
        key: &JobKey,
        claim: ClaimRequest,
    ) -> Result<Stepped, EngineError> {
        let view = self.run(run).await?;
        let open = self.open_jobs_of(&view).await?.into_iter();
        let meant = open.filter(|one| JobKey::of(&one.description).contains(key));
        let view = &view;
        let asked = stream::iter(meant).map(|one| async move {
            let (graph, slot) = (&view.graph, view.header.slot);
            let answer = self
                .say(run, graph, one.attempt, &one.description, slot)
                .await;
            Event::Job {
                attempt: one.attempt,
                job: one.job,
                answer,
            }
        });
        let answers: Vec<_> = asked.buffered(limits::POLLS as usize).collect().await;
        let over = answers.into_iter().filter(|event| {
            let Event::Job { answer, .. } = event else {
                return false;
            };
            match answer {
                // Word of an end may come early: a question that is turned down for it counts for nothing.
                JobAnswer::Running
                | JobAnswer::Begun(_)
                | JobAnswer::Unanswered { .. }
                | JobAnswer::Missing(_)
                | JobAnswer::Denied(_) => false,
                JobAnswer::Done
                | JobAnswer::Gave(_)
                | JobAnswer::Failed { .. }
                | JobAnswer::Broke { .. }
                | JobAnswer::Lost(_) => true,
            }
        });
        let mut events: Vec<Event> = over.collect();
        if events.is_empty() {
            return Ok(Stepped::default());
        }
        events.push(Event::Tick);
        let stepped = self.step(run, events, Some(claim)).await?;
        self.hand_on(run, &stepped).await;
        Ok(stepped)
    }

    async fn open_jobs_of(&self, view: &RunView) -> Result<Vec<OpenJob>, EngineError> {
        let mut found = Vec::new();
        for (task, _) in (0u32..).zip(&view.graph.workflow.tasks) {
            for (index, instance) in (0u32..).zip(view.state.instances(task)) {
                let State::Deferred(deferral) = &instance.state else {
                    continue;
                };
                let attempt = Attempt {
                    task,
                    index,
                    attempt: instance.attempt,
                    fence: instance.fence,
                };
                let jobs = self.described(view, attempt, &deferral.jobs).await?;
                let jobs = jobs.into_iter().take(limits::DEFERRED_JOBS);
                let open = (0u32..)
                    .zip(jobs)
                    .filter(|(job, _)| deferral.done & (1 << job) == 0);
                found.extend(open.map(|(job, description)| OpenJob {
                    attempt,
                    job,
                    description,
                }));
            }
        }
        Ok(found)
    }

    /// The descriptions of an attempt's jobs; none when they cannot be read, for which it fails when it is due.
    async fn described(
        &self,
        view: &RunView,
        attempt: Attempt,
        jobs: &Output,
    ) -> Result<Vec<Value>, EngineError> {
        let text = match jobs {
            Output::Inline(text) => Ok(text.clone()),
            Output::Object { .. } => {
                let name = |file| Self::attempt_object(&view.header.id, &view.graph, attempt, file);
                // Beside the list of a task without a worker its output may stand already.
                let own = match view.graph.task(attempt.task).executor.is_remote() {
                    true => AttemptFile::Result,
                    false => AttemptFile::Output,
                };
                outputs::stored_text(&self.ports, name(own), name(AttemptFile::Result)).await
            }
        };
        match text {
            Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(error) if error.kind == EngineErrorKind::Unavailable => Err(error),
            Err(_) => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_its_run_and_no_other() {
        for (run, label) in [
            ("nightly--20260601T023000Z", "nightly--20260601_t023000_z"),
            ("My_run", "_my__run"),
            ("a-b", "a-b"),
        ] {
            let run = RunId::new(run).expect("a run id");
            assert_eq!(label_of(&run).as_deref(), Some(label));
            assert_eq!(run_of_label(label), Some(run));
        }
        let long = RunId::new(&"A".repeat(32)).expect("a run id");
        assert_eq!(label_of(&long), None, "its label would have 64 characters");
        for bad in ["", "_", "a_", "a b", "-a", "é"] {
            assert_eq!(run_of_label(bad), None, "{bad}");
        }
    }

    #[test]
    fn descriptions_have_the_keys_that_word_of_their_end_has() {
        let keys = |text| JobKey::of(&serde_json::from_str(text).expect("JSON"));
        assert_eq!(
            keys(r#"{"service_type": "bigquery", "project": "p", "job_id": "j"}"#),
            [JobKey::BigQuery("j".into())]
        );
        assert_eq!(
            keys(
                r#"{"service_type": "cloud_run", "project": "p", "region": "r", "job": "j", "execution": "j-x"}"#
            ),
            [
                JobKey::Execution("j-x".into()),
                JobKey::CloudRunJob("j".into())
            ]
        );
        assert_eq!(
            keys(r#"{"service_type": "dataproc", "project": "p", "region": "r", "batch_id": "b"}"#),
            [JobKey::Dataproc("b".into())]
        );
        assert_eq!(
            keys(r#"{"operator": "bigquery", "id": "j", "request": {}}"#),
            [JobKey::BigQuery("j".into())]
        );
        for other in [
            r#"{"service_type": "custom_http", "url": "https://x.example"}"#,
            r#"{"service_type": "bigquery"}"#,
            "1",
        ] {
            assert_eq!(keys(other), [], "{other}");
        }
    }
}
