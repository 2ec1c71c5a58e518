//! Starts executions. Cloud Run takes no name for one from whoever starts it, so each carries its key among its environment variables, and
//! a start looks for that first. Two starts of one key at the same moment are two executions: whoever starts sees to it that there is one.

use std::collections::BTreeMap;

use google_cloud_gax::error::Error;
use google_cloud_run_v2::model::run_job_request::Overrides;
use google_cloud_run_v2::model::run_job_request::overrides::ContainerOverride;
use google_cloud_run_v2::model::{EnvVar, Execution};
use google_cloud_wkt::Duration as Span;
use ork_core::deferred::CloudRunJob;
use ork_engine::ports::TrackerError;

use super::{Admin, CloudRunTracker, LONGEST_NAME, host, path_of_job, role};
use crate::meter::Usage;
use crate::trackers::classify::{About, Doing, Kind, classify, kind, said};
use crate::trackers::client::Client;
use crate::trackers::names::{self, Alphabet};
use crate::trackers::request::CloudRunRequest;
use crate::trackers::start::{StartTrouble, not_started};

/// The environment variable of an execution that says which start it came from.
pub const ATTEMPT_KEY: &str = "ORK_ATTEMPT_KEY";

/// How many of a job's newest executions are looked through for a key: pages, and what is on one.
pub(super) const PAGES: usize = 3;
pub(super) const PAGE: i32 = 100;

/// A job, by its parts.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) project: String,
    pub(super) region: String,
    pub(super) job: String,
    /// The id that the job itself was made for.
    pub(super) made_for: Option<String>,
}

impl Place {
    fn of(request: &CloudRunRequest) -> Self {
        Self {
            project: request.project.clone(),
            region: request.region.clone(),
            job: request.job.clone(),
            made_for: None,
        }
    }

    pub(super) fn path(&self) -> String {
        path_of_job(&self.project, &self.region, &self.job)
    }

    /// An execution of it.
    pub(super) fn described(&self, execution: &str) -> Result<CloudRunJob, TrackerError> {
        let short = execution.rsplit('/').next().unwrap_or_default();
        names::id("execution", short, Alphabet::Dns, LONGEST_NAME)?;
        Ok(CloudRunJob {
            project: self.project.clone(),
            region: self.region.clone(),
            job_name: self.job.clone(),
            execution_id: short.to_owned(),
            made_for: self.made_for.clone(),
        })
    }
}

/// Why nothing was run, or why nobody knows.
pub(super) enum NotRun {
    /// What the service said.
    Said(Error),
    /// What it means already.
    Trouble(StartTrouble),
}

impl From<StartTrouble> for NotRun {
    fn from(trouble: StartTrouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<TrackerError> for NotRun {
    fn from(error: TrackerError) -> Self {
        Self::Trouble(error.into())
    }
}

impl CloudRunTracker {
    /// Starts an execution marked with `id`, or finds the one that was started so before among the 300 newest of its job.
    pub async fn start(
        &self,
        request: &CloudRunRequest,
        id: &str,
    ) -> Result<CloudRunJob, StartTrouble> {
        names::project(&request.project)?;
        names::region(&request.region)?;
        names::id("Cloud Run job", &request.job, Alphabet::Dns, LONGEST_NAME)?;
        let overrides = overrides(request, id).map_err(TrackerError::Permanent)?;
        let admin = self.clients.at(&host(&request.region)).await?;
        let about = about(request);
        let place = Place::of(request);
        let run = self.run_once(&admin, &place, Some(overrides), id, &about);
        Box::pin(run).await.map_err(|error| match error {
            NotRun::Said(error) => not_started(&about, &error),
            NotRun::Trouble(trouble) => trouble,
        })
    }

    /// Runs a job unless an execution of it carries `id`.
    pub(super) async fn run_once(
        &self,
        admin: &Admin,
        place: &Place,
        overrides: Option<Overrides>,
        id: &str,
        about: &About,
    ) -> Result<CloudRunJob, NotRun> {
        let job = place.path();
        let earlier = Box::pin(marked(admin, &job, id)).await;
        if let Some(earlier) = earlier.map_err(NotRun::Said)? {
            return Ok(place.described(&earlier)?);
        }
        self.meter.count(
            None,
            &Usage {
                job_starts: 1,
                ..Usage::default()
            },
        );
        let mut run = admin.jobs.run_job().set_name(&job);
        if let Some(overrides) = overrides {
            run = run.set_overrides(overrides);
        }
        let operation = Box::pin(run.send())
            .await
            .map_err(|error| match kind(&error) {
                // It may have been started: whoever asks again finds it.
                Kind::Unclear => StartTrouble::Transient {
                    message: format!("{} was started, perhaps: {}", about.job, said(&error)),
                    retry_after: None,
                }
                .into(),
                _ => NotRun::Said(error),
            })?;
        let started = operation
            .metadata
            .and_then(|metadata| metadata.to_msg::<Execution>().ok());
        let name = started.map(|execution| execution.name);
        match name.filter(|name| !name.is_empty()) {
            Some(name) => {
                let mine = place.described(&name)?;
                // Somebody may have started the same at the same moment: the first one stays.
                match Box::pin(marked(admin, &job, id)).await {
                    Ok(Some(first)) if first.rsplit('/').next() != name.rsplit('/').next() => {
                        match self.cancel_execution(&mine).await {
                            // So new that it is not known yet.
                            Err(TrackerError::Missing(message)) => Err(StartTrouble::Transient {
                                message,
                                retry_after: None,
                            }
                            .into()),
                            Err(error) => Err(error.into()),
                            Ok(_) => Ok(place.described(&first)?),
                        }
                    }
                    _ => Ok(mine),
                }
            }
            // The service did not say which one it is, and its list does.
            None => match Box::pin(marked(admin, &job, id))
                .await
                .map_err(NotRun::Said)?
            {
                Some(name) => Ok(place.described(&name)?),
                None => Err(StartTrouble::Transient {
                    message: format!("{} was started, and is not to be seen yet", about.job),
                    retry_after: None,
                }
                .into()),
            },
        }
    }
}

impl CloudRunTracker {
    /// The execution that an earlier start made; `Missing` when there is none among the newest.
    pub(crate) async fn find(
        &self,
        request: &CloudRunRequest,
        id: &str,
    ) -> Result<CloudRunJob, TrackerError> {
        names::project(&request.project)?;
        names::region(&request.region)?;
        names::id("Cloud Run job", &request.job, Alphabet::Dns, LONGEST_NAME)?;
        let job = path_of_job(&request.project, &request.region, &request.job);
        let admin = self.clients.at(&host(&request.region)).await?;
        let about = about(request);
        match Box::pin(marked(&admin, &job, id)).await {
            Ok(Some(name)) => Place::of(request).described(&name),
            Ok(None) => Err(TrackerError::Missing(format!(
                "{} has no execution marked {id}",
                about.job
            ))),
            Err(error) => Err(classify(&about, &error)),
        }
    }
}

fn about(request: &CloudRunRequest) -> About {
    About {
        job: format!("Cloud Run job {} in {}", request.job, request.region),
        service: Admin::SERVICE,
        doing: Doing::Start,
        role: role(&request.project, &request.job, Doing::Start),
        hint: "",
    }
}

fn overrides(request: &CloudRunRequest, id: &str) -> Result<Overrides, String> {
    let mut container = ContainerOverride::new()
        .set_env(variables(&request.env, id)?)
        .set_name(request.container.as_deref().unwrap_or_default());
    if let Some(args) = &request.args {
        container = container.set_args(args).set_clear_args(args.is_empty());
    }
    let mut overrides = Overrides::new().set_container_overrides([container]);
    if let Some(tasks) = request.tasks {
        overrides = overrides.set_task_count(task_count(tasks)?);
    }
    if let Some(seconds) = request.timeout_seconds {
        overrides = overrides.set_timeout(Span::clamp(i64::from(seconds), 0));
    }
    Ok(overrides)
}

/// The environment of a container, the key of its start with it.
pub(super) fn variables(
    theirs: &BTreeMap<String, String>,
    id: &str,
) -> Result<Vec<EnvVar>, String> {
    if id.is_empty() {
        return Err("an execution is started without a key".into());
    }
    if theirs.contains_key(ATTEMPT_KEY) {
        return Err(format!(
            "the environment variable {ATTEMPT_KEY} is Ork's own: leave it out"
        ));
    }
    let variable = |(name, value): (&str, &str)| EnvVar::new().set_name(name).set_value(value);
    let theirs = theirs.iter().map(|(name, value)| (&**name, &**value));
    Ok(theirs.chain([(ATTEMPT_KEY, id)]).map(variable).collect())
}

pub(super) fn task_count(tasks: u32) -> Result<i32, String> {
    let number = i32::try_from(tasks).ok().filter(|tasks| *tasks > 0);
    number.ok_or_else(|| format!("`tasks` is {tasks}: an execution has 1 task at least"))
}

/// The execution that carries the key, by its full name: the first one, should there be several.
async fn marked(admin: &Admin, job: &str, id: &str) -> google_cloud_gax::Result<Option<String>> {
    let mut token = String::new();
    for _ in 0..PAGES {
        let page = admin
            .executions
            .list_executions()
            .set_parent(job)
            .set_page_size(PAGE)
            .set_page_token(&token)
            .send()
            .await?;
        let found = page
            .executions
            .into_iter()
            .filter(|known| carries(known, id));
        if let Some(first) = found.min_by_key(born) {
            return Ok(Some(first.name));
        }
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(None)
}

fn born(known: &Execution) -> (i64, i32) {
    let time = known.create_time.unwrap_or_default();
    (time.seconds(), time.nanos())
}

fn carries(known: &Execution, id: &str) -> bool {
    let containers = known
        .template
        .iter()
        .flat_map(|template| &template.containers);
    containers
        .flat_map(|container| &container.env)
        .any(|variable| {
            variable.name == ATTEMPT_KEY && variable.value().is_some_and(|value| value == id)
        })
}
