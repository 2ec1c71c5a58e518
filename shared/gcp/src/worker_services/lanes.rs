//! Both lanes: each attempt goes to the worker job or the worker service of its profile.

use ork_core::definition::Task;
use ork_core::task::{AttemptId, TaskSpec};
use ork_engine::ports::{Alive, Executor, StartError};

use super::WorkerServices;
use crate::run_jobs::start::permanent;
use crate::run_jobs::{Lane, RunJobs, WorkerJobs};

/// Starts attempts in jobs and hands them to services.
#[derive(Debug, Clone)]
pub struct Lanes {
    workers: WorkerJobs,
    jobs: RunJobs,
    services: WorkerServices,
}

impl Lanes {
    /// Starts what `workers` has a job for in `jobs` and hands the rest to `services`.
    pub const fn new(workers: WorkerJobs, jobs: RunJobs, services: WorkerServices) -> Self {
        Self {
            workers,
            jobs,
            services,
        }
    }
}

/// Attempts of one lane, and where each stood among all.
struct Part<T> {
    at: Vec<usize>,
    specs: Vec<T>,
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self {
            at: Vec::new(),
            specs: Vec::new(),
        }
    }
}

impl<T> Part<T> {
    fn push(&mut self, at: usize, spec: T) {
        self.at.push(at);
        self.specs.push(spec);
    }
}

/// What goes where.
#[derive(Default)]
struct Parted<'a> {
    jobs: Part<TaskSpec>,
    services: Part<(TaskSpec, &'a str)>,
    refused: Vec<(usize, String)>,
}

fn part<'a>(workers: &'a WorkerJobs, specs: Vec<TaskSpec>) -> Parted<'a> {
    let mut parted = Parted::default();
    for (at, spec) in specs.into_iter().enumerate() {
        match workers.of(&spec) {
            Ok(Lane::Job(_)) => parted.jobs.push(at, spec),
            Ok(Lane::Service(topic)) => parted.services.push(at, (spec, topic)),
            Err(why) => parted.refused.push((at, why)),
        }
    }
    parted
}

impl Executor for Lanes {
    async fn start(&self, specs: Vec<TaskSpec>) -> Vec<Result<(), StartError>> {
        let mut answers: Vec<Result<(), StartError>> = Vec::new();
        answers.resize_with(specs.len(), || Ok(()));
        let parted = part(&self.workers, specs);
        for (at, why) in parted.refused {
            answers[at] = Err(permanent(why));
        }
        let (in_jobs, in_services) = futures_util::future::join(
            Box::pin(self.jobs.start(parted.jobs.specs)),
            Box::pin(self.services.start(parted.services.specs)),
        )
        .await;
        let all = parted.jobs.at.into_iter().zip(in_jobs);
        for (at, answer) in all.chain(parted.services.at.into_iter().zip(in_services)) {
            answers[at] = answer;
        }
        answers
    }

    /// Cancels the execution of an attempt that has one to itself. The worker of a service is not called: it looks for a verdict every
    /// few seconds, and ends the task when there is one.
    async fn stop(&self, attempt: &AttemptId) {
        if self.workers.has_jobs() {
            self.jobs.stop(attempt).await;
        }
    }

    fn refusal(&self, spec: &TaskSpec, task: &Task) -> Option<String> {
        self.jobs.refusal(spec, task)
    }

    async fn alive(&self, attempts: &[Alive<'_>]) {
        self.jobs.alive(attempts).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ork_core::definition::Executor as Of;

    use super::*;
    use crate::run_jobs::start::tests::spec;

    #[test]
    fn each_attempt_goes_to_the_lane_of_its_profile_and_keeps_its_place() {
        let jobs = BTreeMap::from([(
            "default".to_owned(),
            "projects/p/locations/r/jobs/j".to_owned(),
        )]);
        let topic = "projects/p/topics/t";
        let services = BTreeMap::from([("docker".to_owned(), topic.to_owned())]);
        let workers = WorkerJobs::with_services(jobs, services).expect("well-formed");
        let mut other = spec("r", 1);
        other.executor = Of::Kubernetes { command: None };
        let mut unknown = spec("r", 2);
        unknown.executor = Of::CloudRun {
            job: Some("theirs".into()),
            command: None,
        };
        let mut elsewhere = spec("r", 4);
        elsewhere.worker = Some("default".into());
        let specs = vec![spec("r", 0), other, unknown, spec("r", 3), elsewhere];
        let parted = part(&workers, specs);
        assert_eq!(parted.jobs.at, [1, 4]);
        assert_eq!(parted.services.at, [0, 3]);
        let topics: Vec<_> = parted.services.specs.iter().map(|(_, of)| *of).collect();
        assert_eq!(topics, [topic, topic]);
        assert_eq!(parted.refused.len(), 1);
        assert_eq!(parted.refused[0].0, 2);
    }
}
