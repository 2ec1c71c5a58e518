//! Events applied to a run in memory, with whatever evaluating and asking they call for.

use std::borrow::Cow;

use ork_core::protect::Protection;
use ork_core::run::{Command, Effect, Event, Out, Resolution, RunStatus};
use ork_core::time::Time;

use crate::advance::Todo;
use crate::deferral::{Heard, Patience};
use crate::error::{EngineError, EngineErrorKind};
use crate::late::owed_objects;
use crate::loaded::Loaded;
use crate::owed::is_moot;
use crate::places::Places;
use crate::ports::{Clock, Ports};
use crate::{Engine, values};

impl<P: Ports> Engine<P> {
    /// The events to apply: a run that waits begins when it has its place and not before, one that nobody waits for any more is cancelled.
    pub(crate) async fn events_for<'a>(
        &self,
        todo: &'a Todo,
        loaded: &Loaded,
        places: &Places,
    ) -> Result<Cow<'a, [Event]>, EngineError> {
        let header = &loaded.state.header;
        let tick = todo.events.contains(&Event::Tick);
        let looked_at = tick || todo.events.is_empty();
        let mut events = Cow::Borrowed(todo.events.as_slice());
        if header.status == RunStatus::Pending && loaded.version.is_some() {
            if self.holds(Protection::MayBegin) && !places.may_begin(loaded) {
                if todo.events.contains(&Event::Start) {
                    events.to_mut().retain(|event| *event != Event::Start);
                }
            } else if looked_at {
                events.to_mut().push(Event::Start);
            }
        }
        // The word of a parent that gave up may have been lost.
        if tick
            && !header.status.is_terminal()
            && self.holds(Protection::ParentCheck)
            && let Some(parent) = &header.parent
        {
            let waits = match self.find_run(&parent.run).await {
                Ok(Some(view)) => {
                    view.state
                        .instance(parent.task, parent.index)
                        .is_some_and(|instance| {
                            instance.attempt == parent.attempt && instance.status().is_in_flight()
                        })
                }
                Ok(None) => false,
                // Nobody can tell.
                Err(error) if error.kind == EngineErrorKind::Corrupt => true,
                Err(error) => return Err(error),
            };
            if !waits {
                let reason = format!("its parent run {} no longer waits for it", parent.run);
                events
                    .to_mut()
                    .push(Event::Command(Command::Cancel { reason }));
            }
        }
        Ok(events)
    }

    /// Applies events and whatever evaluating they call for, in memory. A command that is refused leaves the others as they are.
    pub(crate) async fn apply(
        &self,
        loaded: &mut Loaded,
        events: &[Event],
        times: &[Time],
        heard: &mut Heard,
        out: &mut Out,
    ) -> Result<Option<EngineError>, EngineError> {
        let now = self.ports.clock().now();
        let graph = loaded.graph.clone();
        let mut refused = None;
        for (position, event) in events.iter().enumerate() {
            if is_moot(event, &loaded.state) {
                continue;
            }
            let at = times.get(position).map_or(now, |at| now.min(*at));
            self.ports.observe(&loaded.state, event);
            if let Err(refusal) = loaded.state.apply(&graph, event, at, out) {
                refused.get_or_insert_with(|| EngineError::refused(refusal.0));
            }
        }
        loop {
            let (mut unresolved, mut questions) = (Vec::new(), Vec::new());
            let (mut looks, mut looks_back) = (false, false);
            out.effects.retain(|effect| match effect {
                Effect::Resolve { task, generation } => {
                    unresolved.push((*task, *generation));
                    false
                }
                Effect::LookForLate => {
                    looks = true;
                    false
                }
                Effect::Poll(attempt) => {
                    questions.push(*attempt);
                    false
                }
                Effect::LookBack => {
                    looks_back = true;
                    false
                }
                _ => true,
            });
            if unresolved.is_empty() && questions.is_empty() && !looks && !looks_back {
                return Ok(refused);
            }
            if looks && !self.writes_objects {
                // Not for this process: whoever may leave word looks.
                loaded.state.owe_objects(now);
            } else if looks {
                out.effects.extend(owed_objects(&mut loaded.state.header));
                let (found, whole) = self.look_for_late(&graph, &loaded.state).await;
                let now = self.ports.clock().now();
                for event in found {
                    self.ports.observe(&loaded.state, &event);
                    loaded
                        .state
                        .apply(&graph, &event, now, out)
                        .map_err(|refusal| EngineError::refused(refusal.0))?;
                }
                if !whole {
                    loaded.state.look_again(now);
                }
            }
            if looks_back {
                let failed = self.failed_before(&loaded.state.header).await?;
                let event = Event::LookedBack { failed };
                self.ports.observe(&loaded.state, &event);
                loaded
                    .state
                    .apply(&graph, &event, now, out)
                    .map_err(|refusal| EngineError::refused(refusal.0))?;
            }
            // One commit for the question and its answer.
            let said = self.ask(&graph, &loaded.state, &questions, heard, Patience::Quick);
            for event in said.await {
                self.ports.observe(&loaded.state, &event);
                loaded
                    .state
                    .apply(&graph, &event, self.ports.clock().now(), out)
                    .map_err(|refusal| EngineError::refused(refusal.0))?;
            }
            let late = questions.into_iter().filter(|one| heard.is_late(*one));
            out.effects.extend(late.map(Effect::BeginJobs));
            for (task, generation) in unresolved {
                let result = match values::resolve(&self.ports, &graph, &loaded.state, task).await {
                    Ok(result) => result,
                    // What an upstream left behind is not fit for use, and never will be.
                    Err(error) if error.kind == EngineErrorKind::Corrupt => {
                        Resolution::Failed(error.message)
                    }
                    Err(error) => return Err(error),
                };
                let event = Event::Resolved {
                    task,
                    generation,
                    result,
                };
                self.ports.observe(&loaded.state, &event);
                loaded
                    .state
                    .apply(&graph, &event, now, out)
                    .map_err(|refusal| EngineError::refused(refusal.0))?;
            }
        }
    }
}
