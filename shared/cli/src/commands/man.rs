//! `ork man`: the manual.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::workflow_file::shown;

/// `ork man`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this folder, made when missing [default: the page of `ork` to standard output]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the pages, or prints the first.
pub(crate) fn man(args: &ManArgs, out: &Output) -> Result<Exit, Failure> {
    let Some(folder) = &args.dir else {
        let mut page = Vec::new();
        page_of(root())
            .render(&mut page)
            .map_err(|error| Failure::io("the page cannot be made", &error))?;
        out.print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Success);
    };
    let what = format!("cannot write the pages into `{}`", shown(folder));
    fs::create_dir_all(folder)
        .and_then(|()| write(root(), folder))
        .map_err(|error| Failure::io(&what, &error))?;
    out.say(&format!(
        "wrote the pages into {0}; `man {0}/ork.1` shows the first",
        folder.display()
    ));
    Ok(Exit::Success)
}

/// The command line, with everything that commands get from those above them.
fn root() -> Command {
    let mut root = Cli::command();
    root.build();
    root
}

fn page_of(command: Command) -> Man {
    Man::new(command)
        .source(concat!("Ork ", env!("CARGO_PKG_VERSION")))
        .manual("Ork")
}

/// Writes the page of a command and of those below it.
fn write(command: Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        write(below.clone(), folder)?;
    }
    page_of(command).generate_to(folder).map(|_| ())
}

/// Every command that the help names, each as its words after `ork`.
#[cfg(test)]
pub(crate) fn visible() -> Vec<Vec<String>> {
    fn below(command: &Command, path: &[String], found: &mut Vec<Vec<String>>) {
        for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
            let path = [path, &[one.get_name().to_owned()]].concat();
            below(one, &path, found);
            found.push(path);
        }
    }
    let mut found = Vec::new();
    below(&Cli::command(), &[], &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().expect("a folder");
        write(root(), folder.path()).expect("written");
        let mut wanted: Vec<String> = visible()
            .iter()
            .map(|path| format!("ork-{}.1", path.join("-")))
            .chain(["ork.1".to_owned()])
            .collect();
        wanted.sort();
        let pages = fs::read_dir(folder.path()).expect("a folder");
        let mut pages: Vec<String> = pages
            .map(|page| page.expect("a page").file_name().display().to_string())
            .collect();
        pages.sort();
        assert_eq!(pages, wanted);
    }
}
