//! Holds the crates to what they promise not to do: no clock, randomness, I/O or environment where decisions are made.
//!
//! The sources are read as text. Comments, strings and `#[cfg(test)]` modules do not count.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Where time, chance, files, processes and the terminal come from.
const WORLD: &[&str] = &[
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::system",
    "TimeZone::try_system",
    "RandomState",
    "HashMap",
    "HashSet",
    "rand",
    "getrandom",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
    "std::os",
    "thread_local!",
    "tokio",
    "rusqlite",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "unsafe",
    "static mut",
];

/// What a function needs to wait for something.
const WAITING: &[&str] = &["async", ".await", "std::future", "std::task"];

/// Reading the environment is for the command line alone; settings come down as values.
const ENVIRONMENT: &[&str] = &[
    "env::var",
    "env::vars",
    "env::var_os",
    "env::vars_os",
    "env::set_var",
    "env::args",
    "env::args_os",
    "env::current_dir",
    "env::home_dir",
];

/// Printing is for the command line alone; below it, what is to be said is returned or observed.
const TERMINAL: &[&str] = &[
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
    "unsafe",
];

#[test]
fn the_core_neither_waits_nor_touches_the_world() {
    expect_none("core/src", &[], &[WORLD, WAITING]);
}

#[test]
fn the_engine_touches_the_world_only_through_its_ports() {
    // The conformance suites run adapters against each other and are no part of what is shipped.
    expect_none("engine/src", &["conformance"], &[WORLD]);
}

#[test]
fn what_draws_neither_waits_nor_touches_the_world() {
    expect_none("graph/src", &[], &[WORLD, WAITING]);
}

#[test]
fn nothing_below_the_command_line_reads_the_environment_or_prints() {
    expect_none("local/src", &[], &[ENVIRONMENT, TERMINAL]);
    expect_none("gcp/src", &[], &[ENVIRONMENT, TERMINAL]);
}

#[test]
fn the_scan_finds_words_in_code_and_only_there() {
    let source = r####"
//! std::fs in a comment
use std::{collections::BTreeMap, fs, time::Instant};
/* tokio /* nested */ tokio */
const TEXT: &str = "SystemTime \" println!(";
const RAW: &str = r#"unsafe " unsafe"#;
const QUOTE: char = '"';
fn strand<'a>(x: &'a str) -> &'a str { x }
fn now() { Instant::now(); rand::random::<u8>() }
#[cfg(test)]
mod tests { fn t() { println!("{}", '}'); } }
fn last() { std :: env :: var("X"); eprintln!("no") }
"####;
    let found: Vec<(usize, &str)> = offences(source, &[WORLD]);
    assert_eq!(
        found,
        [
            (3, "std::fs"),
            (9, "Instant::now"),
            (9, "rand"),
            (12, "std::env"),
            (12, "eprintln!")
        ]
    );
}

fn expect_none(folder: &str, except: &[&str], words: &[&[&'static str]]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut files = Vec::new();
    rust_files(&root, except, &mut files);
    assert!(!files.is_empty(), "no Rust file in {}", root.display());
    let mut report = String::new();
    for file in files {
        let source = std::fs::read_to_string(&file).expect("a readable source file");
        let shown = file.strip_prefix(&root).unwrap_or(&file).display();
        for (line, word) in offences(&source, words) {
            writeln!(report, "  shared/{folder}/{shown}:{line}: `{word}`")
                .expect("a String takes everything");
        }
    }
    assert!(
        report.is_empty(),
        "this crate must do without these; let the caller pass the value in, or go through a port:\n{report}"
    );
}

fn rust_files(folder: &Path, except: &[&str], into: &mut Vec<PathBuf>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder entry").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && !except.contains(&name) {
            rust_files(&path, except, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
    into.sort();
}

/// Every forbidden word in `source`: its line from 1 and the word, in the order of the file.
fn offences(source: &str, words: &[&[&'static str]]) -> Vec<(usize, &'static str)> {
    let code = without_tests(&code_only(source));
    let mut found = Vec::new();
    for word in words.iter().copied().flatten() {
        found.extend(
            places(&code, word).map(|at| (code[..at].matches('\n').count() + 1, at, *word)),
        );
        if let Some(module) = word.strip_prefix("std::") {
            found.extend(
                grouped(&code, module).map(|at| (code[..at].matches('\n').count() + 1, at, *word)),
            );
        }
    }
    found.sort_unstable();
    found.dedup_by_key(|(_, at, word)| (*at, *word));
    found
        .into_iter()
        .map(|(line, _, word)| (line, word))
        .collect()
}

/// Where `word` stands in `code` as whole words; blanks around `::` do not matter.
fn places<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let parts: Vec<&str> = word.split("::").collect();
    let first = parts[0];
    code.match_indices(first)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = code[..at].chars().next_back();
            if first.starts_with(is_word) && before.is_some_and(is_word) {
                return false;
            }
            let mut rest = &code[at + first.len()..];
            for part in &parts[1..] {
                let Some(after) = rest
                    .trim_start()
                    .strip_prefix("::")
                    .map(str::trim_start)
                    .and_then(|after| after.strip_prefix(part))
                else {
                    return false;
                };
                rest = after;
            }
            !(word.ends_with(is_word) && rest.starts_with(is_word))
        })
}

/// Where `module` stands at the first level of a `std::{…}` group.
fn grouped<'a>(code: &'a str, module: &'a str) -> impl Iterator<Item = usize> + 'a {
    places(code, "std").filter_map(move |at| {
        let open = code[at..].find('{').map(|open| at + open)?;
        if code[at + "std".len()..open]
            .split_whitespace()
            .collect::<String>()
            != "::"
        {
            return None;
        }
        let mut depth = 0;
        let mut item = open + 1;
        for (offset, c) in code[open..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' | ',' if depth == 1 => {
                    let text = code[item..open + offset].trim();
                    if text == module
                        || text.strip_prefix(module).is_some_and(|rest| {
                            rest.starts_with("::") || rest.starts_with(char::is_whitespace)
                        })
                    {
                        return Some(item);
                    }
                    item = open + offset + 1;
                    if c == '}' {
                        return None;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        None
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The source with comments, strings and characters blanked out; lines stay where they are.
fn code_only(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut code = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skip(&chars, at);
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(
                chars[at..end]
                    .iter()
                    .map(|c| if *c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

/// The end of the comment, string or character that starts at `at`; `at` itself when none does.
fn skip(chars: &[char], at: usize) -> usize {
    let starts = |offset: usize, text: &str| {
        text.chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + offset + i) == Some(&c))
    };
    if starts(0, "//") {
        return chars[at..]
            .iter()
            .position(|c| *c == '\n')
            .map_or(chars.len(), |length| at + length);
    }
    if starts(0, "/*") {
        let (mut depth, mut end) = (1, at + 2);
        while depth > 0 && end < chars.len() {
            match (chars[end], chars.get(end + 1)) {
                ('*', Some('/')) => (depth, end) = (depth - 1, end + 2),
                ('/', Some('*')) => (depth, end) = (depth + 1, end + 2),
                _ => end += 1,
            }
        }
        return end;
    }
    let new_word = at == 0 || !is_word(chars[at - 1]);
    if new_word && starts(0, "r") {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        if starts(1 + hashes, "\"") {
            let close: Vec<char> = std::iter::once('"')
                .chain(std::iter::repeat_n('#', hashes))
                .collect();
            let body = at + 2 + hashes;
            let length = chars[body..]
                .windows(close.len())
                .position(|window| window == close);
            return length.map_or(chars.len(), |length| body + length + close.len());
        }
    }
    if starts(0, "\"") {
        let mut end = at + 1;
        while end < chars.len() && chars[end] != '"' {
            end += if chars[end] == '\\' { 2 } else { 1 };
        }
        return (end + 1).min(chars.len());
    }
    if starts(0, "'\\") {
        let body = at + 3;
        return chars[body.min(chars.len())..]
            .iter()
            .position(|c| *c == '\'')
            .map_or(chars.len(), |length| body + length + 1);
    }
    // `'a'` is a character, `'a` a lifetime.
    if starts(0, "'") && chars.get(at + 2) == Some(&'\'') {
        return at + 3;
    }
    at
}

/// The code without its `#[cfg(test)]` modules; lines stay where they are.
fn without_tests(code: &str) -> String {
    let mut kept = code.to_owned();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let rest = &code[at + mark.len()..];
        if !rest.trim_start().starts_with("mod ") {
            continue;
        }
        let (mut depth, mut end) = (0_usize, code.len());
        for (offset, c) in rest.char_indices() {
            match c {
                ';' if depth == 0 => end = at + mark.len() + offset,
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                end = end.min(at + mark.len() + offset + 1);
                break;
            }
        }
        let blank: String = code[at..end]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        // Characters of several bytes are in strings and comments, which are blank already; elsewhere lengths may differ.
        if blank.len() == end - at {
            kept.replace_range(at..end, &blank);
        }
    }
    kept
}
