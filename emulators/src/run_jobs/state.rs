//! What the stand-in knows: jobs, executions, operations, and what is to go wrong.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::execution::Execution;
use super::fault::Faults;
use super::job::Work;
use super::simulated::Planned;

/// A job that can be run.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) created: Timestamp,
    pub(super) work: Work,
    pub(super) task_count: u32,
    pub(super) timeout: Duration,
    pub(super) parallelism: usize,
    /// One permit per task that may run at a time, over all executions of the job.
    pub(super) permits: Arc<Semaphore>,
}

/// What an operation is about.
#[derive(Debug)]
pub(super) enum Kind {
    Job(String),
    Execution(String),
    /// The last state of an execution that is gone.
    Deleted(Value),
    /// The last state of a job that is gone.
    DeletedJob(Value),
}

/// A long-running operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<String, Registered>,
    pub(super) executions: BTreeMap<String, Execution>,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) faults: Faults,
    /// Scripts for runs to come.
    pub(super) planned: Vec<Planned>,
}

impl State {
    /// The executions of a job (`…/jobs/-` = of every job in that place), the newest first.
    pub(super) fn executions_of(&self, job: &str) -> Vec<&Execution> {
        let prefix = match job.strip_suffix("/-") {
            Some(jobs) => format!("{jobs}/"),
            None => format!("{job}/executions/"),
        };
        let mut found: Vec<&Execution> = self
            .executions
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(_, execution)| execution)
            .collect();
        found.sort_by(|one, other| (other.created, &other.name).cmp(&(one.created, &one.name)));
        found
    }

    /// A name for a new execution: the job's with five characters, as Cloud Run makes them.
    pub(super) fn new_execution_name(&self, job: &str) -> String {
        let id = super::name::short(job);
        loop {
            let name = format!("{job}/executions/{id}-{}", random_letters(5));
            if !self.executions.contains_key(&name) {
                return name;
            }
        }
    }

    /// Notes an operation in the place of `resource` and returns its name.
    pub(super) fn add_operation(&mut self, resource: &str, kind: Kind) -> String {
        let name = format!("{}/operations/{}", super::name::location(resource), uid());
        let operation = Operation {
            name: name.clone(),
            kind,
        };
        self.operations.insert(name.clone(), operation);
        name
    }
}

/// A number nobody can foresee. The standard library seeds its hashes from the system's randomness; that is enough for names.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

fn random_letters(count: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut number = random();
    let mut letters = String::with_capacity(count);
    for _ in 0..count {
        letters.push(char::from(ALPHABET[(number % 32) as usize]));
        number /= 32;
    }
    letters
}

/// Something that looks like the UUIDs Google gives its resources.
pub(super) fn uid() -> String {
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
