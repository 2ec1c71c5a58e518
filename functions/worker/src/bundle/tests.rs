//! What a bundle may hold, and what it may not.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// An archive entry as raw as an attacker would write it.
struct Item {
    kind: EntryType,
    name: &'static str,
    link: &'static str,
    bytes: Vec<u8>,
    mode: u32,
}

fn item(kind: EntryType, name: &'static str, link: &'static str) -> Item {
    Item {
        kind,
        name,
        link,
        bytes: Vec::new(),
        mode: 0o644,
    }
}

fn file(name: &'static str, text: &str) -> Item {
    Item {
        bytes: text.as_bytes().to_vec(),
        ..item(EntryType::Regular, name, "")
    }
}

fn archive(items: &[Item]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for item in items {
        let mut header = tar::Header::new_gnu();
        // Not `set_path`, which refuses what is tried here.
        header.as_old_mut().name[..item.name.len()].copy_from_slice(item.name.as_bytes());
        header.as_old_mut().linkname[..item.link.len()].copy_from_slice(item.link.as_bytes());
        header.set_entry_type(item.kind);
        header.set_size(item.bytes.len() as u64);
        header.set_mode(item.mode);
        if let (EntryType::GNUSparse, Some(gnu)) = (item.kind, header.as_gnu_mut()) {
            gnu.set_real_size(0);
        }
        header.set_cksum();
        builder
            .append(&header, item.bytes.as_slice())
            .expect("written to memory");
    }
    let plain = builder.into_inner().expect("written to memory");
    zstd::encode_all(plain.as_slice(), 1).expect("compressed in memory")
}

/// Unpacks into `<root>/code`, so that what leads out of it lies in `root`.
fn try_out(bytes: &[u8], bounds: Bounds) -> (tempfile::TempDir, Result<(), UnpackError>) {
    let root = tempfile::tempdir().expect("a folder");
    let into = root.path().join("code");
    fs::create_dir(&into).expect("a folder");
    let answer = unpack(bytes, &into, bounds);
    let beside: Vec<_> = fs::read_dir(root.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(beside, ["code"], "nothing is written outside");
    (root, answer)
}

fn refused(items: &[Item]) -> String {
    match try_out(&archive(items), Bounds::default()).1 {
        Err(UnpackError::Bundle(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn files_folders_and_links_inside_are_unpacked() {
    let mut run = file("./bin/run.sh", "#!/bin/sh\n");
    run.mode = 0o4755;
    let items = [
        item(EntryType::Directory, "./", ""),
        item(EntryType::Directory, "lib/", ""),
        file("lib/deep/er/x.py", "x = 1\n"),
        run,
        item(EntryType::Directory, "lib/", ""),
        item(EntryType::Symlink, "lib/deep/up", "../../bin/run.sh"),
        item(EntryType::Symlink, "latest", "lib/./deep"),
    ];
    let (root, answer) = try_out(&archive(&items), Bounds::default());
    answer.expect("nothing is wrong with it");
    let code = root.path().join("code");
    let read = |name: &str| fs::read_to_string(code.join(name)).expect("a file");
    assert_eq!(read("lib/deep/er/x.py"), "x = 1\n");
    assert_eq!(read("lib/deep/up"), "#!/bin/sh\n");
    assert_eq!(read("latest/er/x.py"), "x = 1\n");
    let mode = |name: &str| {
        fs::metadata(code.join(name))
            .expect("a file")
            .permissions()
            .mode()
    };
    assert_eq!(
        mode("bin/run.sh") & 0o7111,
        0o111,
        "executable, but not set-uid"
    );
    assert_eq!(mode("lib/deep/er/x.py") & 0o111, 0);
}

#[test]
fn paths_that_lead_out_are_refused() {
    for name in [
        "../evil",
        "a/../../evil",
        "/tmp/ork-evil",
        "..",
        "a/..",
        "x/../y",
    ] {
        let why = refused(&[file(name, "x")]);
        assert!(
            why.contains(name) && why.contains("leads out"),
            "{name}: {why}"
        );
    }
}

#[test]
fn links_that_lead_out_are_refused() {
    for (name, target) in [
        ("l", "/etc/passwd"),
        ("l", ".."),
        ("l", "../x"),
        ("d/l", "../../x"),
        ("l", "d/../../x"),
        // Seen as text it stays inside; once `d` is a link to a place below it does not.
        ("l", "d/.."),
        ("l", ""),
    ] {
        let why = refused(&[item(EntryType::Symlink, name, target)]);
        assert!(why.contains("link"), "{name} to {target}: {why}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    for items in [
        [item(EntryType::Symlink, "d", "e"), file("d/x", "x")],
        [
            item(EntryType::Symlink, "d", "."),
            item(EntryType::Directory, "d/", ""),
        ],
        [item(EntryType::Symlink, "d", "x"), file("d", "x")],
        [file("d", "x"), file("d/x", "x")],
        [file("d", "x"), file("d", "y")],
        [file("d", "x"), item(EntryType::Symlink, "d", "y")],
    ] {
        let why = refused(&items);
        assert!(why.contains("twice") || why.contains("below"), "{why}");
    }
}

#[test]
fn devices_pipes_and_hard_links_are_refused() {
    for kind in [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Link,
        EntryType::GNUSparse,
    ] {
        let why = refused(&[item(kind, "odd", "/etc/passwd")]);
        assert!(why.contains("odd"), "{why}");
    }
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let large = Item {
        bytes: vec![0; 3 << 20],
        ..item(EntryType::Regular, "zeros", "")
    };
    let bytes = archive(&[large]);
    assert!(bytes.len() < 10_000, "it is a bomb: {}", bytes.len());
    let small = Bounds {
        bytes: 1 << 20,
        entries: 10,
    };
    let (root, answer) = try_out(&bytes, small);
    let why = answer.expect_err("too large").to_string();
    assert!(why.contains("1048576 bytes"), "{why}");
    let written = fs::metadata(root.path().join("code/zeros")).map_or(0, |meta| meta.len());
    assert!(written <= 1 << 20, "{written}");

    // A size that the archive does not keep.
    let mut header = tar::Header::new_gnu();
    header.set_path("huge").expect("a name");
    header.set_size(1 << 40);
    header.set_mode(0o644);
    header.set_cksum();
    let lying = zstd::encode_all(header.as_bytes().as_slice(), 1).expect("compressed");
    assert!(try_out(&lying, Bounds::default()).1.is_err());

    let many: Vec<Item> = (0..11)
        .map(|_| item(EntryType::Directory, "d/", ""))
        .collect();
    let why = try_out(&archive(&many), small)
        .1
        .expect_err("too many")
        .to_string();
    assert!(why.contains("more than the 10 files"), "{why}");
}

#[test]
fn what_is_no_archive_is_refused() {
    let whole = archive(&[file("a", &"text ".repeat(10_000))]);
    let cut = &whole[..whole.len() / 2];
    let plain = zstd::encode_all(&[7_u8; 4096][..], 1).expect("compressed");
    for bytes in [b"".as_slice(), b"PK\x03\x04", cut, &plain] {
        match try_out(bytes, Bounds::default()).1 {
            Err(UnpackError::Bundle(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
