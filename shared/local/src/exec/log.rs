//! An attempt's `log.txt`: what it printed, in order of arrival, within bounds.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use ork_core::limits::{LOG_BYTES, LOG_TAIL_LINES};

/// What is kept of the end when the middle had to go.
const END_BYTES: usize = 64 * 1024;
const HEAD_BYTES: usize = LOG_BYTES - END_BYTES;
/// Bytes of one line in a verdict.
const LINE_BYTES: usize = 2000;

/// The log of one attempt. The file appears with the first byte.
pub(crate) struct Log {
    path: PathBuf,
    file: Option<File>,
    written: usize,
    /// The last bytes beyond the head, oldest first from `ring_at`.
    ring: Vec<u8>,
    ring_at: usize,
    beyond: u64,
    error: Option<String>,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            written: 0,
            ring: Vec::new(),
            ring_at: 0,
            beyond: 0,
            error: None,
        }
    }

    /// Takes what was printed. Never fails: a log that cannot be written is told about at the end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = HEAD_BYTES - self.written;
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        if !head.is_empty() {
            self.write(head);
            self.written += head.len();
        }
        if !rest.is_empty() {
            self.keep(rest);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.error.is_some() {
            return;
        }
        let done = match &mut self.file {
            Some(file) => file.write_all(bytes),
            None => create(&self.path).and_then(|mut file| {
                let done = file.write_all(bytes);
                self.file = Some(file);
                done
            }),
        };
        if let Err(error) = done {
            self.error = Some(format!(
                "the log {} cannot be written: {error}",
                self.path.display()
            ));
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.beyond += bytes.len() as u64;
        let mut bytes = &bytes[bytes.len().saturating_sub(END_BYTES)..];
        if self.ring.len() < END_BYTES {
            let (first, rest) = bytes.split_at(bytes.len().min(END_BYTES - self.ring.len()));
            self.ring.extend_from_slice(first);
            bytes = rest;
        }
        while !bytes.is_empty() {
            let (first, rest) = bytes.split_at(bytes.len().min(END_BYTES - self.ring_at));
            self.ring[self.ring_at..self.ring_at + first.len()].copy_from_slice(first);
            self.ring_at = (self.ring_at + first.len()) % END_BYTES;
            bytes = rest;
        }
    }

    /// Writes the kept end and gives the file's size.
    pub(crate) fn finish(&mut self) -> u64 {
        if self.beyond > 0 {
            let ring = std::mem::take(&mut self.ring);
            let dropped = self.beyond - ring.len() as u64;
            if dropped > 0 {
                let note = format!(
                    "\n[ork: {dropped} bytes are left out here; a log keeps its first {HEAD_BYTES} and last {END_BYTES} bytes]\n"
                );
                self.write(note.as_bytes());
                self.written += note.len();
            }
            self.write(&ring[self.ring_at..]);
            self.write(&ring[..self.ring_at]);
            self.written += ring.len();
            self.beyond = 0;
        }
        if self.error.is_some() {
            0
        } else {
            self.written as u64
        }
    }

    /// Why the log is incomplete, if it is.
    pub(crate) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The last line that is not blank; call after `finish`.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.tail()
            .into_iter()
            .rfind(|line| !line.trim().is_empty())
    }

    /// The last lines; call after `finish`.
    pub(crate) fn tail(&self) -> Vec<String> {
        let Some(file) = &self.file else {
            return Vec::new();
        };
        let size = self.written as u64;
        let want = size.min((LOG_TAIL_LINES * (LINE_BYTES + 1)) as u64);
        let mut bytes = vec![0; usize::try_from(want).unwrap_or(0)];
        // What cannot be read back is only missing from the message; the file is there.
        if file.read_exact_at(&mut bytes, size - want).is_err() {
            return Vec::new();
        }
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        if text.is_empty() {
            return Vec::new();
        }
        let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..]
            .iter()
            .map(|line| cut(line))
            .collect()
    }
}

fn cut(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= LINE_BYTES {
        return String::from_utf8_lossy(line).into_owned();
    }
    let mut text = String::from_utf8_lossy(&line[..LINE_BYTES]).into_owned();
    text.push('…');
    text
}

fn create(path: &Path) -> std::io::Result<File> {
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    };
    open().or_else(|error| {
        let Some(parent) = path
            .parent()
            .filter(|_| error.kind() == std::io::ErrorKind::NotFound)
        else {
            return Err(error);
        };
        std::fs::create_dir_all(parent)?;
        open()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_head_and_end_and_counts_the_rest() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a/b/log.txt");
        let mut log = Log::new(path.clone());
        let mut total = 0_usize;
        for n in 0..300_000 {
            let line = format!("line {n:06} of a rather talkative task\n");
            total += line.len();
            log.push(line.as_bytes());
        }
        let size = log.finish();
        let text = std::fs::read_to_string(&path).expect("a log");
        assert_eq!(size, text.len() as u64);
        assert!(text.len() <= LOG_BYTES + 200, "{}", text.len());
        assert!(text.starts_with("line 000000"));
        assert!(text.ends_with("line 299999 of a rather talkative task\n"));
        assert!(
            text.contains(&format!("{} bytes are left out here", total - LOG_BYTES)),
            "the count"
        );
        let tail = log.tail();
        assert_eq!(tail.len(), LOG_TAIL_LINES);
        assert_eq!(tail[99], "line 299999 of a rather talkative task");
    }

    #[test]
    fn a_silent_task_has_no_file_and_a_long_line_is_cut() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut silent = Log::new(dir.path().join("none.txt"));
        assert_eq!((silent.finish(), silent.tail()), (0, Vec::new()));
        assert!(!dir.path().join("none.txt").exists());
        let mut log = Log::new(dir.path().join("log.txt"));
        log.push(&[b'x'; 5000]);
        log.push(b"\n\xff end");
        log.finish();
        let tail = log.tail();
        assert_eq!(tail[0].len(), LINE_BYTES + '…'.len_utf8());
        assert_eq!(tail[1], "\u{fffd} end");
    }
}
