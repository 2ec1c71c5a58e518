//! From plans to definitions, through the parser that reads users' files.

use std::collections::BTreeMap;
use std::sync::Arc;

use ork_core::definition::Workflow;
use ork_core::diagnostic::render;
use ork_core::ids::PoolName;
use ork_core::parse::{CustomExecutor, Project, parse_workflow_with};

use super::plan::Scenario;
use super::render::CUSTOM_EXECUTOR;

/// A scenario as the engine takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The definitions, in the order of the plans.
    pub workflows: Vec<Arc<Workflow>>,
    /// The places of the pools.
    pub pools: BTreeMap<PoolName, u32>,
}

impl Scenario {
    /// Writes each plan as a file and reads it. The error is what a user would see, with the file.
    pub fn parse(&self) -> Result<Parsed, String> {
        let spark = CustomExecutor {
            command: vec!["./spark".to_owned()],
            description: None,
        };
        let project = Project {
            pools: self.pools.clone(),
            custom_executors: BTreeMap::from([(CUSTOM_EXECUTOR.to_owned(), spark)]),
            ..Project::default()
        };
        let workflows = self.workflows.iter().map(|plan| {
            let source = plan.source();
            match parse_workflow_with(&plan.file_name(), source.as_bytes(), &project) {
                Ok(parsed) => Ok(Arc::new(parsed.workflow)),
                Err(found) => Err(format!("{}\n{source}", render(&found, &source, false))),
            }
        });
        let pools = self.pools.iter().map(|(name, places)| {
            let name = PoolName::new(name).map_err(|error| error.to_string())?;
            Ok((name, *places))
        });
        Ok(Parsed {
            workflows: workflows.collect::<Result<_, String>>()?,
            pools: pools.collect::<Result<_, String>>()?,
        })
    }
}
