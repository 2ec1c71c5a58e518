//! `ork completions`: what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// `ork completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs, out: &Output) -> Result<Exit, Failure> {
    out.print(&script(args.shell))?;
    Ok(Exit::Success)
}

fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "ork", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;
    use crate::commands::man::visible;

    #[test]
    fn every_shell_hears_of_every_command() {
        let commands = visible();
        assert!(commands.len() > 30, "{commands:?}");
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for name in commands.iter().flatten() {
                assert!(script.contains(name.as_str()), "{name} in {shell}");
            }
        }
    }
}
