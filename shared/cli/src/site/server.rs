//! A server: Ork's HTTP API, asked for what a state folder or a project is asked for.
//!
//! A run comes as it is stored, with the definition of its version, so that everything about it is worked out here as it is for a run of this
//! machine. What only the other side knows (pools, prices) is asked for.

mod access;
mod deploy;
mod http;
mod secret;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ork_core::Value;
use ork_core::definition::{TaskIndex, Workflow};
use ork_core::ids::{RunId, VersionHash, WorkflowName};
use ork_core::run::{Command, Graph, RecoverFrom, RunState, RunStatus};
use ork_core::task::Output;
use ork_core::time::Time;
use ork_engine::report::{CostReport, RunSummary, StoredReport};
use ork_engine::why::Explanation;
use ork_engine::{
    BackfillReport, EngineError, EngineErrorKind, RunView, SlotRange, StartRun, Started,
    WorkflowDocument, invented_id,
};
use reqwest::header::ETAG;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

pub(crate) use self::http::Looked;
use self::http::{Asked, Http};
use self::secret::Credentials;
use super::{Attempt, ServerAt};
use crate::failure::Failure;
use crate::progress;

/// Items of a page.
const PAGE: usize = 500;

/// A server that is asked.
pub(crate) struct Server {
    http: Http,
    graphs: RefCell<BTreeMap<VersionHash, Arc<Graph>>>,
    /// The run that was looked at last, and the mark of what was seen.
    seen: RefCell<Option<(String, RunView)>>,
}

/// A page of a listing.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    next_cursor: Option<String>,
}

/// What is read of a workflow in a list.
#[derive(Deserialize)]
struct Known {
    workflow: String,
    version: String,
    enabled: bool,
    deployed_at: String,
    source: Option<String>,
    active: Vec<String>,
    queued: Vec<String>,
}

#[derive(Deserialize)]
struct KnownVersion {
    version: String,
}

#[derive(Deserialize)]
struct StartedThere {
    run_id: String,
    created: bool,
    queued: bool,
}

#[derive(Deserialize)]
struct Me {
    workflows: Vec<String>,
}

impl Server {
    /// Looks up what the server is shown. Nobody is asked yet.
    pub(crate) async fn connect(at: ServerAt) -> Result<Self, Failure> {
        let credentials = Credentials::of(&at).await?;
        Ok(Self {
            http: Http::new(at.url, credentials)?,
            graphs: RefCell::default(),
            seen: RefCell::default(),
        })
    }

    /// Its address, which is that of its pages, too.
    pub(crate) fn url(&self) -> &str {
        self.http.url()
    }

    /// Asks for something once, and tells of whatever comes back.
    pub(crate) async fn look(&self, path: &str) -> Looked {
        self.http.look(Asked::get(path)).await
    }

    /// Something in an answer cannot be used.
    fn odd(&self, what: &str, why: impl std::fmt::Display) -> EngineError {
        EngineError::new(
            EngineErrorKind::Corrupt,
            format!(
                "{} answers with {what} that this ork cannot read: {}",
                self.url(),
                self.http.fit(&why.to_string())
            ),
        )
    }

    fn instant(&self, text: &str) -> Result<Time, EngineError> {
        Time::parse(text).map_err(|error| self.odd("an instant", error))
    }

    fn run_id(&self, text: &str) -> Result<RunId, EngineError> {
        RunId::new(text).map_err(|error| self.odd("a run's id", error))
    }

    fn version(&self, text: &str) -> Result<VersionHash, EngineError> {
        VersionHash::parse(text).ok_or_else(|| self.odd("a version", "it is no hash"))
    }

    /// Every item of a listing.
    async fn all<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, EngineError> {
        let (mut all, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let asked = Asked::get(path)
                .with("limit", Some(PAGE))
                .with("cursor", cursor);
            let page: Page<T> = self.http.json(asked).await?;
            all.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Every workflow, by name.
    pub(crate) async fn workflows(&self) -> Result<Vec<WorkflowDocument>, EngineError> {
        let all: Vec<Known> = self.all("/api/workflows").await?;
        all.into_iter().map(|one| self.document(one)).collect()
    }

    fn document(&self, one: Known) -> Result<WorkflowDocument, EngineError> {
        let name = WorkflowName::new(&one.workflow)
            .map_err(|error| self.odd("a workflow's name", error))?;
        let runs = |all: Vec<String>| all.iter().map(|one| self.run_id(one)).collect();
        let runs = [one.active, one.queued].map(runs);
        let [active, queued]: [Result<Vec<RunId>, _>; 2] = runs;
        Ok(WorkflowDocument {
            enabled: one.enabled,
            source: one.source,
            active: active?,
            queued: queued?,
            ..WorkflowDocument::seen(
                name,
                self.version(&one.version)?,
                self.instant(&one.deployed_at)?,
            )
        })
    }

    /// The definition of a version.
    pub(crate) async fn definition(
        &self,
        name: &WorkflowName,
        version: &VersionHash,
    ) -> Result<Arc<Graph>, EngineError> {
        if let Some(graph) = self.graphs.borrow().get(version) {
            return Ok(graph.clone());
        }
        let asked = Asked::get(format!("/api/workflows/{name}/versions/{version}"));
        let answer = self.http.ask(asked).await?;
        let workflow = Workflow::decode(&answer.body)
            .map_err(|why| self.odd("the definition of a workflow", why))?;
        let graph = Arc::new(Graph::new(workflow));
        let mut known = self.graphs.borrow_mut();
        known.insert(version.clone(), graph.clone());
        Ok(graph)
    }

    /// All stored versions of a workflow.
    pub(crate) async fn versions(
        &self,
        name: &WorkflowName,
    ) -> Result<Vec<VersionHash>, EngineError> {
        let all: Vec<KnownVersion> = self
            .all_at_once(&format!("/api/workflows/{name}/versions"))
            .await?;
        all.iter().map(|one| self.version(&one.version)).collect()
    }

    /// A listing that has no pages.
    async fn all_at_once<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Vec<T>, EngineError> {
        let page: Page<T> = self.http.json(Asked::get(path)).await?;
        Ok(page.items)
    }

    /// Lets a workflow's schedules fire or not.
    pub(crate) async fn enable(&self, name: &WorkflowName, on: bool) -> Result<(), EngineError> {
        let path = format!("/api/workflows/{name}/schedule");
        let asked = Asked::post(path, json!({ "enabled": on })).by(Method::PATCH);
        self.http.ask(asked.again()).await.map(drop)
    }

    /// Removes a workflow; its runs stay.
    pub(crate) async fn delete(&self, name: &WorkflowName) -> Result<(), EngineError> {
        let asked = Asked::get(format!("/api/workflows/{name}")).by(Method::DELETE);
        self.http.ask(asked.once()).await.map(drop)
    }

    /// Starts a run, under an id that is made up here when none is given: asking twice makes one run.
    pub(crate) async fn start(&self, wish: StartRun) -> Result<Started, EngineError> {
        let given = wish.id.is_some();
        let id = match wish.id {
            Some(id) => id,
            None => invented_id(&wish.workflow, progress::now(), random()?),
        };
        let path = format!("/api/workflows/{}/runs", wish.workflow);
        let body = json!({
            "params": wish.params,
            "idempotency_key": id,
            "version": wish.version,
            "tasks": wish.only,
        });
        let started: StartedThere = self.http.json(Asked::post(path, body).again()).await?;
        // Nobody else has an id that was made up: what was there was made by this very request, whose answer was lost.
        let created = started.created || !given;
        Ok(Started::elsewhere(
            self.run_id(&started.run_id)?,
            created,
            started.queued,
        ))
    }

    /// Makes a run for every slot of a range that has none, or says what would be done.
    pub(crate) async fn backfill(
        &self,
        name: &WorkflowName,
        range: SlotRange,
        params: Option<&serde_json::Map<String, Value>>,
    ) -> Result<BackfillReport, EngineError> {
        let body = json!({
            "from": range.from.rfc3339(),
            "to": range.to.rfc3339(),
            "dry_run": params.is_none(),
            "params": params.cloned().unwrap_or_default(),
        });
        let path = format!("/api/workflows/{name}/backfill");
        let asked = Asked::post(path, body);
        // Only the first answer tells which runs were made.
        let asked = if params.is_none() {
            asked.again()
        } else {
            asked
        };
        self.http.json(asked).await
    }

    /// A run as it stands.
    pub(crate) async fn view(&self, run: &RunId) -> Result<RunView, EngineError> {
        let known = self.seen.borrow().clone();
        let known = known.filter(|(_, view)| view.header.id == *run);
        let tag = known.as_ref().map(|(tag, _)| tag.clone());
        let asked = Asked::get(format!("/api/runs/{run}/state")).unless(tag);
        let answer = self.http.ask(asked).await?;
        if answer.status == StatusCode::NOT_MODIFIED
            && let Some((_, view)) = known
        {
            return Ok(view);
        }
        let view = self.decoded(&self.http.read(&answer)?).await?;
        let tag = answer.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
        *self.seen.borrow_mut() = tag.map(|tag| (tag.to_owned(), view.clone()));
        Ok(view)
    }

    async fn decoded(&self, stored: &StoredReport) -> Result<RunView, EngineError> {
        let name = WorkflowName::new(&stored.workflow)
            .map_err(|error| self.odd("a workflow's name", error))?;
        let graph = self
            .definition(&name, &self.version(&stored.version)?)
            .await?;
        let bytes = |text: &String| {
            let decoded = BASE64.decode(text);
            decoded.map_err(|error| self.odd("a run's documents", error))
        };
        let pages = stored.pages.iter().map(bytes);
        let pages = pages.collect::<Result<Vec<Vec<u8>>, _>>()?;
        let state = RunState::decode(&graph, &bytes(&stored.header)?, &pages)
            .map_err(|error| self.odd("a run's documents", error))?;
        Ok(RunView {
            header: state.header.clone(),
            graph,
            state,
        })
    }

    /// Does something to a run.
    pub(crate) async fn command(&self, run: &RunId, command: Command) -> Result<(), EngineError> {
        // Tasks are known here by their places, and there by their names.
        let view = self.view(run).await?;
        let task = |at: TaskIndex| view.graph.task(at).name.to_string();
        let (path, body) = match command {
            Command::Cancel { reason } => ("cancel".to_owned(), json!({ "reason": reason })),
            Command::Pause => ("pause".to_owned(), json!({})),
            Command::Resume => ("resume".to_owned(), json!({})),
            Command::Retry => ("retry".to_owned(), json!({})),
            Command::Recover { from } => (
                "recover".to_owned(),
                match from {
                    RecoverFrom::Step(step) => json!({ "from_step": step }),
                    RecoverFrom::Task(at) => json!({ "from_task": task(at) }),
                    RecoverFrom::Failed => json!({ "failed": true }),
                },
            ),
            Command::PauseTask { task: at } => (format!("tasks/{}/pause", task(at)), json!({})),
            Command::ResumeTask { task: at } => (format!("tasks/{}/resume", task(at)), json!({})),
            Command::RetryTask { task: at } => (format!("tasks/{}/retry", task(at)), json!({})),
            Command::MarkSuccess {
                task: at,
                index,
                output,
            } => (
                format!("tasks/{}/mark-success", task(at)),
                json!({ "index": index, "output": given(&output)? }),
            ),
            Command::Resend { notice: Some(key) } => (format!("notices/{key}/resend"), json!({})),
            Command::Resend { notice: None } => ("notices/resend".to_owned(), json!({})),
            Command::Remove { .. } => return Err(refused("removing runs is not in the API")),
        };
        let asked = Asked::post(format!("/api/runs/{run}/{path}"), body);
        self.http.ask(asked).await.map(drop)
    }

    /// Why a run does not go on.
    pub(crate) async fn explain(&self, run: &RunId) -> Result<Explanation, EngineError> {
        let asked = Asked::get(format!("/api/runs/{run}/explanation"));
        self.http.json(asked).await
    }

    /// What a run has cost.
    pub(crate) async fn cost(&self, run: &RunId) -> Result<CostReport, EngineError> {
        self.http
            .json(Asked::get(format!("/api/runs/{run}/cost")))
            .await
    }

    /// A page of runs, newest first, and where the next one begins.
    pub(crate) async fn runs(
        &self,
        status: Option<RunStatus>,
        workflow: Option<&WorkflowName>,
        cursor: Option<&str>,
        most: usize,
    ) -> Result<(Vec<RunSummary>, Option<String>), EngineError> {
        let asked = Asked::get("/api/runs")
            .with("status", status)
            .with("workflow", workflow)
            .with("limit", Some(most.clamp(1, PAGE)))
            .with("cursor", cursor);
        let page: Page<RunSummary> = self.http.json(asked).await?;
        // They are shown, and asked for: nothing else than ids may come of it.
        for one in &page.items {
            self.run_id(&one.run_id)?;
        }
        Ok((page.items, page.next_cursor))
    }

    /// The workflows to which whoever asks is limited; none for somebody who is limited to nothing.
    pub(crate) async fn limited_to(&self) -> Result<Vec<WorkflowName>, EngineError> {
        let me: Me = self.http.json(Asked::get("/api/me")).await?;
        let name = |text: &String| {
            WorkflowName::new(text).map_err(|error| self.odd("a workflow's name", error))
        };
        me.workflows.iter().map(name).collect()
    }

    /// A task's output as JSON text.
    pub(crate) async fn output_of(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        let asked = Asked::get(self.of_task(view, task, "output"));
        let answer = self.http.ask(asked).await?;
        let text = String::from_utf8(answer.body).map_err(|error| self.odd("an output", error))?;
        Ok(text.into())
    }

    /// Where that is, for people.
    pub(crate) fn output_place(&self, view: &RunView, task: TaskIndex) -> String {
        format!("{}{}", self.url(), self.of_task(view, task, "output"))
    }

    fn of_task(&self, view: &RunView, task: TaskIndex, what: &str) -> String {
        let (run, name) = (&view.header.id, &view.graph.task(task).name);
        format!("/api/runs/{run}/tasks/{name}/{what}")
    }

    /// At most `most` bytes of a log.
    pub(crate) async fn log(
        &self,
        view: &RunView,
        of: Attempt,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, EngineError> {
        let asked = self.of_log(view, of).with("from", Some(from));
        let answer = self.http.ask(asked.with("limit", Some(most))).await?;
        Ok(answer.body)
    }

    /// The last bytes of a log, and its page.
    pub(crate) async fn log_end(
        &self,
        view: &RunView,
        of: Attempt,
        most: u64,
    ) -> Result<(Vec<u8>, String), EngineError> {
        let asked = self.of_log(view, of).with("tail", Some(most));
        let answer = self.http.ask(asked.with("limit", Some(most))).await?;
        let (run, name) = (&view.header.id, &view.graph.task(of.task).name);
        let page = format!("{}/runs/{run}/tasks/{name}/at/{}/log", self.url(), of.index);
        Ok((answer.body, page))
    }

    fn of_log(&self, view: &RunView, of: Attempt) -> Asked {
        Asked::get(self.of_task(view, of.task, "logs"))
            .with("index", Some(of.index))
            .with("attempt", Some(of.attempt))
    }
}

fn refused(message: impl Into<String>) -> EngineError {
    EngineError::new(EngineErrorKind::Refused, message)
}

/// An output that somebody gave, as JSON.
fn given(output: &Output) -> Result<Value, EngineError> {
    let Output::Inline(text) = output else {
        return Err(refused("an output that is an object cannot be given"));
    };
    serde_json::from_str(text).map_err(|error| refused(format!("the output is not JSON: {error}")))
}

fn random() -> Result<u64, EngineError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        let message = format!("this system has no random bytes for a run's id now: {error}");
        EngineError::new(EngineErrorKind::Unavailable, message)
    })?;
    Ok(u64::from_ne_bytes(bytes))
}
