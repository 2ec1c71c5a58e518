//! Scenarios that are parsed once and used by many seeds.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::definition::{Overlap, Workflow};
use ork_core::ids::{PoolName, VersionHash, WorkflowName};
use ork_core::run::Graph;

use crate::generate::{Behaviour, Scenario, Size};
use crate::random::Random;

/// A scenario with its workflows read.
#[derive(Debug)]
pub struct Prepared {
    /// As it was drawn.
    pub scenario: Scenario,
    /// Its workflows, the main one first.
    pub workflows: Vec<Arc<Workflow>>,
    /// The main workflow once more, as a later version.
    pub later: Arc<Workflow>,
    /// Its pools.
    pub pools: BTreeMap<PoolName, u32>,
    graphs: BTreeMap<VersionHash, Arc<Graph>>,
}

impl Default for Prepared {
    fn default() -> Self {
        let scenario = Scenario::random(&mut Random::new(0), Size::Small);
        Self::new(scenario).expect("what is drawn is accepted")
    }
}

impl Prepared {
    /// Reads the files of `scenario`.
    pub fn new(scenario: Scenario) -> Result<Self, String> {
        let parsed = scenario.parse()?;
        let main = parsed.workflows.first().ok_or("it has no workflow")?;
        let later = Arc::new(Workflow {
            description: Some("a later version".into()),
            ..Workflow::clone(main)
        });
        let all = parsed.workflows.iter().chain([&later]);
        let graphs = all
            .map(|workflow| {
                let graph = Arc::new(Graph::new(Workflow::clone(workflow)));
                (workflow.version(), graph)
            })
            .collect();
        Ok(Self {
            scenario,
            workflows: parsed.workflows,
            later,
            pools: parsed.pools,
            graphs,
        })
    }

    /// The shape of a version.
    pub fn graph(&self, version: &VersionHash) -> Option<&Arc<Graph>> {
        self.graphs.get(version)
    }

    /// The shapes of all versions.
    pub fn graphs(&self) -> impl Iterator<Item = (&VersionHash, &Arc<Graph>)> {
        self.graphs.iter()
    }

    /// What the worker of a task does.
    pub fn behaviour(&self, workflow: &WorkflowName, task: &str) -> Behaviour {
        self.scenario
            .workflows
            .iter()
            .find(|plan| plan.name == workflow.as_str())
            .and_then(|plan| plan.task(task))
            .map_or(Behaviour::PLAIN, |task| task.behaviour)
    }
}

/// How many scenarios there are; seeds share them, since reading files is no part of what is simulated.
pub const SCENARIOS: u64 = 2_000;

/// The scenarios that were prepared so far.
#[derive(Debug, Default)]
pub struct Catalogue {
    prepared: BTreeMap<u64, Arc<Prepared>>,
}

impl Catalogue {
    /// The scenario of `seed`: mostly of middling size.
    pub fn of(&mut self, seed: u64) -> Arc<Prepared> {
        let number = Random::new(seed).below(SCENARIOS);
        self.prepared
            .entry(number)
            .or_insert_with(|| {
                let scenario = draw(number);
                let yaml = scenario.yaml();
                let prepared = Prepared::new(scenario)
                    .unwrap_or_else(|error| panic!("a drawn scenario: {error}\n{yaml}"));
                Arc::new(prepared)
            })
            .clone()
    }
}

/// The scenario with a number: mostly of middling size; one of all has runs of several pages.
fn draw(number: u64) -> Scenario {
    let mut random = Random::new(number ^ 0x5eed_0000_0000);
    let size = match number % 50 {
        0..=32 => Size::Small,
        49 => Size::Large,
        _ => Size::Mid,
    };
    let of_pages = number == PAGES;
    loop {
        let mut scenario = Scenario::random(&mut random, size);
        if number.is_multiple_of(6)
            && let Some(schedule) = &mut scenario.workflows[0].schedule
        {
            schedule.overlap = Some(Overlap::Cancel);
        }
        let most = scenario
            .workflows
            .iter()
            .map(|plan| {
                (0..plan.tasks.len())
                    .map(|task| plan.instances(task))
                    .sum::<u32>()
            })
            .max()
            .unwrap_or(0);
        // Schedules have guards of their own, which the few that are drawn with one would seldom try.
        let scheduled = !number.is_multiple_of(3) || scenario.workflows[0].schedule.is_some();
        if of_pages == (most > 256) && (scheduled || of_pages) {
            return scenario;
        }
    }
}

/// The scenario whose runs have several pages: a run of it costs as much as a thousand others.
const PAGES: u64 = 1_999;
