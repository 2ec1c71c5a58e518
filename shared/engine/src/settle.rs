//! What the notices of a run's objects come to: a worker began, or left its verdict.
//!
//! A notice carries a name and no authority: what counts is what lies in the object when it is read.

use ork_core::ids::RunId;
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::run::{Attempt, Event};

use crate::Engine;
use crate::advance::{ClaimRequest, Stepped};
use crate::error::EngineError;
use crate::ports::Ports;
use crate::reap::Claimed;

impl<P: Ports> Engine<P> {
    /// Reads the objects that `names` tells of and applies what they say to `run`, in one commit.
    ///
    /// Names of other runs, of tasks the run does not have and of files that say nothing are passed over. Safe to repeat, in any order.
    pub async fn settle(
        &self,
        run: &RunId,
        names: &[ObjectName],
        claim: Option<ClaimRequest>,
    ) -> Result<Stepped, EngineError> {
        let loaded = self.recall(run).await?;
        let graph = loaded.graph.clone();
        self.memory.put_back(run, loaded);
        let mut events = Vec::new();
        // As they were written: what began is known to have begun before its end is heard of.
        let mut names: Vec<&ObjectName> = names.iter().collect();
        names.sort();
        for name in names {
            let ObjectName::Attempt {
                run: of,
                task,
                index,
                attempt,
                file,
            } = name
            else {
                continue;
            };
            let Some(task) = graph.workflow.task_index(task.as_str()) else {
                continue;
            };
            if of != run || graph.task(task).fans_out() != index.is_some() {
                continue;
            }
            // Whichever start it was, only one worker has the claim, so the fence says nothing here.
            let attempt = Attempt {
                task,
                index: index.unwrap_or(0),
                attempt: *attempt,
                fence: 0,
            };
            let said = match file {
                AttemptFile::Claim => (self.claimed(name).await? == Claimed::Worker)
                    .then_some(Event::Started(attempt)),
                AttemptFile::Result => self
                    .find_verdict(name)
                    .await?
                    .map(|verdict| Event::Finished { attempt, verdict }),
                // Signs of life are looked at when they are missed: a commit for each would wear out the run's document.
                AttemptFile::Status
                | AttemptFile::Spec
                | AttemptFile::Output
                | AttemptFile::Log => None,
            };
            events.extend(said);
        }
        if events.is_empty() {
            return Ok(Stepped::default());
        }
        self.step(run, events, claim).await
    }
}
