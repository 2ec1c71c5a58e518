//! `ork validate`: checks workflow files without running anything.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use ork_core::diagnostic::{Diagnostic, Severity};
use ork_core::limits;
use ork_core::parse::Project;

use crate::failure::{Exit, Failure};
use crate::output::{Output, diagnostic_lists};
use crate::workflow_file::{self, Checked, count, shown};

/// `ork validate`
#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// Workflow files; `-` reads one from standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Print {"errors": […], "warnings": […]} to standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Warnings are errors
    #[arg(long)]
    strict: bool,
}

/// Checks every file, says everything that is wrong with them.
pub(crate) fn validate(args: &ValidateArgs, out: &Output) -> Result<Exit, Failure> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for file in &args.files {
        let checked = if file == Path::new("-") {
            workflow_file::check("<stdin>", &stdin()?, &Project::default(), None)
        } else {
            let bytes = workflow_file::read(file)?;
            let project = workflow_file::project_of(file, out)?;
            let folder = workflow_file::folder_of(file);
            workflow_file::check(&shown(file), &bytes, &project, folder.as_deref())
        };
        if !args.json {
            out.diagnostics(&checked.found, &checked.source);
            if checked.found.is_empty() {
                out.print(&format!("{}: {}\n", shown(file), about(&checked)))?;
            }
        }
        found.extend(checked.found);
    }
    let errors = found
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .count();
    let warnings = found.len() - errors;
    if args.json {
        out.json(&diagnostic_lists(&found))?;
    } else if errors + warnings > 0 {
        let both = [(errors, "error"), (warnings, "warning")];
        let said: Vec<String> = both
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| count(*n, what))
            .collect();
        out.say(&format!("\n{}", said.join(" and ")));
    }
    Ok(if errors > 0 || (args.strict && warnings > 0) {
        Exit::Invalid
    } else {
        Exit::Success
    })
}

fn about(checked: &Checked) -> String {
    match &checked.workflow {
        None => "ok".to_owned(),
        Some(workflow) => {
            let version = workflow.version();
            format!(
                "ok, workflow {} with {} (version {})",
                workflow.name,
                count(workflow.tasks.len(), "task"),
                version.short()
            )
        }
    }
}

fn stdin() -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(limits::FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io("cannot read standard input", &error))?;
    Ok(bytes)
}
