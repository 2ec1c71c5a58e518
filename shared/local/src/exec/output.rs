//! From what a task gave back to the output in its verdict.

use std::path::Path;

use ork_core::limits::{DEFERRED_JOBS, ERROR_BYTES, INLINE_OUTPUT_BYTES, OUTPUT_BYTES};
use ork_core::run::Category;
use ork_core::task::{Output, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line of standard output starts with when it is the task's output.
const PREFIX: &[u8] = b"ORK_OUTPUT:";
/// Nesting that a reader of the output can still follow (serde_json stops at 128).
const NESTING: usize = 120;

/// A failed verdict; the message is cut to what a page keeps.
pub(crate) fn failed(category: Category, message: impl Into<String>) -> Verdict {
    Verdict::Failed {
        category,
        message: cut(message.into()),
        log_tail: Vec::new(),
        exit_code: None,
    }
}

/// Cuts a text to what a page keeps of an error.
fn cut(mut message: String) -> String {
    if message.len() > ERROR_BYTES {
        let mut at = ERROR_BYTES - '…'.len_utf8();
        while !message.is_char_boundary(at) {
            at -= 1;
        }
        message.truncate(at);
        message.push('…');
    }
    message
}

/// The failure of an output that is too large.
pub(crate) fn too_large(bytes: u64) -> Verdict {
    failed(
        Category::Permanent,
        format!(
            "the output has {bytes} bytes, more than the {OUTPUT_BYTES} allowed: write it to a file and return the file's path"
        ),
    )
}

/// Settles a successful end: `json` is what the task gave (blank counts as null), `source` says where it came from, for
/// messages, and `object` is where an output goes that is too large to be kept with the state.
pub(crate) fn success(json: &[u8], source: &str, object: &Path) -> Verdict {
    let json = json.trim_ascii();
    if json.is_empty() {
        return Verdict::Success {
            output: Output::null(),
        };
    }
    if json.len() > OUTPUT_BYTES {
        return too_large(json.len() as u64);
    }
    let text = match check(json) {
        Ok(text) => text,
        Err(why) => {
            let start = String::from_utf8_lossy(&json[..json.len().min(80)]);
            let dots = if json.len() > 80 { "…" } else { "" };
            return failed(
                Category::Permanent,
                format!("{source} is not JSON: {why}; it begins `{start}{dots}`"),
            );
        }
    };
    if let Some((jobs, count)) = deferred(text) {
        if count > DEFERRED_JOBS {
            return failed(
                Category::Permanent,
                format!(
                    "{source} defers to {count} jobs, more than the {DEFERRED_JOBS} allowed: split the task"
                ),
            );
        }
        return match place(jobs, object) {
            Ok(placed) => Verdict::deferred(placed, u32::try_from(count).unwrap_or(u32::MAX), jobs),
            Err(verdict) => verdict,
        };
    }
    match place(text, object) {
        Ok(output) => Verdict::Success { output },
        Err(verdict) => verdict,
    }
}

/// Settles a successful end whose output is plain text.
pub(crate) fn success_text(text: &[u8], object: &Path) -> Verdict {
    let json =
        serde_json::to_string(&String::from_utf8_lossy(text)).expect("a string is always JSON");
    if json.len() > OUTPUT_BYTES {
        return too_large(json.len() as u64);
    }
    match place(&json, object) {
        Ok(output) => Verdict::Success { output },
        Err(verdict) => verdict,
    }
}

fn place(json: &str, object: &Path) -> Result<Output, Verdict> {
    if json.len() <= INLINE_OUTPUT_BYTES {
        return Ok(Output::Inline(json.into()));
    }
    match write(object, json.as_bytes()) {
        Ok(()) => Ok(Output::Object {
            bytes: json.len() as u64,
        }),
        Err(error) => Err(failed(
            Category::Recoverable,
            format!(
                "the output cannot be written to {}: {error}",
                object.display()
            ),
        )),
    }
}

/// Readers see the whole file or none.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("json.part");
    let put = || std::fs::write(&temporary, bytes);
    put().or_else(|error| {
        let Some(parent) = path
            .parent()
            .filter(|_| error.kind() == std::io::ErrorKind::NotFound)
        else {
            return Err(error);
        };
        std::fs::create_dir_all(parent)?;
        put()
    })?;
    std::fs::rename(&temporary, path)
}

fn check(json: &[u8]) -> Result<&str, String> {
    let text = std::str::from_utf8(json)
        .map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to()))?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| error.to_string())?;
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                if depth > NESTING {
                    return Err(format!("it is nested deeper than {NESTING} levels"));
                }
            }
            b']' | b'}' if !quoted => depth -= 1,
            _ => {}
        }
    }
    // Read for good, not only skimmed: a number out of range would be found by an innocent reader later.
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| error.to_string())?;
    Ok(text)
}

/// The jobs of `{"deferred": [job, …], …}`, and how many.
fn deferred(text: &str) -> Option<(&str, usize)> {
    #[derive(Deserialize)]
    struct Deferral<'a> {
        #[serde(borrow)]
        deferred: &'a RawValue,
    }
    if !text.starts_with('{') || !text.contains("\"deferred\"") {
        return None;
    }
    let found: Deferral<'_> = serde_json::from_str(text).ok()?;
    let jobs: Vec<serde::de::IgnoredAny> = serde_json::from_str(found.deferred.get()).ok()?;
    (!jobs.is_empty()).then(|| (found.deferred.get(), jobs.len()))
}

/// Finds the last `ORK_OUTPUT:` line in a stream of chunks.
#[derive(Default)]
pub(crate) struct OutputLine {
    state: Line,
    current: Vec<u8>,
    current_bytes: u64,
    last: Option<(Vec<u8>, u64)>,
}

#[derive(Clone, Copy)]
enum Line {
    /// So much of the prefix has been seen from the line's start.
    Start(usize),
    /// The line is not an output.
    Other,
    /// The line is one.
    Output,
}

impl Default for Line {
    fn default() -> Self {
        Self::Start(0)
    }
}

impl OutputLine {
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            match self.state {
                Line::Start(seen) if first == PREFIX[seen] => {
                    self.state = if seen + 1 == PREFIX.len() {
                        Line::Output
                    } else {
                        Line::Start(seen + 1)
                    };
                    bytes = &bytes[1..];
                }
                Line::Start(_) => self.state = Line::Other,
                Line::Other => match bytes.iter().position(|b| *b == b'\n') {
                    Some(at) => {
                        self.state = Line::Start(0);
                        bytes = &bytes[at + 1..];
                    }
                    None => return,
                },
                Line::Output => {
                    let end = bytes.iter().position(|b| *b == b'\n');
                    let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.current_bytes += part.len() as u64;
                    let room = (OUTPUT_BYTES + 1).saturating_sub(self.current.len());
                    self.current
                        .extend_from_slice(&part[..part.len().min(room)]);
                    bytes = rest;
                    if end.is_some() {
                        bytes = &bytes[1..];
                        self.finish_line();
                    }
                }
            }
        }
    }

    fn finish_line(&mut self) {
        self.last = Some((
            std::mem::take(&mut self.current),
            std::mem::take(&mut self.current_bytes),
        ));
        self.state = Line::Start(0);
    }

    /// The last output line's text and true size, if there was one.
    pub(crate) fn finish(mut self) -> Option<(Vec<u8>, u64)> {
        if matches!(self.state, Line::Output) {
            self.finish_line();
        }
        self.last
    }
}

/// Standard output taken whole, up to the limit of an output.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) total: u64,
}

impl Text {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = (OUTPUT_BYTES + 1).saturating_sub(self.bytes.len());
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(chunks: &[&[u8]]) -> Option<String> {
        let mut found = OutputLine::default();
        for chunk in chunks {
            found.push(chunk);
        }
        found
            .finish()
            .map(|(bytes, _)| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn the_last_output_line_counts_however_it_is_cut() {
        let text = b"hello\nORK_OUTPUT:1\n xORK_OUTPUT:2\nORK_OUTPU\nORK_OUTPUT:{\"a\":\n3\nORK_OUTPUT: [4]";
        for size in 1..text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(line(&chunks).as_deref(), Some(" [4]"), "chunks of {size}");
        }
        assert_eq!(line(&[b"ORK_OUTPUT:7\nbye\n"]).as_deref(), Some("7"));
        assert_eq!(line(&[b"nothing\nhere"]), None);
    }

    #[test]
    fn what_is_not_json_is_quoted_with_its_position() {
        let Verdict::Failed {
            category, message, ..
        } = success(
            b"{\"a\": tru}",
            "the ORK_OUTPUT line",
            Path::new("/nowhere"),
        )
        else {
            panic!("failed")
        };
        assert_eq!(category, Category::Permanent);
        assert!(
            message.contains("column 10") && message.contains("`{\"a\": tru}`"),
            "{message}"
        );
        let deep = "[".repeat(200) + &"]".repeat(200);
        let Verdict::Failed { message, .. } = success(deep.as_bytes(), "x", Path::new("/nowhere"))
        else {
            panic!("failed")
        };
        assert!(message.contains("nested deeper"), "{message}");
    }

    #[test]
    fn deferred_jobs_are_told_from_an_output() {
        let object = Path::new("/nowhere");
        let jobs = success(
            br#" {"note": 1, "deferred": [{"service_type": "custom_http"}]} "#,
            "x",
            object,
        );
        assert_eq!(
            jobs,
            Verdict::Deferred {
                jobs: Output::Inline(r#"[{"service_type": "custom_http"}]"#.into()),
                count: 1,
                every: None,
            }
        );
        for plain in [
            r#"{"deferred": true}"#,
            r#"{"deferred": []}"#,
            r#"["deferred"]"#,
        ] {
            assert_eq!(
                success(plain.as_bytes(), "x", object),
                Verdict::Success {
                    output: Output::Inline(plain.into())
                }
            );
        }
    }
}
