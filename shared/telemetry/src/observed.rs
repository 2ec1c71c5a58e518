//! The ports of a world, with everything told that is to be measured. With telemetry off it passes everything on as it is.

use std::sync::Arc;

use ork_core::definition::Task;
use ork_core::ids::{RunId, WorkflowName};
use ork_core::run::{Attempt, Event, RunState};
use ork_core::task::{AttemptId, TaskSpec};
use ork_core::time::Time;
use ork_engine::Committed;
use ork_engine::ports::{
    Alive, Document, Executor, Hint, Key, ListQuery, Listed, Metering, Ports, Queue, QueueError,
    StartError, Store, StoreError, StoreErrorKind, Version, Write,
};

use crate::handler;
use crate::names;
use crate::telemetry::Telemetry;

/// Ports that are measured.
#[derive(Debug)]
pub struct Observed<P> {
    inner: Arc<P>,
    measured: Measured<P>,
}

/// A port of `P` that is measured.
#[derive(Debug)]
pub struct Measured<P> {
    ports: Arc<P>,
    telemetry: Telemetry,
}

impl<P: Ports> Observed<P> {
    /// `ports`, told about to `telemetry`.
    pub fn new(ports: P, telemetry: Telemetry) -> Self {
        let inner = Arc::new(ports);
        Self {
            measured: Measured {
                ports: inner.clone(),
                telemetry,
            },
            inner,
        }
    }

    /// The ports as they are.
    pub fn inner(&self) -> &P {
        &self.inner
    }
}

impl<P: Ports> Ports for Observed<P> {
    type Store = Measured<P>;
    type Objects = P::Objects;
    type Queue = Measured<P>;
    type Executor = Measured<P>;
    type Tracker = P::Tracker;
    type Notifier = P::Notifier;
    type Clock = P::Clock;

    fn store(&self) -> &Measured<P> {
        &self.measured
    }
    fn objects(&self) -> &P::Objects {
        self.inner.objects()
    }
    fn queue(&self) -> &Measured<P> {
        &self.measured
    }
    fn executor(&self) -> &Measured<P> {
        &self.measured
    }
    fn tracker(&self) -> &P::Tracker {
        self.inner.tracker()
    }
    fn notifier(&self) -> &P::Notifier {
        self.inner.notifier()
    }
    fn clock(&self) -> &P::Clock {
        self.inner.clock()
    }
    fn random(&self) -> u64 {
        self.inner.random()
    }
    fn observe(&self, before: &RunState, event: &Event) {
        self.inner.observe(before, event);
    }
    fn committed(&self, commit: &Committed, state: &RunState) {
        self.measured.telemetry.committed(commit, state);
        self.inner.committed(commit, state);
    }
    fn metering(&self) -> Option<&dyn Metering> {
        self.inner.metering()
    }
}

impl<P: Ports> Store for Measured<P> {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        self.ports.store().read(keys).await
    }
    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let answer = self.ports.store().commit(writes).await;
        let failed = |word: &str| {
            let attributes = || vec![(names::ERROR.to_owned(), word.to_owned())];
            self.telemetry.record(&names::FAILURES, 1.0, attributes);
        };
        match &answer {
            Ok(_) => self.telemetry.record(&names::COMMITS, 1.0, Vec::new),
            Err(error) => match error.kind {
                StoreErrorKind::Conflict => {
                    self.telemetry.record(&names::CONFLICTS, 1.0, Vec::new);
                }
                StoreErrorKind::Ambiguous => failed("ambiguous"),
                StoreErrorKind::Unavailable => failed("unavailable"),
                StoreErrorKind::Throttled { .. } => failed("throttled"),
                StoreErrorKind::Refused => failed("refused"),
                StoreErrorKind::Corrupt => failed("corrupt"),
            },
        }
        answer
    }
    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        let due = self.ports.store().due_runs(now, limit).await?;
        for (_, at) in &due {
            #[expect(clippy::cast_precision_loss, reason = "a span of time")]
            let late = now.since(*at).0 as f64 / 1_000.0;
            self.telemetry.record(&names::WAKE_LATE, late, Vec::new);
        }
        Ok(due)
    }
    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.ports.store().due_workflows(now, limit).await
    }
    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        self.ports.store().list(query, cursor, limit).await
    }
}

impl<P: Ports> Queue for Measured<P> {
    async fn hint(&self, hint: &Hint) -> Result<(), QueueError> {
        let queue = self.ports.queue();
        match handler::traceparent() {
            None => queue.hint(hint).await,
            trace => {
                let hint = Hint {
                    trace,
                    ..hint.clone()
                };
                queue.hint(&hint).await
            }
        }
    }
    async fn wake_at(&self, run: &RunId, at: Time) -> Result<(), QueueError> {
        self.ports.queue().wake_at(run, at).await
    }
}

impl<P: Ports> Executor for Measured<P> {
    async fn start(&self, mut specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        if self.telemetry.has_traces() {
            for spec in &mut specs {
                let attempt = self
                    .telemetry
                    .attempt(&spec.id.run, Attempt::from(&spec.id));
                spec.trace = attempt.map(|context| context.traceparent());
            }
        }
        self.ports.executor().start(specs).await
    }
    async fn stop(&self, attempt: &AttemptId) {
        self.ports.executor().stop(attempt).await;
    }
    fn refusal(&self, spec: &TaskSpec, task: &Task) -> Option<String> {
        self.ports.executor().refusal(spec, task)
    }
    async fn alive(&self, attempts: &[Alive<'_>]) {
        self.ports.executor().alive(attempts).await;
    }
}
