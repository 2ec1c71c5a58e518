//! What `.dockerignore` keeps from a build: patterns in their order, the last one that meets a path or a folder above it decides.

/// Whether a path of the project is kept from a build.
pub(crate) fn ignored(patterns: &str, path: &str) -> bool {
    let path: Vec<&str> = path.trim_matches('/').split('/').collect();
    let mut out = false;
    for line in patterns.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (pattern, keeps_out) = match line.strip_prefix('!') {
            Some(rest) => (rest, false),
            None => (line, true),
        };
        let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
        if (1..=path.len()).any(|length| meets(&pattern, &path[..length])) {
            out = keeps_out;
        }
    }
    out
}

fn meets(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=path.len()).any(|skip| meets(rest, &path[skip..])),
        (Some((name, rest)), Some((part, below))) => {
            meets_name(name.as_bytes(), part.as_bytes()) && meets(rest, below)
        }
        _ => false,
    }
}

fn meets_name(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'*', rest)) => (0..=name.len()).any(|skip| meets_name(rest, &name[skip..])),
        Some((byte, rest)) => name
            .split_first()
            .is_some_and(|(first, below)| first == byte && meets_name(rest, below)),
    }
}

#[test]
fn the_last_pattern_decides() {
    let patterns = "# all\n*\n!shared\n!LICENSE-*\n**/tests\n**/*.pyc\nshared/x/y\n";
    for (path, expected) in [
        ("docs/a.md", true),
        ("shared", false),
        ("shared/core/src/lib.rs", false),
        ("shared/core/tests/a.rs", true),
        ("shared/tests.rs", false),
        ("LICENSE-MIT", false),
        ("LICENSE", true),
        ("shared/a/b.pyc", true),
        ("shared/x/y/z", true),
    ] {
        assert_eq!(ignored(patterns, path), expected, "{path}");
    }
}
