//! No file of the repository may name a place that exists on one machine only.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Folders of one person or one machine. Written in two parts, so that this file does not find itself.
const FORBIDDEN: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
];

/// What may stand before such a text without making it such a path: it is then the middle of a longer one, or of an address.
fn continues(before: Option<char>) -> bool {
    before.is_some_and(|c| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*' | '$' | '~')
    })
}

fn offences(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for path in FORBIDDEN {
            if line
                .match_indices(path)
                .any(|(at, _)| !continues(line[..at].chars().next_back()))
            {
                found.push((number, *path));
            }
        }
    }
    found
}

#[test]
fn no_file_names_a_place_of_one_machine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Tracked files and those that would be added; what is ignored is nobody's business.
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(&root)
        .output();
    let listed = match output {
        Ok(output) if output.status.success() => output.stdout,
        // An unpacked archive has no repository; there is nothing to keep clean then.
        _ => {
            return writeln!(
                std::io::stderr(),
                "\nSKIPPED the search for places of one machine: this is not a git repository\n"
            )
            .expect("standard error takes text");
        }
    };
    let mut report = Vec::new();
    let mut read = 0;
    for name in String::from_utf8_lossy(&listed)
        .split('\0')
        .filter(|name| !name.is_empty())
    {
        // Not text, or listed and deleted: nothing to read.
        let Ok(text) = std::fs::read_to_string(root.join(name)) else {
            continue;
        };
        read += 1;
        report.extend(
            offences(&text)
                .into_iter()
                .map(|(line, path)| format!("  {name}:{line}: {path}")),
        );
    }
    assert!(read > 50, "only {read} files were read");
    assert!(
        report.is_empty(),
        "take these places of one machine out:\n{}",
        report.join("\n")
    );
}

#[test]
fn the_scan_tells_a_place_from_the_middle_of_a_path() {
    let [first, second, ..] = FORBIDDEN else {
        panic!("two at least")
    };
    assert_eq!(offences(&format!("a\nopen(\"{first}x\")")), [(2, *first)]);
    assert_eq!(
        offences(&format!("https://example.org{second}x and target{first}x")),
        []
    );
}
