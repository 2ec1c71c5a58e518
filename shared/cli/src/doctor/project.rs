//! A project: whether what `terraform` makes is there, ready, and as the services expect it.
//!
//! Everything is read with the permissions of whoever asks. What they may not see is told as that, never as fine.

mod access;
mod apis;
mod messages;
mod services;
mod storage;
mod told;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use ork_core::Value;
use ork_core::time::Time;
use ork_gcp::look::{Looked, Looks, Seen, StandIns};
use tokio::sync::OnceCell;

use super::{Checks, Finding, NOT_SEEN, Named, standing};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::progress::now;
use crate::site::{Deployment, Remote};

/// How long the state may take to be read.
const STATE: Duration = Duration::from_secs(4);
/// What the names of everything begin with when nobody says otherwise.
const NAME: &str = "ork";
/// The services of a deployment; a test compares them with terraform.
const SERVICES: [&str; 5] = ["tick", "dispatch", "monitor", "poll", "api"];
/// Of those, the ones that are pushed to.
const PUSHED: [&str; 3] = ["dispatch", "monitor", "poll"];

/// Why nothing can be asked, in a project that is one of stand-ins.
const NO_STAND_IN: &str = "emulators are asked, and there is none for this";
/// Things that are told of one check.
const TOLD: usize = 3;
/// What is done where somebody may not look.
const MAY_NOT: &str = "roles/viewer and roles/iam.securityReviewer let somebody look at everything; docs/doctor.md has the permissions one by one";
/// What is done where something of the deployment is missing or not as it should be.
const APPLY: &str = "terraform apply; docs/deploy.md says how";

/// An answer, and when it was asked for.
struct Heard {
    looked: Looked,
    before: Time,
    after: Time,
}

/// A deployment that is looked at, of which everything is asked once.
struct Project {
    at: Deployment,
    /// What the names of everything begin with.
    name: String,
    /// Where its services are, if that was said.
    region: Option<String>,
    google: Result<Looks, String>,
    /// The file with credentials, if there is one.
    credentials: Option<PathBuf>,
    asked: RefCell<BTreeMap<String, Rc<OnceCell<Rc<Heard>>>>>,
    remote: OnceCell<Result<Remote, Failure>>,
    config: Config,
    /// Whether only the services that a stand-in answers for can be looked at.
    is_stood_in: bool,
}

impl Project {
    fn new(at: Deployment, named: Named, config: &Config) -> Self {
        let stand_ins = StandIns {
            all: config.cloud.admin.clone(),
            pubsub: at.emulators.as_ref().map(|all| all.pubsub.clone()),
            storage: at.emulators.as_ref().map(|all| all.storage.clone()),
        };
        let is_stood_in = stand_ins.all.is_some() && at.emulators.is_none();
        // As every command does that talks to a project: two providers may be in the binary.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let topic = at.topic_dispatch.rsplit('/').next().unwrap_or_default();
        let told = topic.strip_suffix("-dispatch").map(str::to_owned);
        let file = config.cloud.credentials.clone();
        Self {
            name: named.prefix.or(told).unwrap_or_else(|| NAME.to_owned()),
            region: named.region,
            google: Looks::connect(stand_ins).map_err(|error| error.to_string()),
            credentials: file.or_else(config::gcloud_credentials),
            asked: RefCell::default(),
            remote: OnceCell::new(),
            config: config.clone(),
            is_stood_in,
            at,
        }
    }

    /// Whether Google itself is asked.
    fn is_real(&self) -> bool {
        self.at.emulators.is_none()
    }

    /// What is at an address, asked once whoever wants to know.
    async fn look(&self, host: &str, path: &str) -> Rc<Heard> {
        self.asked(host, path, None).await
    }

    /// The same where it is asked with a body.
    async fn asked(&self, host: &str, path: &str, body: Option<Value>) -> Rc<Heard> {
        let cell = {
            let mut all = self.asked.borrow_mut();
            let cell = all.entry(format!("{host}{path}")).or_default();
            Rc::clone(cell)
        };
        let ask = || async {
            let before = now();
            let looked = match &self.google {
                Ok(google) => google.ask(host, path, body.as_ref()).await,
                Err(why) => Looked {
                    seen: Seen::Unreachable(why.clone()),
                    status: None,
                    date: None,
                },
            };
            Rc::new(Heard {
                looked,
                before,
                after: now(),
            })
        };
        Rc::clone(cell.get_or_init(ask).await)
    }

    /// What is at an address, or what is told in its place. `what` names it, `permission` is what somebody needs who looks.
    async fn found(
        &self,
        host: &str,
        path: &str,
        what: &str,
        permission: &str,
    ) -> Result<Value, Finding> {
        let heard = self.look(host, path).await;
        self.value(&heard.looked.seen, what, permission)
    }

    fn value(&self, seen: &Seen, what: &str, permission: &str) -> Result<Value, Finding> {
        Err(match seen {
            Seen::Found(value) => return Ok(value.clone()),
            Seen::Absent => Finding::failed(format!("there is no {what}"), APPLY),
            Seen::Denied(why) if why == permission => Finding::unknown(
                format!("{what}: the permission {permission} is missing"),
                MAY_NOT,
            ),
            Seen::Denied(why) => Finding::unknown(
                format!("{what}: the permission {permission} is missing ({why})"),
                MAY_NOT,
            ),
            Seen::Off(service) => Finding::failed(
                format!("{what}: the API {service} is not enabled"),
                format!(
                    "gcloud services enable {service} --project={}",
                    self.at.project
                ),
            ),
            Seen::Refused(why) => Finding::unknown(format!("{what}: {why}"), "try again"),
            Seen::Unreachable(why) => Finding::unknown(
                why.as_str(),
                match &self.google {
                    Ok(google) if !google.is_real() => "is it running?",
                    _ => {
                        "is there a way to Google from here? google.credentials says whether there is a token"
                    }
                },
            ),
            Seen::NoStandIn => Finding::skipped(NO_STAND_IN),
        })
    }

    /// Where the services are: as it was said, or as the address says that messages are pushed to.
    async fn region(&self) -> Result<String, Finding> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        if !self.is_real() {
            return Err(Finding::skipped(NO_STAND_IN));
        }
        let told = self.subscription("dispatch").await?;
        let endpoint = told["pushConfig"]["pushEndpoint"].as_str();
        region_of(endpoint.unwrap_or_default()).ok_or_else(|| {
            Finding::unknown(
                "the region of the services is not known: the address that dispatch is pushed at does not tell it",
                "say it with --region REGION",
            )
        })
    }

    /// A service of the deployment.
    async fn service(&self, role: &str) -> Result<Value, Finding> {
        let path = self.service_path(role).await?;
        let what = format!("service {}-{role}", self.name);
        self.found("run.googleapis.com", &path, &what, "run.services.get")
            .await
    }

    async fn service_path(&self, role: &str) -> Result<String, Finding> {
        let (project, name, region) = (&self.at.project, &self.name, self.region().await?);
        Ok(format!(
            "/v2/projects/{project}/locations/{region}/services/{name}-{role}"
        ))
    }

    /// What a service is told by a variable.
    async fn variable(&self, role: &str, name: &str) -> Result<Option<String>, Finding> {
        Ok(variable(&self.service(role).await?, name))
    }

    /// The subscription that is pushed to a service, or that of dead letters.
    async fn subscription(&self, role: &str) -> Result<Value, Finding> {
        let full = self.subscription_name(role);
        let what = format!("subscription {}-{role}", self.name);
        let path = format!("/v1/{full}");
        self.found(
            "pubsub.googleapis.com",
            &path,
            &what,
            "pubsub.subscriptions.get",
        )
        .await
    }

    fn subscription_name(&self, role: &str) -> String {
        format!(
            "projects/{}/subscriptions/{}-{role}",
            self.at.project, self.name
        )
    }

    /// A topic by what it is for.
    fn topic_name(&self, what: &str) -> String {
        match what {
            "dispatch" => self.at.topic_dispatch.clone(),
            "poll" => self.at.topic_poll.clone(),
            other => format!("projects/{}/topics/{}-{other}", self.at.project, self.name),
        }
    }

    /// The job of Cloud Scheduler that asks for ticks.
    async fn tick_job(&self) -> Result<Value, Finding> {
        let (project, name, region) = (&self.at.project, &self.name, self.region().await?);
        let path = format!("/v1/projects/{project}/locations/{region}/jobs/{name}-tick");
        let what = format!("job {name}-tick of Cloud Scheduler");
        let host = "cloudscheduler.googleapis.com";
        self.found(host, &path, &what, "cloudscheduler.jobs.get")
            .await
    }

    /// The use cases over the state.
    async fn remote(&self) -> Result<&Remote, Finding> {
        if self.is_stood_in {
            return Err(Finding::skipped(
                "a stand-in for administration is asked, which has no state",
            ));
        }
        let connect = || Box::pin(Remote::connect(self.at.clone(), &self.config));
        let remote = self.remote.get_or_init(connect).await;
        remote.as_ref().map_err(|failure| {
            let remedy = failure.hint.clone();
            Finding::failed(
                failure.message.clone(),
                remedy.unwrap_or_else(|| {
                    "google.credentials and firestore.database say more".to_owned()
                }),
            )
        })
    }
}

/// The region in an address that Cloud Run makes of a service's name: `https://NAME-NUMBER.REGION.run.app/…`.
fn region_of(endpoint: &str) -> Option<String> {
    let host = endpoint.strip_prefix("https://")?.split('/').next()?;
    let (_, region) = host.strip_suffix(".run.app")?.rsplit_once('.')?;
    // The older kind of address has a short name in this place.
    let is_one = region.contains('-') && region.ends_with(|c: char| c.is_ascii_digit());
    is_one.then(|| region.to_owned())
}

/// A variable of a service's or a job's first container, where it is written down.
fn variable(service: &Value, name: &str) -> Option<String> {
    let all = container(service)["env"].as_array()?;
    let one = all.iter().find(|one| one["name"] == name)?;
    Some(one["value"].as_str()?.to_owned())
}

/// The first container of a service or of a job.
fn container(of: &Value) -> &Value {
    let template = &of["template"];
    match &template["containers"][0] {
        Value::Null => &template["template"]["containers"][0],
        found => found,
    }
}

/// Whom a service or a job runs as.
fn account(of: &Value) -> Option<&str> {
    let template = &of["template"];
    let said = template["serviceAccount"].as_str();
    said.or_else(|| template["template"]["serviceAccount"].as_str())
}

/// Several things that one check looks at: what is worst is told first, and how good the rest is.
#[derive(Default)]
struct Several {
    fine: Vec<String>,
    wrong: Vec<Finding>,
}

impl Several {
    fn fine(&mut self, what: impl Into<String>) {
        self.fine.push(what.into());
    }
    fn wrong(&mut self, finding: Finding) {
        self.wrong.push(finding);
    }
    fn failed(&mut self, found: impl Into<String>, remedy: impl Into<String>) {
        self.wrong(Finding::failed(found, remedy));
    }
    fn warning(&mut self, found: impl Into<String>, remedy: impl Into<String>) {
        self.wrong(Finding::warning(found, remedy));
    }

    /// As one finding; `fine` is what is said when all is.
    fn told(self, fine: impl FnOnce(&[String]) -> String) -> Finding {
        use super::State;
        let worst = [
            State::Failed,
            State::Unknown,
            State::Warning,
            State::Skipped,
        ];
        let worst = worst
            .into_iter()
            .find(|state| self.wrong.iter().any(|one| one.state == *state));
        let Some(worst) = worst else {
            return Finding::ok(fine(&self.fine));
        };
        let those: Vec<&Finding> = self.wrong.iter().filter(|one| one.state == worst).collect();
        let mut texts: Vec<&str> = Vec::new();
        for one in &those {
            let text = one.found.strip_prefix(NOT_SEEN).unwrap_or(&one.found);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let more = texts.len().saturating_sub(TOLD);
        texts.truncate(TOLD);
        let mut found = texts.join("; ");
        if more > 0 {
            found.push_str(&format!("; and {more} more"));
        }
        if worst == State::Unknown {
            found.insert_str(0, NOT_SEEN);
        }
        Finding {
            state: worst,
            found,
            remedy: those.iter().find_map(|one| one.remedy.clone()),
        }
    }
}

/// Adds the checks of a project.
pub(super) fn add(checks: &mut Checks, at: Deployment, named: Named, config: &Config) {
    let project = Rc::new(Project::new(at, named, config));
    macro_rules! add {
        ($($name:literal $check:ident),+ $(,)?) => {
            $(
                let of = Rc::clone(&project);
                checks.add($name, async move { of.$check().await.unwrap_or_else(|told| told) });
            )+
        };
    }
    add! {
        "google.credentials" credentials,
        "google.clock" clock,
        "google.apis" apis,
        "firestore.database" database,
        "firestore.indexes" indexes,
        "firestore.fields" fields,
        "firestore.state" state,
        "bucket.settings" bucket,
        "bucket.notices" notices,
        "pubsub.topics" topics,
        "pubsub.push" pushes,
        "pubsub.dead_letters" dead_letters,
        "run.services" services,
        "run.settings" settings,
        "run.images" images,
        "run.doors" doors,
        "run.workers" workers,
        "tasks.queue" queue,
        "scheduler.tick" scheduler,
        "iam.invokers" invokers,
        "iam.database" on_database,
        "iam.bucket" on_bucket,
        "iam.topics" on_topics,
        "iam.queue" on_queue,
        "iam.wake" on_wake,
        "iam.jobs" on_jobs,
        "system.ticks" ticks,
        "system.wakes" wakes,
        "system.set_aside" set_aside,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_region_is_read_from_an_address() {
        let of = |text: &str| region_of(text);
        assert_eq!(
            of("https://ork-dispatch-123456.europe-west1.run.app/push").as_deref(),
            Some("europe-west1")
        );
        for none in [
            "",
            "http://127.0.0.1:1/push",
            "https://ork-dispatch-abc123-ew.a.run.app/push",
            "https://ork.example/push",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_worst_of_several_is_told() {
        let mut several = Several::default();
        several.fine("a");
        several.warning("b is odd", "mend b");
        several.failed("c is gone", "bring c");
        several.failed("d is gone", "bring d");
        let told = several.told(|_| "all".to_owned());
        assert_eq!(told.state, State::Failed);
        assert_eq!(told.found, "c is gone; d is gone");
        assert_eq!(told.remedy.as_deref(), Some("bring c"));
        let mut fine = Several::default();
        fine.fine("a");
        assert_eq!(fine.told(|all| all.join(", ")), Finding::ok("a"));
    }

    #[test]
    fn the_services_are_those_that_terraform_makes() {
        let text = include_str!("../../../../terraform/wiring.tf");
        let functions = text.split("functions = [").nth(1).expect("a list");
        let functions = functions.split(']').next().expect("its end");
        let mut names: Vec<&str> = functions.split('"').skip(1).step_by(2).collect();
        assert!(text.contains("services  = concat(local.functions, [\"api\"])"));
        names.push("api");
        assert_eq!(names, SERVICES);
    }
}
