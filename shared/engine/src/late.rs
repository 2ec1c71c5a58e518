//! Looking for what workers said after their attempts had been taken from them, in case nobody was told of it.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::protect::Protection;
use ork_core::run::{Attempt, Category, Effect, Event, Graph, Header, RunState, State};
use ork_core::task::Verdict;

use crate::Engine;
use crate::attempt_objects::encode_verdict;
use crate::error::EngineError;
use crate::ports::{ObjectError, Objects, Ports};
use crate::reap::Claimed;
use crate::settle::{Said, is_known, of_run};
use crate::worker::create_verdict;

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
        let late = self.all(graph, state, AttemptFile::Late).await;
        let ended = self.all(graph, state, AttemptFile::Result).await;
        let (Ok(late), Ok(ended)) = (late, ended) else {
            return (Vec::new(), false);
        };
        let mut unheard: Vec<Said> = Vec::new();
        for one in late.iter().chain(&ended) {
            if !is_known(state, one) && !state.knows_jobs_of(one.attempt) {
                unheard.push(one.clone());
            }
        }
        let (mut found, mut whole) = (Vec::new(), unheard.len() <= limits::COLLECTED);
        unheard.truncate(limits::COLLECTED);
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
        if self.holds(Protection::WordLeft) {
            let (said, told) = self.leave_words(graph, state, &ended).await;
            found.extend(said.into_iter().filter(|event| is_news(event, state)));
            whole &= told;
        }
        (found, whole)
    }

    /// Leaves word for the workers of attempts that were taken from them and that nobody told: whoever committed it may have died, or may not
    /// write objects. Gives what they had said before, and whether all could be told.
    async fn leave_words(
        &self,
        graph: &Graph,
        state: &RunState,
        ended: &[Said],
    ) -> (Vec<Event>, bool) {
        let Ok(begun) = self.all(graph, state, AttemptFile::Claim).await else {
            return (Vec::new(), false);
        };
        let [begun, ended] = [&begun, ended].map(|all| all.iter().map(place).collect());
        let [begun, ended]: [BTreeSet<Place>; 2] = [begun, ended];
        let over = |(task, index, attempt): &&Place| state.is_over(*task, *index, *attempt);
        let mut untold: Vec<Place> = begun.difference(&ended).filter(over).copied().collect();
        for task in (0..).take(state.tasks().len()) {
            if !graph.task(task).executor.has_worker() {
                continue;
            }
            for (index, one) in (0..).zip(state.instances(task)) {
                let place = (task, index, one.attempt);
                let cancelled = matches!(one.state, State::Cancelled) && one.attempt > 0;
                if cancelled && !begun.contains(&place) {
                    untold.push(place);
                }
            }
        }
        let mut all: Vec<Attempt> = untold
            .into_iter()
            .map(|(task, index, attempt)| Attempt {
                task,
                index,
                attempt,
                // Whoever began it, it is over.
                fence: 0,
            })
            .collect();
        let mut whole = all.len() <= limits::COLLECTED;
        all.truncate(limits::COLLECTED);
        let run = &state.header.id;
        let mut telling = stream::iter(all)
            .map(|attempt| self.leave_word(run, graph, attempt))
            .buffered(limits::READS_AT_ONCE);
        let mut said = Vec::new();
        while let Some(told) = telling.next().await {
            match told {
                Ok(event) => said.extend(event),
                Err(_) => whole = false,
            }
        }
        (said, whole)
    }

    /// Has the worker of an attempt that is over begin no more, or find that it is over. Gives what it had said before.
    pub(crate) async fn leave_word(
        &self,
        run: &RunId,
        graph: &Graph,
        attempt: Attempt,
    ) -> Result<Option<Event>, EngineError> {
        if self.seal(run, graph, attempt).await? != Claimed::Worker {
            return Ok(None);
        }
        let verdict = Verdict::Failed {
            category: Category::Unknown,
            message: "it was stopped".into(),
            log_tail: Vec::new(),
            exit_code: None,
        };
        let name = Self::attempt_object(run, graph, attempt, AttemptFile::Result);
        let bytes = encode_verdict(&verdict);
        let objects = self.ports.objects();
        match create_verdict(objects, graph.protections(), &name, &bytes).await {
            Ok(_) => Ok(None),
            // It may have handed over to jobs before it could be told.
            Err(ObjectError::Precondition(_)) => {
                let left = self.find_verdict(&name).await?;
                Ok(left.map(|left| left.by(attempt)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The objects of one kind of all attempts of a run.
    async fn all(
        &self,
        graph: &Graph,
        state: &RunState,
        file: AttemptFile,
    ) -> Result<Vec<Said>, EngineError> {
        let run = &state.header.id;
        let prefix = format!("runs/{run}/");
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = limits::COLLECTED;
            let objects = self.ports.objects();
            let listed = objects
                .list_files(&prefix, file, after.as_deref(), page)
                .await?;
            found.extend(listed.iter().filter_map(|name| of_run(run, graph, name)));
            if listed.len() < page {
                return Ok(found);
            }
            after = listed.last().map(ToString::to_string);
        }
    }
}

/// A task, an instance of it, an attempt of that.
type Place = (TaskIndex, u32, u32);

fn place(said: &Said) -> Place {
    let Attempt {
        task,
        index,
        attempt,
        ..
    } = said.attempt;
    (task, index, attempt)
}

/// What an earlier commit left to whoever may write objects: the outputs of a run that is over are made up for before the commit that this is a part of,
/// and its parent is told again, for it may be handed an object, too.
pub(crate) fn owed_objects(header: &mut Header) -> Option<Effect> {
    let owed = std::mem::take(&mut header.objects_owed) && header.status.is_terminal();
    owed.then_some(Effect::RunEnded(header.status))
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
