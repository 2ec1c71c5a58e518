//! The case about listing one kind of file.

use ork_core::names::{AttemptFile, ObjectName};

use super::objects::filled;
use super::world::ObjectsWorld;
use crate::ports::Objects;

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
