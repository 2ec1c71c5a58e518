//! Half-written files: where they are, how they get their name, and who clears away what a killed process left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, linkat, openat, renameat_with};
use rustix::io::Errno;

use crate::clock::unix_nanos;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A process that cannot be seen may live in another container; none takes this long for one file.
const MINUTE: Duration = Duration::from_secs(60);

/// The folder of half-written files, in the same file system as the objects.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: PathBuf,
    /// This process and this handle.
    owner: String,
    next: AtomicU64,
}

/// A file nobody sees yet; removed when dropped without a name.
pub(super) struct Unnamed {
    pub(super) file: File,
    path: PathBuf,
    named: bool,
}

impl Temporary {
    /// Makes the folder when there is none, and clears it of what is left over.
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let temporary = Self {
            owner: format!("{}-{:x}", std::process::id(), unix_nanos()),
            folder,
            next: AtomicU64::new(0),
        };
        temporary.clear()?;
        Ok(temporary)
    }

    pub(super) fn path(&self) -> &Path {
        &self.folder
    }

    pub(super) fn create(&self) -> io::Result<Unnamed> {
        let path = self.folder.join(format!(
            "{}-{}",
            self.owner,
            self.next.fetch_add(1, Ordering::Relaxed)
        ));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        Ok(Unnamed {
            file,
            path,
            named: false,
        })
    }

    fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Gone meanwhile: somebody else clears, or its writer named it.
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let age = age(&metadata);
            let owner = entry
                .file_name()
                .to_str()
                .and_then(|name| name.split('-').next()?.parse().ok());
            if age > DAY || (age > MINUTE && owner.is_none_or(|pid| !is_alive(pid))) {
                match fs::remove_file(entry.path()) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// A file in `folder` without any name. A writer that is killed leaves nothing, and the file's inode is found near those of its
/// neighbours, which makes this twice as fast as a file that moves in from another folder.
pub(super) fn nameless(folder: &Path) -> io::Result<File> {
    Ok(openat(
        CWD,
        folder,
        OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::from_raw_mode(0o666),
    )?
    .into())
}

/// Gives a nameless file its name if nothing has it; `AlreadyExists` otherwise.
pub(super) fn name_nameless(file: &File, name: &Path) -> io::Result<()> {
    Ok(linkat(
        CWD,
        format!("/proc/self/fd/{}", file.as_raw_fd()),
        CWD,
        name,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

fn age(metadata: &fs::Metadata) -> Duration {
    use std::os::unix::fs::MetadataExt;
    let nanos = unix_nanos().saturating_sub(metadata.mtime().saturating_mul(1_000_000_000));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

fn is_alive(pid: i32) -> bool {
    let Some(pid) = rustix::process::Pid::from_raw(pid) else {
        return false;
    };
    // Not permitted means that somebody else's process has it.
    !matches!(rustix::process::test_kill_process(pid), Err(Errno::SRCH))
}

impl Unnamed {
    /// Gives the file its name if nothing has it; `AlreadyExists` otherwise.
    pub(super) fn name_new(&mut self, name: &Path) -> io::Result<()> {
        match renameat_with(CWD, &self.path, CWD, name, RenameFlags::NOREPLACE) {
            Ok(()) => {
                self.named = true;
                Ok(())
            }
            // A file system without it (NFS, old FUSE): a second name is as good, and dropping removes the first.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => fs::hard_link(&self.path, name),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the file its name, in place of whatever has it.
    pub(super) fn name_over(&mut self, name: &Path) -> io::Result<()> {
        fs::rename(&self.path, name)?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        if !self.named {
            // Whoever opens the folder next clears what cannot be removed now.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn left_over(folder: &Path, name: &str, seconds_old: u64) -> PathBuf {
        let path = folder.join(name);
        let file = File::create(&path).expect("created");
        let now = Duration::from_nanos(unix_nanos().unsigned_abs());
        file.set_modified(UNIX_EPOCH + now - Duration::from_secs(seconds_old))
            .expect("stamped");
        path
    }

    #[test]
    fn only_what_no_living_process_is_writing_is_cleared() {
        let root = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new("true").spawn().expect("started");
        let gone = child.id();
        child.wait().expect("ended");
        let own = std::process::id();
        let kept = [
            left_over(root.path(), &format!("{own}-a-1"), 3600),
            left_over(root.path(), &format!("{gone}-a-1"), 5),
        ];
        let cleared = [
            left_over(root.path(), &format!("{gone}-a-2"), 120),
            left_over(root.path(), &format!("{own}-a-2"), 25 * 3600),
            left_over(root.path(), "of nobody", 120),
        ];
        Temporary::open(root.path().to_owned()).expect("opened");
        assert!(kept.iter().all(|path| path.exists()), "{kept:?}");
        assert!(!cleared.iter().any(|path| path.exists()), "{cleared:?}");
    }

    #[test]
    fn a_file_without_a_name_leaves_nothing() {
        let root = tempfile::tempdir().expect("a folder");
        let temporary = Temporary::open(root.path().join("tmp")).expect("opened");
        let target = root.path().join("target");
        drop(temporary.create().expect("created"));
        let mut first = temporary.create().expect("created");
        first.name_new(&target).expect("named");
        let mut second = temporary.create().expect("created");
        assert_eq!(
            second.name_new(&target).expect_err("taken").kind(),
            ErrorKind::AlreadyExists
        );
        drop((first, second));
        assert!(target.exists());
        assert_eq!(fs::read_dir(temporary.path()).expect("listed").count(), 0);
    }
}
