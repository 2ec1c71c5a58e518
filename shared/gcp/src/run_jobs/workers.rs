//! Which job's workers take which attempts.

use std::collections::BTreeMap;

use ork_core::definition::Executor;

use crate::endpoints::ConnectError;

/// The name under which the job for everything else is found.
const DEFAULT: &str = "default";

/// Jobs whose containers start Ork's worker, by what they are for: the word of an executor (`python`, `process`, …), the name of a custom
/// executor, the name that a task of executor `cloudrun` gives as its job, or `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerJobs(BTreeMap<String, String>);

impl WorkerJobs {
    /// Checks the full names `projects/P/locations/R/jobs/J`. There must be a `default`.
    pub fn new(jobs: BTreeMap<String, String>) -> Result<Self, ConnectError> {
        if !jobs.contains_key(DEFAULT) {
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
        Ok(Self(jobs))
    }

    /// Checks that one regional address serves all of them.
    pub(super) fn all_in(&self, region: &str) -> Result<(), ConnectError> {
        let place = format!("/locations/{region}/jobs/");
        match self.0.iter().find(|(_, job)| !job.contains(&place)) {
            None => Ok(()),
            Some((what, job)) => Err(ConnectError(format!(
                "the worker job for `{what}` is `{job}`, which is not in region {region}"
            ))),
        }
    }

    /// The job whose workers take what `executor` describes; an error says why there is none.
    pub fn of(&self, executor: &Executor) -> Result<&str, String> {
        let named = match executor {
            Executor::CloudRun { job: Some(job), .. } => {
                let known = self.0.get(job).or_else(|| {
                    let mut jobs = self.0.values();
                    jobs.find(|known| *known == job || known.rsplit('/').next() == Some(job))
                });
                return known.map(String::as_str).ok_or_else(|| {
                    format!(
                        "the Cloud Run job `{job}` is not among the worker jobs of this deployment: add it to ORK_WORKER_JOBS, \
                         with a container that starts Ork's worker"
                    )
                });
            }
            other => self.0.get(other.word()),
        };
        named
            .or_else(|| self.0.get(DEFAULT))
            .map(String::as_str)
            .ok_or_else(|| {
                "there is no default worker job: add `default` to ORK_WORKER_JOBS".into()
            })
    }
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
            assert_eq!(
                jobs.of(&executor),
                Ok(job(expected).as_str()),
                "{executor:?}"
            );
        }
    }

    #[test]
    fn a_job_that_is_no_worker_of_the_deployment_is_not_started() {
        let said = jobs(&[("default", "all")])
            .of(&cloud_run(Some("theirs")))
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
}
