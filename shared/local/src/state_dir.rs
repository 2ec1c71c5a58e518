//! The state folder: what is where in `.ork/`, whose version it is, and which engines are alive in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::store::Sync;

/// The version of the folder's layout; raised whenever an older Ork could not work with it.
pub const LAYOUT_VERSION: u32 = 1;

/// How to open a state folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Against what is kept safe: handed on to the store and the objects.
    pub sync: Sync,
    /// Make the folder when there is none.
    pub create: bool,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// There is none, and none was to be made.
    #[error("there is no state folder at `{0}`: start a run first, or name another with --state")]
    Missing(PathBuf),
    /// Something else is in its place.
    #[error("`{0}` is not a folder: move it away, or name another with --state")]
    NotAFolder(PathBuf),
    /// Written by a later Ork.
    #[error(
        "`{path}` was written by a newer Ork (state folder version {found}, this one knows up to {LAYOUT_VERSION}): use that one or another --state folder"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its version file holds something else.
    #[error(
        "`{path}` holds `{found}` instead of a version: is this a state folder? nothing was changed; restore the file or name another folder with --state"
    )]
    NotAVersion {
        /// The version file.
        path: PathBuf,
        /// The start of what it holds.
        found: String,
    },
    /// It holds other things, and Ork does not spread out among them.
    #[error(
        "`{path}` is not a state folder: it holds `{found}`; name an empty or a new folder with --state"
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the things in it.
        found: String,
    },
    /// The file system said no.
    #[error("cannot {doing} `{path}`: {source}; {remedy}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What to do about it.
        remedy: &'static str,
        /// What it said.
        source: io::Error,
    },
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateDirError {
    move |source| {
        let remedy = match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "make room on its disk and start again"
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => {
                "make it writable, or name another folder with --state"
            }
            ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
                "something else is in its place: move it away, or name another folder with --state"
            }
            _ => "check the folder and its disk, or name another with --state",
        };
        StateDirError::Io {
            doing,
            path: path.to_owned(),
            remedy,
            source,
        }
    }
}

/// An open state folder.
#[derive(Debug, Clone)]
pub struct StateDir {
    root: PathBuf,
    options: Options,
}

impl StateDir {
    /// Opens the folder at `path`, and makes it whole if `options.create`.
    pub fn open(path: &Path, options: Options) -> Result<Self, StateDirError> {
        match fs::metadata(path) {
            Ok(found) if !found.is_dir() => return Err(StateDirError::NotAFolder(path.to_owned())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && options.create => {
                fs::create_dir_all(path).map_err(failed("make", path))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(StateDirError::Missing(path.to_owned()));
            }
            Err(error) => return Err(failed("open", path)(error)),
        }
        // Absolute, because tasks run in other folders.
        let root = fs::canonicalize(path).map_err(failed("open", path))?;
        let state = Self { root, options };
        if !state.check_version()? {
            if !options.create {
                return Err(StateDirError::Missing(path.to_owned()));
            }
            state.check_is_ours()?;
            state.lay_out()?;
        }
        Ok(state)
    }

    /// Whether there is a version, and one that this Ork knows.
    fn check_version(&self) -> Result<bool, StateDirError> {
        let path = self.root.join("version");
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        match text.trim().parse::<u32>() {
            Ok(1..=LAYOUT_VERSION) => Ok(true),
            Ok(found) if found > LAYOUT_VERSION => Err(StateDirError::Newer {
                path: self.root.clone(),
                found,
            }),
            _ => Err(StateDirError::NotAVersion {
                path,
                found: text.chars().take(40).collect(),
            }),
        }
    }

    /// A folder without a version is new, or was being made by somebody who was killed: then it holds nothing but our names.
    fn check_is_ours(&self) -> Result<(), StateDirError> {
        for entry in fs::read_dir(&self.root).map_err(failed("list", &self.root))? {
            let name = entry
                .map_err(failed("list", &self.root))?
                .file_name()
                .to_string_lossy()
                .into_owned();
            let is_ours =
                ["objects", "venvs", "engines", "sdk", ".gitignore"].contains(&name.as_str());
            if !is_ours && !name.starts_with("version") && !name.starts_with(".gitignore.") {
                return Err(StateDirError::Foreign {
                    path: self.root.clone(),
                    found: name,
                });
            }
        }
        Ok(())
    }

    /// Makes what is missing; the version last, so that a folder that has one is whole.
    fn lay_out(&self) -> Result<(), StateDirError> {
        for folder in [self.objects(), self.venvs(), self.engines(), self.sdk()] {
            fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        }
        for (name, text) in [
            (".gitignore", "*\n".to_owned()),
            ("version", format!("{LAYOUT_VERSION}\n")),
        ] {
            let (path, aside) = (
                self.root.join(name),
                self.root.join(format!("{name}.{}", std::process::id())),
            );
            let write = || {
                let mut file = File::create(&aside)?;
                file.write_all(text.as_bytes())?;
                if self.options.sync == Sync::Full {
                    file.sync_all()?;
                }
                fs::rename(&aside, &path)
            };
            write().map_err(failed("write", &path))?;
        }
        Ok(())
    }

    /// The folder itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Against what is kept safe.
    pub fn sync(&self) -> Sync {
        self.options.sync
    }
    /// The store's file.
    pub fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }
    /// Where objects are.
    pub fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }
    /// Where Python environments are.
    pub fn venvs(&self) -> PathBuf {
        self.root.join("venvs")
    }
    /// Where living engines hold their locks.
    pub fn engines(&self) -> PathBuf {
        self.root.join("engines")
    }
    /// Where the unpacked Python SDK is.
    pub fn sdk(&self) -> PathBuf {
        self.root.join("sdk")
    }

    /// Whether the engine with this id still holds its lock. The kernel lets go of it when the process ends, however it ends.
    pub fn engine_is_alive(&self, id: &str) -> Result<bool, StateDirError> {
        if !is_engine_id(id) {
            return Ok(false);
        }
        let path = self.engines().join(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed("open", &path)(error)),
        };
        // Shared, so that two who ask at once do not take each other for the engine.
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path)(error)),
        }
    }
}

/// `<pid>-<nonce>`, both numbers: nothing that could lead out of the folder.
fn is_engine_id(id: &str) -> bool {
    let is_number = |text: &str| {
        !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    id.split_once('-')
        .is_some_and(|(pid, nonce)| is_number(pid) && is_number(nonce))
}

/// Proof of being alive: a locked file, for as long as this value or its process lives.
#[derive(Debug)]
pub struct EngineLock {
    /// By which others ask whether this engine is alive.
    pub id: String,
    path: PathBuf,
    _file: File,
}

impl EngineLock {
    /// Announces an engine of this process. `nonce` tells it from an earlier process with the same number and from another
    /// engine of this one.
    pub fn acquire(state: &StateDir, nonce: u64) -> Result<Self, StateDirError> {
        clear_dead(state)?;
        let id = format!("{}-{nonce}", std::process::id());
        let path = state.engines().join(&id);
        let aside = state.engines().join(format!(".{id}"));
        let lock = || {
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&aside)?;
            file.lock()?;
            // Only now it gets its name: nobody ever sees the file of a living engine unlocked.
            let named = fs::hard_link(&aside, &path);
            fs::remove_file(&aside)?;
            named.map(|()| file)
        };
        let file = lock().map_err(failed("lock", &path))?;
        Ok(Self {
            id,
            path,
            _file: file,
        })
    }
}

impl Drop for EngineLock {
    fn drop(&mut self) {
        // What cannot be removed now is unlocked all the same, and cleared by the next engine.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the files of engines that ended without doing so.
fn clear_dead(state: &StateDir) -> Result<(), StateDirError> {
    let folder = state.engines();
    for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
        let path = entry.map_err(failed("list", &folder))?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if is_engine_id(name) && !state.engine_is_alive(name)? {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(failed("remove", &path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
