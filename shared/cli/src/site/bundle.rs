//! The code of a workflow as one file: its folder as a tar archive, compressed with zstd, the same bytes for the same folder.
//!
//! Workers unpack it (`functions/worker/src/bundle.rs`); what they would refuse is refused here, by name, before anything is uploaded.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ork_core::bundle;
use ork_core::ids::VersionHash;
use tar::{Builder, EntryType, Header};

use crate::failure::Failure;
use crate::workflow_file::{PROJECT_FILE, real, shown};

/// Patterns of what is left out, beside those of `.gitignore`.
const IGNORE_FILE: &str = ".orkignore";
/// Folders that nobody wants along: they are made anew where they are needed.
const LEFT_OUT: [&str; 2] = ["__pycache__", "node_modules"];
/// How hard to compress: about a second for 100 MB.
const LEVEL: i32 = 6;

/// What a bundle may come to, as workers see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Compressed.
    pub(super) bytes: u64,
    /// The archive.
    pub(super) unpacked: u64,
    /// Files, folders and links.
    pub(super) entries: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: bundle::BYTES,
            unpacked: bundle::UNPACKED_BYTES,
            entries: bundle::ENTRIES,
        }
    }
}

/// A folder's code, packed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// Its name: the hash of its bytes.
    pub(crate) hash: VersionHash,
    /// The archive.
    pub(crate) bytes: Vec<u8>,
}

/// What to pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The folder.
    pub(super) folder: &'a Path,
    /// The project's settings, which go to the root of the archive wherever they are.
    pub(super) project: Option<&'a [u8]>,
    /// A state folder, which is no code.
    pub(super) state: Option<&'a Path>,
}

/// Packs a folder.
pub(super) fn pack(wanted: Wanted<'_>, bounds: Bounds) -> Result<Bundle, Failure> {
    let entries = entries(wanted, bounds)?;
    let trouble = |error: io::Error| match error.downcast::<Problem>() {
        Ok(Problem(failure)) => failure,
        Err(error) => Failure::io(
            &format!("the folder `{}` cannot be packed", shown(wanted.folder)),
            &error,
        ),
    };
    let compressed = Capped {
        bytes: Vec::new(),
        most: bounds.bytes,
        folder: wanted.folder,
    };
    let encoder = zstd::stream::write::Encoder::new(compressed, LEVEL).map_err(trouble)?;
    let mut archive = Builder::new(Counted {
        inner: encoder,
        left: bounds.unpacked,
        most: bounds.unpacked,
        folder: wanted.folder,
    });
    for entry in &entries {
        append(&mut archive, entry).map_err(|error| trouble(at(entry, error)))?;
    }
    let finished = archive
        .into_inner()
        .and_then(|counted| counted.inner.finish());
    let bytes = finished.map_err(trouble)?.bytes;
    Ok(Bundle {
        hash: VersionHash::of(&bytes),
        bytes,
    })
}

/// One thing that goes along.
struct Entry {
    /// Below the root of the archive.
    name: PathBuf,
    /// Where it is.
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    Folder,
    File { runs: bool, bytes: u64 },
    Link { target: PathBuf },
    Given(Vec<u8>),
}

/// Everything that goes along, by name.
fn entries(wanted: Wanted<'_>, bounds: Bounds) -> Result<Vec<Entry>, Failure> {
    let folder = wanted.folder;
    let state = wanted.state.map(Path::to_owned);
    let walk = WalkBuilder::new(folder)
        .follow_links(false)
        .hidden(true)
        .ignore(false)
        // What this person ignores everywhere is nobody else's business, and the bundle is to be the same.
        .git_global(false)
        .git_exclude(false)
        .git_ignore(true)
        .require_git(false)
        // Above the folder `.gitignore` speaks of it only in a repository.
        .parents(
            real(folder)
                .ancestors()
                .any(|above| above.join(".git").exists()),
        )
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            !LEFT_OUT.iter().any(|name| entry.file_name() == *name)
                && state.as_deref() != Some(entry.path())
        })
        .build();
    let mut found = Vec::new();
    for entry in walk {
        let entry = entry
            .map_err(|error| Failure::new(format!("the folder `{}`: {error}", shown(folder))))?;
        let path = entry.path();
        let name = path.strip_prefix(folder).unwrap_or(path).to_owned();
        if name.as_os_str().is_empty()
            || (name == Path::new(PROJECT_FILE) && wanted.project.is_some())
        {
            continue;
        }
        let kind = kind(&entry, &name)?;
        found.push(Entry {
            name,
            path: path.to_owned(),
            kind,
        });
    }
    if !found
        .iter()
        .any(|entry| !matches!(entry.kind, Kind::Folder))
    {
        return Err(Failure::new(format!(
            "nothing of `{}` goes into its bundle: .gitignore and {IGNORE_FILE} leave all of it out",
            shown(folder)
        ))
        .hint(format!("say in {IGNORE_FILE} what to take all the same, such as `!*.py`; --no-bundle deploys the definition alone")));
    }
    if let Some(settings) = wanted.project {
        found.push(Entry {
            name: PathBuf::from(PROJECT_FILE),
            path: folder.join(PROJECT_FILE),
            kind: Kind::Given(settings.to_vec()),
        });
    }
    if found.len() > bounds.entries {
        return Err(too_much(
            folder,
            &format!(
                "{} files and folders, and at most {} are taken",
                found.len(),
                bounds.entries
            ),
        ));
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

fn kind(entry: &ignore::DirEntry, name: &Path) -> Result<Kind, Failure> {
    let path = entry.path();
    let unreadable =
        |error: io::Error| Failure::io(&format!("cannot read `{}`", shown(path)), &error);
    let about = fs::symlink_metadata(path).map_err(unreadable)?;
    if about.is_dir() {
        return Ok(Kind::Folder);
    }
    if about.is_symlink() {
        let target = fs::read_link(path).map_err(unreadable)?;
        let depth = name.components().count() - 1;
        if !bundle::link_stays(&target, depth) {
            return Err(Failure::new(format!(
                "`{}` is a link to `{}`, which may lead out of the folder that is deployed",
                shown(path),
                target.display()
            ))
            .hint(format!("copy what it names into the folder, or leave the link out with a line in {IGNORE_FILE}")));
        }
        return Ok(Kind::Link { target });
    }
    if !about.is_file() {
        return Err(Failure::new(format!(
            "`{}` is neither a file, a folder nor a link",
            shown(path)
        ))
        .hint(format!("leave it out with a line in {IGNORE_FILE}")));
    }
    Ok(Kind::File {
        runs: about.permissions().mode() & 0o111 != 0,
        bytes: about.len(),
    })
}

fn append<W: Write>(archive: &mut Builder<W>, entry: &Entry) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(0o644);
    header.set_size(0);
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            let mut name = entry.name.clone().into_os_string();
            name.push("/");
            archive.append_data(&mut header, name, io::empty())
        }
        Kind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o755);
            archive.append_link(&mut header, &entry.name, target)
        }
        Kind::Given(bytes) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, &entry.name, bytes.as_slice())
        }
        Kind::File { runs, bytes } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *runs { 0o755 } else { 0o644 });
            header.set_size(*bytes);
            let mut file = Exact {
                file: File::open(&entry.path)?,
                left: *bytes,
            };
            archive.append_data(&mut header, &entry.name, &mut file)?;
            // One more byte than it had when it was looked at.
            match file.file.read(&mut [0])? {
                0 => Ok(()),
                _ => Err(changing()),
            }
        }
    }
}

/// Says which entry it was, unless that is no matter.
fn at(entry: &Entry, error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<Problem>()) {
        return error;
    }
    let what = shown(&entry.path);
    io::Error::other(Problem(Failure::io(
        &format!("`{what}` cannot be packed"),
        &error,
    )))
}

fn changing() -> io::Error {
    io::Error::other("it is being written to; try again when it is done")
}

fn too_much(folder: &Path, what: &str) -> Failure {
    Failure::new(format!(
        "the bundle of `{}` would have {what}",
        shown(folder)
    ))
    .hint(format!(
        "leave out what the tasks do not need with lines in {IGNORE_FILE}, written as in .gitignore"
    ))
}

/// A failure on its way through a writer.
#[derive(Debug)]
struct Problem(Failure);

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Problem {}

/// As many bytes of a file as it had.
struct Exact {
    file: File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        match self.file.read(&mut buffer[..most])? {
            0 => Err(changing()),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

/// Counts the archive.
struct Counted<'a, W> {
    inner: W,
    left: u64,
    most: u64,
    folder: &'a Path,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let Some(left) = self.left.checked_sub(buffer.len() as u64) else {
            let what = format!("more than {} unpacked", size(self.most));
            return Err(io::Error::other(Problem(too_much(self.folder, &what))));
        };
        self.inner.write_all(buffer)?;
        self.left = left;
        Ok(buffer.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Keeps what was compressed, up to a bound.
struct Capped<'a> {
    bytes: Vec<u8>,
    most: u64,
    folder: &'a Path,
}

impl Write for Capped<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + buffer.len()) as u64 > self.most {
            let what = format!("more than {} compressed", size(self.most));
            return Err(io::Error::other(Problem(too_much(self.folder, &what))));
        }
        self.bytes.extend_from_slice(buffer);
        Ok(buffer.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `256 MiB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        _ if bytes >> 20 == 0 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests;
