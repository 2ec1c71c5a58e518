//! The params of a run from the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::Value;
use ork_core::bind::{BindError, bind_params};
use ork_core::definition::Workflow;
use ork_core::expr::RunFields;
use ork_core::time::Time;
use serde_json::Map;

use crate::failure::Failure;
use crate::workflow_file;

/// How params are given.
#[derive(Debug, Default, Args)]
pub(crate) struct ParamArgs {
    /// A param of the run; numbers, true and false, lists and objects (JSON) are read as the param's type asks
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A JSON object with params; --param comes on top
    #[arg(long, value_name = "JSON")]
    params_file: Option<PathBuf>,
}

impl ParamArgs {
    /// The params as given, typed as `workflow` types them.
    pub(crate) fn given(&self, workflow: &Workflow) -> Result<Map<String, Value>, Failure> {
        let mut given = match &self.params_file {
            Some(file) => from_file(file)?,
            None => Map::new(),
        };
        let mut wrong = Vec::new();
        for text in &self.params {
            let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                wrong.push(format!(
                    "`--param {text}` has no value: write --param name=value"
                ));
                continue;
            };
            let kind = workflow
                .params
                .iter()
                .find(|param| param.name == name)
                .map(|param| &param.kind);
            // A name the workflow does not know is refused with all the others when they are bound.
            match kind.map_or_else(|| Ok(Value::from(value)), |kind| kind.coerce_text(value)) {
                Ok(value) => {
                    given.insert(name.to_owned(), value);
                }
                Err(error) => wrong.push(format!("param `{name}`: {error}")),
            }
        }
        refuse(wrong)?;
        Ok(given)
    }
}

/// The params as a run started at `now` would have them: defaults filled in, types checked.
pub(crate) fn resolve(
    workflow: &Workflow,
    given: &Map<String, Value>,
    now: Time,
) -> Result<Map<String, Value>, Failure> {
    let run = RunFields {
        id: String::new(),
        slot: Some(now),
        workflow: workflow.name.to_string(),
        version: workflow.version().to_string(),
        attempt: 1,
        recovery_attempts: 0,
    };
    bind_params(workflow, given, run).or_else(|errors: Vec<BindError>| {
        refuse(errors.iter().map(ToString::to_string).collect())?;
        Ok(Map::new())
    })
}

fn refuse(wrong: Vec<String>) -> Result<(), Failure> {
    match wrong.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::new(one.clone())),
        many => Err(Failure::new(format!(
            "{} params are wrong\n  - {}",
            many.len(),
            many.join("\n  - ")
        ))),
    }
}

fn from_file(file: &Path) -> Result<Map<String, Value>, Failure> {
    let bytes = workflow_file::read(file)?;
    let name = workflow_file::shown(file);
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(Failure::new(format!("`{name}` holds no JSON object"))
            .hint("write {\"name\": value, …}")),
        Err(error) => Err(Failure::new(format!("`{name}` is not JSON: {error}"))),
    }
}
