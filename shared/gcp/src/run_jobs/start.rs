//! Starts batches: the object that says what to run first, then the execution, once.

use bytes::Bytes;
use futures_util::StreamExt;
use google_cloud_gax::error::Error;
use google_cloud_gax::options::RequestOptionsBuilder;
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_run_v2::model::run_job_request::overrides::ContainerOverride;
use google_cloud_run_v2::model::{EnvVar, Execution};
use google_cloud_wkt::Duration as Span;
use ork_core::ids::VersionHash;
use ork_core::names::ObjectName;
use ork_core::run::Category;
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::ports::{ObjectError, StartError};

use super::batches::{Batch, Place, part};
use super::stop::labels;
use super::{Lane, RunJobs, urls};
use crate::failure::{self, Failure};
use crate::meter::Usage;
use crate::objects::GcsObjects;

/// Executions that are asked for at once.
const AT_ONCE: usize = 4;
/// What an execution may take beyond its longest attempt: fetching code before, the log and the verdict after.
const MARGIN: Millis = Millis::from_secs(300);
/// The longest that the service lets a task run.
const LONGEST: Millis = Millis::from_secs(168 * 3600);

impl RunJobs {
    pub(super) async fn start_all(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let mut answers: Vec<Result<(), StartError>> = Vec::new();
        answers.resize_with(specs.len(), || Ok(()));
        let (batches, refused) = part(specs, |spec| self.place_for(spec));
        for (position, why) in refused {
            answers[position] = Err(permanent(why));
        }
        let started = futures_util::stream::iter(batches).map(|batch| async move {
            let answer = Box::pin(self.start_batch(&batch)).await;
            (batch, answer)
        });
        let mut started = std::pin::pin!(started.buffer_unordered(AT_ONCE));
        while let Some((batch, answer)) = started.next().await {
            for (position, _) in &batch.members {
                answers[*position] = match &answer {
                    Ok(()) => Ok(()),
                    Err(error) => Err(same(error)),
                };
            }
        }
        answers
    }

    fn place_for(&self, spec: &TaskSpec) -> Result<Place<'_>, String> {
        if spec.timeout.0 > LONGEST.0 - MARGIN.0 {
            return Err(format!(
                "its timeout of {} s is more than Cloud Run lets a task run, 168 h less {} s: set a shorter one",
                spec.timeout.0 / 1000,
                MARGIN.0 / 1000
            ));
        }
        match self.workers.of(spec)? {
            Lane::Job(job) => {
                let by_urls = self.urls.as_ref().is_some_and(|urls| urls.are_for(job));
                match urls::refusal(spec).filter(|_| by_urls) {
                    Some(why) => Err(why),
                    None => Ok(Place { job, by_urls }),
                }
            }
            Lane::Service(topic) => Err(format!(
                "executor `{}` is run by the worker service behind {topic} and by no job",
                spec.executor.word()
            )),
        }
    }

    async fn start_batch(&self, batch: &Batch) -> Result<(), StartError> {
        let (name, told) = self.leave_batch(batch).await?;
        let used = Usage {
            job_starts: 1,
            ..Usage::default()
        };
        self.meter.count(Some(&batch.run), &used);
        let call = self
            .jobs
            .run_job()
            .set_name(&batch.job)
            .set_overrides(overrides(batch, told))
            .with_attempt_timeout(self.accept)
            .send();
        let operation = call
            .await
            .map_err(|error| not_started(&batch.job, &error))?;
        let execution = operation
            .metadata
            .and_then(|metadata| metadata.to_msg::<Execution>().ok());
        // Never what the workers are told: it may be a signed URL.
        tracing::debug!(
            run = %batch.run,
            batch = %name,
            attempts = batch.members.len(),
            execution = execution.map(|execution| execution.name),
            "started"
        );
        Ok(())
    }

    /// Leaves the batch's object; gives its name, and the variable that tells the workers of it.
    async fn leave_batch(&self, batch: &Batch) -> Result<(ObjectName, EnvVar), StartError> {
        match &self.urls {
            Some(urls) if urls.are_for(&batch.job) => {
                let (name, url) = urls.leave(&self.objects, batch).await?;
                Ok((name, variable("ORK_BATCH_URL", url.reveal())))
            }
            _ => {
                let name = leave(&self.objects, batch, &labels(batch)).await?;
                let told = variable("ORK_BATCH", &name.to_string());
                Ok((name, told))
            }
        }
    }
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar::new().set_name(name).set_value(value)
}

/// Writes the object that says what to run.
pub(crate) async fn write(
    objects: &GcsObjects,
    name: &ObjectName,
    bytes: Vec<u8>,
    labels: &[(&'static str, String)],
) -> Result<(), StartError> {
    match objects
        .create_labelled(name, Bytes::from(bytes), labels)
        .await
    {
        // Named by its contents: whoever wrote it wrote the same.
        Ok(_) | Err(ObjectError::Precondition(_)) => Ok(()),
        Err(ObjectError::Unavailable(why)) => {
            Err(StartError::Busy(format!("nothing was started: {why}")))
        }
        Err(error @ (ObjectError::Refused(_) | ObjectError::TooLarge { .. })) => Err(permanent(
            format!("cannot leave its workers what to do: {error}"),
        )),
    }
}

/// Leaves the object that says what to run in `batch`, under the name that its contents give it.
pub(crate) async fn leave(
    objects: &GcsObjects,
    batch: &Batch,
    labels: &[(&'static str, String)],
) -> Result<ObjectName, StartError> {
    let bytes = batch.encode();
    let name = ObjectName::Batch(batch.run.clone(), VersionHash::of(&bytes));
    write(objects, &name, bytes, labels).await?;
    Ok(name)
}

fn overrides(batch: &Batch, variable: EnvVar) -> Overrides {
    let seconds = (batch.timeout.0 + MARGIN.0).div_ceil(1000);
    Overrides::new()
        .set_task_count(i32::try_from(batch.members.len()).unwrap_or(i32::MAX))
        .set_timeout(Span::clamp(i64::try_from(seconds).unwrap_or(i64::MAX), 0))
        .set_container_overrides([ContainerOverride::new().set_env([variable])])
}

/// What a failed start means.
fn not_started(job: &str, error: &Error) -> StartError {
    match failure::of(error) {
        Failure::NotSent | Failure::Busy => {
            StartError::Busy(format!("Cloud Run has no place for {job} now: {error}"))
        }
        Failure::Lost => StartError::Ambiguous(format!("starting {job}: {error}")),
        Failure::Missing => permanent(format!(
            "there is no Cloud Run job {job}: create it, or name another in ORK_WORKER_JOBS ({error})"
        )),
        Failure::Denied => permanent(format!(
            "no leave to start {job}: give this service's account roles/run.jobsExecutorWithOverrides on the job ({error})"
        )),
        Failure::Refused | Failure::Precondition | Failure::Exists => permanent(format!(
            "Cloud Run will not start {job}: {error}; see whether the job is ready and allows overrides"
        )),
    }
}

/// What will not be started, ever.
pub(crate) fn permanent(message: String) -> StartError {
    StartError::Refused {
        category: Category::Permanent,
        message,
    }
}

/// One answer for each member of a batch.
pub(crate) fn same(error: &StartError) -> StartError {
    match error {
        StartError::Ambiguous(why) => StartError::Ambiguous(why.clone()),
        StartError::Busy(why) => StartError::Busy(why.clone()),
        StartError::Refused { category, message } => StartError::Refused {
            category: *category,
            message: message.clone(),
        },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use google_cloud_gax::error::rpc::{Code, Status};
    use ork_core::definition::Executor;
    use ork_core::ids::{RunId, TaskName, WorkflowName};
    use ork_core::task::{AttemptId, TASK_FORMAT};
    use ork_core::time::Time;
    use serde_json::value::RawValue;

    /// The spec of an instance of a task that fans out.
    pub(crate) fn spec(run: &str, index: u32) -> TaskSpec {
        let empty = || RawValue::from_string("{}".into()).expect("JSON").into();
        TaskSpec {
            format: TASK_FORMAT,
            id: AttemptId {
                run: RunId::new(run).expect("a run id"),
                task: 0,
                index,
                attempt: 1,
                fence: 1,
            },
            task_name: TaskName::new("t").expect("a task name"),
            workflow_name: WorkflowName::new("w").expect("a workflow name"),
            workflow_version: VersionHash::of(b"w"),
            bundle: None,
            executor: Executor::Docker { command: None },
            input: empty(),
            input_secrets: Vec::new(),
            upstream: empty(),
            files: Vec::new(),
            env: Vec::new(),
            secrets: Vec::new(),
            parallel_index: index,
            parallel_count: 1,
            timeout: Millis::from_secs(60),
            heartbeat: Millis::from_secs(30),
            memory_bytes: None,
            worker: None,
            topic: None,
            fans_out: true,
            created_at: Time(0),
            trace: None,
        }
    }

    #[test]
    fn what_may_have_started_is_never_called_busy() {
        let http = |status| Error::http(status, Default::default(), Default::default());
        let busy = [http(429), Error::connect("refused")];
        let quota = Status::default().set_code(Code::ResourceExhausted);
        for error in busy.into_iter().chain([Error::service(quota)]) {
            let said = not_started("j", &error);
            assert!(matches!(said, StartError::Busy(_)), "{error:?}: {said:?}");
        }
        for error in [
            http(500),
            http(503),
            http(504),
            http(408),
            Error::io("reset"),
            Error::timeout("late"),
            Error::deser("not an operation"),
        ] {
            let said = not_started("j", &error);
            assert!(
                matches!(said, StartError::Ambiguous(_)),
                "{error:?}: {said:?}"
            );
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (status, words) in [
            (404, ["no Cloud Run job jobs/j", "ORK_WORKER_JOBS"]),
            (403, ["jobs/j", "roles/run.jobsExecutorWithOverrides"]),
            (400, ["jobs/j", "overrides"]),
        ] {
            let error = Error::http(status, Default::default(), Default::default());
            match not_started("jobs/j", &error) {
                StartError::Refused {
                    category: Category::Permanent,
                    message,
                } => {
                    for word in words {
                        assert!(message.contains(word), "{status}: {message}");
                    }
                }
                other => panic!("{status}: {other:?}"),
            }
        }
    }
}
