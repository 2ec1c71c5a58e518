//! Changes that a person or a program makes: each leaves a record of who made it.

use std::collections::BTreeMap;

use ork_core::definition::Workflow;
use ork_core::ids::{PoolName, RecordId, RunId, WorkflowName};
use ork_core::run::{Command, Event};

use crate::access::Act;
use crate::audit::{self, AuditDetail, AuditResult, AuditTarget, Deed};
use crate::error::EngineError;
use crate::keys::{ApiKeyDocument, NewKey};
use crate::ports::Ports;
use crate::{Deployment, Engine, Prune, PruneFrom, Pruned, StartRun, Started, Stepped};

/// The use cases as somebody asks for them. What happens by itself (schedules, uploads found in a bucket) does not come this way.
#[derive(Debug)]
pub struct By<'a, P: Ports> {
    engine: &'a Engine<P>,
    act: Act,
}

impl<P: Ports> Engine<P> {
    /// Who asks for what follows. The record of a change is part of the commit that makes it.
    pub const fn by(&self, act: Act) -> By<'_, P> {
        By { engine: self, act }
    }
}

impl<P: Ports> By<'_, P> {
    pub(crate) const fn engine(&self) -> &Engine<P> {
        self.engine
    }

    /// Does something to a run.
    pub async fn command(&self, run: &RunId, command: Command) -> Result<Stepped, EngineError> {
        let deed = Deed::of_command(&self.act, run, &command);
        let events = vec![Event::Command(command)];
        self.engine.step_for(run, events, Some(deed)).await
    }

    /// As [`Engine::start`]. A run that is there already is left alone, and nothing is recorded.
    pub async fn start(&self, wish: StartRun) -> Result<Started, EngineError> {
        let mut deed = Deed::new(&self.act, "run.start").of_workflow(&wish.workflow);
        if !wish.params.is_empty() {
            deed.detail
                .insert("params".into(), audit::params(&wish.params));
        }
        if let Some(version) = &wish.version {
            deed = deed.saying("version", version.short());
        }
        if let Some(slot) = wish.slot {
            deed = deed.saying("slot", slot.rfc3339());
        }
        if !wish.only.is_empty() {
            let names: Vec<&str> = wish.only.iter().map(|name| name.as_str()).collect();
            deed = deed.saying("tasks", names);
        }
        self.engine.start_for(wish, deed).await
    }

    /// As [`Engine::prune`]. The commit that marks a run to be removed records it; what an earlier call began is recorded already.
    pub async fn prune(&self, wish: &Prune, from: &PruneFrom) -> Result<Pruned, EngineError> {
        self.engine.prune_for(wish, from, Some(&self.act)).await
    }

    /// Lets the schedules of a workflow fire or not.
    pub async fn enable(&self, name: &WorkflowName, enabled: bool) -> Result<(), EngineError> {
        let action = if enabled {
            "schedule.resume"
        } else {
            "schedule.pause"
        };
        let deed = Deed::new(&self.act, action).of_workflow(name);
        self.engine.enable_for(name, enabled, Some(&deed)).await
    }

    /// Removes a workflow; its runs stay.
    pub async fn delete_workflow(&self, name: &WorkflowName) -> Result<(), EngineError> {
        let deed = Deed::new(&self.act, "workflow.delete").of_workflow(name);
        self.engine.delete_workflow_for(name, Some(&deed)).await
    }

    /// Makes `workflow` the current version. One that is the current version already is left alone, and nothing is recorded.
    pub async fn deploy(
        &self,
        workflow: &Workflow,
        source: Option<String>,
        pools: &BTreeMap<PoolName, u32>,
    ) -> Result<Deployment, EngineError> {
        let deed = Deed::new(&self.act, "workflow.deploy").of_workflow(&workflow.name);
        self.engine
            .deploy_for(workflow, source, pools, Some(&deed))
            .await
    }

    /// As [`By::deploy`], for a definition that lies in the bucket: the record names which upload it was.
    pub async fn deploy_upload(
        &self,
        workflow: &Workflow,
        source: Option<String>,
        pools: &BTreeMap<PoolName, u32>,
        generation: u64,
    ) -> Result<Deployment, EngineError> {
        let deed = Deed::new(&self.act, "workflow.deploy")
            .of_workflow(&workflow.name)
            .saying("generation", generation);
        self.engine
            .deploy_for(workflow, source, pools, Some(&deed))
            .await
    }

    /// Makes an API key out of random bytes: what is kept of it, and its text, which nobody can be told again.
    pub async fn create_key(
        &self,
        wish: NewKey,
        secret: [u8; 32],
    ) -> Result<(ApiKeyDocument, String), EngineError> {
        self.engine.make_key(wish, secret, &self.act).await
    }

    /// Has an API key let nobody in any more.
    pub async fn revoke_key(&self, id: &RecordId) -> Result<ApiKeyDocument, EngineError> {
        self.engine.end_key(id, &self.act).await
    }

    /// Does what is no commit of the store, such as an upload: recorded as begun before it is tried, for who is not recorded does nothing, and
    /// with what came of it afterwards, as far as that can be done: `made` says what there is to say of that.
    pub async fn attempt<T, E: std::fmt::Display>(
        &self,
        action: &'static str,
        target: AuditTarget,
        detail: AuditDetail,
        work: impl Future<Output = Result<T, E>>,
        made: impl FnOnce(&T) -> AuditDetail,
    ) -> Result<Result<T, E>, EngineError> {
        let mut deed = Deed::new(&self.act, action);
        deed.target = target;
        for (name, value) in detail {
            deed = deed.saying(&name, value);
        }
        self.engine.record_alone(&deed, AuditResult::Begun).await?;
        let done = work.await;
        let (deed, result) = match &done {
            Ok(value) => {
                let all = made(value).into_iter();
                let deed = all.fold(deed, |deed, (name, value)| deed.saying(&name, value));
                (deed, AuditResult::Done)
            }
            Err(error) => (deed.saying("why", error.to_string()), AuditResult::Failed),
        };
        // Whoever reads finds that it was begun and not how it went.
        let _ = self.engine.record_alone(&deed, result).await;
        Ok(done)
    }
}
