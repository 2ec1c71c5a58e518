//! Whatever happens to a run: what arrived together is one commit, and what follows from it in other runs is done at once.

use std::collections::VecDeque;
use std::sync::Arc;

use ork_core::ids::RunId;
use ork_core::run::{Event, Graph, RunState};
use ork_core::time::Time;

use crate::Engine;
use crate::advance::{ClaimRequest, Stepped, Todo};
use crate::audit::Deed;
use crate::error::{EngineError, EngineErrorKind};
use crate::ports::{Clock, Function, Hint, Ports, Queue};

impl<P: Ports> Engine<P> {
    /// Applies events that arrived together in one commit, starts what may start, and does what follows from it in other runs.
    ///
    /// Safe to repeat. An error before the first commit means that nothing happened; after it, that the rest will be done by the next wake.
    pub async fn step(
        &self,
        run: &RunId,
        events: Vec<Event>,
        claim: Option<ClaimRequest>,
    ) -> Result<Stepped, EngineError> {
        self.step_at(run, events, Vec::new(), claim).await
    }

    /// As [`Engine::step`], for events that were gathered before: `times` says when each happened, so that durations are right.
    pub async fn step_at(
        &self,
        run: &RunId,
        events: Vec<Event>,
        times: Vec<Time>,
        claim: Option<ClaimRequest>,
    ) -> Result<Stepped, EngineError> {
        let first = Todo {
            run: run.clone(),
            events,
            times,
            claim,
            held_up: false,
            deed: None,
        };
        self.carry_out(first).await
    }

    /// As [`Engine::step`], for somebody: the first commit records it.
    pub(crate) async fn step_for(
        &self,
        run: &RunId,
        events: Vec<Event>,
        deed: Option<Deed>,
    ) -> Result<Stepped, EngineError> {
        let first = Todo {
            run: run.clone(),
            events,
            times: Vec::new(),
            claim: None,
            held_up: false,
            deed,
        };
        self.carry_out(first).await
    }

    async fn carry_out(&self, first: Todo) -> Result<Stepped, EngineError> {
        let (run, claim) = (&first.run, first.claim);
        let mut stepped = Stepped::default();
        let began = self.ports.clock().now();
        let (mut todo, mut questions) = (VecDeque::new(), VecDeque::new());
        let mut trouble = None;
        if let Some(advanced) = self.advance(&first, &mut stepped).await? {
            trouble = self
                .perform(run, advanced, claim, &mut todo, &mut questions)
                .await;
        }
        // What follows is done as far as it can be, whatever fails in between.
        loop {
            let Some(next) = todo.pop_front() else {
                // Nothing waits for others but what they are asked for.
                let Some(open) = questions.pop_front() else {
                    break;
                };
                let failed = Box::pin(self.put(open, began, &mut todo)).await;
                trouble = trouble.or(failed);
                continue;
            };
            stepped.held_up |= next.held_up;
            let failed = match self.advance(&next, &mut stepped).await {
                Ok(None) => None,
                Ok(Some(advanced)) => {
                    self.perform(&next.run, advanced, next.claim, &mut todo, &mut questions)
                        .await
                }
                // It ended, or was removed, before it could be told; or nobody can read it, which is its own trouble.
                Err(error)
                    if matches!(
                        error.kind,
                        EngineErrorKind::Refused | EngineErrorKind::NotFound
                    ) || (error.kind == EngineErrorKind::Corrupt && next.run != *run) =>
                {
                    None
                }
                Err(error) => Some(error),
            };
            trouble = trouble.or(failed);
        }
        trouble.map_or(Ok(stepped), Err)
    }

    /// Tells dispatch of what is still ready after a step that claimed: there was more than it had places for.
    pub async fn hand_on(&self, run: &RunId, stepped: &Stepped) {
        let more = self.peek(run, |_, state| state.has_ready()) == Some(true);
        if more && !stepped.held_up && stepped.commits.iter().any(|one| one.run == *run) {
            self.hint(Function::Dispatch, run).await;
        }
    }

    /// Sends a hint; losing it costs time, not work.
    pub(crate) async fn hint(&self, to: Function, run: &RunId) {
        // The tick finds whatever a lost hint would have told.
        let _ = self
            .ports
            .queue()
            .hint(&Hint {
                to,
                run: run.clone(),
                trace: None,
            })
            .await;
    }

    /// Looks at a run that this process has in memory: its shape and where it stands.
    pub fn peek<T>(
        &self,
        run: &RunId,
        look: impl FnOnce(&Arc<Graph>, &RunState) -> T,
    ) -> Option<T> {
        self.memory
            .peek(run, |loaded| look(&loaded.graph, &loaded.state))
    }

    /// Forgets what is in memory of a run, so that the next step reads what others may have written.
    pub fn forget(&self, run: &RunId) {
        self.memory.take(run);
    }
}
