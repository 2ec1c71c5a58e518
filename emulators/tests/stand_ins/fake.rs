//! A program that stands for `ork-service`, and what the functions made of it have done.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::command::{Running, WITHOUT_GOOGLE, variable};
use crate::support::{lives, until};

/// The program that stands for `ork-service`, in a folder of its own; `None` (said aloud) where there is no Python.
pub(crate) struct Fake {
    folder: TempDir,
}

impl Fake {
    pub(crate) fn new(test: &str) -> Option<Self> {
        let python = Command::new("python3").arg("--version").output();
        if !python.is_ok_and(|output| output.status.success()) {
            let text = format!("SKIPPED {test}: it needs python3 on PATH");
            let all = std::env::var_os("ORK_REQUIRE_ALL").is_some_and(|value| value == "1");
            assert!(!all, "{text}");
            // Not through `eprintln!`: the test harness would swallow it.
            let _ = writeln!(std::io::stderr(), "{text}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("ork-service");
        std::fs::write(&program, include_str!("fake_function.py")).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { folder })
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap_or_default()
    }

    /// The command with the functions, and without Google's emulators; waits until everything answers.
    pub(crate) async fn start(&self, more: &[&str]) -> Running {
        let running = Running::start(&self.arguments(more));
        variable(&self.path("env.sh"), "ORK_PROJECT").await;
        running
    }

    pub(crate) fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let [program, logs, file] = ["ork-service", "logs", "env.sh"]
            .map(|name| &*self.path(name).to_str().unwrap().to_owned().leak());
        let own = ["--functions", program, "--logs", logs, "--env-file", file];
        [&WITHOUT_GOOGLE[..], &own, more].concat()
    }

    /// The environment a role was started with.
    pub(crate) fn env(&self, role: &str) -> BTreeMap<String, String> {
        serde_json::from_str(&self.text(&format!("{role}.env"))).unwrap()
    }

    /// Paths and bodies of what a role was sent.
    pub(crate) fn posts(&self, role: &str) -> Vec<(String, String)> {
        let text = self.text(&format!("{role}.posts"));
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    /// The processes of all functions, and one that each has started.
    pub(crate) fn processes(&self) -> Vec<i32> {
        let text = self.text("pids");
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    pub(crate) async fn until_nothing_is_left(&self) {
        let processes = self.processes();
        assert!(processes.len() >= 8, "{processes:?}");
        until("every process is gone", || async {
            (!processes.iter().copied().any(lives)).then_some(())
        })
        .await;
    }
}
