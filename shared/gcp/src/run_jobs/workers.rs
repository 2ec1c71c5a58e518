//! Which workers take which attempts: those of a Cloud Run job, or those of a service behind a topic.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::definition::{Executor, Task};
use ork_core::task::TaskSpec;

use crate::endpoints::ConnectError;

/// The name under which the workers for everything else are found.
const DEFAULT: &str = "default";

/// How an attempt comes to its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane<'a> {
    /// As a task of an execution of this Cloud Run job.
    Job(&'a str),
    /// As a message of this topic, which is pushed to a worker service.
    Service(&'a str),
}

/// Workers by profile: what a task names as its `worker`; for a task that names none the word of its executor (`python`, `process`, `service`,
/// …), the name of a custom executor, the name that a task of executor `cloudrun` gives as its job, or `default`. Each profile has a job whose
/// containers start Ork's worker, or the topic of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerJobs {
    jobs: BTreeMap<String, String>,
    services: BTreeMap<String, String>,
}

impl WorkerJobs {
    /// Checks the full names `projects/P/locations/R/jobs/J`. There must be a `default`.
    pub fn new(jobs: BTreeMap<String, String>) -> Result<Self, ConnectError> {
        Self::with_services(jobs, BTreeMap::new())
    }

    /// The same with services for some profiles, by their topics `projects/P/topics/T`. The `default` is among either.
    pub fn with_services(
        jobs: BTreeMap<String, String>,
        services: BTreeMap<String, String>,
    ) -> Result<Self, ConnectError> {
        if !jobs.contains_key(DEFAULT) && !services.contains_key(DEFAULT) {
            return Err(ConnectError(
                "the worker jobs have no `default`: name the Cloud Run job that runs tasks, projects/PROJECT/locations/REGION/jobs/JOB"
                    .into(),
            ));
        }
        for (what, job) in &jobs {
            if !matches!(*job.split('/').collect::<Vec<_>>(), ["projects", p, "locations", r, "jobs", j] if ![p, r, j].contains(&""))
            {
                return Err(ConnectError(format!(
                    "the worker job for `{what}` is `{job}`: write it as projects/PROJECT/locations/REGION/jobs/JOB"
                )));
            }
        }
        for (what, topic) in &services {
            if !matches!(*topic.split('/').collect::<Vec<_>>(), ["projects", p, "topics", t] if ![p, t].contains(&""))
            {
                return Err(ConnectError(format!(
                    "the topic of the worker service for `{what}` is `{topic}`: write it as projects/PROJECT/topics/TOPIC"
                )));
            }
            if jobs.contains_key(what) {
                return Err(ConnectError(format!(
                    "the worker profile `{what}` has a job and a service: take one away"
                )));
            }
        }
        Ok(Self { jobs, services })
    }

    /// The topics of the services.
    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.services.values().map(String::as_str)
    }

    /// Whether any profile has a job.
    pub(crate) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// The jobs of these profiles, whose workers have no credentials. A job's container has some or has none, whatever profile led to it.
    pub(super) fn jobs_of(
        &self,
        profiles: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, ConnectError> {
        let mut jobs = BTreeSet::new();
        for profile in profiles {
            let Some(job) = self.jobs.get(profile) else {
                return Err(ConnectError(format!(
                    "ORK_WORKER_URLS names the worker profile `{profile}`, which has no job; there are {}",
                    self.profiles()
                )));
            };
            jobs.insert(job.clone());
        }
        let other = self
            .jobs
            .iter()
            .find(|(profile, job)| jobs.contains(*job) && !profiles.contains(*profile));
        match other {
            None => Ok(jobs),
            Some((profile, job)) => Err(ConnectError(format!(
                "the worker profile `{profile}` has the job {job} like one of ORK_WORKER_URLS: name `{profile}` there too, or give it another job"
            ))),
        }
    }

    /// Checks that one regional address serves all of them.
    pub(super) fn all_in(&self, region: &str) -> Result<(), ConnectError> {
        let place = format!("/locations/{region}/jobs/");
        match self.jobs.iter().find(|(_, job)| !job.contains(&place)) {
            None => Ok(()),
            Some((what, job)) => Err(ConnectError(format!(
                "the worker job for `{what}` is `{job}`, which is not in region {region}"
            ))),
        }
    }

    /// The workers that take `spec`; an error says why there are none.
    pub fn of(&self, spec: &TaskSpec) -> Result<Lane<'_>, String> {
        self.lane(
            &spec.executor,
            spec.worker.as_deref(),
            spec.topic.as_deref(),
        )
    }

    /// The workers that took the attempts of `task`.
    pub(super) fn of_task(&self, task: &Task) -> Result<Lane<'_>, String> {
        self.lane(
            &task.executor,
            task.worker.as_deref(),
            task.topic.as_deref(),
        )
    }

    fn lane(
        &self,
        executor: &Executor,
        worker: Option<&str>,
        topic: Option<&str>,
    ) -> Result<Lane<'_>, String> {
        let lane = match (worker, topic) {
            (Some(profile), _) => self.named(profile)?,
            (None, Some(topic)) => self.behind(topic)?,
            (None, None) => self.usual(executor)?,
        };
        match (topic, lane) {
            (Some(topic), Lane::Service(of)) if !is(topic, of) && worker.is_some() => Err(format!(
                "its worker profile is behind the topic {of}, and it names the topic `{topic}`: name one of the two"
            )),
            _ => Ok(lane),
        }
    }

    /// The workers of a profile that a task names.
    fn named(&self, profile: &str) -> Result<Lane<'_>, String> {
        self.called(profile).ok_or_else(|| {
            format!(
                "it names the worker profile `{profile}`, and this deployment has none of that name. It has {}: name one of them, \
                 or add `{profile}` to ORK_WORKER_SERVICES (a topic) or ORK_WORKER_JOBS (a Cloud Run job)",
                self.profiles()
            )
        })
    }

    /// The workers behind a topic that a task names, in short or in full. The name of a profile will do, too.
    fn behind(&self, topic: &str) -> Result<Lane<'_>, String> {
        let known = self.services.values().find(|known| is(topic, known));
        let lane = known.map(|known| Lane::Service(known));
        lane.or_else(|| self.called(topic)).ok_or_else(|| {
            let topics: Vec<&str> = self.topics().collect();
            let topics = if topics.is_empty() {
                "none".to_owned()
            } else {
                topics.join(", ")
            };
            format!(
                "it names the topic `{topic}`, and no worker service of this deployment is behind it. Topics of ORK_WORKER_SERVICES: \
                 {topics}; profiles: {}",
                self.profiles()
            )
        })
    }

    /// The workers of what names none.
    fn usual(&self, executor: &Executor) -> Result<Lane<'_>, String> {
        let profile = match executor {
            Executor::CloudRun { job: Some(job), .. } => {
                let known = self.jobs.get(job).or_else(|| {
                    let mut jobs = self.jobs.values();
                    jobs.find(|known| is(job, known))
                });
                return known.map(|job| Lane::Job(job)).ok_or_else(|| {
                    format!(
                        "the Cloud Run job `{job}` is not among the worker jobs of this deployment: add it to ORK_WORKER_JOBS, \
                         with a container that starts Ork's worker"
                    )
                });
            }
            other => other.word(),
        };
        let mut services = self.services.values();
        let only = match (executor, services.next(), services.next()) {
            (Executor::Service { .. }, Some(only), None) => Some(Lane::Service(only)),
            _ => None,
        };
        self.called(profile)
            .or(only)
            .or_else(|| self.called(DEFAULT))
            .ok_or_else(|| {
                "there is no default worker job: add `default` to ORK_WORKER_JOBS".into()
            })
    }

    fn called(&self, profile: &str) -> Option<Lane<'_>> {
        let job = self.jobs.get(profile).map(|job| Lane::Job(job));
        job.or_else(|| self.services.get(profile).map(|topic| Lane::Service(topic)))
    }

    /// All of them, for people.
    fn profiles(&self) -> String {
        let list = |what: &str, of: &BTreeMap<String, String>| {
            let names: Vec<String> = of.keys().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| format!("{} ({what})", names.join(", ")))
        };
        let all = [list("jobs", &self.jobs), list("services", &self.services)];
        all.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// Whether `name` is the full or the last part of the name of `thing`.
fn is(name: &str, thing: &str) -> bool {
    thing == name || thing.rsplit('/').next() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> String {
        format!("projects/p/locations/r/jobs/{name}")
    }
    fn jobs(of: &[(&str, &str)]) -> WorkerJobs {
        let named = of.iter().map(|(what, name)| ((*what).into(), job(name)));
        WorkerJobs::new(named.collect()).expect("well-formed")
    }
    fn of(executor: Executor) -> TaskSpec {
        let mut of = crate::run_jobs::start::tests::spec("r", 0);
        of.executor = executor;
        of
    }
    /// A task of executor `docker` that names its workers.
    fn naming(worker: Option<&str>, topic: Option<&str>) -> TaskSpec {
        let mut of = of(Executor::Docker { command: None });
        of.worker = worker.map(Into::into);
        of.topic = topic.map(Into::into);
        of
    }
    fn cloud_run(job: Option<&str>) -> Executor {
        Executor::CloudRun {
            job: job.map(Into::into),
            command: None,
        }
    }

    #[test]
    fn an_executor_has_its_own_job_or_the_default_one() {
        let jobs = jobs(&[("default", "all"), ("docker", "big"), ("spark", "spark")]);
        let docker = Executor::Docker { command: None };
        let custom = |name: &str| Executor::Custom {
            name: name.into(),
            options: BTreeMap::new(),
        };
        for (executor, expected) in [
            (docker, "big"),
            (custom("spark"), "spark"),
            (custom("else"), "all"),
            (Executor::Kubernetes { command: None }, "all"),
            (cloud_run(None), "all"),
            (cloud_run(Some("big")), "big"),
            (cloud_run(Some(&job("big"))), "big"),
        ] {
            let job = job(expected);
            let spec = of(executor);
            assert_eq!(jobs.of(&spec), Ok(Lane::Job(&job)), "{:?}", spec.executor);
        }
    }

    #[test]
    fn a_job_that_is_no_worker_of_the_deployment_is_not_started() {
        let said = jobs(&[("default", "all")])
            .of(&of(cloud_run(Some("theirs"))))
            .expect_err("nobody knows what its container does");
        assert!(
            said.contains("`theirs`") && said.contains("ORK_WORKER_JOBS"),
            "{said}"
        );
    }

    #[test]
    fn what_is_missing_or_elsewhere_is_said() {
        let made = |what: &str, job: &str| {
            WorkerJobs::new(BTreeMap::from([(what.to_owned(), job.to_owned())]))
        };
        let none = made("python", &job("j")).expect_err("no default");
        assert!(none.to_string().contains("no `default`"), "{none}");
        for text in ["j", "projects/p/locations//jobs/j", "projects/p/jobs/j"] {
            let error = made("default", text).expect_err("no job");
            assert!(error.to_string().contains("locations/REGION"), "{error}");
        }
        let error = jobs(&[("default", "j")])
            .all_in("elsewhere")
            .expect_err("r");
        assert!(error.to_string().contains("not in region"), "{error}");
        assert_eq!(jobs(&[("default", "j")]).all_in("r"), Ok(()));
    }

    #[test]
    fn a_job_has_workers_with_credentials_or_without() {
        let jobs = jobs(&[("default", "all"), ("docker", "big"), ("spark", "big")]);
        let named = |profiles: &[&str]| {
            let profiles = profiles.iter().map(|one| (*one).to_owned()).collect();
            jobs.jobs_of(&profiles).map_err(|error| error.to_string())
        };
        assert_eq!(named(&["default"]), Ok(BTreeSet::from([job("all")])));
        assert_eq!(
            named(&["docker", "spark"]),
            Ok(BTreeSet::from([job("big")]))
        );
        let said = named(&["docker"]).expect_err("half of it");
        assert!(said.contains("name `spark` there too"), "{said}");
        let said = named(&["python"]).expect_err("nobody");
        assert!(said.contains("`python`, which has no job"), "{said}");
    }

    #[test]
    fn a_profile_has_a_job_or_a_service() {
        let topic = "projects/p/topics/fast";
        let services = |of: &[&str]| -> BTreeMap<String, String> {
            of.iter()
                .map(|what| ((*what).into(), topic.into()))
                .collect()
        };
        let one = |what: &str| BTreeMap::from([(what.to_owned(), job("j"))]);
        let workers = WorkerJobs::with_services(one("default"), services(&["docker", "spark"]))
            .expect("well-formed");
        let docker = Executor::Docker { command: None };
        let spark = Executor::Custom {
            name: "spark".into(),
            options: BTreeMap::new(),
        };
        for executor in [docker.clone(), spark] {
            assert_eq!(workers.of(&of(executor)), Ok(Lane::Service(topic)));
        }
        let other = Executor::Kubernetes { command: None };
        assert_eq!(workers.of(&of(other)), Ok(Lane::Job(&job("j"))));
        let all = WorkerJobs::with_services(BTreeMap::new(), services(&["default"]))
            .expect("a service may be for all");
        assert_eq!(all.of(&of(docker)), Ok(Lane::Service(topic)));
        assert!(!all.has_jobs());
        // A job that a task names is never a service.
        all.of(&of(cloud_run(Some("docker"))))
            .expect_err("no such job");

        let both = WorkerJobs::with_services(one("default"), services(&["default"]));
        let said = both.expect_err("one or the other").to_string();
        assert!(said.contains("a job and a service"), "{said}");
        let none = WorkerJobs::with_services(one("a"), services(&["b"]));
        let said = none.expect_err("no default").to_string();
        assert!(said.contains("no `default`"), "{said}");
        let wrong = BTreeMap::from([("b".to_owned(), "fast".to_owned())]);
        let said = WorkerJobs::with_services(one("default"), wrong).expect_err("no topic");
        assert!(said.to_string().contains("topics/TOPIC"), "{said}");
    }

    #[test]
    fn a_task_that_names_its_workers_gets_them_or_hears_which_there_are() {
        let (fast, large) = ("projects/p/topics/fast", "projects/p/topics/big-ones");
        let services = [("quick", fast), ("large", large)];
        let services = services.map(|(what, topic)| (what.to_owned(), topic.to_owned()));
        let jobs = BTreeMap::from(["default", "gpu"].map(|what| (what.to_owned(), job(what))));
        let workers =
            WorkerJobs::with_services(jobs, BTreeMap::from(services)).expect("well-formed");
        let gpu = job("gpu");
        for (worker, topic, lane) in [
            (Some("quick"), None, Lane::Service(fast)),
            (Some("large"), Some("big-ones"), Lane::Service(large)),
            (Some("gpu"), None, Lane::Job(&gpu)),
            // A job has no topic that could be another.
            (Some("gpu"), Some("fast"), Lane::Job(&gpu)),
            (None, Some("big-ones"), Lane::Service(large)),
            (None, Some(fast), Lane::Service(fast)),
            (None, Some("quick"), Lane::Service(fast)),
        ] {
            assert_eq!(
                workers.of(&naming(worker, topic)),
                Ok(lane),
                "{worker:?} {topic:?}"
            );
        }
        let wrong: [(_, _, &[&str]); 3] = [
            (
                Some("slow"),
                None,
                &[
                    "`slow`",
                    "`default`, `gpu` (jobs)",
                    "`large`, `quick` (services)",
                    "ORK_WORKER_SERVICES",
                ],
            ),
            (None, Some("slow"), &["`slow`", fast, large, "`gpu`"]),
            (Some("quick"), Some("big-ones"), &[fast, "`big-ones`"]),
        ];
        for (worker, topic, words) in wrong {
            let said = workers
                .of(&naming(worker, topic))
                .expect_err("no such workers");
            for word in words {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
    }

    #[test]
    fn tasks_of_executor_service_go_to_the_only_service_there_is() {
        let topic = "projects/p/topics/fast".to_owned();
        let jobs = BTreeMap::from([("default".to_owned(), job("all"))]);
        let services = |of: &[&str]| {
            of.iter()
                .map(|what| ((*what).into(), topic.clone()))
                .collect()
        };
        let service = || {
            of(Executor::Service {
                source: None,
                function: None,
            })
        };
        let lane = |of: &[&str]| {
            let workers =
                WorkerJobs::with_services(jobs.clone(), services(of)).expect("well-formed");
            matches!(workers.of(&service()), Ok(Lane::Service(_)))
        };
        assert!(lane(&["quick"]));
        assert!(lane(&["quick", "service"]), "its own word first");
        assert!(!lane(&["quick", "large"]), "no telling which");
    }
}
