//! Whole commands: `ork execute` over workflows of known shape.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// A folder with a workflow, run with the `ork` beside this program.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
    ork: PathBuf,
}

const TASKS: &str = "def start(): return 0\ndef step(n): return n + 1\ndef items(): return list(range({n}))\ndef one(n): return n\ndef total(values): return len(values)\n";

/// The `ork` executable beside this one.
pub(crate) fn ork() -> Result<PathBuf> {
    let ork = std::env::current_exe()?.with_file_name("ork");
    if !ork.is_file() {
        bail!(
            "{} is missing: build it with `cargo build --release -p ork-cli`",
            ork.display()
        );
    }
    Ok(ork)
}

impl Bed {
    pub(crate) fn new(workflow: &str, items: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("w.yaml"), workflow)?;
        std::fs::write(
            folder.path().join("tasks.py"),
            TASKS.replace("{n}", &items.to_string()),
        )?;
        Ok(Self {
            folder,
            ork: ork()?,
        })
    }

    /// `ork execute` on it, as a user would type it; its output is a pipe nobody reads far.
    pub(crate) fn execute(&self, more: &[&str]) -> Result<()> {
        let output = Command::new(&self.ork)
            .args(["execute", "--file"])
            .arg(self.folder.path().join("w.yaml"))
            .arg("-q")
            .args(more)
            .stdin(Stdio::null())
            .output()
            .context("start ork")?;
        if !output.status.success() {
            bail!(
                "ork execute failed: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A chain of `n` Python tasks that pass a number on.
pub(crate) fn python_chain(n: usize) -> String {
    let mut text = String::from(
        "name: chain\ntasks:\n  t0: {executor: python, file: tasks.py, function: start}\n",
    );
    for at in 1..n {
        let before = at - 1;
        text.push_str(&format!("  t{at}: {{executor: python, file: tasks.py, function: step, depends_on: [t{before}], input: {{n: \"{{{{ t{before} }}}}\"}}}}\n"));
    }
    text
}

/// One task that makes a list, an instance per item, one that counts them.
pub(crate) fn python_fan(isolation: &str) -> String {
    format!(
        "name: fan\ntasks:\n  items: {{executor: python, file: tasks.py, function: items, isolation: {isolation}}}\n  one: {{executor: python, file: tasks.py, function: one, depends_on: [items], foreach: items, input: {{n: \"{{{{ item }}}}\"}}, isolation: {isolation}}}\n  total: {{executor: python, file: tasks.py, function: total, depends_on: [one], input: {{values: \"{{{{ one }}}}\"}}, isolation: {isolation}}}\n"
    )
}

/// A chain of `n` commands that do nothing.
pub(crate) fn process_chain(n: usize) -> String {
    let mut text =
        String::from("name: chain\ntasks:\n  t0: {executor: process, command: /bin/true}\n");
    for at in 1..n {
        text.push_str(&format!(
            "  t{at}: {{executor: process, command: /bin/true, depends_on: [t{}]}}\n",
            at - 1
        ));
    }
    text
}

/// One, `n` and one commands that do nothing.
pub(crate) fn process_fan(n: usize) -> String {
    format!(
        "name: fan\ntasks:\n  a: {{executor: process, command: /bin/true}}\n  b: {{executor: process, command: /bin/true, depends_on: [a], parallel: {n}}}\n  c: {{executor: process, command: /bin/true, depends_on: [b]}}\n"
    )
}

/// One, `n` and one tasks without an executor.
pub(crate) fn marker_fan(n: usize) -> String {
    format!(
        "name: fan\ntasks:\n  a: {{}}\n  b: {{depends_on: [a], parallel: {n}}}\n  c: {{depends_on: [b]}}\n"
    )
}

/// Three Python tasks: the last needs both others.
pub(crate) const DIAMOND: &str = "name: diamond\ntasks:\n  top: {executor: python, file: tasks.py, function: start}\n  left: {executor: python, file: tasks.py, function: step, depends_on: [top], input: {n: \"{{ top }}\"}}\n  bottom: {executor: python, file: tasks.py, function: step, depends_on: [top, left], input: {n: \"{{ left }}\"}}\n";
