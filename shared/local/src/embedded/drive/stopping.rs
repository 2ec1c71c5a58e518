//! Jobs elsewhere that nobody waits for any more, and notices: how long they are waited for all the same, and who is told of those left.

use std::collections::BTreeMap;

use ork_core::definition::TaskIndex;
use ork_core::ids::RunId;
use ork_core::run::{Graph, Note, NoteKind, NoticeKey, RunState};
use ork_core::time::{Millis, Time};
use ork_engine::Committed;
use ork_engine::ports::Clock;

use crate::embedded::Embedded;
use crate::observer::Observer;

/// How long whoever waits for the end of runs also waits for the jobs of theirs that are being stopped, and for their notices.
const STOPPING: Millis = Millis::from_secs(20);

/// What is known of jobs that are to be stopped.
#[derive(Debug, Default)]
pub(super) struct Unstopped {
    /// Those of which a service said that it does not stop them, and what there is to say of that.
    refused: BTreeMap<Whose, String>,
    /// Notices that were given up, and what there is to say of that.
    untold: BTreeMap<(RunId, NoticeKey), String>,
    /// Since when all runs that were waited for are over.
    over_since: Option<Time>,
}

/// Run, task, index, attempt.
type Whose = (RunId, TaskIndex, u32, u32);

impl Unstopped {
    /// Takes down what a commit says of jobs; gives what is to be said at once where nobody waits for the end of runs.
    pub(super) fn learn(
        &mut self,
        commit: &Committed,
        note: &Note,
        forever: bool,
    ) -> Option<String> {
        if let NoteKind::NoticeGivenUp { notice, .. } = &note.kind {
            let text = format!("run {}: {}", commit.run, note.render(&commit.graph));
            if forever {
                return Some(text);
            }
            self.untold.insert((commit.run.clone(), *notice), text);
        }
        let (task, index) = (note.task?, note.index.unwrap_or_default());
        let whose = |attempt| (commit.run.clone(), task, index, attempt);
        match &note.kind {
            NoteKind::JobsNotStopped { attempt, why } => {
                let jobs = jobs_of(&commit.graph, &whose(*attempt));
                let text = format!("{jobs} could not be stopped and may still be at work: {why}");
                if forever {
                    return Some(text);
                }
                self.refused.insert(whose(*attempt), text);
            }
            NoteKind::JobsStopped { attempt } => {
                self.refused.remove(&whose(*attempt));
            }
            _ => {}
        }
        None
    }

    /// What is left of one run: whom it is worth while to wait for, and what is to be said of the rest.
    fn left(&mut self, run: &RunId, graph: &Graph, state: &RunState) -> Vec<String> {
        let mut waited_for = Vec::new();
        for (task, index, one) in state.cancellations() {
            let whose = (run.clone(), task, index, one.attempt);
            let jobs = jobs_of(graph, &whose);
            if one.is_refused() {
                self.refused.entry(whose).or_insert_with(|| {
                    format!("{jobs} could not be stopped and may still be at work")
                });
            } else {
                let text = format!(
                    "{jobs} may still be at work: {} of {} are not known to be over; whoever next drives runs here, such as `ork dev`, goes on asking",
                    one.left(),
                    one.count
                );
                waited_for.push(text);
            }
        }
        for notice in &state.header.notices {
            let known = graph.workflow.notifications.get(notice.key.target as usize);
            if let (Some(_), Some(known)) = (notice.next_at(), known) {
                let why = notice.trouble.as_deref().unwrap_or("nobody has answered");
                waited_for.push(format!(
                    "{} is not told yet of run {run} ({}): {why}; whoever next drives runs here, such as `ork dev`, goes on trying",
                    known.to.shown(),
                    notice.key.on.as_str()
                ));
            }
        }
        waited_for
    }
}

fn jobs_of(graph: &Graph, (run, task, index, attempt): &Whose) -> String {
    let definition = graph.task(*task);
    let index = if definition.fans_out() {
        format!("[{index}]")
    } else {
        String::new()
    };
    format!(
        "jobs of attempt {attempt} of task {}{index} of run {run}",
        definition.name
    )
}

impl Embedded {
    /// Whether runs that have ended still have jobs to be stopped or notices to be sent, and it is worth while to wait for that. Says what is left if not.
    pub(super) async fn waits_for_jobs(
        &self,
        runs: &[RunId],
        unstopped: &mut Unstopped,
        observer: &mut dyn Observer,
    ) -> bool {
        let mut left = Vec::new();
        for run in runs {
            let known = self
                .engine
                .peek(run, |graph, state| unstopped.left(run, graph, state));
            left.extend(match known {
                Some(known) => known,
                // A step that asks has it in hand. Nobody waits for what cannot be read.
                None => match self.engine.find_run(run).await {
                    Ok(Some(view)) => unstopped.left(run, &view.graph, &view.state),
                    Ok(None) | Err(_) => Vec::new(),
                },
            });
        }
        if !left.is_empty() {
            let now = self.world().clock.now();
            if now < *unstopped.over_since.get_or_insert(now) + STOPPING {
                return true;
            }
        }
        let refused = std::mem::take(&mut unstopped.refused);
        let untold = std::mem::take(&mut unstopped.untold);
        let said = refused.into_values().chain(untold.into_values());
        for text in said.chain(left) {
            observer.warn(&text);
        }
        false
    }
}
