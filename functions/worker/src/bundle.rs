//! Unpacks a bundle of code into a folder, and nothing outside of it.
//!
//! A bundle is made by somebody who may run code here anyway. What is refused here would harm others: it would write outside the
//! folder, or fill the machine. Files, folders and links that stay inside are taken, everything else is refused by name.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use ork_core::bundle;
use tar::{Archive, Entry, EntryType};

/// What a bundle may come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) entries: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: bundle::UNPACKED_BYTES,
            entries: bundle::ENTRIES,
        }
    }
}

/// Why a bundle was not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// It is no bundle, or one that is not taken: another try ends the same way.
    #[error("{0}")]
    Bundle(String),
    /// This machine has no room or does not let us.
    #[error("cannot write {path}: {error}")]
    Machine { path: String, error: io::Error },
}

/// Unpacks the zstd-compressed archive `bytes` into the empty folder `into`.
pub(crate) fn unpack(bytes: &[u8], into: &Path, bounds: Bounds) -> Result<(), UnpackError> {
    let plain = zstd::stream::read::Decoder::with_buffer(bytes).map_err(|error| broken(&error))?;
    let mut archive = Archive::new(Measured {
        inner: plain,
        left: bounds.bytes,
        most: bounds.bytes,
    });
    let mut count = 0;
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        count += 1;
        if count > bounds.entries {
            return Err(UnpackError::Bundle(format!(
                "it has more than the {} files and folders allowed",
                bounds.entries
            )));
        }
        place(&mut entry, into)?;
    }
    if count == 0 {
        return Err(UnpackError::Bundle("there is nothing in it".to_owned()));
    }
    Ok(())
}

fn broken(error: &io::Error) -> UnpackError {
    UnpackError::Bundle(format!(
        "it is not a tar archive compressed with zstd: {error}"
    ))
}

fn place<R: Read>(entry: &mut Entry<'_, R>, into: &Path) -> Result<(), UnpackError> {
    let kind = entry.header().entry_type();
    if kind == EntryType::XGlobalHeader {
        return Ok(());
    }
    let name = entry.path_bytes().into_owned();
    let shown = String::from_utf8_lossy(&name).into_owned();
    let refuse = |why: &str| UnpackError::Bundle(format!("`{shown}` in it {why}"));
    let parts = inside(&name).ok_or_else(|| refuse("leads out of its folder"))?;
    let Some((last, folders)) = parts.split_last() else {
        // The folder itself.
        return if kind == EntryType::Directory {
            Ok(())
        } else {
            Err(refuse("has no name"))
        };
    };
    let mut path = into.to_owned();
    for part in folders {
        path.push(part);
        folder(&path)
            .map_err(|error| machine(&path, error))?
            .then_some(())
            .ok_or_else(|| refuse("lies below something that is no folder"))?;
    }
    path.push(last);
    match kind {
        EntryType::Directory => {
            let made = folder(&path).map_err(|error| machine(&path, error))?;
            made.then_some(())
                .ok_or_else(|| refuse("is in it twice, as a folder and as something else"))
        }
        EntryType::Regular | EntryType::Continuous => {
            let mode = entry.header().mode().map_err(|error| broken(&error))?;
            let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
            write(entry, &path, mode, &refuse)
        }
        EntryType::Symlink => {
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            if !bundle::link_stays(Path::new(OsStr::from_bytes(&target)), folders.len()) {
                return Err(refuse(&format!(
                    "is a link to `{}`, which may lead out of its folder",
                    String::from_utf8_lossy(&target)
                )));
            }
            symlink(OsStr::from_bytes(&target), &path).map_err(|error| taken(error, &path, &refuse))
        }
        other => Err(refuse(&format!(
            "is neither a file, a folder nor a symbolic link (kind {:?})",
            char::from(other.as_byte())
        ))),
    }
}

/// The parts of a path that stays below where it starts; `None` for any other.
fn inside(path: &[u8]) -> Option<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for part in Path::new(OsStr::from_bytes(path)).components() {
        match part {
            Component::Normal(name) if !name.as_bytes().contains(&0) => {
                parts.push(PathBuf::from(name))
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts)
}

/// Makes a folder unless it is there; `false` when something else is.
fn folder(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(fs::symlink_metadata(path)?.is_dir())
        }
        other => other.map(|()| true),
    }
}

fn write<R: Read>(
    entry: &mut Entry<'_, R>,
    path: &Path,
    mode: u32,
    refuse: &impl Fn(&str) -> UnpackError,
) -> Result<(), UnpackError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(|error| taken(error, path, refuse))?;
    let (mut buffer, mut missing) = ([0; 64 * 1024], entry.size());
    loop {
        let read = match entry.read(&mut buffer) {
            Ok(0) if missing > 0 => return Err(broken(&io::ErrorKind::UnexpectedEof.into())),
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(&error)),
        };
        missing = missing.saturating_sub(read as u64);
        io::Write::write_all(&mut file, &buffer[..read]).map_err(|error| machine(path, error))?;
    }
}

fn taken(error: io::Error, path: &Path, refuse: &impl Fn(&str) -> UnpackError) -> UnpackError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        refuse("is in it twice")
    } else {
        machine(path, error)
    }
}

fn machine(path: &Path, error: io::Error) -> UnpackError {
    UnpackError::Machine {
        path: path.display().to_string(),
        error,
    }
}

/// A reader that gives so many bytes and then an error, rather than an end.
struct Measured<R> {
    inner: R,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::other(format!(
                    "it unpacks to more than the {} bytes allowed",
                    self.most
                )));
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
