//! What every list of problems promises.

use ork_core::diagnostic::{Diagnostic, Severity, render, to_json};
use ork_core::parse::codes;

/// What problems say of a file: each stands inside it, has a known code and one sentence, and can be printed on a terminal
/// that the file cannot steer. In the order of the file, none twice, errors before warnings.
pub(super) fn check(bytes: &[u8], found: &[Diagnostic]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lengths = lengths(text);
    for one in found {
        let (line, column) = (one.at.line as usize, one.at.column as usize);
        assert!(
            line >= 1 && line <= lengths.len().max(1),
            "line {line} of {}: {one:?}",
            lengths.len()
        );
        let length = lengths.get(line - 1).copied().unwrap_or(0);
        assert!(
            column >= 1 && column <= length + 1 && one.at.width >= 1,
            "column {column} of {length}: {one:?}"
        );
        assert!(
            column + one.at.width as usize <= length.max(column) + 1,
            "it ends behind its line of {length}: {one:?}"
        );
        assert!(
            codes::ALL.iter().any(|code| code.id == one.code),
            "no such code: {one:?}"
        );
        assert!(!one.message.trim().is_empty(), "nothing is said: {one:?}");
    }
    let place = |one: &Diagnostic| {
        let warning = one.severity == Severity::Warning;
        (warning, one.at.line, one.at.column)
    };
    for pair in found.windows(2) {
        assert!(pair[0] != pair[1], "said twice: {:?}", pair[0]);
        let many = pair[1].code == codes::MANY_PROBLEMS.id;
        assert!(
            many || place(&pair[0]) <= place(&pair[1]),
            "out of order: {pair:?}"
        );
    }
    let plain = render(found, text, false);
    let steers = plain.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(steers, None, "the terminal would obey: {plain:?}");
    let coloured = render(found, text, true);
    assert_eq!(
        coloured.matches("\u{1b}[").count(),
        2 * coloured.matches("\u{1b}[0m").count(),
        "a colour does not end"
    );
    let listed = to_json(found)["errors"].as_array().map(Vec::len);
    assert_eq!(listed, Some(found.len()));
}

/// As [`check`]; and a refused file has an error.
pub(super) fn check_refusal(bytes: &[u8], found: &[Diagnostic]) {
    assert!(
        found.iter().any(|one| one.severity == Severity::Error),
        "refused without an error"
    );
    check(bytes, found);
}

/// Characters of each line; a line ends with `\n`, `\r` or both.
fn lengths(text: &str) -> Vec<usize> {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lengths: Vec<usize> = unix.split('\n').map(|line| line.chars().count()).collect();
    if unix.is_empty() || unix.ends_with('\n') {
        lengths.pop();
    }
    lengths
}
