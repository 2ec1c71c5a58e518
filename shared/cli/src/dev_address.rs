//! Where an `ork dev` listens: it says so in a file of its state folder for as long as it lives, and `ork open` reads that.
//!
//! The file is locked by whoever wrote it. The kernel lets go of it when the process ends, however it ends, so that what is locked is true.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use ork_core::Value;
use ork_core::time::Time;
use serde_json::json;

use crate::failure::Failure;
use crate::workflow_file::shown;

/// The folder in a state folder.
const FOLDER: &str = "dev";
/// The version of the file. Readers take what they know of a newer one.
const FORMAT: u32 = 1;
/// Far more than it has.
const BYTES: u64 = 64 << 10;

/// Says where this process listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Announced {
    path: PathBuf,
    _locked: File,
}

impl Announced {
    /// Says so for `engine`, whose id no other process has; removes what processes left behind that were killed.
    pub(crate) fn new(
        state: &Path,
        engine: &str,
        address: &str,
        now: Time,
    ) -> Result<Self, Failure> {
        let folder = state.join(FOLDER);
        let path = folder.join(format!("{engine}.json"));
        let aside = folder.join(format!(".{engine}"));
        let text = json!({
            "format": FORMAT,
            "address": address,
            "pid": std::process::id(),
            "started_at": now.rfc3339(),
        });
        let write = || {
            fs::create_dir_all(&folder)?;
            for dead in files(&folder)? {
                if locked(&dead)?.is_none() {
                    fs::remove_file(&dead).or_else(unless_gone)?;
                }
            }
            let mut file = File::create(&aside)?;
            file.lock()?;
            file.write_all(text.to_string().as_bytes())?;
            // Only now it gets its name: nobody ever sees it unlocked or half written.
            fs::rename(&aside, &path)?;
            Ok(file)
        };
        match write() {
            Ok(file) => Ok(Self {
                path,
                _locked: file,
            }),
            Err(error) => Err(Failure::io(
                &format!("cannot write `{}`", shown(&path)),
                &error,
            )),
        }
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // What cannot be removed now is unlocked all the same.
        let _ = fs::remove_file(&self.path);
    }
}

/// The address of the living `ork dev` of a state folder, of several the latest to start.
pub(crate) fn find(state: &Path) -> Result<Option<String>, Failure> {
    let folder = state.join(FOLDER);
    let read = || {
        let mut found: Vec<(String, String)> = Vec::new();
        for path in files(&folder)? {
            let Some(file) = locked(&path)? else {
                continue;
            };
            let mut text = String::new();
            file.take(BYTES).read_to_string(&mut text)?;
            let said: Value = serde_json::from_str(&text)?;
            let word = |key: &str| said[key].as_str().map(str::to_owned);
            let address = word("address").ok_or(ErrorKind::InvalidData)?;
            found.push((word("started_at").unwrap_or_default(), address));
        }
        Ok(found.into_iter().max().map(|(_, address)| address))
    };
    read().map_err(|error: io::Error| {
        Failure::trouble(format!(
            "cannot read where `ork dev` listens in `{}`: {error}",
            shown(&folder)
        ))
    })
}

/// The files of processes, living and dead; none when there never was one.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let is_one = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    paths
        .filter(|path| path.as_ref().map_or(true, is_one))
        .collect()
}

/// The file, if its process is alive.
fn locked(path: &Path) -> io::Result<Option<File>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Shared, so that two who ask at once do not take each other for the process.
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Time {
        Time(millis)
    }

    #[test]
    fn the_latest_that_lives_is_found_and_the_dead_are_cleared_away() {
        let state = tempfile::tempdir().expect("a folder");
        let found = || find(state.path()).expect("looked");
        assert_eq!(found(), None);
        let first = Announced::new(state.path(), "1-1", "http://one", at(1_000)).expect("said");
        assert_eq!(found().as_deref(), Some("http://one"));
        let second = Announced::new(state.path(), "2-2", "http://two", at(2_000)).expect("said");
        assert_eq!(found().as_deref(), Some("http://two"));
        drop(second);
        assert_eq!(found().as_deref(), Some("http://one"));
        drop(first);
        assert_eq!(found(), None);
        // As a killed process leaves it.
        let left = state.path().join(FOLDER).join("3-3.json");
        fs::write(&left, r#"{"format":1,"address":"http://three"}"#).expect("written");
        assert_eq!(found(), None);
        let _last = Announced::new(state.path(), "4-4", "http://four", at(3_000)).expect("said");
        assert!(!left.exists());
        assert_eq!(found().as_deref(), Some("http://four"));
    }

    #[test]
    fn what_cannot_be_understood_is_an_error_only_while_its_process_lives() {
        let state = tempfile::tempdir().expect("a folder");
        let folder = state.path().join(FOLDER);
        fs::create_dir(&folder).expect("made");
        let path = folder.join("1-1.json");
        for text in ["", "{", r#"{"format":2,"where":"x"}"#] {
            fs::write(&path, text).expect("written");
            assert_eq!(find(state.path()).expect("nobody lives"), None);
            let file = File::open(&path).expect("opened");
            file.lock().expect("locked");
            let wrong = find(state.path()).expect_err("it says nothing");
            assert!(
                wrong.message.contains("where `ork dev` listens"),
                "{wrong:?}"
            );
        }
    }
}
