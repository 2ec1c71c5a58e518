//! What is called of Google's services is declared with the permissions it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ork_gcp::permissions::On::{
    Database, Hints, Jobs, Objects, Queue, SignAccount, SignedUrl, WakeAccount, WorkerTopics,
};
use ork_gcp::permissions::{CALLS, needs};

/// The source of each file of this crate without its tests and comments.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(folder).expect("the source is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("readable");
                let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
                let lines: Vec<&str> = code
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect();
                let name = path.strip_prefix(root).expect("below it");
                found.insert(name.to_string_lossy().into_owned(), lines.join("\n"));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    walk(&root, &root, &mut found);
    // They name all of them.
    found.remove("permissions.rs");
    found.remove("permissions/roles.rs");
    found
}

/// Where a request leaves: every client's builder ends so, and those of Firestore and of publishers have calls of their own.
const LEAVES: [&str; 6] = [
    ".send()",
    ".send_buffered()",
    ".publish(message)",
    ".client().commit(",
    ".batch_get_documents(",
    ".run_query(",
];

#[test]
fn every_request_that_leaves_is_declared_with_what_it_needs() {
    for (file, text) in sources() {
        let leaves: usize = LEAVES.iter().map(|end| text.matches(end).count()).sum();
        let declared: usize = CALLS
            .iter()
            .filter(|call| call.file == file)
            .map(|call| call.sites)
            .sum();
        assert_eq!(
            leaves, declared,
            "requests that leave in {file}, and what CALLS has of it"
        );
    }
}

#[test]
fn every_declared_call_is_made() {
    let sources = sources();
    for call in CALLS {
        let text = sources
            .get(call.file)
            .unwrap_or_else(|| panic!("{}", call.file));
        assert!(
            text.contains(call.source),
            "{} has no {}",
            call.file,
            call.source
        );
    }
}

#[test]
fn calls_are_needed_by_somebody_and_nobody_needs_what_is_not_called() {
    for on in [
        Database,
        Objects,
        Hints,
        WorkerTopics,
        Queue,
        WakeAccount,
        Jobs,
        SignAccount,
    ] {
        let called: BTreeSet<&str> = CALLS
            .iter()
            .filter(|call| call.on == on)
            .flat_map(|call| call.permissions)
            .copied()
            .collect();
        let needed: BTreeSet<&str> = needs()
            .iter()
            .filter(|need| need.on == on)
            .flat_map(|need| need.permissions)
            .copied()
            .collect();
        assert_eq!(called, needed, "{on:?}");
    }
}

#[test]
fn a_signed_url_allows_no_more_than_its_account_may() {
    let by_url: BTreeSet<&str> = CALLS
        .iter()
        .filter(|call| call.on == SignedUrl)
        .flat_map(|call| call.permissions)
        .copied()
        .collect();
    let may: BTreeSet<&str> = needs()
        .iter()
        .filter(|need| need.who == "sign")
        .flat_map(|need| need.permissions)
        .copied()
        .collect();
    assert_eq!(by_url, may);
}
