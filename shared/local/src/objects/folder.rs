//! The folder of objects: a file per object, each written aside and then given its name, so that nobody sees half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ork_core::names::ObjectName;
use ork_core::time::Time;
use ork_engine::ports::{Generation, Object, ObjectError, Objects};
use rustix::fs::OFlags;

use super::error::explain;
use super::generation;
use super::temporary::{Temporary, Unnamed, name_nameless, nameless};
use super::walk::Walk;
use crate::store::Sync;

/// Objects in a folder, which several processes may share.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    sync: Sync,
    temporary: Temporary,
    /// Held while an object is replaced or removed: between looking at a generation and renaming over it nobody may come. The
    /// mutex keeps threads apart, the lock on the file processes. Creating and reading need neither.
    replacing: Mutex<File>,
}

impl Folder {
    /// Opens the folder at `root`, making it when there is none. `Sync::Full` makes each write wait for the disk.
    pub fn open(root: &Path, sync: Sync) -> Result<Self, ObjectError> {
        let aside = root.join(".tmp");
        let temporary =
            Temporary::open(aside.clone()).map_err(|error| explain("make", &aside, &error))?;
        let path = root.join(".lock");
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| explain("open", &path, &error))?;
        Ok(Self {
            root: root.to_owned(),
            sync,
            temporary,
            replacing: Mutex::new(lock),
        })
    }

    /// Where an object's file is or would be. Logs are written there directly.
    pub fn path_of(&self, name: &ObjectName) -> PathBuf {
        self.root.join(name.to_string())
    }

    /// Makes the folder an object's file is to be in, and says where the file is or would be.
    pub fn prepare(&self, name: &ObjectName) -> Result<PathBuf, ObjectError> {
        let path = self.path_of(name);
        self.make_parent(&path)
            .map_err(|error| explain("make the folder of", &path, &error))?;
        Ok(path)
    }

    fn make_parent(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent)?;
        if self.sync == Sync::Full {
            // Any of them may be new.
            for folder in parent
                .ancestors()
                .take_while(|folder| folder.starts_with(&self.root))
            {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }

    /// Writes the contents of a file that nobody sees yet.
    fn fill(&self, mut file: &File, bytes: &[u8]) -> io::Result<Generation> {
        file.write_all(bytes)?;
        let generation = generation::stamp(file)?;
        if self.sync == Sync::Full {
            file.sync_all()?;
        }
        Ok(generation)
    }

    /// A file with the contents, to be named later.
    fn write_aside(&self, bytes: &[u8]) -> Result<(Unnamed, Generation), ObjectError> {
        let written = self.temporary.create().and_then(|unnamed| {
            self.fill(&unnamed.file, bytes)
                .map(|generation| (unnamed, generation))
        });
        written.map_err(|error| explain("write in", self.temporary.path(), &error))
    }

    /// Does `naming`, making the folder first only if it turns out to be missing: most are there, and asking costs as much as trying.
    fn name(&self, path: &Path, mut naming: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        match naming() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_parent(path)?;
                naming()?;
            }
            other => other?,
        }
        self.sync_parent(path)
    }

    fn sync_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(parent) if self.sync == Sync::Full => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }

    fn create_now(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        let path = self.path_of(name);
        let answer = match self.create_nameless(&path, bytes) {
            // This file system or system has no nameless files, or none that can be named afterwards (no /proc).
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Unsupported
                        | ErrorKind::IsADirectory
                        | ErrorKind::InvalidInput
                        | ErrorKind::NotFound
                ) =>
            {
                self.create_aside(&path, bytes)
            }
            other => other,
        };
        answer.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => ObjectError::Precondition(name.to_string()),
            _ => explain("create", &path, &error),
        })
    }

    fn create_nameless(&self, path: &Path, bytes: &[u8]) -> io::Result<Generation> {
        let folder = path.parent().unwrap_or(&self.root);
        let file = match nameless(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_parent(path)?;
                nameless(folder)?
            }
            other => other?,
        };
        let generation = self.fill(&file, bytes)?;
        name_nameless(&file, path)?;
        self.sync_parent(path)?;
        Ok(generation)
    }

    fn create_aside(&self, path: &Path, bytes: &[u8]) -> io::Result<Generation> {
        let mut unnamed = self.temporary.create()?;
        let generation = self.fill(&unnamed.file, bytes)?;
        self.name(path, || unnamed.name_new(path))?;
        Ok(generation)
    }

    fn put_now(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        let path = self.path_of(name);
        let (mut unnamed, generation) = self.write_aside(bytes)?;
        self.exclusively(|| {
            if let Some(expected) = expected {
                let found = match fs::symlink_metadata(&path) {
                    Ok(metadata) => Some(generation::of(&metadata)),
                    Err(error) if error.kind() == ErrorKind::NotFound => None,
                    Err(error) => return Err(explain("look at", &path, &error)),
                };
                if found != Some(expected) {
                    return Err(ObjectError::Precondition(name.to_string()));
                }
            }
            self.name(&path, || unnamed.name_over(&path))
                .map_err(|error| explain("replace", &path, &error))
        })?;
        Ok(generation)
    }

    fn delete_now(&self, name: &ObjectName) -> Result<(), ObjectError> {
        let path = self.path_of(name);
        self.exclusively(
            || match fs::remove_file(&path).and_then(|()| self.sync_parent(&path)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(explain("remove", &path, &error))
                }
                _ => Ok(()),
            },
        )
    }

    /// Removes files, and the folders that are empty without them: nothing is to come there any more.
    fn delete_all_now(&self, names: &[ObjectName]) -> Result<(), ObjectError> {
        for name in names {
            self.delete_now(name)?;
            let path = self.path_of(name);
            let above = path.ancestors().skip(1);
            for folder in above.take_while(|folder| *folder != self.root) {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() != ErrorKind::NotFound => break,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Runs `change` while no other handle of any process replaces or removes anything.
    fn exclusively<T>(
        &self,
        change: impl FnOnce() -> Result<T, ObjectError>,
    ) -> Result<T, ObjectError> {
        let lock = self
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let explained = |error: io::Error| explain("lock", &self.root.join(".lock"), &error);
        lock.lock().map_err(explained)?;
        let answer = change();
        lock.unlock().map_err(explained)?;
        answer
    }

    fn get_now(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        let path = self.path_of(name);
        // A link could lead anywhere, and opening a pipe would wait for its writer.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = match OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&path)
        {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(explain("read", &path, &error)),
        };
        let metadata = file
            .metadata()
            .map_err(|error| explain("read", &path, &error))?;
        if !metadata.is_file() {
            return Err(ObjectError::Refused(format!(
                "cannot read `{}`: it is not a file; move it away",
                path.display()
            )));
        }
        if metadata.len() > limit {
            return Err(ObjectError::TooLarge {
                name: name.to_string(),
                bytes: metadata.len(),
                limit,
            });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        // Not beyond what was measured: a log may grow meanwhile.
        file.take(metadata.len())
            .read_to_end(&mut bytes)
            .map_err(|error| explain("read", &path, &error))?;
        Ok(Some(Object {
            bytes,
            generation: generation::of(&metadata),
        }))
    }

    fn updated_now(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        let path = self.path_of(name);
        let modified = match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(modified) => modified,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(explain("read", &path, &error)),
        };
        let since_epoch = modified
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Ok(Some(Time(
            i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        )))
    }
}

impl Objects for Folder {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        self.create_now(name, bytes)
    }

    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        self.put_now(name, bytes, expected)
    }

    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        self.get_now(name, limit)
    }

    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        self.updated_now(name)
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        let mut walk = Walk {
            prefix,
            after,
            limit,
            found: Vec::new(),
        };
        walk.enter(&self.root, "", 1)
            .map_err(|error| explain("list", &self.root, &error))?;
        Ok(walk.found)
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.delete_now(name)
    }

    async fn delete_all(&self, names: &[ObjectName]) -> Result<(), ObjectError> {
        self.delete_all_now(names)
    }
}

#[cfg(test)]
mod tests {
    use ork_engine::conformance::block_on;

    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(root.path(), Sync::Normal).expect("opened");
        (root, folder)
    }

    fn name(text: &str) -> ObjectName {
        ObjectName::parse(text).expect("an object's name")
    }

    #[test]
    fn without_nameless_files_creating_is_the_same() {
        let (_root, folder) = folder();
        let path = folder.path_of(&name("runs/r/t/1/claim"));
        let generation = folder.create_aside(&path, b"first").expect("created");
        assert_eq!(
            folder
                .create_aside(&path, b"second")
                .expect_err("taken")
                .kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(
            folder
                .create_nameless(&path, b"third")
                .expect_err("taken")
                .kind(),
            ErrorKind::AlreadyExists
        );
        let object = folder
            .get_now(&name("runs/r/t/1/claim"), 100)
            .expect("read");
        assert_eq!(
            object,
            Some(Object {
                bytes: b"first".to_vec(),
                generation
            })
        );
        assert_eq!(
            fs::read_dir(folder.temporary.path())
                .expect("listed")
                .count(),
            0,
            "nothing is left aside"
        );
    }

    #[test]
    fn what_is_in_the_way_is_an_error_that_names_it() {
        let (root, folder) = folder();
        let claim = name("runs/r/t/1/claim");
        fs::write(root.path().join("runs"), "a file where a folder belongs").expect("written");
        for answer in [
            block_on(folder.create(&claim, b"x")),
            block_on(folder.put(&claim, b"x", None)),
        ] {
            let error = answer.expect_err("there is no way").to_string();
            assert!(error.contains("runs"), "{error}");
        }
        fs::remove_file(root.path().join("runs")).expect("removed");
        let path = folder.prepare(&claim).expect("made");
        fs::create_dir(&path).expect("made");
        assert!(
            matches!(block_on(folder.get(&claim, 100)), Err(ObjectError::Refused(said)) if said.contains("not a file"))
        );
        fs::remove_dir(&path).expect("removed");
        std::os::unix::fs::symlink("/etc/passwd", &path).expect("linked");
        assert!(
            block_on(folder.get(&claim, 100_000)).is_err(),
            "a link is not followed"
        );
        assert_eq!(
            block_on(folder.list("", None, 10)).expect("listed"),
            [],
            "nor listed"
        );
    }

    #[test]
    fn folders_that_are_empty_go_with_what_was_in_them() {
        let (root, folder) = folder();
        let names = [
            "runs/r/t.0/1/claim",
            "runs/r/t.0/2/claim",
            "runs/r/u/1/claim",
        ]
        .map(name);
        for one in names.iter().chain([&name("runs/q/t/1/claim")]) {
            block_on(folder.create(one, b"x")).expect("created");
        }
        let at = |path: &str| root.path().join(path);
        fs::write(at("runs/r/u/mine.txt"), "somebody else's").expect("written");
        block_on(folder.delete_all(&names)).expect("removed");
        assert!(!at("runs/r/t.0").exists() && !at("runs/r/u/1").exists());
        assert!(at("runs/r/u/mine.txt").exists() && at("runs/q/t/1/claim").exists());
        fs::remove_file(at("runs/r/u/mine.txt")).expect("removed");
        block_on(folder.delete_all(&names)).expect("they are gone already");
        assert!(!at("runs/r").exists() && at("runs").exists());
    }

    #[test]
    fn a_log_written_directly_is_an_object() {
        let (_root, folder) = folder();
        let log = name("runs/r/t.3/1/log.txt");
        let path = folder.prepare(&log).expect("made");
        fs::write(&path, "one\n").expect("written");
        let first = block_on(folder.get(&log, 100))
            .expect("read")
            .expect("there");
        fs::write(&path, "one\ntwo\n").expect("written");
        let second = block_on(folder.get(&log, 100))
            .expect("read")
            .expect("there");
        assert_eq!((first.bytes, second.bytes.len()), (b"one\n".to_vec(), 8));
        assert_ne!(
            first.generation, second.generation,
            "a log that grew is another"
        );
        assert_eq!(
            block_on(folder.list("runs/r/", None, 10)).expect("listed"),
            [log]
        );
    }
}
