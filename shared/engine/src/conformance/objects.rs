//! The cases for objects.

use std::collections::BTreeSet;

use ork_core::ids::{TaskName, VersionHash};
use ork_core::names::{AttemptFile, ObjectName};
use ork_core::time::Time;

pub use super::objects_listings::*;
pub use super::objects_races::*;
use super::sample::{run_id, workflow_name};
use super::world::{Job, ObjectsWorld};
use crate::ports::{Generation, Object, ObjectError, Objects};

const PLENTY: u64 = 64 << 20;

/// A case, ready to be given its world.
pub type Case<W> = for<'a> fn(&'a W) -> Job<'a>;

/// All cases by name, for whoever brings an executor of their own.
pub fn all<W: ObjectsWorld>() -> Vec<(&'static str, Case<W>)> {
    crate::objects_conformance!(@list all [W])
}

/// One `#[test]` for each case: `objects_conformance!(a new world, something that runs a future to its end)`.
#[macro_export]
macro_rules! objects_conformance {
    (@list $what:ident $args:tt) => {
        $crate::objects_conformance! { @ $what $args
            an_absent_object_reads_as_none
            a_created_object_reads_back_whole
            creating_what_exists_is_refused_and_changes_nothing
            a_put_replaces_whatever_is_there
            a_put_that_expects_needs_that_generation
            generations_are_never_used_again
            a_removed_object_can_be_created_again
            contents_of_every_kind_come_back
            a_read_is_bounded
            the_instant_of_the_last_write_is_known
            names_are_listed_in_order
            a_listing_keeps_to_prefix_after_and_limit
            one_kind_of_file_is_listed_alone
            objects_are_weighed_as_they_are_listed
            many_objects_are_removed_together
            similar_names_are_different_objects
            another_handle_sees_what_was_written
            racing_objects_have_one_creator
            racing_conditional_puts_lose_nothing
            readers_never_see_a_mixture
        }
    };
    (@tests [$world:expr, $block_on:expr] $($case:ident)*) => {
        $(
            #[test]
            fn $case() {
                let world = $world;
                ($block_on)($crate::conformance::objects::$case(&world));
            }
        )*
    };
    (@all [$world:ident] $($case:ident)*) => {
        vec![$((stringify!($case), (|world| Box::pin($case(world))) as Case<$world>)),*]
    };
    ($world:expr, $block_on:expr $(,)?) => {
        $crate::objects_conformance! { @list tests [$world, $block_on] }
    };
}

pub(super) fn attempt(
    run: &str,
    task: &str,
    index: Option<u32>,
    attempt: u32,
    file: AttemptFile,
) -> ObjectName {
    ObjectName::Attempt {
        run: run_id(run),
        task: TaskName::new(task).expect("a valid task name"),
        index,
        attempt,
        file,
    }
}

pub(super) fn claim(run: &str) -> ObjectName {
    attempt(run, "t", None, 1, AttemptFile::Claim)
}

pub(super) async fn got(objects: &impl Objects, name: &ObjectName) -> Option<Object> {
    objects
        .get(name, PLENTY)
        .await
        .unwrap_or_else(|error| panic!("reading `{name}` must succeed: {error}"))
}

pub(super) async fn put(objects: &impl Objects, name: &ObjectName, bytes: &[u8]) -> Generation {
    objects
        .put(name, bytes, None)
        .await
        .unwrap_or_else(|error| panic!("writing `{name}` must succeed: {error}"))
}

pub(super) async fn created(objects: &impl Objects, name: &ObjectName, bytes: &[u8]) -> Generation {
    objects
        .create(name, bytes)
        .await
        .unwrap_or_else(|error| panic!("creating `{name}` must succeed: {error}"))
}

pub(super) fn is_precondition(answer: &Result<Generation, ObjectError>, name: &ObjectName) -> bool {
    matches!(answer, Err(ObjectError::Precondition(said)) if *said == name.to_string())
}

/// Nothing is there before it is written, and removing nothing is fine.
pub async fn an_absent_object_reads_as_none<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    assert_eq!(got(&objects, &claim("r")).await, None);
    assert_eq!(
        objects
            .get(&claim("r"), 0)
            .await
            .expect("an absent object is never too large"),
        None
    );
    objects
        .delete(&claim("r"))
        .await
        .expect("removing nothing is fine");
    created(
        &objects,
        &attempt("r", "t", None, 1, AttemptFile::Spec),
        b"x",
    )
    .await;
    assert_eq!(
        got(&objects, &claim("r")).await,
        None,
        "its neighbour does not make it exist"
    );
}

/// Contents and generation, for every kind of name.
pub async fn a_created_object_reads_back_whole<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    for name in one_of_each() {
        let generation = created(&objects, &name, name.to_string().as_bytes()).await;
        assert_eq!(
            got(&objects, &name).await,
            Some(Object {
                bytes: name.to_string().into_bytes(),
                generation
            }),
            "{name}"
        );
        assert_eq!(
            got(&objects, &name).await.map(|object| object.generation),
            Some(generation),
            "reading changes nothing"
        );
    }
}

/// The first writer wins.
pub async fn creating_what_exists_is_refused_and_changes_nothing<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let name = claim("r");
    created(&objects, &name, b"first").await;
    let before = got(&objects, &name).await;
    for bytes in [b"second".as_slice(), b"first", b""] {
        let answer = objects.create(&name, bytes).await;
        assert!(is_precondition(&answer, &name), "{answer:?}");
        assert_eq!(got(&objects, &name).await, before);
    }
}

/// Or nothing at all.
pub async fn a_put_replaces_whatever_is_there<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let name = attempt("r", "t", Some(3), 1, AttemptFile::Status);
    for bytes in [
        b"a longer first content".as_slice(),
        b"short",
        b"",
        b"again something longer",
    ] {
        let generation = put(&objects, &name, bytes).await;
        assert_eq!(
            got(&objects, &name).await,
            Some(Object {
                bytes: bytes.to_vec(),
                generation
            })
        );
    }
    let answer = objects.create(&name, b"x").await;
    assert!(is_precondition(&answer, &name), "{answer:?}");
}

/// Neither another one nor none.
pub async fn a_put_that_expects_needs_that_generation<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let (name, other) = (claim("r"), claim("other"));
    let first = created(&objects, &name, b"one").await;
    let second = objects
        .put(&name, b"two", Some(first))
        .await
        .expect("it is at that generation");
    assert_ne!(first, second);
    for (name, expected) in [
        (&name, first),
        (&name, Generation(u64::MAX)),
        (&other, second),
    ] {
        let answer = objects.put(name, b"three", Some(expected)).await;
        assert!(is_precondition(&answer, name), "{answer:?}");
    }
    assert_eq!(
        got(&objects, &name).await,
        Some(Object {
            bytes: b"two".to_vec(),
            generation: second
        })
    );
    assert_eq!(got(&objects, &other).await, None);
    objects.delete(&name).await.expect("removed");
    let answer = objects.put(&name, b"three", Some(second)).await;
    assert!(is_precondition(&answer, &name), "{answer:?}");
    assert_eq!(got(&objects, &name).await, None);
}

/// Not for the same contents, not in quick succession, not after a removal, not by another handle.
pub async fn generations_are_never_used_again<W: ObjectsWorld>(world: &W) {
    let name = attempt("r", "t", None, 1, AttemptFile::Status);
    let mut seen = BTreeSet::new();
    for _ in 0..4 {
        let objects = world.open().await;
        for n in 0..30 {
            let generation = put(&objects, &name, b"same").await;
            assert!(seen.insert(generation), "{generation:?} was used before");
            assert_eq!(
                got(&objects, &name).await.map(|object| object.generation),
                Some(generation)
            );
            if n % 5 == 4 {
                objects.delete(&name).await.expect("removed");
                let generation = created(&objects, &name, b"same").await;
                assert!(seen.insert(generation), "{generation:?} was used before");
            }
        }
    }
}

/// Create-once is about what is there now.
pub async fn a_removed_object_can_be_created_again<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let name = claim("r");
    created(&objects, &name, b"one").await;
    objects.delete(&name).await.expect("removed");
    assert_eq!(got(&objects, &name).await, None);
    created(&objects, &name, b"two").await;
    assert_eq!(
        got(&objects, &name).await.map(|object| object.bytes),
        Some(b"two".to_vec())
    );
    objects.delete(&name).await.expect("removed");
    objects
        .delete(&name)
        .await
        .expect("removing it twice is fine");
}

/// Empty, binary, not UTF-8, and some megabytes; by create and by put.
pub async fn contents_of_every_kind_come_back<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let large: Vec<u8> = (0..3_000_001_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (n, bytes) in [
        Vec::new(),
        vec![0],
        vec![0xff, 0xfe, 0, b'\r', b'\n'],
        (0..=255).collect(),
        large,
    ]
    .into_iter()
    .enumerate()
    {
        let name = claim(&format!("r{n}"));
        created(&objects, &name, &bytes).await;
        assert!(
            got(&objects, &name)
                .await
                .is_some_and(|object| object.bytes == bytes),
            "created, content {n}"
        );
        put(&objects, &name, &bytes).await;
        assert!(
            got(&objects, &name)
                .await
                .is_some_and(|object| object.bytes == bytes),
            "put, content {n}"
        );
    }
}

/// Exactly the limit is read, one byte more is not.
pub async fn a_read_is_bounded<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let name = claim("r");
    created(&objects, &name, &[7; 1000]).await;
    assert!(
        objects
            .get(&name, 1000)
            .await
            .expect("exactly the limit")
            .is_some()
    );
    for limit in [999, 1, 0] {
        match objects.get(&name, limit).await {
            Err(ObjectError::TooLarge {
                name: said,
                bytes: 1000,
                limit: allowed,
            }) => assert_eq!((said, allowed), (name.to_string(), limit)),
            other => panic!("1000 bytes are too large for a limit of {limit}, but got {other:?}"),
        }
    }
    put(&objects, &name, b"").await;
    assert!(
        objects
            .get(&name, 0)
            .await
            .expect("nothing fits into a limit of 0")
            .is_some()
    );
}

/// `None` as long as there is no object, never earlier after a later write, and the same to every handle.
pub async fn the_instant_of_the_last_write_is_known<W: ObjectsWorld>(world: &W) {
    let (objects, other) = (world.open().await, world.open().await);
    let name = attempt("r", "t", None, 1, AttemptFile::Status);
    created(&objects, &claim("r"), b"a neighbour").await;
    assert_eq!(updated(&objects, &name).await, None, "there is none");
    let mut last = None;
    for round in 0..3 {
        for n in 0..3 {
            if n == 0 {
                created(&objects, &name, b"one").await;
            } else {
                put(&other, &name, b"more").await;
            }
            let at = updated(&objects, &name).await;
            assert!(at.is_some(), "round {round}, write {n}: it is there");
            assert!(
                at >= last,
                "round {round}, write {n}: {at:?} after {last:?}"
            );
            got(&objects, &name).await;
            let again = updated(&other, &name).await;
            assert_eq!(
                again, at,
                "round {round}, write {n}: reading changes nothing"
            );
            last = at;
        }
        objects.delete(&name).await.expect("removed");
        assert_eq!(updated(&other, &name).await, None, "it was removed");
    }
    assert!(updated(&objects, &claim("r")).await.is_some());
}

async fn updated(objects: &impl Objects, name: &ObjectName) -> Option<Time> {
    objects
        .updated(name)
        .await
        .unwrap_or_else(|error| panic!("asking for the instant of `{name}` must succeed: {error}"))
}

fn one_of_each() -> Vec<ObjectName> {
    let mut names = vec![
        ObjectName::Upload(workflow_name("etl")),
        ObjectName::UploadStatus(workflow_name("etl")),
    ];
    names.push(ObjectName::Bundle(
        workflow_name("etl"),
        VersionHash::of(b"bundle"),
    ));
    names.push(ObjectName::Batch(run_id("a"), VersionHash::of(b"batch")));
    for run in ["a", "a-1", "a1", "b"] {
        for (task, index) in [
            ("t", None),
            ("t", Some(0)),
            ("t", Some(10)),
            ("t", Some(2)),
            ("t-x", None),
        ] {
            for file in [AttemptFile::Spec, AttemptFile::Claim, AttemptFile::Log] {
                names.push(attempt(run, task, index, 1, file));
            }
        }
        names.push(attempt(run, "t", None, 10, AttemptFile::Result));
        names.push(attempt(run, "t", None, 2, AttemptFile::Result));
        names.push(ObjectName::TaskOutput(
            run_id(run),
            TaskName::new("t").expect("a valid task name"),
        ));
        names.push(ObjectName::TaskText(
            run_id(run),
            TaskName::new("t").expect("a valid task name"),
        ));
    }
    names
}

/// The names as text, written in an order of no meaning, listed in the order of their bytes.
pub(super) async fn filled(objects: &impl Objects) -> Vec<String> {
    let mut names = one_of_each();
    let half = names.len() / 2;
    names.rotate_left(half);
    for name in &names {
        created(objects, name, b"x").await;
    }
    let mut texts: Vec<_> = names.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts
}

/// Removing or changing one touches no other.
pub async fn similar_names_are_different_objects<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    filled(&objects).await;
    let names = one_of_each();
    for victim in names.iter().step_by(5) {
        let mut before = Vec::new();
        for name in &names {
            before.push(got(&objects, name).await);
        }
        objects.delete(victim).await.expect("removed");
        for (name, before) in names.iter().zip(before) {
            let expected = if name == victim { None } else { before };
            assert_eq!(
                got(&objects, name).await,
                expected,
                "`{name}` after removing `{victim}`"
            );
        }
    }
}

/// Handles share their objects at once, and what one wrote outlives it.
pub async fn another_handle_sees_what_was_written<W: ObjectsWorld>(world: &W) {
    let name = claim("r");
    let (one, two) = (world.open().await, world.open().await);
    let first = created(&one, &name, b"one").await;
    assert_eq!(
        got(&two, &name).await.map(|object| object.generation),
        Some(first)
    );
    let second = two
        .put(&name, b"two", Some(first))
        .await
        .expect("generations mean the same to every handle");
    let answer = one.put(&name, b"three", Some(first)).await;
    assert!(is_precondition(&answer, &name), "{answer:?}");
    drop((one, two));
    assert_eq!(
        got(&world.open().await, &name).await,
        Some(Object {
            bytes: b"two".to_vec(),
            generation: second
        })
    );
}
