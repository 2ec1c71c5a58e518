//! Jobs that are made of an image for one attempt: made, run once, watched as every other, and removed.
//!
//! Making and running are two steps, and what stands between them is committed by whoever starts: only work that says it is made is run,
//! and by the uid that was committed with it. So whoever was held up and makes the job anew, after it was run and removed, runs nothing, and
//! nobody else runs that one either.

use std::time::Duration;

use google_cloud_run_v2::model::condition::State;
use google_cloud_run_v2::model::{
    Container, Execution, ExecutionTemplate, Job, ResourceRequirements, TaskTemplate,
};
use google_cloud_wkt::Duration as Span;
use ork_core::deferred::CloudRunJob;
use ork_engine::ports::{Stopping, TrackerError};

use super::start::{NotRun, PAGE, PAGES, Place, task_count, variables};
use super::{Admin, CloudRunTracker, LONGEST_NAME, host};
use crate::trackers::classify::{About, Doing, Kind, classify, kind, said, shortened};
use crate::trackers::client::Client;
use crate::trackers::names::{self, Alphabet};
use crate::trackers::request::{ImageRequest, MadeFor};
use crate::trackers::start::{StartTrouble, not_started};

/// The longest that Cloud Run lets a task be at work: a week.
const LONGEST_TASK: u32 = 168 * 3600;
/// How often a job that was just made is looked at before it is left to the next question, and the pause between.
const LOOKS: usize = 8;
const PAUSE: Duration = Duration::from_secs(1);

/// The job that is made for an id: of the same name every time.
fn job_of(place: &MadeFor, id: &str) -> Place {
    Place {
        project: place.project.clone(),
        region: place.region.clone(),
        job: names::fitting(id, Alphabet::Dns, LONGEST_NAME),
        made_for: Some(id.to_owned()),
    }
}

impl CloudRunTracker {
    /// Makes the job for `id`, or finds it made; either way it can be run.
    pub async fn make(&self, request: &ImageRequest, id: &str) -> Result<MadeFor, StartTrouble> {
        let place = MadeFor {
            project: request.project.clone(),
            region: request.region.clone(),
            uid: None,
        };
        let admin = self.at(&place).await?;
        let job = described(request, id).map_err(TrackerError::Permanent)?;
        let made = job_of(&place, id);
        let about = about(&made, Doing::Start);
        let create = admin
            .jobs
            .create_job()
            .set_parent(format!(
                "projects/{}/locations/{}",
                request.project, request.region
            ))
            .set_job_id(&made.job)
            .set_job(job);
        match Box::pin(create.send()).await {
            Ok(_) => {}
            Err(error) if kind(&error) == Kind::Exists => {}
            // Whoever asks again finds it.
            Err(error) if kind(&error) == Kind::Unclear => {
                return Err(later(format!(
                    "{} was made, perhaps: {}",
                    about.job,
                    said(&error)
                )));
            }
            Err(error) => return Err(not_started(&about, &error)),
        }
        let uid = Box::pin(ready(&admin, &made.path(), &about)).await?;
        Ok(MadeFor {
            uid: Some(uid),
            ..place
        })
    }

    /// Runs the job that was made for `id`, or finds the execution that came of it; `None` when there is no such job any more.
    pub async fn run_made(
        &self,
        place: &MadeFor,
        id: &str,
    ) -> Result<Option<CloudRunJob>, StartTrouble> {
        let admin = self.at(place).await?;
        let made = job_of(place, id);
        let about = about(&made, Doing::Start);
        let look = admin.jobs.get_job().set_name(made.path());
        match Box::pin(look.send()).await {
            // Whoever made this one did not know that the one which was committed is over and gone.
            Ok(job) if place.uid.as_ref().is_some_and(|uid| *uid != job.uid) => return Ok(None),
            Ok(_) => {}
            Err(error) if kind(&error) == Kind::Missing => return Ok(None),
            Err(error) => return Err(not_started(&about, &error)),
        }
        match Box::pin(self.run_once(&admin, &made, None, id, &about)).await {
            Ok(job) => Ok(Some(job)),
            Err(NotRun::Trouble(trouble)) => Err(trouble),
            Err(NotRun::Said(error)) => match kind(&error) {
                Kind::Missing => Ok(None),
                Kind::State => Err(later(format!(
                    "{} cannot be run as it stands now: {}",
                    about.job,
                    said(&error)
                ))),
                _ => Err(not_started(&about, &error)),
            },
        }
    }

    /// Stops what runs of the job that was made for `id`, and removes it: it is over when it is gone. Only of one that is known to have been
    /// `made` its absence says so; any other may be made yet.
    pub async fn remove(
        &self,
        place: &MadeFor,
        id: &str,
        made: bool,
    ) -> Result<Stopping, TrackerError> {
        let admin = self.at(place).await?;
        let job = job_of(place, id);
        match Box::pin(self.stop_and_delete(&admin, &job)).await {
            Err(TrackerError::Missing(_)) if made => Ok(Stopping::Over),
            other => other,
        }
    }

    /// The same for the job of a known execution.
    pub(super) async fn remove_known(
        &self,
        job: &CloudRunJob,
        id: &str,
    ) -> Result<Stopping, TrackerError> {
        let place = MadeFor {
            project: job.project.clone(),
            region: job.region.clone(),
            uid: None,
        };
        // Descriptions come from tasks, too: no other job is removed for them.
        if job_of(&place, id).job != job.job_name {
            return Err(TrackerError::Permanent(format!(
                "Cloud Run job {} was not made by Ork for {id}, so it is not removed",
                job.job_name
            )));
        }
        self.remove(&place, id, true).await
    }

    async fn at(&self, place: &MadeFor) -> Result<Admin, TrackerError> {
        names::project(&place.project)?;
        names::region(&place.region)?;
        self.clients.at(&host(&place.region)).await
    }

    async fn stop_and_delete(&self, admin: &Admin, job: &Place) -> Result<Stopping, TrackerError> {
        let about = about(job, Doing::Stop);
        let failed = |error| classify(&about, &error);
        let mut left = false;
        for name in at_work(admin, &job.path()).await.map_err(failed)? {
            match self.cancel_execution(&job.described(&name)?).await {
                Ok(Stopping::Over) | Err(TrackerError::Missing(_)) => {}
                Ok(Stopping::Asked) => left = true,
                Err(error) => return Err(error),
            }
        }
        if left {
            return Ok(Stopping::Asked);
        }
        let delete = admin.jobs.delete_job().set_name(job.path());
        if let Err(error) = Box::pin(delete.send()).await {
            match kind(&error) {
                Kind::Missing => return Ok(Stopping::Over),
                // It is being removed, or something of it is just beginning.
                Kind::State | Kind::Unclear => {}
                _ => return Err(failed(error)),
            }
        }
        let look = admin.jobs.get_job().set_name(job.path());
        match Box::pin(look.send()).await {
            Ok(_) => Ok(Stopping::Asked),
            Err(error) if kind(&error) == Kind::Missing => Ok(Stopping::Over),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Waits until a job can be run, for a while; says what the service calls it.
async fn ready(admin: &Admin, path: &str, about: &About) -> Result<String, StartTrouble> {
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let job = match Box::pin(admin.jobs.get_job().set_name(path).send()).await {
            Ok(job) => job,
            // So new that it is not known yet.
            Err(error) if kind(&error) == Kind::Missing => continue,
            Err(error) => return Err(not_started(about, &error)),
        };
        let state = job.terminal_condition.as_ref().map(|end| &end.state);
        if state == Some(&State::ConditionFailed) {
            let why = job.terminal_condition.map(|end| end.message);
            return Err(StartTrouble::Permanent(format!(
                "Cloud Run cannot run {}: {}",
                about.job,
                shortened(why.as_deref().unwrap_or_default().trim())
            )));
        }
        if !job.reconciling {
            return Ok(job.uid);
        }
    }
    Err(later(format!("{} is not ready yet", about.job)))
}

/// The executions of a job that are not over, by their full names.
async fn at_work(admin: &Admin, path: &str) -> google_cloud_gax::Result<Vec<String>> {
    let mut token = String::new();
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let page = admin
            .executions
            .list_executions()
            .set_parent(path)
            .set_page_size(PAGE)
            .set_page_token(&token)
            .send()
            .await?;
        let open = |known: &Execution| known.completion_time.is_none();
        found.extend(page.executions.into_iter().filter(open).map(|one| one.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(found)
}

fn described(request: &ImageRequest, id: &str) -> Result<Job, String> {
    if request.image.trim().is_empty() {
        return Err("`image` is empty".into());
    }
    let mut limits = Vec::new();
    if let Some(millis) = request.cpu_millis {
        let whole = millis.is_multiple_of(1000);
        let cores = if whole {
            (millis / 1000).to_string()
        } else {
            format!("{millis}m")
        };
        limits.push(("cpu", cores));
    }
    if let Some(bytes) = request.memory_bytes {
        const MEBI: u64 = 1 << 20;
        let memory = if bytes.is_multiple_of(MEBI) {
            format!("{}Mi", bytes / MEBI)
        } else {
            bytes.to_string()
        };
        limits.push(("memory", memory));
    }
    let mut container = Container::new()
        .set_image(request.image.trim())
        .set_env(variables(&request.env, id)?);
    if let Some(args) = &request.args {
        container = container.set_args(args);
    }
    if !limits.is_empty() {
        container = container.set_resources(ResourceRequirements::new().set_limits(limits));
    }
    // Whether it is tried again is for the task to say.
    let mut task = TaskTemplate::new()
        .set_containers([container])
        .set_max_retries(0)
        .set_service_account(request.service_account.as_deref().unwrap_or_default());
    if let Some(seconds) = request.timeout_seconds {
        task = task.set_timeout(Span::clamp(i64::from(seconds.min(LONGEST_TASK)), 0));
    }
    let mut template = ExecutionTemplate::new().set_template(task);
    if let Some(tasks) = request.tasks {
        template = template.set_task_count(task_count(tasks)?);
    }
    Ok(Job::new()
        .set_client("ork")
        .set_labels([("made-by", "ork")])
        .set_template(template))
}

fn about(job: &Place, doing: Doing) -> About {
    let role = "roles/run.developer on project";
    About {
        job: format!("Cloud Run job {} in {}", job.job, job.region),
        service: Admin::SERVICE,
        doing,
        role: format!(
            "{role} {}, and roles/iam.serviceAccountUser on the service account of the job",
            job.project
        ),
        hint: "",
    }
}

fn later(message: String) -> StartTrouble {
    StartTrouble::Transient {
        message,
        retry_after: None,
    }
}
