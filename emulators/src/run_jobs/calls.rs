//! The calls of the API.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::drive::{Plan, drive};
use super::execution::Execution;
use super::fault::{Call, Effect};
use super::job::Work;
use super::name::{self, short};
use super::request::{JobRequest, RunRequest};
use super::resource::{self, Enums};
use super::simulated;
use super::state::{Kind, uid};
use super::{Inner, Registered};
use crate::http::{ApiError, Code};
use crate::services::Script;

/// How many resources a page has when nothing is said, and at most.
const PAGE_MAX: usize = 100;

type Answer = Result<Value, ApiError>;

fn no_job(job: &str) -> ApiError {
    ApiError::new(
        Code::NotFound,
        format!(
            "Resource '{}' of kind 'JOB' ({job}) does not exist.",
            short(job)
        ),
    )
}

fn no_execution(name: &str) -> ApiError {
    ApiError::new(
        Code::NotFound,
        format!(
            "Resource '{}' of kind 'EXECUTION' ({name}) does not exist.",
            short(name)
        ),
    )
}

/// The error that a fault makes of a call.
fn on_demand(status: u16, retry_after: Option<u32>) -> ApiError {
    let message = if status == 429 {
        "Quota exceeded (on demand)."
    } else {
        "The call failed (on demand)."
    };
    ApiError::of_status(status, message)
        .unwrap_or_else(|| {
            ApiError::new(Code::Unimplemented, format!("a fault with status {status}"))
        })
        .retry_after(retry_after)
}

/// The error that is answered instead of doing the call.
fn instead(effect: &Effect) -> Option<ApiError> {
    match *effect {
        Effect::Answer { status } => Some(on_demand(status, None)),
        Effect::TryAgain {
            status,
            retry_after,
        } => Some(on_demand(status, Some(retry_after))),
        _ => None,
    }
}

impl Inner {
    /// Does a call (told whether it is to be without effect), unless a fault stands before it or between it and its answer.
    fn with_faults(&self, on: Call, job: &str, call: impl FnOnce(bool) -> Answer) -> Answer {
        let effect = self.state().faults.take(on, job);
        if let Some(refusal) = effect.as_ref().and_then(instead) {
            return Err(refusal);
        }
        match effect {
            Some(Effect::AnswerAfterwards { status }) => {
                call(false).and_then(|_| Err(on_demand(status, None)))
            }
            effect => call(effect == Some(Effect::Ignore)),
        }
    }

    pub(super) fn run(self: &Arc<Self>, name: &str, request: RunRequest, enums: Enums) -> Answer {
        let job = name;
        let validate_only = request.validate_only;
        let changes = request.overrides.check()?;
        let mut state = self.state();
        let effect = state.faults.take(Call::Run, job);
        if let Some(refusal) = effect.as_ref().and_then(instead) {
            return Err(refusal);
        }
        let registered = state.jobs.get(job).ok_or_else(|| no_job(job))?;
        let execution_name = state.new_execution_name(job);
        let (mut execution, mut plan) = self.prepare(registered, execution_name.clone());
        plan.env.extend(changes.env);
        plan.task_count = changes.task_count.unwrap_or(plan.task_count);
        plan.timeout = changes.timeout.unwrap_or(plan.timeout);
        plan.args = changes.args.unwrap_or(plan.args);
        execution.args.clone_from(&plan.args);
        execution.env.clone_from(&plan.env);
        execution.task_count = plan.task_count;
        execution.timeout = plan.timeout;
        if let Work::Simulated(job) = &plan.work {
            let mut script = job.script.clone();
            if let Some(text) = plan.env.get(simulated::VARIABLE) {
                let said = Script::parse(text)
                    .and_then(|said| simulated::check(&said).map(|()| said))
                    .map_err(|why| {
                        let message = format!("{}: {why}", simulated::VARIABLE);
                        ApiError::new(Code::InvalidArgument, message)
                    })?;
                script = script.overlaid(said);
            }
            if !validate_only {
                script = script.overlaid(simulated::take(&mut state.planned, name));
            }
            let (changes, script) = watch::channel(script);
            execution.script = Some(changes);
            plan.script = script;
        }
        if validate_only {
            return Ok(
                json!({"name": "", "done": true, "response": resource::execution(&execution, enums)}),
            );
        }
        let afterwards = match effect {
            Some(Effect::AnswerAfterwards { status }) => Some(status),
            effect => {
                plan.effect = effect;
                None
            }
        };
        let driver = tokio::spawn(drive(self.clone(), plan));
        execution.driver = Some(driver.abort_handle());
        state.executions.insert(execution_name.clone(), execution);
        let operation = state.add_operation(job, Kind::Execution(execution_name));
        match afterwards {
            Some(status) => Err(on_demand(status, None)),
            None => Ok(resource::operation(
                &state.operations[&operation],
                &state,
                enums,
            )),
        }
    }

    /// The execution as the job has it, before a run's changes.
    fn prepare(&self, job: &Registered, name: String) -> (Execution, Plan) {
        let (cancel, cancelled) = Execution::new_cancel();
        let now = Timestamp::now();
        let (image, command, args, env) = job.work.container();
        let plan = Plan {
            execution: name.clone(),
            job: job.name.clone(),
            work: job.work.clone(),
            args,
            env,
            task_count: job.task_count,
            timeout: job.timeout,
            permits: job.permits.clone(),
            effect: None,
            cancelled,
            // A simulated job gets its own.
            script: watch::channel(Script::default()).1,
        };
        let execution = Execution {
            log: self.log_of(&name),
            name,
            job: job.name.clone(),
            uid: uid(),
            image,
            command,
            args: Vec::new(),
            env: std::collections::BTreeMap::new(),
            timeout: job.timeout,
            task_count: job.task_count,
            parallelism: job.parallelism,
            created: now,
            updated: now,
            started: None,
            completed: None,
            running: 0,
            succeeded: 0,
            failed: 0,
            cancelled: 0,
            first_failure: None,
            groups: std::collections::BTreeMap::new(),
            cancel,
            driver: None,
            script: None,
            cancels: 0,
        };
        (execution, plan)
    }

    pub(super) fn create_job(
        &self,
        location: &str,
        id: &str,
        request: JobRequest,
        enums: Enums,
    ) -> Answer {
        let name = format!("{location}/jobs/{id}");
        name::check_job(&name)?;
        let work = request.check()?;
        self.with_faults(Call::Create, &name, |_| {
            if self.state().jobs.contains_key(&name) {
                return Err(ApiError::new(
                    Code::AlreadyExists,
                    format!("Resource '{id}' already exists."),
                ));
            }
            self.register(&name, work)?;
            let mut state = self.state();
            let operation = state.add_operation(&name, Kind::Job(name.clone()));
            Ok(resource::operation(
                &state.operations[&operation],
                &state,
                enums,
            ))
        })
    }

    /// The job goes, and its executions with it: those that run are ended.
    pub(super) fn delete_job(&self, name: &str, enums: Enums) -> Answer {
        self.with_faults(Call::Delete, name, |_| {
            let mut state = self.state();
            let job = state.jobs.remove(name).ok_or_else(|| no_job(name))?;
            let mut last = resource::job(&job, &state, enums);
            last["deleteTime"] = json!(Timestamp::now());
            let gone: Vec<String> = state
                .executions_of(name)
                .iter()
                .map(|one| one.name.clone())
                .collect();
            for execution in gone {
                if let Some(execution) = state.executions.remove(&execution) {
                    execution.abort();
                    execution.cancel.send_replace(true);
                }
            }
            let operation = state.add_operation(name, Kind::DeletedJob(last));
            Ok(resource::operation(
                &state.operations[&operation],
                &state,
                enums,
            ))
        })
    }

    pub(super) fn get_job(&self, name: &str, enums: Enums) -> Answer {
        let state = self.state();
        let job = state.jobs.get(name).ok_or_else(|| no_job(name))?;
        Ok(resource::job(job, &state, enums))
    }

    pub(super) fn list_jobs(&self, location: &str, page: &Page, enums: Enums) -> Answer {
        let state = self.state();
        let prefix = format!("{location}/jobs/");
        let jobs: Vec<&Registered> = state
            .jobs
            .values()
            .filter(|job| job.name.starts_with(&prefix))
            .collect();
        page.of("jobs", &jobs, |job| resource::job(job, &state, enums))
    }

    pub(super) fn get_execution(&self, name: &str, job: &str, enums: Enums) -> Answer {
        self.with_faults(Call::Get, job, |_| {
            let state = self.state();
            let execution = state
                .executions
                .get(name)
                .ok_or_else(|| no_execution(name))?;
            Ok(resource::execution(execution, enums))
        })
    }

    pub(super) fn list_executions(&self, job: &str, page: &Page, enums: Enums) -> Answer {
        self.with_faults(Call::List, job, |_| {
            let state = self.state();
            if short(job) != "-" && !state.jobs.contains_key(job) {
                return Err(no_job(job));
            }
            page.of("executions", &state.executions_of(job), |execution| {
                resource::execution(execution, enums)
            })
        })
    }

    pub(super) fn cancel_execution(&self, name: &str, job: &str, enums: Enums) -> Answer {
        self.with_faults(Call::Cancel, job, |ignored| {
            let mut state = self.state();
            let execution = state
                .executions
                .get_mut(name)
                .ok_or_else(|| no_execution(name))?;
            if execution.completed.is_some() {
                let message = format!(
                    "Execution {} cannot be cancelled: it has completed.",
                    short(name)
                );
                return Err(ApiError::new(Code::FailedPrecondition, message));
            }
            if !ignored {
                execution.ask_to_cancel(Timestamp::now());
            }
            let operation = state.add_operation(job, Kind::Execution(name.to_owned()));
            Ok(resource::operation(
                &state.operations[&operation],
                &state,
                enums,
            ))
        })
    }

    pub(super) fn delete_execution(&self, name: &str, job: &str, enums: Enums) -> Answer {
        let mut state = self.state();
        let mut execution = state
            .executions
            .remove(name)
            .ok_or_else(|| no_execution(name))?;
        if execution.completed.is_none() {
            execution.abort();
            execution.cancel.send_replace(true);
            execution.complete(Timestamp::now());
        }
        let mut last = resource::execution(&execution, enums);
        last["deleteTime"] = json!(Timestamp::now());
        let operation = state.add_operation(job, Kind::Deleted(last));
        Ok(resource::operation(
            &state.operations[&operation],
            &state,
            enums,
        ))
    }

    pub(super) fn get_operation(&self, name: &str, enums: Enums) -> Answer {
        let state = self.state();
        let operation = state.operations.get(name);
        let operation = operation.ok_or_else(|| {
            ApiError::new(Code::NotFound, format!("Operation {name} does not exist."))
        })?;
        Ok(resource::operation(operation, &state, enums))
    }
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) size: usize,
    pub(super) token: String,
}

impl Page {
    fn of<T>(&self, field: &str, all: &[T], resource: impl Fn(&T) -> Value) -> Answer {
        let start = match self.token.as_str() {
            "" => 0,
            token => token
                .parse()
                .ok()
                .filter(|start| *start <= all.len())
                .ok_or_else(|| {
                    ApiError::new(
                        Code::InvalidArgument,
                        format!("page_token: `{token}` is not one of this list"),
                    )
                })?,
        };
        let size = if self.size == 0 {
            PAGE_MAX
        } else {
            self.size.min(PAGE_MAX)
        };
        let end = (start + size).min(all.len());
        let page: Vec<Value> = all[start..end].iter().map(resource).collect();
        let next = if end < all.len() {
            end.to_string()
        } else {
            String::new()
        };
        Ok(json!({field: page, "nextPageToken": next}))
    }
}
