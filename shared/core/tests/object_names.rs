//! Object names: whatever is built parses back to itself, and whatever parses is what would have been built.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use ork_core::ids::{RunId, TaskName, VersionHash, WorkflowName};
use ork_core::names::{AttemptFile, ObjectName, QueryPath};
use ork_core::time::Time;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

const FILES: [AttemptFile; 8] = [
    AttemptFile::Spec,
    AttemptFile::Claim,
    AttemptFile::Status,
    AttemptFile::Result,
    AttemptFile::Output,
    AttemptFile::Log,
    AttemptFile::Urls,
    AttemptFile::Late,
];

/// Each kind of name by number: a new kind does not compile until it has a number and a place in [`names`].
fn kind(name: &ObjectName) -> usize {
    match name {
        ObjectName::Upload(_) => 0,
        ObjectName::UploadStatus(_) => 1,
        ObjectName::Definition(..) => 2,
        ObjectName::Bundle(..) => 3,
        ObjectName::TaskOutput(..) => 4,
        ObjectName::TaskText(..) => 5,
        ObjectName::Attempt { file, .. } => match file {
            AttemptFile::Spec => 6,
            AttemptFile::Claim => 7,
            AttemptFile::Status => 8,
            AttemptFile::Result => 9,
            AttemptFile::Output => 10,
            AttemptFile::Log => 11,
            AttemptFile::Urls => 12,
            AttemptFile::Late => 13,
        },
        ObjectName::Batch(..) => 14,
        ObjectName::UploadProject(_) => 15,
        ObjectName::UploadQuery(..) => 16,
    }
}
const KINDS: usize = 17;

/// Words that look like something else: parts of other names, numbers, the longest.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z][A-Za-z0-9_-]{0,62}",
        prop::sample::select(vec![
            "a",
            "Z-",
            "a--b",
            "claim",
            "batches",
            "output",
            "runs",
            "workflows",
            "versions",
            "result_json"
        ])
        .prop_map(str::to_owned),
        Just("x".repeat(63)),
    ]
}

fn run_id() -> impl Strategy<Value = RunId> {
    prop_oneof![
        "[A-Za-z0-9][A-Za-z0-9_-]{0,159}".prop_map(|text| RunId::new(&text).unwrap()),
        "[0-9]{1,160}".prop_map(|text| RunId::new(&text).unwrap()),
        (word(), any::<i64>()).prop_map(|(workflow, slot)| {
            RunId::for_slot(&WorkflowName::new(&workflow).unwrap(), Time(slot))
        }),
    ]
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0),
        Just(1),
        0..100_000_u32,
        any::<u32>(),
        Just(u32::MAX)
    ]
}

fn names() -> impl Strategy<Value = ObjectName> {
    let parts = (
        0..KINDS,
        word(),
        word(),
        run_id(),
        prop::option::of(number()),
        number(),
        any::<[u8; 2]>(),
    );
    parts.prop_map(|(kind, workflow, task, run, index, attempt, content)| {
        let workflow = WorkflowName::new(&workflow).unwrap();
        let task = TaskName::new(&task).unwrap();
        let hash = VersionHash::of(&content);
        match kind {
            0 => ObjectName::Upload(workflow),
            1 => ObjectName::UploadStatus(workflow),
            2 => ObjectName::Definition(workflow, hash),
            3 => ObjectName::Bundle(workflow, hash),
            4 => ObjectName::TaskOutput(run, task),
            5 => ObjectName::TaskText(run, task),
            14 => ObjectName::Batch(run, hash),
            15 => ObjectName::UploadProject(workflow),
            16 => {
                let path = format!("{task}/{index:?}.sql").replace(['(', ')'], "_");
                ObjectName::UploadQuery(workflow, QueryPath::new(&path).unwrap())
            }
            file => ObjectName::Attempt {
                run,
                task,
                index,
                attempt,
                file: FILES[file - 6],
            },
        }
    })
}

fn check<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value)) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    if let Err(error) = runner.run(&strategy, |value| {
        test(value);
        Ok(())
    }) {
        panic!("{error}");
    }
}

/// What must hold of any text: it is refused, or it is exactly what would be built.
fn canonical(text: &str) -> bool {
    match ObjectName::parse(text) {
        Some(name) => {
            assert_eq!(name.to_string(), text, "{text:?} is another name's text");
            true
        }
        None => false,
    }
}

#[test]
fn whatever_is_built_parses_back_to_itself() {
    let seen = std::cell::RefCell::new([0; KINDS]);
    check(1200, names(), |name| {
        let text = name.to_string();
        assert_eq!(ObjectName::parse(&text).as_ref(), Some(&name), "{text}");
        seen.borrow_mut()[kind(&name)] += 1;
    });
    assert!(
        seen.borrow().iter().all(|&times| times > 20),
        "every kind was met: {:?}",
        seen.borrow()
    );
}

#[test]
fn nothing_that_is_built_can_lead_astray() {
    check(600, names(), |name| {
        let text = name.to_string();
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b)),
            "{text:?}"
        );
        assert!(!text.contains("..") && !text.contains("//"), "{text}");
        assert!(!text.starts_with('/') && !text.ends_with('/'), "{text}");
        assert!(
            text.split('/')
                .all(|part| !part.starts_with('.') && !part.starts_with('-')),
            "{text}"
        );
        // What stores and file systems take: 1,024 bytes in all, 255 in a part.
        assert!(text.len() <= 1024, "{} bytes: {text}", text.len());
        assert!(text.split('/').all(|part| part.len() <= 255), "{text}");
    });
}

#[test]
fn arbitrary_text_is_refused_or_is_what_would_be_built() {
    check(600, any::<Vec<u8>>(), |bytes| {
        assert!(!canonical(&String::from_utf8_lossy(&bytes)));
    });
    // Text made of the words that names are made of.
    let piece = prop::sample::select(vec![
        "runs",
        "workflows",
        "a",
        "t",
        "t.0",
        "t.01",
        "t.",
        "t.1.1",
        "1",
        "01",
        "+1",
        "-1",
        "4294967295",
        "4294967296",
        "claim",
        "spec.json",
        "output.json",
        "output.txt",
        "workflow.yaml",
        "versions",
        "bundles",
        "..",
        ".",
        "",
        "%2e%2e",
        "\u{661}",
        "a\0",
        "ä",
    ]);
    check(3000, prop::collection::vec(piece, 0..7), |pieces| {
        canonical(&pieces.join("/"));
    });
    let known = [
        "runs/a/t.0/1/claim",
        "workflows/a/workflow.yaml",
        "runs/1/t/output.txt",
    ];
    assert!(known.into_iter().all(canonical));
}

/// What can happen to a name on its way: a byte more, less or other, a part more, less, doubled or changed.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(usize, u8),
    Insert(usize, char),
    Remove(usize),
    CutAt(usize),
    Append(&'static str),
    Prepend(&'static str),
    DoublePart(usize),
    DropPart(usize),
    SwapParts(usize, usize),
    Upper,
}

fn mutations() -> impl Strategy<Value = Mutation> {
    const TAILS: [&str; 12] = [
        "/", "\0", "\n", " ", ".", "/..", "/.", "#1", "?x", "\u{301}", ".tmp", "0",
    ];
    const HEADS: [&str; 8] = ["/", "./", "../", " ", "\u{feff}", "gs://b/", "0", "\0"];
    let character = prop_oneof![
        any::<char>(),
        prop::sample::select("/.0-_\\\0\n\u{660}".chars().collect::<Vec<_>>())
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<usize>(), character).prop_map(|(at, c)| Mutation::Insert(at, c)),
        any::<usize>().prop_map(Mutation::Remove),
        any::<usize>().prop_map(Mutation::CutAt),
        prop::sample::select(TAILS.to_vec()).prop_map(Mutation::Append),
        prop::sample::select(HEADS.to_vec()).prop_map(Mutation::Prepend),
        any::<usize>().prop_map(Mutation::DoublePart),
        any::<usize>().prop_map(Mutation::DropPart),
        any::<(usize, usize)>().prop_map(|(a, b)| Mutation::SwapParts(a, b)),
        Just(Mutation::Upper),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut parts: Vec<&str> = text.split('/').collect();
    let (len, count) = (bytes.len(), parts.len());
    match *mutation {
        Mutation::Replace(at, byte) => bytes[at % len] = byte,
        Mutation::Insert(at, c) => {
            let at = at % (len + 1);
            let mut buffer = [0; 4];
            bytes.splice(at..at, c.encode_utf8(&mut buffer).bytes());
        }
        Mutation::Remove(at) => {
            bytes.remove(at % len);
        }
        Mutation::CutAt(at) => bytes.truncate(at % len),
        Mutation::Append(tail) => bytes.extend(tail.bytes()),
        Mutation::Prepend(head) => {
            bytes.splice(0..0, head.bytes());
        }
        Mutation::DoublePart(at) => {
            parts.insert(at % count, parts[at % count]);
            return parts.join("/");
        }
        Mutation::DropPart(at) => {
            parts.remove(at % count);
            return parts.join("/");
        }
        Mutation::SwapParts(a, b) => {
            parts.swap(a % count, b % count);
            return parts.join("/");
        }
        Mutation::Upper => return text.to_uppercase(),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_name_that_was_tampered_with_is_refused_or_is_another_name_in_full() {
    let (refused, accepted) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let tampered = (names(), prop::collection::vec(mutations(), 1..3));
    check(1500, tampered, |(name, mutations)| {
        let mut text = name.to_string();
        for mutation in &mutations {
            if !text.is_empty() {
                text = mutate(&text, mutation);
            }
        }
        let count = if canonical(&text) {
            &accepted
        } else {
            &refused
        };
        count.set(count.get() + 1);
    });
    assert!(
        refused.get() > 500 && accepted.get() > 50,
        "{} refused, {} are names",
        refused.get(),
        accepted.get()
    );
}
