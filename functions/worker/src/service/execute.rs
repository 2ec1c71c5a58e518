//! `POST /execute`: runs a task of the code folder and answers with what it returned. No objects of a run are involved.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ork_core::run::Category;
use ork_core::task::{Output, TaskSpec, Verdict};
use ork_host::{Payload, answer};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{Instrument, Span, error, info};

use super::asked::asked;
use super::spec::{Request, prepared};
use super::{Inner, Supply};
use crate::attempt::told;
use crate::runner::{News, Runner};
use crate::stop;

pub(super) async fn execute<S: Supply>(
    State(service): State<Arc<Inner<S>>>,
    body: Payload,
) -> Response {
    let code = &service.machine.code_dir;
    let found = asked(&body, |request: Request| {
        prepared(&request, code).map(|(spec, folder)| (request.task_id, spec, folder))
    });
    let ready = found.and_then(|found| Ok((found, service.place()?)));
    let ((task_id, spec, folder), place) = match ready {
        Ok(ready) => ready,
        Err(answer) => return *answer,
    };
    Span::current().record("task", spec.task_name.as_str());
    info!(task_id, "a task is executed");
    // Dropped with this request, when its caller goes away: then nobody wants the answer.
    let (_wanted, unwanted) = oneshot::channel();
    let work = Arc::clone(&service).execute(spec, folder, place, unwanted);
    match tokio::spawn(work.in_current_span()).await {
        Ok(verdict) => Json(answered(verdict)).into_response(),
        Err(error) => {
            error!(%error, "the task broke off");
            answer::problem(StatusCode::INTERNAL_SERVER_ERROR, "the task broke off")
        }
    }
}

impl<S: Supply> Inner<S> {
    async fn execute(
        self: Arc<Self>,
        spec: TaskSpec,
        folder: PathBuf,
        place: OwnedSemaphorePermit,
        mut unwanted: oneshot::Receiver<()>,
    ) -> Verdict {
        let mut runner = match Runner::start(spec, folder, &self.machine, Some(&self.warm)) {
            Ok(runner) => runner,
            Err(verdict) => return verdict,
        };
        let (mut left, mut asked, mut killed) = (false, false, false);
        let end = loop {
            tokio::select! {
                news = runner.news() => match news {
                    News::Began => {}
                    News::Setup(text) => info!("{text}"),
                    News::Ended(end) => break end,
                },
                _ = &mut unwanted, if !left => {
                    info!("the caller is gone: the task is stopped");
                    left = true;
                    runner.stop();
                }
                () = self.stop.asked(), if !asked => {
                    asked = true;
                    runner.stop();
                }
                () = self.stop.since(stop::KILL), if !killed => {
                    killed = true;
                    runner.kill().await;
                }
            }
        };
        runner.leave().await;
        drop(place);
        match end.verdict {
            Verdict::Failed { .. } if end.stopped && asked => told(end.began),
            verdict => verdict,
        }
    }
}

/// The answer to whoever asked.
#[derive(Debug, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum Answer {
    Success {
        output: Box<RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        deferred: Option<Box<RawValue>>,
    },
    Failed {
        error: String,
        category: Category,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        log_tail: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
}

fn answered(verdict: Verdict) -> Answer {
    let text = |output: Output| match output {
        Output::Inline(text) => RawValue::from_string(text.to_string()).ok(),
        // What the runner puts into a file is read back before.
        Output::Object { .. } => None,
    };
    let broken = |what: &str| Answer::Failed {
        error: format!("{what} is no JSON"),
        category: Category::Unknown,
        log_tail: Vec::new(),
        exit_code: None,
    };
    match verdict {
        Verdict::Success { output } => match text(output) {
            Some(output) => Answer::Success {
                output,
                deferred: None,
            },
            None => broken("the output"),
        },
        Verdict::Deferred { jobs, .. } => match text(jobs) {
            Some(jobs) => Answer::Success {
                output: RawValue::NULL.to_owned(),
                deferred: Some(jobs),
            },
            None => broken("the list of jobs"),
        },
        Verdict::Failed {
            category,
            message,
            log_tail,
            exit_code,
        } => Answer::Failed {
            error: message,
            category,
            log_tail,
            exit_code,
        },
    }
}
