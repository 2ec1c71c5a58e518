//! Names under a folder, in the order of their bytes, without reading folders that cannot matter.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use ork_core::names::ObjectName;

/// No object name has more segments.
const DEPTH: usize = 5;

/// What a listing asks for, and what it has so far.
pub(super) struct Walk<'a> {
    pub(super) prefix: &'a str,
    pub(super) after: Option<&'a str>,
    pub(super) limit: usize,
    pub(super) found: Vec<ObjectName>,
}

impl Walk<'_> {
    /// Goes through `folder`, whose names begin with `so_far` (empty or ending in `/`).
    pub(super) fn enter(&mut self, folder: &Path, so_far: &str, depth: usize) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            // Removed meanwhile, or never made.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            // Symbolic links and sockets are nobody's objects, nor are names that are not text.
            if let Ok(segment) = entry.file_name().into_string()
                && (kind.is_dir() || kind.is_file())
            {
                // With its `/`, a folder sorts as the names in it do: `a-1/x` before `a/x`.
                let name = if kind.is_dir() {
                    format!("{so_far}{segment}/")
                } else {
                    format!("{so_far}{segment}")
                };
                if self.may_lead_somewhere(&name) {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        for name in names {
            if self.found.len() >= self.limit {
                break;
            }
            match name.strip_suffix('/') {
                Some(path) if depth < DEPTH => {
                    self.enter(&folder.join(&path[so_far.len()..]), &name, depth + 1)?
                }
                Some(_) => {}
                None => self.found.extend(ObjectName::parse(&name)),
            }
        }
        Ok(())
    }

    /// Whether `name`, or for a folder something in it, fits the prefix and comes behind `after`.
    fn may_lead_somewhere(&self, name: &str) -> bool {
        let is_folder = name.ends_with('/');
        let fits = name.starts_with(self.prefix) || (is_folder && self.prefix.starts_with(name));
        fits && self
            .after
            .is_none_or(|after| name > after || (is_folder && after.starts_with(name)))
    }
}
