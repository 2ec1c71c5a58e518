//! What is printed once everything answers: what listens where, and what to do next.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use ork_emulators::scheduler::Cadence;
use ork_emulators::{Emulators, Functions};

use crate::env_file::exports;

/// What is to be told.
pub(crate) struct Table<'a> {
    pub(crate) emulators: &'a Emulators,
    pub(crate) functions: Option<(&'a Functions, &'a Path)>,
    pub(crate) tick: Option<(&'a str, Cadence)>,
    pub(crate) env_file: Option<&'a Path>,
    pub(crate) env: &'a std::collections::BTreeMap<String, String>,
}

impl Table<'_> {
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut output = std::io::stdout().lock();
        output
            .write_all(self.text().as_bytes())
            .and_then(|()| output.flush())
            .context("the table cannot be printed")
    }

    fn text(&self) -> String {
        let mut rows: Vec<(&str, String)> = Vec::new();
        for (what, address) in self.emulators.addresses() {
            rows.push((what, address.to_string()));
        }
        for (what, address) in self.functions.iter().flat_map(|(all, _)| all.addresses()) {
            rows.push((what, address.to_string()));
        }
        if let Some((url, every)) = self.tick {
            let row = format!("POST {url}, {}", often(every));
            rows.push(("Cloud Scheduler (stand-in)", row));
        }
        let width = rows.iter().map(|(what, _)| what.len()).max().unwrap_or(0);
        let mut text = String::new();
        for (what, row) in rows {
            text.push_str(&format!("{what:width$}  {row}\n"));
        }
        text.push('\n');
        match (self.env_file, self.functions) {
            (Some(path), Some((_, logs))) => text.push_str(&format!(
                "Logs of the functions: {}\n\nNext, in another terminal:\n\n    . {}\n{NEXT}\n",
                logs.display(),
                sourced(path)
            )),
            (None, Some((_, logs))) => text.push_str(&format!(
                "Logs of the functions: {}\n\nNext, in another terminal:\n\n{}{NEXT}\n",
                logs.display(),
                exports(self.env)
            )),
            (Some(path), None) => text.push_str(&format!(
                "The environment is in {}: `. {}`\n",
                path.display(),
                sourced(path)
            )),
            (None, None) => text.push_str(&exports(self.env)),
        }
        text.push_str(if self.functions.is_some() {
            "Ctrl-C stops everything; nothing but the logs is kept.\n"
        } else {
            "Ctrl-C stops everything; nothing is kept.\n"
        });
        text
    }
}

/// `ork` finds project and bucket in the environment.
const NEXT: &str = "    ork workflow deploy examples/quickstart
    ork run start quickstart --wait
";

/// A path that `.` does not look for on PATH.
fn sourced(path: &Path) -> String {
    if path.components().count() == 1 && path.is_relative() {
        format!("./{}", path.display())
    } else {
        path.display().to_string()
    }
}

fn often(every: Cadence) -> String {
    match every {
        Cadence::Minute => "every full minute".to_owned(),
        Cadence::Every(every) => format!("every {} s", every.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_this_folder_is_named_so_that_a_shell_finds_it() {
        assert_eq!(sourced(Path::new("env.sh")), "./env.sh");
        assert_eq!(sourced(Path::new("target/env.sh")), "target/env.sh");
        assert_eq!(sourced(Path::new("/tmp/env.sh")), "/tmp/env.sh");
    }

    #[test]
    fn how_often_is_said_in_words() {
        let half = std::time::Duration::from_millis(500);
        assert_eq!(often(Cadence::Every(half)), "every 0.5 s");
        assert_eq!(often(Cadence::Minute), "every full minute");
    }
}
