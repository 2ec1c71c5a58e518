//! The process environment, read once and nowhere else.

use std::collections::BTreeMap;

use ork_host::settings::{Problem, variable};

/// What is set.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    /// Variables that are text.
    pub(crate) variables: BTreeMap<String, String>,
    /// Variables of ours that are not.
    pub(crate) problems: Vec<Problem>,
}

impl Environment {
    /// The project, for the names of traces in logs.
    pub(crate) fn project(&self) -> String {
        let project = self.variables.get("ORK_PROJECT").cloned();
        project.unwrap_or_default()
    }
}

/// Looks at the environment.
pub(crate) fn read() -> Environment {
    let mut environment = Environment::default();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else {
            continue;
        };
        match value.into_string() {
            Ok(value) => {
                environment.variables.insert(name, value);
            }
            Err(_) if name.starts_with("ORK_") || variable(&name).is_some() => {
                environment.problems.push(Problem {
                    variable: name,
                    what: "is not UTF-8".into(),
                });
            }
            Err(_) => {}
        }
    }
    environment
}
