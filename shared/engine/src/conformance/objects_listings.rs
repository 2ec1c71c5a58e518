//! Cases: listings.

use ork_core::names::{AttemptFile, ObjectName};

use super::objects::{claim, created, filled, put};
use super::world::ObjectsWorld;
use crate::ports::Objects;

async fn listed(
    objects: &impl Objects,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    let names = objects
        .list(prefix, after, limit)
        .await
        .unwrap_or_else(|error| panic!("listing `{prefix}` must succeed: {error}"));
    names.iter().map(ToString::to_string).collect()
}

/// In the order of their bytes, across folders.
pub async fn names_are_listed_in_order<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    assert_eq!(listed(&objects, "", None, 10).await, Vec::<String>::new());
    assert_eq!(
        listed(&objects, "runs/none/", None, 10).await,
        Vec::<String>::new()
    );
    let names = filled(&objects).await;
    assert_eq!(listed(&objects, "", None, 10_000).await, names);
    objects.delete(&claim("a")).await.expect("removed");
    let remaining: Vec<_> = names
        .into_iter()
        .filter(|name| *name != claim("a").to_string())
        .collect();
    assert_eq!(listed(&objects, "", None, 10_000).await, remaining);
}

/// Any prefix, any place to start from, any number.
pub async fn a_listing_keeps_to_prefix_after_and_limit<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let names = filled(&objects).await;
    let somewhere = [
        "runs/a/t/1/claim",
        "runs/a/t",
        "runs/a",
        "runs/a-",
        "runs/a/t.1",
        "runs/zzz",
        "a",
        "workflows/etl/bundles/",
    ];
    for prefix in [
        "",
        "runs/",
        "runs/a/",
        "runs/a",
        "runs/a/t/",
        "runs/a/t",
        "runs/a/t.",
        "runs/a/t/1/c",
        "workflows/etl/",
        "work",
        "x",
        "runs/a/t/1/claim",
        "/",
    ] {
        for after in std::iter::once(None).chain(somewhere.into_iter().map(Some)) {
            for limit in [0, 1, 4, 1000] {
                let fits = |name: &&String| {
                    name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after)
                };
                let expected: Vec<_> = names.iter().filter(fits).take(limit).cloned().collect();
                assert_eq!(
                    listed(&objects, prefix, after, limit).await,
                    expected,
                    "prefix `{prefix}`, after {after:?}, limit {limit}"
                );
            }
        }
    }
    let (mut walked, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = listed(&objects, "runs/", after.as_deref(), 7).await;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        walked.extend(page);
    }
    assert_eq!(
        walked,
        names
            .iter()
            .filter(|name| name.starts_with("runs/"))
            .cloned()
            .collect::<Vec<_>>(),
        "page by page"
    );
}

/// What is listed of one kind is what a full listing has of it.
pub async fn one_kind_of_file_is_listed_alone<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let names = filled(&objects).await;
    for file in [AttemptFile::Claim, AttemptFile::Result, AttemptFile::Output] {
        for prefix in [
            "",
            "runs/a/",
            "runs/a/t.",
            "runs/a/t",
            "runs/none/",
            "workflows/",
        ] {
            for after in [
                None,
                Some("runs/a/t.1"),
                Some("runs/a/t.10/1/claim"),
                Some("zzz"),
            ] {
                for limit in [1, 3, 1_000] {
                    let found = objects.list_files(prefix, file, after, limit).await;
                    let found: Vec<_> = found
                        .unwrap_or_else(|error| panic!("listing `{prefix}` must succeed: {error}"))
                        .iter()
                        .map(ToString::to_string)
                        .collect();
                    let is_file = |name: &ObjectName| matches!(name, ObjectName::Attempt { file: of, .. } if *of == file);
                    let expected: Vec<_> = names
                        .iter()
                        .filter(|name| name.starts_with(prefix))
                        .filter(|name| after.is_none_or(|after| name.as_str() > after))
                        .filter(|name| ObjectName::parse(name).is_some_and(|name| is_file(&name)))
                        .take(limit)
                        .cloned()
                        .collect();
                    assert_eq!(
                        found, expected,
                        "{file:?} below `{prefix}` after {after:?}, {limit} of them"
                    );
                }
            }
        }
    }
}

/// Names as a listing gives them, sizes as they were written.
pub async fn objects_are_weighed_as_they_are_listed<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let names = filled(&objects).await;
    for (at, name) in names.iter().enumerate() {
        let name = ObjectName::parse(name).expect("it was listed");
        put(&objects, &name, &vec![b'x'; at % 5 * 1_000]).await;
    }
    for prefix in ["", "runs/a/", "runs/a", "runs/a/t.", "runs/none/"] {
        for after in [None, Some("runs/a/t.1"), Some("zzz")] {
            for limit in [0, 1, 3, 1_000] {
                let weighed = objects.weigh(prefix, after, limit).await;
                let weighed: Vec<_> = weighed
                    .unwrap_or_else(|error| panic!("weighing `{prefix}` must succeed: {error}"))
                    .into_iter()
                    .map(|one| (one.name.to_string(), one.bytes))
                    .collect();
                let expected: Vec<_> = (names.iter().enumerate())
                    .filter(|(_, name)| name.starts_with(prefix))
                    .filter(|(_, name)| after.is_none_or(|after| name.as_str() > after))
                    .map(|(at, name)| (name.clone(), (at % 5 * 1_000) as u64))
                    .take(limit)
                    .collect();
                assert_eq!(
                    weighed, expected,
                    "below `{prefix}` after {after:?}, {limit} of them"
                );
            }
        }
    }
}

/// These and no others, whether or not they are there; their names can be used again.
pub async fn many_objects_are_removed_together<W: ObjectsWorld>(world: &W) {
    let objects = world.open().await;
    let names = filled(&objects).await;
    let of_a = |name: &&String| name.starts_with("runs/a/");
    let (gone, stay): (Vec<_>, Vec<_>) = names.iter().partition(of_a);
    let mut gone: Vec<_> = (gone.into_iter())
        .map(|name| ObjectName::parse(name).expect("it was listed"))
        .collect();
    assert!(gone.len() > 3 && !stay.is_empty(), "it has some of both");
    gone.push(claim("none"));
    for _ in 0..2 {
        let done = objects.delete_all(&gone).await;
        done.expect("absent ones are fine");
        assert_eq!(
            listed(&objects, "", None, 10_000).await,
            stay.iter().map(ToString::to_string).collect::<Vec<_>>()
        );
    }
    objects.delete_all(&[]).await.expect("nothing is fine");
    for name in &gone {
        created(&objects, name, b"again").await;
    }
    assert_eq!(
        listed(&objects, "runs/a/", None, 10_000).await.len(),
        gone.len() - 1
    );
}
