//! The inputs that are kept: `corpus/<target>/`, one file each.

use std::io;
use std::path::{Path, PathBuf};

/// One kept input.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its file name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The kept inputs of a target, by name.
pub fn corpus(target: &str) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in std::fs::read_dir(folder(target))? {
        let file = file?;
        entries.push(Entry {
            name: file.file_name().to_string_lossy().into_owned(),
            bytes: std::fs::read(file.path())?,
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}
