//! The handlers: what a service does with a message. Thin, as the deployed ones are: everything is the engine's.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::run::{Command, Event, RecoverFrom, RunStatus};
use ork_engine::ports::Key;
use ork_engine::{ClaimRequest, Engine, EngineError, EngineErrorKind, StartRun, WorkflowDocument};

use crate::finished::finished;
use crate::plan::{Act, Mode, Plan};
use crate::process::{End, Message};
use crate::world::{Handle, World};

/// One instance of the services.
pub(crate) type Instance = Arc<Engine<Handle>>;

/// What a handler needs besides its message.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) engine: Instance,
    pub(crate) world: World,
    pub(crate) plan: Arc<Plan>,
    /// The process it is.
    pub(crate) process: usize,
}

impl Ground {
    fn claims(&self) -> ClaimRequest {
        ClaimRequest {
            places: self.plan.places,
            supervised: self.plan.mode == Mode::Embedded,
        }
    }
    pub(crate) fn claim(&self) -> Option<ClaimRequest> {
        Some(self.claims())
    }

    /// What the answer to a message is.
    fn end<T>(&self, result: Result<T, EngineError>) -> End {
        match result {
            Ok(_) => End::Done,
            Err(error) => {
                self.world.lock().tell(|| format!("fails: {error}"));
                match error.kind {
                    EngineErrorKind::Unavailable => End::Again,
                    // Understood, and nothing can be done about it.
                    EngineErrorKind::NotFound
                    | EngineErrorKind::Refused
                    | EngineErrorKind::Store
                    | EngineErrorKind::Corrupt => End::Done,
                }
            }
        }
    }
}

/// Deals with one message.
pub(crate) async fn handle(ground: Ground, message: Message) -> End {
    match message {
        Message::Hint(run) => {
            let stepped = ground.engine.step(&run, Vec::new(), ground.claim()).await;
            ground.end(stepped)
        }
        Message::Wake(run) => {
            let tick = vec![Event::Tick];
            ground.end(ground.engine.step(&run, tick, ground.claim()).await)
        }
        Message::Notice(run, name) => notice(&ground, &run, name).await,
        Message::Tick => tick(&ground).await,
        Message::Said(run, events) => {
            let stepped = ground.engine.step(&run, events, ground.claim()).await;
            ground.end(stepped)
        }
        Message::Adopt => adopt(&ground).await,
        Message::Wish(act, run) => wish(&ground, &act, run).await,
        Message::Finished {
            run,
            verdict,
            topic,
            call,
        } => finished(&ground, run, verdict, topic, call).await,
    }
}

async fn notice(ground: &Ground, run: &RunId, name: ObjectName) -> End {
    let claim = ground.claim().filter(|_| ground.plan.settle_claims);
    let names = [name];
    let settled = ground.engine.settle(run, &names, claim).await;
    if settled.is_ok() {
        crate::watch::after_notice(&mut ground.world.lock(), &names[0]);
    }
    ground.end(settled)
}

async fn tick(ground: &Ground) -> End {
    use ork_engine::ports::Clock;
    let since = ground.engine.ports().now();
    let started = {
        let inner = ground.world.lock();
        (inner.now, inner.stats.commits)
    };
    match ground.engine.tick(50, ground.claims()).await {
        Ok(ticked) => {
            let mut inner = ground.world.lock();
            for (run, result) in &ticked.runs {
                match result {
                    Ok(_) => crate::watch::after_tick(&mut inner, run, since, started),
                    Err(error) => inner.tell(|| format!("tick: {run}: {error}")),
                }
            }
            if let Some(error) = &ticked.unfired {
                inner.tell(|| format!("tick: {error}"));
            }
            let failed = ticked.runs.iter().any(|(_, result)| {
                result
                    .as_ref()
                    .is_err_and(|error| error.kind == EngineErrorKind::Unavailable)
            });
            if failed && ground.plan.mode == Mode::Embedded {
                return End::Again;
            }
            End::Done
        }
        // The next tick is the next try.
        Err(error) => {
            ground.world.lock().tell(|| format!("tick: {error}"));
            match ground.plan.mode {
                Mode::Cloud => End::Done,
                Mode::Embedded => End::Again,
            }
        }
    }
}

/// A process that took over from one that died: what it had in flight is queued again.
async fn adopt(ground: &Ground) -> End {
    let me = ground.engine.owner().map(str::to_owned);
    let runs: Vec<RunId> = {
        let inner = ground.world.lock();
        let all = inner.watch.runs.iter();
        all.map(|(run, _)| run.clone()).collect()
    };
    for run in runs {
        let view = match ground.engine.find_run(&run).await {
            Ok(Some(view)) => view,
            Ok(None) => continue,
            Err(error) if error.kind == EngineErrorKind::Unavailable => return End::Again,
            Err(_) => continue,
        };
        if view.header.owner == me || view.header.status.is_terminal() {
            continue;
        }
        let lost = Event::OwnerLost {
            new_owner: me.clone(),
        };
        let stepped = ground.engine.step(&run, vec![lost], ground.claim()).await;
        let published = match stepped {
            Ok(_) => ground.engine.publish_outputs(&run).await,
            Err(error) => Err(error),
        };
        if published.is_err_and(|error| error.kind == EngineErrorKind::Unavailable) {
            return End::Again;
        }
    }
    End::Done
}

/// Somebody wants something; the answer has to be true.
async fn wish(ground: &Ground, act: &Act, run: Option<RunId>) -> End {
    let main = ground.plan.prepared.workflows[0].clone();
    let engine = &ground.engine;
    let command = |run: &Option<RunId>, command: Command| {
        let run = run.clone();
        async move {
            let Some(run) = run else {
                return End::Done;
            };
            carry_out(ground, &run, command).await
        }
    };
    match act {
        Act::Start { only, .. } => start(ground, *only, run).await,
        Act::Enable(on) => ground.end(engine.enable(&main.name, *on).await),
        Act::Redeploy => {
            let later = &ground.plan.prepared.later;
            let current = current_version(&ground.world, &main.name);
            let next = match current {
                Some(version) if version == later.version() => &main,
                _ => later,
            };
            ground.end(engine.deploy(next, None, &ground.plan.prepared.pools).await)
        }
        Act::Delete => {
            let gone = engine.delete_workflow(&main.name).await;
            if gone.is_err() {
                return ground.end(gone);
            }
            engine
                .ports()
                .sleep(ork_core::time::Millis::from_secs(120))
                .await;
            ground.end(
                engine
                    .deploy(&main, None, &ground.plan.prepared.pools)
                    .await,
            )
        }
        Act::Cancel => {
            let reason = "somebody wants it".to_owned();
            command(&run, Command::Cancel { reason }).await
        }
        Act::Pause => command(&run, Command::Pause).await,
        Act::Resume => command(&run, Command::Resume).await,
        Act::PauseTask(task) => command(&run, Command::PauseTask { task: *task }).await,
        Act::ResumeTask(task) => command(&run, Command::ResumeTask { task: *task }).await,
        Act::Retry => command(&run, Command::Retry).await,
        Act::RetryTask(task) => command(&run, Command::RetryTask { task: *task }).await,
        Act::Resend => command(&run, Command::Resend { notice: None }).await,
        Act::Recover(from, task) => {
            let from = match from {
                0 => RecoverFrom::Failed,
                1 => RecoverFrom::Step(*task),
                _ => RecoverFrom::Task(*task),
            };
            command(&run, Command::Recover { from }).await
        }
    }
}

async fn start(ground: &Ground, only: Option<u32>, id: Option<RunId>) -> End {
    let main = &ground.plan.prepared.workflows[0];
    let only: Vec<TaskName> = only
        .and_then(|task| main.tasks.get(task as usize))
        .map(|task| task.name.clone())
        .into_iter()
        .collect();
    let wish = StartRun {
        id,
        only,
        ..StartRun::of(main.name.clone())
    };
    let started = ground.engine.start(wish).await;
    if let Ok(started) = &started {
        let mut inner = ground.world.lock();
        let there =
            inner.watch.runs.contains_key(&started.id) || inner.watch.garbled.contains(&started.id);
        if !there {
            inner.violated(
                "I20",
                format!(
                    "the start of {} was confirmed and it is not stored",
                    started.id
                ),
            );
        }
    }
    ground.end(started)
}

/// Carries out a command; a refusal must have a reason and leave no trace.
async fn carry_out(ground: &Ground, run: &RunId, command: Command) -> End {
    let before = {
        let mut inner = ground.world.lock();
        let process = ground.process;
        inner.watch.carried_out.retain(|(by, _)| *by != process);
        (inner.stats.commits, status(&inner, run))
    };
    let event = Event::Command(command.clone());
    let result = ground.engine.step(run, vec![event], None).await;
    if let Err(error) = &result
        && error.kind == EngineErrorKind::Refused
    {
        let mut inner = ground.world.lock();
        let mine = (ground.process, run.clone());
        if inner.watch.carried_out.contains(&mine) {
            inner.violated(
                "I17",
                format!("{command:?} on {run} was refused after it was carried out: {error}"),
            );
        }
        // It stood as it stands all the time: would it have been refused?
        if let (Some((was, _)), Some((is, since))) = (before.1, status(&inner, run))
            && was == is
            && since <= before.0
        {
            let wrong = match command {
                Command::Cancel { .. } => !is.is_terminal(),
                Command::Resume => is == RunStatus::Paused,
                Command::Pause => matches!(is, RunStatus::Running | RunStatus::Recovering),
                _ => false,
            };
            if wrong {
                inner.violated(
                    "I17",
                    format!("{command:?} on {run} was refused while it was {is}: {error}"),
                );
            }
        }
    }
    ground.end(result)
}

/// Where a run stands, and since which commit.
fn status(inner: &crate::world::Inner, run: &RunId) -> Option<(RunStatus, u64)> {
    let tracked = inner.watch.runs.get(run)?;
    Some((tracked.state.header.status, tracked.status_since))
}

/// What is deployed at the beginning.
pub(crate) async fn deploy_all(engine: Instance, plan: Arc<Plan>) -> Result<(), EngineError> {
    for (at, workflow) in plan.prepared.workflows.iter().enumerate() {
        let none = BTreeMap::new();
        let pools = if at == 0 { &plan.prepared.pools } else { &none };
        engine.deploy(workflow, None, pools).await?;
    }
    Ok(())
}

fn current_version(world: &World, name: &WorkflowName) -> Option<VersionHash> {
    let inner = world.lock();
    let document = inner.documents.get(&Key::Workflow(name.clone()))?;
    let standing: WorkflowDocument = serde_json::from_slice(&document.body).ok()?;
    Some(standing.current)
}
