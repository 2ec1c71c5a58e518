//! Bundles of small folders, unpacked with the tar crate alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Bounds, Bundle, Wanted, pack};
use crate::failure::Failure;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }
    fn path(&self) -> &Path {
        self.0.path()
    }
    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
        self
    }
    fn linked(self, name: &str, target: &str) -> Self {
        symlink(target, self.path().join(name)).expect("a link");
        self
    }
    fn pack(&self) -> Bundle {
        self.try_pack(Bounds::default()).expect("packed")
    }
    fn try_pack(&self, bounds: Bounds) -> Result<Bundle, Failure> {
        let wanted = Wanted {
            folder: self.path(),
            project: None,
            state: None,
        };
        pack(wanted, bounds)
    }
}

fn workflow() -> Folder {
    Folder::new().with("w.yaml", "name: w\n")
}

fn plain(bundle: &Bundle) -> Vec<u8> {
    zstd::stream::decode_all(bundle.bytes.as_slice()).expect("zstd")
}

/// Kind, mode and contents (of a link: its target) by name.
fn contents(bundle: &Bundle) -> BTreeMap<String, (char, u32, String)> {
    let plain = plain(bundle);
    let mut archive = tar::Archive::new(plain.as_slice());
    let mut found = BTreeMap::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        let header = entry.header();
        assert_eq!(header.mtime().expect("a time"), 0);
        assert_eq!(
            (header.uid().expect("uid"), header.gid().expect("gid")),
            (0, 0)
        );
        let (kind, mode) = (header.entry_type(), header.mode().expect("a mode"));
        let name = entry.path().expect("a path").display().to_string();
        let text = match entry.link_name().expect("a link or none") {
            Some(target) => target.display().to_string(),
            None => std::io::read_to_string(&mut entry).expect("text"),
        };
        found.insert(name, (char::from(kind.as_byte()), mode, text));
    }
    found
}

fn names(bundle: &Bundle) -> Vec<String> {
    contents(bundle).into_keys().collect()
}

#[test]
fn what_is_packed_comes_out_again() {
    let long = format!("{}/{}.py", "folder".repeat(12), "name".repeat(30));
    let folder = workflow()
        .with("lib/a.py", "A = 1\n")
        .with("run.sh", "#!/bin/sh\n")
        .with(&long, "long")
        .with("lib/größe.txt", "ü")
        .linked("latest", "lib/a.py");
    let script = folder.path().join("run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).expect("set");
    fs::create_dir(folder.path().join("empty")).expect("made");
    let bundle = folder.pack();
    let found = contents(&bundle);
    let entry = |name: &str| {
        found
            .get(name)
            .cloned()
            .unwrap_or_else(|| panic!("{name} is not in {found:?}"))
    };
    assert_eq!(entry("lib/a.py"), ('0', 0o644, "A = 1\n".to_owned()));
    assert_eq!(entry("run.sh"), ('0', 0o755, "#!/bin/sh\n".to_owned()));
    assert_eq!(entry(&long).2, "long");
    assert_eq!(entry("lib/größe.txt").2, "ü");
    assert_eq!(entry("latest"), ('2', 0o755, "lib/a.py".to_owned()));
    assert_eq!(entry("empty/"), ('5', 0o755, String::new()));
    let into = Folder::new();
    let plain = plain(&bundle);
    tar::Archive::new(plain.as_slice())
        .unpack(into.path())
        .expect("unpacked");
    let again = fs::read_to_string(into.path().join("latest")).expect("through the link");
    assert_eq!(again, "A = 1\n");
}

#[test]
fn the_same_folder_gives_the_same_bytes_whenever_and_wherever() {
    let one = workflow().with("b/x.py", "x").with("a.py", "a");
    let other = Folder::new()
        .with("a.py", "a")
        .with("w.yaml", "name: w\n")
        .with("b/x.py", "x");
    // Another owner's rights and another age are no difference.
    let file = other.path().join("a.py");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_modified(long_ago))
        .expect("set");
    let (one, other) = (one.pack(), other.pack());
    assert_eq!(one, other);
    assert_ne!(one.hash, workflow().with("a.py", "b").pack().hash);
}

#[test]
fn what_nobody_needs_stays_behind() {
    let state = Folder::new();
    let folder = workflow()
        .with(".gitignore", "/build/\n*.log\n")
        .with(".orkignore", "data/\n!keep.log\n")
        .with("build/out.txt", "")
        .with("a.log", "")
        .with("keep.log", "")
        .with("data/large.bin", "")
        .with(".hidden", "")
        .with(".ork/ork.db", "")
        .with("lib/__pycache__/a.pyc", "")
        .with("node_modules/x/index.js", "")
        .with("runs/state/ork.db", "")
        .with("lib/a.py", "");
    let inside = folder.path().join("runs/state");
    let bundle = |state: Option<&Path>| {
        let wanted = Wanted {
            folder: folder.path(),
            project: None,
            state,
        };
        pack(wanted, Bounds::default()).expect("packed")
    };
    assert_eq!(
        names(&bundle(Some(&inside))),
        ["keep.log", "lib/", "lib/a.py", "runs/", "w.yaml"]
    );
    assert!(names(&bundle(Some(state.path()))).contains(&"runs/state/ork.db".to_owned()));
}

#[test]
fn a_gitignore_above_counts_in_a_repository_only() {
    let above = Folder::new()
        .with(".gitignore", "*.bin\n")
        .with("flow/w.yaml", "")
        .with("flow/x.bin", "");
    let folder = above.path().join("flow");
    let wanted = Wanted {
        folder: &folder,
        project: None,
        state: None,
    };
    let pack = || pack(wanted, Bounds::default()).expect("packed");
    assert_eq!(names(&pack()), ["w.yaml", "x.bin"]);
    fs::create_dir(above.path().join(".git")).expect("made");
    assert_eq!(names(&pack()), ["w.yaml"]);
}

#[test]
fn a_repository_on_the_way_to_a_folder_is_not_one_above_it() {
    let above = Folder::new()
        .with(".gitignore", "*.bin\n")
        .with("other/.git/HEAD", "")
        .with("flow/w.yaml", "")
        .with("flow/x.bin", "");
    let wanted = Wanted {
        folder: &above.path().join("other/../flow"),
        project: None,
        state: None,
    };
    let bundle = pack(wanted, Bounds::default()).expect("packed");
    assert_eq!(names(&bundle), ["w.yaml", "x.bin"]);
}

#[test]
fn the_settings_of_the_project_come_to_the_root() {
    for folder in [workflow(), workflow().with("ork.yaml", "old")] {
        let wanted = Wanted {
            folder: folder.path(),
            project: Some(b"pools: {}\n"),
            state: None,
        };
        let found = contents(&pack(wanted, Bounds::default()).expect("packed"));
        assert_eq!(found["ork.yaml"].2, "pools: {}\n");
        assert_eq!(found.len(), 2);
    }
}

#[test]
fn links_that_may_lead_out_are_refused_by_name() {
    for target in [
        "/etc/passwd",
        "../x",
        "lib/../../x",
        "lib/../w.yaml",
        "../../x",
    ] {
        let folder = workflow().linked("link", target);
        let wrong = folder.try_pack(Bounds::default()).expect_err(target);
        assert!(wrong.message.contains("link`"), "{wrong:?}");
        assert!(wrong.message.contains(target), "{wrong:?}");
    }
    let deep = workflow().with("a/b/c.txt", "");
    symlink("../../w.yaml", deep.path().join("a/b/up")).expect("a link");
    symlink("gone", deep.path().join("a/dangling")).expect("a link");
    assert!(names(&deep.pack()).contains(&"a/b/up".to_owned()));
}

#[test]
fn a_link_is_not_followed() {
    let elsewhere = Folder::new().with("secret", "s");
    let folder = workflow();
    symlink(elsewhere.path(), folder.path().join("dir")).expect("a link");
    let wrong = folder.try_pack(Bounds::default()).expect_err("leads out");
    assert!(wrong.message.contains("dir`"), "{wrong:?}");
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let folder = workflow();
    let _socket = UnixListener::bind(folder.path().join("socket")).expect("a socket");
    let wrong = folder.try_pack(Bounds::default()).expect_err("a socket");
    assert!(wrong.message.contains("socket` is neither"), "{wrong:?}");
    assert!(wrong.hint.is_some_and(|hint| hint.contains(".orkignore")));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = workflow().with("closed", "x");
    let closed = folder.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("set");
    // Root may read everything.
    if fs::File::open(&closed).is_err() {
        let wrong = folder.try_pack(Bounds::default()).expect_err("closed");
        assert!(
            wrong.message.contains("closed` cannot be packed"),
            "{wrong:?}"
        );
    }
}

#[test]
fn what_is_too_large_is_refused_before_anything_is_sent() {
    // Bytes that do not compress.
    let noise: Vec<u8> = (0..40_000_u32)
        .flat_map(|n| {
            n.wrapping_mul(2_654_435_761)
                .rotate_left(n % 31)
                .to_le_bytes()
        })
        .collect();
    let folder = workflow().with("noise.bin", noise).with("a.py", "");
    let usual = Bounds::default();
    let cases = [
        (
            Bounds {
                entries: 2,
                ..usual
            },
            "3 files and folders, and at most 2",
        ),
        (
            Bounds {
                unpacked: 64 << 10,
                ..usual
            },
            "more than 64 KiB unpacked",
        ),
        (
            Bounds {
                bytes: 4 << 10,
                ..usual
            },
            "more than 4 KiB compressed",
        ),
    ];
    for (bounds, words) in cases {
        let wrong = folder.try_pack(bounds).expect_err(words);
        assert!(wrong.message.contains(words), "{wrong:?}");
        assert!(wrong.hint.is_some_and(|hint| hint.contains(".orkignore")));
    }
    let exact = Bounds {
        entries: 3,
        ..usual
    };
    folder.try_pack(exact).expect("it fits");
}

#[test]
fn a_folder_that_is_left_out_whole_is_an_error() {
    let folder = workflow().with(".gitignore", "*\n");
    let wrong = folder.try_pack(Bounds::default()).expect_err("nothing");
    assert!(wrong.message.contains("leave all of it out"), "{wrong:?}");
    let gone = Wanted {
        folder: &PathBuf::from("/nonexistent/folder"),
        project: None,
        state: None,
    };
    pack(gone, Bounds::default()).expect_err("no such folder");
}
