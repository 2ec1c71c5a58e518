//! What a worker service is told by its environment.

use std::collections::BTreeMap;

use ork_host::Role;
use ork_host::settings::{Problem, Problems, WorkerServing};

use crate::machine::{Machine, Reader};

/// Settings of a worker service.
#[derive(Debug, Clone)]
pub struct WorkerServiceSettings {
    /// How it serves, and where the objects are.
    pub serving: WorkerServing,
    /// What it has to run tasks with.
    pub machine: Machine,
}

impl WorkerServiceSettings {
    /// Reads the variables of a process. All that is wrong is reported at once.
    pub fn from_map(env: &BTreeMap<String, String>) -> Result<Self, Problems> {
        let serving = WorkerServing::read(env);
        let mut reader = Reader::new(env);
        let machine = Machine::read(&mut reader);
        // Each line begins with the variable's name.
        let lines = reader.problems.into_iter().map(|line| {
            let (variable, what) = line.split_once(' ').unwrap_or((&line, ""));
            Problem {
                variable: variable.to_owned(),
                what: what.to_owned(),
            }
        });
        let mut problems: Vec<Problem> = lines.collect();
        match serving {
            Ok(serving) if problems.is_empty() => Ok(Self { serving, machine }),
            Ok(_) => Err(Problems(problems)),
            Err(more) => {
                problems.extend(more.0);
                Err(Problems(problems))
            }
        }
    }

    /// Makes what sends traces and metrics, those of tasks too, if the settings say where to.
    pub fn measured(&mut self) -> Result<(), String> {
        let WorkerServing {
            serving, project, ..
        } = &mut self.serving;
        *serving = serving.measured(Role::WorkerService, project, None)?;
        self.machine.telemetry = serving.telemetry.clone();
        Ok(())
    }
}
