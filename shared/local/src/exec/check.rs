//! Says before a run starts whether this machine can run an executor at all.

use ork_core::definition::Executor;

use super::ExecConfig;

/// Said of a library when nobody told where the ork command is.
pub(crate) const NO_EXE: &str =
    "executor `library` needs the path of the ork command, which this program did not give";

/// Whether `executor` can run here; if not, which it is, why not, and what can.
pub fn check(executor: &Executor, config: &ExecConfig) -> Result<(), String> {
    match executor {
        Executor::Marker
        | Executor::Workflow { .. }
        | Executor::Process { .. }
        | Executor::Script { .. }
        | Executor::Python { .. }
        // Not for a worker: whoever was given to ask about jobs says what can be done here.
        | Executor::Http { .. }
        | Executor::Remote { .. } => Ok(()),
        Executor::Library { .. } => match config.exe {
            Some(_) => Ok(()),
            None => Err(NO_EXE.to_owned()),
        },
        Executor::Custom { name, .. } => match config.custom.get(name) {
            Some(argv) if !argv.is_empty() => Ok(()),
            Some(_) => Err(format!(
                "executor `{name}` has an empty command in ork.yaml: give it a program to run"
            )),
            None => Err(format!(
                "executor `{name}` is not declared: add it under `executors:` in ork.yaml, with the command that runs its tasks{}",
                declared(config)
            )),
        },
        Executor::CloudRun { .. } => Err(cannot("cloudrun", "runs on Google Cloud only")),
        Executor::Service { .. } => Err(cannot("service", "asks a deployed worker service")),
        Executor::Docker { .. } => Err(cannot(
            "docker",
            "needs a container engine, which the local engine does not drive yet",
        )),
        Executor::Kubernetes { .. } => Err(cannot("kubernetes", "needs a cluster")),
        Executor::Dbt { .. } => Err(cannot(
            "dbt",
            "is not driven by the local engine yet; a `process` task with `dbt run --select …` does the same",
        )),
    }
}

fn cannot(word: &str, why: &str) -> String {
    format!(
        "executor `{word}` {why}: `ork execute` cannot run it here; `python`, `process`, `library`, `fun` tasks and the custom executors of ork.yaml can"
    )
}

fn declared(config: &ExecConfig) -> String {
    if config.custom.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = config.custom.keys().map(String::as_str).collect();
    format!(" (declared: {})", names.join(", "))
}
