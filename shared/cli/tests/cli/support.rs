//! A folder with workflows, and the binary run in it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Nothing that works takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder of its own for one test.
pub(crate) struct Project(TempDir);

impl Project {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
    /// A folder with one workflow file.
    pub(crate) fn with(name: &str, text: &str) -> Self {
        let project = Self::new();
        project.write(name, text);
        project
    }
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).expect("written");
    }
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ork"));
        command
            .args(args)
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        for name in [
            "ORK_STATE",
            "ORK_PYTHON",
            "ORK_PROFILE",
            "ORK_SERVER",
            "ORK_API_KEY",
            "ORK_ID_TOKEN",
            "ORK_PROJECT",
            "ORK_BUCKET",
            "ORK_DATABASE",
            "ORK_TOPIC_DISPATCH",
            "ORK_TOPIC_POLL",
            "FIRESTORE_EMULATOR_HOST",
            "PUBSUB_EMULATOR_HOST",
            "STORAGE_EMULATOR_HOST",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "GCE_METADATA_HOST",
            "ORK_ADMIN_ENDPOINT",
            "CLICOLOR_FORCE",
            "BROWSER",
        ] {
            command.env_remove(name);
        }
        // Nobody's own profiles.
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command
    }
    /// Runs it to its end.
    pub(crate) fn ork(&self, args: &[&str]) -> Ran {
        self.finish(&mut self.command(args))
    }
    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        let output = command.output().expect("the binary starts");
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
            dir: self.0.path().to_owned(),
        }
    }
    /// Starts it and lets it run.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        self.begin(&mut self.command(args))
    }
    pub(crate) fn begin(&self, command: &mut Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Running {
            child,
            lines,
            said: String::new(),
        }
    }
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
    dir: PathBuf,
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.exits(0)
    }
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        self
    }
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in:\n{}", self.err);
        self
    }
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error} in:\n{}\nstderr:\n{}", self.out, self.err))
    }
    /// Everything, as a snapshot shows it.
    pub(crate) fn text(&self) -> String {
        let text = format!(
            "exit {}\n---- stdout\n{}---- stderr\n{}",
            self.code.unwrap_or(-1),
            self.out,
            self.err
        );
        text.replace(self.dir.to_str().expect("UTF-8"), "<dir>")
            .replace(env!("CARGO_PKG_VERSION"), "<version>")
    }
}

/// Snapshots without what differs from run to run.
pub(crate) fn steady(check: impl FnOnce()) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{8}t\d{6}z-[0-9a-f]{8}", "<when>");
    settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "<instant>");
    settings.add_filter(r" +\d+(\.\d+)?(ms|s)\b", " <time>");
    // How many ends one commit gathers depends on the machine.
    settings.add_filter(r"running   .*\n", "");
    settings.add_filter(r"\b[0-9a-f]{12}\b", "<hash>");
    settings.add_filter(r"\b[0-9a-f]{64}\b", "<hash>");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(check);
}

/// A command under way.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: String,
}

impl Running {
    /// Waits until it has said a line with `text`; gives that line.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push_str(&line);
                    self.said.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("it never said {text:?} but:\n{}", self.said),
            }
        }
    }
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is there");
    }
    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        let mut out = String::new();
        self.child
            .stdout
            .take()
            .expect("piped")
            .read_to_string(&mut out)
            .expect("UTF-8");
        let status = self.child.wait().expect("it ends");
        self.said.extend(self.lines.iter().map(|line| line + "\n"));
        Ran {
            code: status.code(),
            out,
            err: std::mem::take(&mut self.said),
            dir: PathBuf::new(),
        }
    }
}

/// A workflow whose second task waits for the file `go`; the first notes in `done` that it ran.
pub(crate) const WAITS: &str = "\
name: waits
tasks:
  first:
    executor: process
    command: echo first | tee -a done
  second:
    executor: process
    command: |
      echo waiting
      while [ ! -e go ]; do sleep 0.02; done
    depends_on: [first]
";

/// The state folder of a project.
pub(crate) fn state(project: &Project) -> PathBuf {
    project.path(".ork")
}

/// Every regular file right in a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}
