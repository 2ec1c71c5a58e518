//! Tasks without a worker: Ork says what is to be done elsewhere in the run's own record first, and has it done only then.

use std::sync::Arc;

use ork_core::bind::{Resolved, resolve};
use ork_core::deferred::{Http, SECRET_HEADERS, Work, WorkOf, job_id};
use ork_core::definition::{Binding, Executor, Input, Operator, Resources, SecretRef};
use ork_core::expr::Scope;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Attempt, Category, Event, Graph, JobAnswer, RunStatus, State};
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_core::time::{Millis, Time};
use ork_core::{Map, Value};
use serde_json::json;

use crate::attempt_objects::encode_verdict;
use crate::deferral::{Heard, Patience, answer};
use crate::error::{EngineError, EngineErrorKind};
use crate::perform::{Answers, refused};
use crate::ports::{Begun, JobStatus, ObjectError, Objects, Ports, Tracker, TrackerError};
use crate::{Engine, label_of};

/// Bytes of what one attempt has done elsewhere, at most.
const WORK_BYTES: usize = 200 * 1024;
/// Runs of the other workflow that succeeded and that a sensor reads at once, newest first.
const RUNS_A_PAGE: usize = 50;
/// How often it reads on at most: for slots that lie far back.
const PAGES_LOOKED_THROUGH: usize = 20;
/// The label of a job that says which run it is of.
const RUN_LABEL: &str = "ork-run";

/// The settings of a task without a worker, their templates rendered. An error is of the workflow's making.
pub(crate) fn rendered(request: &[Input], scope: &Scope) -> Result<Vec<Input>, String> {
    let render = |input: &Input| match resolve(&input.value, scope) {
        Ok(Resolved::Value(value)) => Ok(Input {
            name: input.name.clone(),
            value: Binding::Const(value),
        }),
        Ok(Resolved::Secret(_)) => Err(format!(
            "{}: a secret cannot be given to a task without a worker",
            input.name
        )),
        Err(error) => Err(format!("{}: {error}", input.name)),
    };
    request.iter().map(render).collect()
}

fn values(request: &[Input]) -> Map {
    let value = |input: &Input| match &input.value {
        Binding::Const(value) => Some((input.name.clone(), value.clone())),
        _ => None,
    };
    request.iter().filter_map(value).collect()
}

/// What an attempt has done elsewhere or waits for.
fn work_of(spec: &TaskSpec, resources: Resources) -> Option<Work> {
    let (operator, mut request) = match &spec.executor {
        Executor::Http {
            method,
            url,
            headers,
            body,
            conditions,
            secret_headers,
        } => {
            let mut request = values(conditions);
            if !secret_headers.is_empty() {
                let named = |(header, secret): &(String, SecretRef)| {
                    (header.clone(), Value::String(secret.name.clone()))
                };
                let secrets = secret_headers.iter().map(named).collect();
                request.insert(SECRET_HEADERS.into(), Value::Object(secrets));
            }
            let headers = headers
                .iter()
                .map(|(name, value)| (name.clone(), Value::String(value.source.clone())));
            request.insert("method".into(), method.as_str().into());
            request.insert("url".into(), url.source.as_str().into());
            request.insert("headers".into(), Value::Object(headers.collect()));
            if let Some(Binding::Const(body)) = body {
                request.insert("body".into(), body.clone());
            }
            (WorkOf::Http(Http::Http), request)
        }
        Executor::Remote { operator, request } => (WorkOf::Operator(*operator), values(request)),
        _ => return None,
    };
    match operator {
        WorkOf::Operator(Operator::CloudRun | Operator::CloudRunImage) => {
            let own = [("ORK_RUN_ID".to_owned(), spec.id.run.to_string())];
            let env = own.into_iter().chain(spec.env.iter().cloned());
            let env = env.map(|(name, value)| (name, Value::String(value)));
            request.insert("env".into(), Value::Object(env.collect()));
            if operator == WorkOf::Operator(Operator::CloudRunImage) {
                of_image(spec.timeout, resources, &mut request);
            }
        }
        WorkOf::Operator(Operator::BigQuery) => {
            // Bills and events find the run by it.
            let labels = request
                .entry("labels")
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(labels) = labels {
                let run = label_of(&spec.id.run).map(Value::String);
                if let (Some(run), false) = (run, labels.contains_key(RUN_LABEL)) {
                    labels.insert(RUN_LABEL.into(), run);
                }
            }
        }
        _ => {}
    }
    Some(Work {
        operator,
        id: job_id(
            &spec.id.run,
            &spec.task_name,
            spec.id.index,
            spec.id.attempt,
        ),
        poll_interval: request.remove("poll_interval"),
        request,
        made: false,
    })
}

/// What a job made for one attempt has beside its image: it stops itself when the attempt's time is over.
fn of_image(timeout: Millis, resources: Resources, request: &mut Map) {
    let seconds = timeout.0.div_ceil(1000);
    request.insert("timeout_seconds".into(), seconds.into());
    if let Some(bytes) = resources.memory_bytes {
        request.insert("memory_bytes".into(), bytes.into());
    }
    if let Some(millis) = resources.cpu_millis {
        request.insert("cpu_millis".into(), millis.into());
    }
}

impl<P: Ports> Engine<P> {
    /// Writes down what an attempt without a worker has done elsewhere. Nothing is started before that is committed.
    pub(crate) async fn hand_over(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        spec: &TaskSpec,
    ) -> Result<Event, EngineError> {
        let resources = graph.task(attempt.task).resources;
        let Some(work) = work_of(spec, resources) else {
            return Err(EngineError::corrupt(format!(
                "task {} has a worker",
                spec.task_name
            )));
        };
        let text = json!([work]).to_string();
        if text.len() > WORK_BYTES {
            let why = format!(
                "what is asked for has {} bytes, and {WORK_BYTES} are allowed",
                text.len()
            );
            return Ok(refused(attempt, Category::Permanent, why));
        }
        let bytes = text.len() as u64;
        let text: Arc<str> = text.into();
        let mut verdict = Verdict::deferred(Output::Inline(text.clone()), 1, &text);
        if bytes > limits::INLINE_OUTPUT_BYTES as u64 {
            let name = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
            match self
                .ports
                .objects()
                .create(&name, &encode_verdict(&verdict))
                .await
            {
                // Whoever was faster wrote the same.
                Ok(_) | Err(ObjectError::Precondition(_)) => {}
                Err(error) => return Err(error.into()),
            }
            verdict = Verdict::deferred(Output::Object { bytes }, 1, &text);
        }
        Ok(Event::Finished {
            attempt,
            verdict,
            report: None,
        })
    }

    /// Has what was committed done, or looks for the first time. What nobody comes to is done when the jobs are asked about.
    pub(crate) async fn begin_jobs(
        &self,
        run: &RunId,
        graph: &Graph,
        attempts: &[Attempt],
        answers: &mut Answers,
    ) -> Result<(), EngineError> {
        let loaded = self.recall(run).await?;
        // Somebody may have ended them, or asked already, since.
        let still: Vec<Attempt> = attempts
            .iter()
            .copied()
            .filter(|attempt| {
                loaded
                    .state
                    .instance(attempt.task, attempt.index)
                    .is_some_and(|instance| {
                        instance.attempt == attempt.attempt
                            && matches!(&instance.state, State::Deferred(_))
                    })
            })
            .collect();
        let mut heard = Heard::default();
        let said = self
            .ask(graph, &loaded.state, &still, &mut heard, Patience::Whole)
            .await;
        self.memory.put_back(run, loaded);
        let learnt = |event: &Event| {
            !matches!(
                event,
                Event::Job {
                    answer: JobAnswer::Running
                        | JobAnswer::Unanswered {
                            retry_after: None,
                            ..
                        },
                    ..
                }
            )
        };
        for event in said.into_iter().filter(learnt) {
            answers.push(event);
        }
        Ok(())
    }

    /// What is said of the job of a task without a worker.
    pub(crate) async fn inquire(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        job: &Value,
        slot: Time,
    ) -> JobAnswer {
        let status = match Work::read(job) {
            None => self.ports.tracker().poll(job).await,
            Some(Err(why)) => return JobAnswer::Lost(why),
            Some(Ok(work)) if work.operator == WorkOf::Operator(Operator::WorkflowSensor) => {
                self.look_for_run(&work, slot).await
            }
            Some(Ok(work)) => match self.ports.tracker().start(&work).await {
                Ok(Begun::Job(job)) => return JobAnswer::Begun(job.to_string().into()),
                Ok(Begun::Status(status)) => Ok(status),
                // Nothing was started, and the same request would be refused again.
                Err(TrackerError::Permanent(why) | TrackerError::Missing(why)) => {
                    Ok(JobStatus::Broke {
                        category: Category::Permanent,
                        why,
                    })
                }
                Err(error) => Err(error),
            },
        };
        let gave = match status {
            Ok(JobStatus::Succeeded) => job.clone(),
            Ok(JobStatus::Gave(value)) => value,
            other => return answer(other),
        };
        let kept = self.keep_output(run, graph, attempt, gave.to_string().into());
        match kept.await {
            Ok(output) => JobAnswer::Gave(output),
            Err(error) if error.kind == EngineErrorKind::Corrupt => JobAnswer::Broke {
                category: Category::Permanent,
                why: error.message,
            },
            // It is asked again.
            Err(error) => JobAnswer::Unanswered {
                retry_after: None,
                why: Some(format!(
                    "its output cannot be stored now: {}",
                    error.message
                )),
            },
        }
    }

    async fn keep_output(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
        text: Arc<str>,
    ) -> Result<Output, EngineError> {
        let bytes = text.len();
        if bytes <= limits::INLINE_OUTPUT_BYTES {
            return Ok(Output::Inline(text));
        }
        if bytes > limits::OUTPUT_BYTES {
            return Err(EngineError::corrupt(format!(
                "the output has {bytes} bytes, and {} are allowed",
                limits::OUTPUT_BYTES
            )));
        }
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Output);
        match self.ports.objects().create(&name, text.as_bytes()).await {
            Ok(_) | Err(ObjectError::Precondition(_)) => Ok(Output::Object {
                bytes: bytes as u64,
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks for a run of another workflow that succeeded for the slot that is waited for.
    async fn look_for_run(&self, work: &Work, slot: Time) -> Result<JobStatus, TrackerError> {
        let said = |key: &str| work.request.get(key).and_then(Value::as_str);
        let permanent = |why: String| Err(TrackerError::Permanent(why));
        let name = match WorkflowName::new(said("name").unwrap_or_default()) {
            Ok(name) => name,
            Err(error) => return broke(format!("the sensor's workflow: {error}")),
        };
        let latest = match said("slot") {
            None => slot,
            Some(text) => match Time::parse(text) {
                Ok(slot) => slot,
                Err(why) => return broke(format!("the sensor's slot: {why}")),
            },
        };
        let seconds = work.request.get("within").and_then(Value::as_f64);
        let within = Millis((seconds.unwrap_or_default() * 1000.0) as u64);
        let wanted = |at: Time| at <= latest && latest.since(at) <= within;
        // No run is made before the instant that it is for.
        let since = Time(latest.0.saturating_sub_unsigned(within.0));
        let mut cursor = None;
        for _ in 0..PAGES_LOOKED_THROUGH {
            let page = self.runs(
                Some(RunStatus::Success),
                Some(&name),
                cursor.as_deref(),
                RUNS_A_PAGE,
            );
            let (runs, next) = match page.await {
                Ok(page) => page,
                Err(error) if error.kind == EngineErrorKind::Corrupt => {
                    return permanent(error.message);
                }
                Err(error) => {
                    return Err(TrackerError::Transient {
                        message: error.message,
                        retry_after: None,
                    });
                }
            };
            let fitting = runs.iter().filter(|run| wanted(run.slot));
            if let Some(run) = fitting.max_by_key(|run| run.slot) {
                return Ok(JobStatus::Gave(json!({
                    "run": run.id.as_str(),
                    "slot": run.slot.rfc3339(),
                    "status": run.status.to_string(),
                })));
            }
            let older = runs.last().is_some_and(|run| run.created_at < since);
            cursor = next;
            if older || cursor.is_none() {
                break;
            }
        }
        // One that failed may yet be retried or recovered by a person: it is waited for until the time is over.
        Ok(JobStatus::Running)
    }
}

fn broke(why: String) -> Result<JobStatus, TrackerError> {
    Ok(JobStatus::Broke {
        category: Category::Permanent,
        why,
    })
}
