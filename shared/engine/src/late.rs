//! Looking for what workers said after their attempts had been taken from them, in case nobody was told of it.

use futures_util::{StreamExt, stream};
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::{Event, Graph, RunState};
use ork_core::task::Verdict;

use crate::Engine;
use crate::error::EngineError;
use crate::ports::{Objects, Ports};
use crate::settle::{Said, is_known, of_run};

impl<P: Ports> Engine<P> {
    /// What the objects of a run's attempts say that the run does not know: words of workers that came too late, and verdicts. Whoever
    /// was to end an attempt may have died before it left word, so that its worker's verdict stands and names jobs.
    ///
    /// Says, too, whether all of it was looked through.
    pub(crate) async fn look_for_late(
        &self,
        graph: &Graph,
        state: &RunState,
    ) -> (Vec<Event>, bool) {
        let mut found = Vec::new();
        let mut whole = true;
        for file in [AttemptFile::Late, AttemptFile::Result] {
            let Ok(unheard) = self.unheard(graph, state, file).await else {
                whole = false;
                continue;
            };
            whole &= unheard.len() < limits::COLLECTED;
            let mut read = stream::iter(unheard)
                .map(|one| self.hear(one))
                .buffered(limits::READS_AT_ONCE);
            while let Some(heard) = read.next().await {
                match heard {
                    Ok(Some(event)) if is_news(&event, state) => found.push(event),
                    Ok(_) => {}
                    Err(_) => whole = false,
                }
            }
        }
        (found, whole)
    }

    /// The objects of one kind that may say something new.
    async fn unheard(
        &self,
        graph: &Graph,
        state: &RunState,
        file: AttemptFile,
    ) -> Result<Vec<Said>, EngineError> {
        let run = &state.header.id;
        let prefix = format!("runs/{run}/");
        let mut unheard: Vec<Said> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = limits::COLLECTED;
            let objects = self.ports.objects();
            let listed = objects
                .list_files(&prefix, file, after.as_deref(), page)
                .await?;
            let known = listed.iter().filter_map(|name| of_run(run, graph, name));
            unheard.extend(
                known.filter(|one| !is_known(state, one) && !state.knows_jobs_of(one.attempt)),
            );
            if listed.len() < page || unheard.len() >= limits::COLLECTED {
                unheard.truncate(limits::COLLECTED);
                return Ok(unheard);
            }
            after = listed.last().map(ToString::to_string);
        }
    }
}

/// Whether an event is not just the end of an attempt that is over.
fn is_news(event: &Event, state: &RunState) -> bool {
    let Event::Finished {
        attempt, verdict, ..
    } = event
    else {
        return true;
    };
    let waited_for = state
        .instance(attempt.task, attempt.index)
        .is_some_and(|one| one.attempt == attempt.attempt && one.status().is_in_flight());
    waited_for || matches!(verdict, Verdict::Deferred { .. })
}
