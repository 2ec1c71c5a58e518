//! The project's files, some of which may be read otherwise than they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

#[derive(Debug, Default)]
pub(crate) struct Project {
    /// What is said of these instead.
    pub(crate) changed: BTreeMap<String, String>,
}

impl Project {
    /// Where it lies.
    pub(crate) fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    pub(crate) fn text(&self, path: &str) -> Result<String, String> {
        match self.changed.get(path) {
            Some(text) => Ok(text.clone()),
            None => std::fs::read_to_string(Self::root().join(path))
                .map_err(|error| format!("{path}: {error}")),
        }
    }

    pub(crate) fn yaml(&self, path: &str) -> Result<Value, String> {
        serde_saphyr::from_str(&self.text(path)?).map_err(|error| format!("{path}: {error}"))
    }

    pub(crate) fn has(path: &str) -> bool {
        Self::root().join(path).exists()
    }

    /// What stands in a line of a file between these two, the first time.
    pub(crate) fn between(&self, path: &str, start: &str, end: &str) -> Result<String, String> {
        let text = self.text(path)?;
        let found = text.lines().find_map(|line| {
            let (_, rest) = line.split_once(start)?;
            Some(rest.split_once(end)?.0.to_owned())
        });
        found.ok_or_else(|| format!("{path}: no line has `{start}…{end}`"))
    }
}
