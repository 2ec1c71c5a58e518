//! The state folder: whose it is, whether it opens, and whether its disk does what the store relies on.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use ork_local::state_dir::{LAYOUT_VERSION, Options, StateDir, StateDirError};

use super::{Checks, Finding};
use crate::engine;
use crate::workflow_file::{count, reason, shown};

/// With less room than this nothing can be expected to come through.
const TOO_LITTLE: u64 = 64 << 20;
/// With less than this somebody should make room.
const LITTLE: u64 = 1 << 30;

/// Adds the checks of the state folder.
pub(super) fn add(checks: &mut Checks, state: &Path) {
    for (name, look) in [
        ("state.folder", folder as fn(&Path) -> Finding),
        ("state.store", store),
        ("state.locks", locks),
        ("state.space", space),
    ] {
        let state = state.to_owned();
        checks.blocking(name, move || look(&state));
    }
}

/// The nearest folder on the way to it that is there.
fn nearest(state: &Path) -> PathBuf {
    let there = state.ancestors().find(|folder| folder.exists());
    there.unwrap_or_else(|| Path::new("/")).to_owned()
}

fn folder(state: &Path) -> Finding {
    let name = shown(state);
    match StateDir::open(state, Options::default()) {
        Ok(_) => Finding::ok(format!("{name}, version {LAYOUT_VERSION}")),
        Err(StateDirError::Missing(_)) => {
            Finding::skipped(format!("there is no {name} yet; the first run makes it"))
        }
        Err(error) => {
            let text = error.to_string();
            let (what, remedy) = text
                .split_once(": ")
                .filter(|_| !matches!(error, StateDirError::Io { .. }))
                .unwrap_or((&text, "name another folder with --state"));
            Finding::failed(what, remedy)
        }
    }
}

fn store(state: &Path) -> Finding {
    let file = state.join("state.db");
    if !file.exists() {
        return Finding::skipped("nothing is stored yet");
    }
    let looked = engine::block_on(async {
        let embedded = engine::to_look(state.to_owned())?;
        embedded.workflows().await.map_err(engine::failure)
    });
    match looked {
        Ok(workflows) => {
            let bytes = file.metadata().map_or(0, |about| about.len());
            Finding::ok(format!(
                "{} opens: {}, {} KiB",
                shown(&file),
                count(workflows.len(), "workflow"),
                bytes.div_ceil(1024)
            ))
        }
        Err(failure) => Finding::failed(
            failure.message,
            failure.hint.unwrap_or_else(|| {
                "docs/recovery.md says what to do with a state folder that is damaged".to_owned()
            }),
        ),
    }
}

/// Whether the folder can be written and its file system knows locks and links, which tell living engines from dead ones.
fn locks(state: &Path) -> Finding {
    let folder = nearest(state);
    let remedy = "make it writable, or keep the state on a local disk: --state DIR";
    match try_locks(&folder) {
        Ok(None) => match kind_of_disk(&folder) {
            Some(kind) => Finding::warning(
                format!(
                    "{} is on {kind}: SQLite's log must not be shared between machines",
                    shown(&folder)
                ),
                "keep the state on a local disk: --state DIR",
            ),
            None => Finding::ok(format!("{} can be written and locked", shown(&folder))),
        },
        Ok(Some(what)) => Finding::failed(format!("{}: {what}", shown(&folder)), remedy),
        Err(error) => Finding::failed(
            format!("{} cannot be written: {}", shown(&folder), reason(&error)),
            remedy,
        ),
    }
}

/// Tries it with two files, which are removed again. What does not work, if something does not.
fn try_locks(folder: &Path) -> io::Result<Option<&'static str>> {
    let path = folder.join(format!(".ork-doctor-{}", std::process::id()));
    let link = path.with_extension("link");
    let first = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    let tried = || {
        if let Err(error) = first.lock() {
            return match error.kind() {
                io::ErrorKind::Unsupported => Ok(Some("its file system knows no locks")),
                _ => Err(error),
            };
        }
        let what = match File::open(&path)?.try_lock_shared() {
            Err(TryLockError::WouldBlock) => None,
            Ok(()) => Some("its file system does not keep locks"),
            Err(TryLockError::Error(error)) => return Err(error),
        };
        if what.is_none() && fs::hard_link(&path, &link).is_err() {
            return Ok(Some("its file system knows no hard links"));
        }
        Ok(what)
    };
    let done = tried();
    let _ = fs::remove_file(&link);
    fs::remove_file(&path)?;
    done
}

/// A file system that other machines may write to, by its name.
#[cfg(target_os = "linux")]
fn kind_of_disk(folder: &Path) -> Option<&'static str> {
    let about = rustix::fs::statfs(folder).ok()?;
    // From linux/magic.h.
    match u32::try_from(about.f_type).ok()? {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn kind_of_disk(_: &Path) -> Option<&'static str> {
    None
}

fn space(state: &Path) -> Finding {
    let folder = nearest(state);
    let about = match rustix::fs::statvfs(&folder) {
        Ok(about) => about,
        Err(error) => {
            let error = io::Error::from(error);
            return Finding::unknown(reason(&error), "check the folder and its disk");
        }
    };
    judge(about.f_bavail.saturating_mul(about.f_frsize))
}

fn judge(free: u64) -> Finding {
    let found = format!("{} MiB free", free >> 20);
    let remedy =
        "make room: `ork run prune` removes old runs, --state DIR keeps the state elsewhere";
    match free {
        0..TOO_LITTLE => Finding::failed(found, remedy),
        TOO_LITTLE..LITTLE => Finding::warning(found, remedy),
        _ => Finding::ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn room_is_judged() {
        for (free, state) in [
            (0, State::Failed),
            (TOO_LITTLE - 1, State::Failed),
            (TOO_LITTLE, State::Warning),
            (LITTLE - 1, State::Warning),
            (LITTLE, State::Ok),
        ] {
            assert_eq!(judge(free).state, state, "{free}");
        }
    }

    #[test]
    fn locks_are_tried_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(try_locks(folder.path()).expect("tried"), None);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        let missing = folder.path().join("gone");
        assert!(try_locks(&missing).is_err());
        assert_eq!(nearest(&missing.join("further")), folder.path());
    }
}
