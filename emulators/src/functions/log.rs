//! Where a function's output goes: into its file, and to standard error as well when that is wished.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;

/// How much of it an error shows.
const SHOWN_LINES: usize = 20;
/// How long what a process has written before its end may take to be read.
const REST: Duration = Duration::from_secs(1);

/// The output of one process.
#[derive(Debug)]
pub(super) struct Log {
    what: &'static str,
    path: PathBuf,
    file: Arc<File>,
    shown: bool,
    readers: Vec<JoinHandle<()>>,
}

impl Log {
    /// Opens `folder/WHAT.log`, and empties it.
    pub(super) fn open(folder: &Path, what: &'static str, shown: bool) -> anyhow::Result<Self> {
        let path = folder.join(format!("{what}.log"));
        let file = File::create(&path)
            .with_context(|| format!("{what}: its log {} cannot be written", path.display()))?;
        Ok(Self {
            what,
            path,
            file: Arc::new(file),
            shown,
            readers: Vec::new(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the process gets as standard output or error: the file itself, unless somebody wants to see it too.
    pub(super) fn stream(&self) -> anyhow::Result<Stdio> {
        if self.shown {
            return Ok(Stdio::piped());
        }
        let file = self.file.try_clone();
        Ok(Stdio::from(file.with_context(|| {
            format!("{}: its log {} is lost", self.what, self.path.display())
        })?))
    }

    /// Reads what the process writes, if it writes to us.
    pub(super) fn read(&mut self, child: &mut Child) {
        if let Some(stdout) = child.stdout.take() {
            self.read_from(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            self.read_from(stderr);
        }
    }

    fn read_from(&mut self, stream: impl AsyncRead + Send + Unpin + 'static) {
        let (what, file) = (self.what, self.file.clone());
        self.readers.push(tokio::spawn(async move {
            let mut lines = BufReader::new(stream).split(b'\n');
            // A stream that breaks has ended.
            while let Ok(Some(line)) = lines.next_segment().await {
                let line = String::from_utf8_lossy(&line);
                // Nobody being there to read it is no reason to stop.
                let _ = writeln!(&*file, "{line}");
                let _ = writeln!(std::io::stderr(), "{what:8} | {}", for_people(&line));
            }
        }));
    }

    /// Waits until everything is there that an ended process has written.
    pub(super) async fn complete(&mut self) {
        let readers = futures_util::future::join_all(self.readers.drain(..));
        // Somebody else may hold the other end: then this is all there will be.
        let _ = tokio::time::timeout(REST, readers).await;
    }

    /// The end of it, for an error.
    pub(super) fn last_lines(&self) -> String {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let last = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        let last: Vec<String> = last.iter().map(|line| for_people(line)).collect();
        last.join("\n")
    }
}

/// A line for Cloud Logging as people like to read it; any other line as it is.
fn for_people(line: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
        return line.to_owned();
    };
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let (Some(severity), Some(message)) = (text("severity"), text("message")) else {
        return line.to_owned();
    };
    let time = text("time").and_then(|time| time.get(11..23));
    let mut shown = format!("{} {severity} {message}", time.unwrap_or_default());
    for (name, value) in &fields {
        let said = ["time", "severity", "message", "target"].contains(&name.as_str());
        // Labels are worth reading, where in the source a line was written is not.
        match value {
            Value::Object(labels) if name.ends_with("/labels") => {
                for (name, value) in labels {
                    shown.push_str(&format!(" {name}={}", bare(value)));
                }
            }
            _ if said || name.starts_with("logging.googleapis.com/") => {}
            _ => shown.push_str(&format!(" {name}={}", bare(value))),
        }
    }
    shown
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

impl Drop for Log {
    fn drop(&mut self) {
        for reader in &self.readers {
            reader.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_machines_are_shown_as_people_like_them() {
        let line = r#"{"logging.googleapis.com/labels":{"workflow":"w"},"logging.googleapis.com/sourceLocation":{"file":"x.rs","line":"9"},
            "message":"answered","ms":4,"path":"/push","severity":"INFO","target":"ork","time":"2026-11-21T18:20:21.641283Z"}"#;
        assert_eq!(
            for_people(line),
            "18:20:21.641 INFO answered workflow=w ms=4 path=/push"
        );
        for other in [
            "tick is ready",
            "{\"a\": 1}",
            "{",
            "",
            "[1]",
            "{\"message\": 1}",
        ] {
            assert_eq!(for_people(other), other);
        }
    }
}
