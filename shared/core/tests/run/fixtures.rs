//! Reading `shared/spec`. The tests of the worker read this file, too.

use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) fn folder() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut folders = above.map(|folder| folder.join("shared/spec"));
    folders.find(|folder| folder.is_dir()).expect("shared/spec")
}

pub(crate) fn read(file: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(file)).expect("a fixture");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A fixture of the version that is listed.
pub(crate) fn load(file: &str) -> Value {
    let found = read(file);
    let listed = &read("index.json")["files"][file]["version"];
    assert_eq!(&found["version"], listed, "{file}");
    found
}

/// The cases of one kind, of which there must be some.
pub(crate) fn cases<'a>(fixture: &'a Value, kind: &str) -> &'a [Value] {
    let cases = fixture[kind].as_array().map_or(&[][..], Vec::as_slice);
    assert!(!cases.is_empty(), "no {kind} cases in {fixture}");
    cases
}

pub(crate) fn said(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}
