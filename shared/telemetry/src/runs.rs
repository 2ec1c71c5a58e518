//! What commits of runs come to: the span of each attempt that ended, that of the run when it ends, and the numbers about them.

use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use ork_core::definition::Task;
use ork_core::run::{
    Attempt, AttemptEnd, Graph, NoteKind, Passed, PassedKind, RunState, RunStatus, RunTrigger,
};
use ork_core::time::{Millis, Time};
use ork_engine::Committed;

use crate::gathered::{count, key, of_task};
use crate::handler;
use crate::ids::Context;
use crate::names::{self, OUTCOME, STATUS, TASK, WORKFLOW};
use crate::telemetry::Telemetry;

/// Which span, under which, since when.
fn nanos(at: Time) -> u64 {
    u64::try_from(at.0).unwrap_or(0).saturating_mul(1_000_000)
}

fn seconds(span: Millis) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "spans of time")]
    let ms = span.0 as f64;
    ms / 1_000.0
}

/// A link to another span.
pub(crate) fn link(to: Context) -> Link {
    Link {
        trace_id: to.trace.0.to_vec(),
        span_id: to.span.0.to_vec(),
        flags: u32::from(to.sampled),
        ..Link::default()
    }
}

impl Telemetry {
    /// Takes note of a commit that stands. To be told of each once.
    pub fn committed(&self, commit: &Committed, state: &RunState) {
        if !self.is_on() {
            return;
        }
        handler::touch(self, &commit.run);
        for passed in &commit.passed {
            self.passed(commit, passed);
        }
        let workflow = commit.graph.workflow.name.as_str();
        for note in &commit.notes {
            match &note.kind {
                NoteKind::RetryIn { category, .. } => {
                    let task = note.task.map_or("", |task| name_of(&commit.graph, task));
                    self.record(&names::RETRIES, 1.0, || {
                        let mut attributes = of_task(workflow, task);
                        attributes.push((names::ERROR.to_owned(), category.to_string()));
                        attributes
                    });
                }
                NoteKind::RunEnded(status) => self.run_ended(commit, state, *status),
                _ => {}
            }
        }
    }

    fn passed(&self, commit: &Committed, passed: &Passed) {
        let workflow = commit.graph.workflow.name.as_str();
        let task = name_of(&commit.graph, passed.attempt.task);
        match passed.kind {
            PassedKind::Claimed { waited } => {
                self.record(&names::QUEUE_DELAY, seconds(waited), || {
                    of_task(workflow, task)
                });
            }
            PassedKind::Ended { since, how } => {
                self.record(
                    &names::TASK_DURATION,
                    seconds(passed.at.since(since)),
                    || {
                        let mut attributes = of_task(workflow, task);
                        attributes.push((OUTCOME.to_owned(), how.as_str().to_owned()));
                        if let AttemptEnd::Failed(category) = how {
                            attributes.push((names::ERROR.to_owned(), category.to_string()));
                        }
                        attributes
                    },
                );
                if let Some(context) = self.attempt(&commit.run, passed.attempt) {
                    self.add_span(|| attempt_span(commit, passed, since, how, context));
                }
            }
        }
    }

    fn run_ended(&self, commit: &Committed, state: &RunState, status: RunStatus) {
        let header = &state.header;
        let ended = header.finished_at.unwrap_or(header.created_at);
        let attributes = || {
            vec![
                (
                    WORKFLOW.to_owned(),
                    commit.graph.workflow.name.as_str().to_owned(),
                ),
                (STATUS.to_owned(), status.to_string()),
            ]
        };
        let took = seconds(ended.since(header.created_at));
        self.record(&names::RUN_DURATION, took, attributes);
        if !header.usage.is_empty()
            && let Some(dollars) = self.dollars(|price| header.usage.cost(price))
        {
            self.record(&names::RUN_COST, dollars, attributes);
        }
        if let Some(context) = self.run(&commit.run) {
            self.add_span(|| self.run_span(commit, state, status, context));
        }
    }

    fn run_span(
        &self,
        commit: &Committed,
        state: &RunState,
        status: RunStatus,
        context: Context,
    ) -> Span {
        let header = &state.header;
        let workflow = commit.graph.workflow.name.as_str();
        let trigger = match &header.trigger {
            RunTrigger::Manual => "manual",
            RunTrigger::Schedule => "schedule",
            RunTrigger::Event(_) => "event",
            RunTrigger::Parent => "parent",
        };
        let mut attributes = vec![
            key("ork.run", commit.run.as_str()),
            key(WORKFLOW, workflow),
            key("ork.workflow.version", header.version.as_str()),
            key(STATUS, status.to_string()),
            key("ork.trigger", trigger),
        ];
        if let Some(failed) = &header.failed {
            attributes.push(key("ork.failed_task", failed.task.as_str()));
        }
        let parent = header.parent.as_ref().and_then(|parent| {
            let attempt = Attempt {
                task: parent.task,
                index: parent.index,
                attempt: parent.attempt,
                fence: 0,
            };
            self.attempt(&parent.run, attempt)
        });
        Span {
            trace_id: context.trace.0.to_vec(),
            span_id: context.span.0.to_vec(),
            flags: 1,
            name: workflow.to_owned(),
            kind: SpanKind::Internal as i32,
            start_time_unix_nano: nanos(header.created_at),
            end_time_unix_nano: nanos(header.finished_at.unwrap_or(header.created_at)),
            attributes,
            links: parent.map(link).into_iter().collect(),
            status: Some(ended(status == RunStatus::Failed)),
            ..Span::default()
        }
    }
}

/// The span of an attempt that is over. What its worker said of it is the user's, and stays out.
fn attempt_span(
    commit: &Committed,
    passed: &Passed,
    since: Time,
    how: AttemptEnd,
    context: Context,
) -> Span {
    let Passed { attempt, at, .. } = *passed;
    let graph = &commit.graph;
    let name = name_of(graph, attempt.task);
    let mut attributes = vec![
        key("ork.run", commit.run.as_str()),
        key(WORKFLOW, graph.workflow.name.as_str()),
        key(TASK, name),
        count("ork.attempt", attempt.attempt),
        key(OUTCOME, how.as_str()),
    ];
    let definition: Option<&Task> = graph.workflow.tasks.get(attempt.task as usize);
    if let Some(definition) = definition {
        if definition.fans_out() {
            attributes.push(count("ork.index", attempt.index));
        }
        if let Some(worker) = &definition.worker {
            attributes.push(key("ork.worker", &**worker));
        }
    }
    if let AttemptEnd::Failed(category) = how {
        attributes.push(key(names::ERROR, category.to_string()));
    }
    Span {
        trace_id: context.trace.0.to_vec(),
        span_id: context.span.0.to_vec(),
        parent_span_id: crate::ids::span_of_run(&commit.run).0.to_vec(),
        flags: 1,
        name: name.to_owned(),
        kind: SpanKind::Internal as i32,
        start_time_unix_nano: nanos(since),
        end_time_unix_nano: nanos(at),
        attributes,
        status: Some(ended(matches!(how, AttemptEnd::Failed(_)))),
        ..Span::default()
    }
}

fn ended(failed: bool) -> Status {
    Status {
        code: if failed {
            StatusCode::Error as i32
        } else {
            StatusCode::Unset as i32
        },
        ..Status::default()
    }
}

fn name_of(graph: &Graph, task: u32) -> &str {
    let known = graph.workflow.tasks.get(task as usize);
    known.map_or("", |task| task.name.as_str())
}
