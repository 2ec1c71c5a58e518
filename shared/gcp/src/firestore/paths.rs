//! Where a key's document lies, and back.

use ork_core::ids::{PoolName, RecordId, RunId, VersionHash, WorkflowName};
use ork_engine::ports::{Key, StoreError, StoreErrorKind};

/// Bytes of one document id.
const ID_BYTES: usize = 1_500;

/// The path below `…/documents/`.
pub(super) fn path(key: &Key) -> Result<String, StoreError> {
    let Key::Dead(id) = key else {
        return Ok(key.to_string());
    };
    let escaped = escaped(id);
    if escaped.is_empty() || escaped.len() > ID_BYTES {
        return Err(StoreError::new(
            StoreErrorKind::Refused,
            format!(
                "the id of a dead letter has {} bytes as Firestore counts them; it must have 1 to {ID_BYTES}: `{}`",
                escaped.len(),
                id.chars().take(80).collect::<String>()
            ),
        ));
    }
    Ok(format!("dead/{escaped}"))
}

/// The strict inverse of [`path`].
pub(super) fn key(path: &str) -> Option<Key> {
    let parts: Vec<&str> = path.split('/').collect();
    let key = match *parts.as_slice() {
        ["workflows", name] => Key::Workflow(WorkflowName::new(name).ok()?),
        ["workflows", name, "versions", hash] => {
            Key::WorkflowVersion(WorkflowName::new(name).ok()?, VersionHash::parse(hash)?)
        }
        ["runs", run] => Key::Run(RunId::new(run).ok()?),
        ["runs", run, "pages", page] => Key::Page(RunId::new(run).ok()?, page.parse().ok()?),
        ["pools", pool] => Key::Pool(PoolName::new(pool).ok()?),
        ["dead", id] => Key::Dead(unescaped(id)?),
        ["keys", id] => Key::ApiKey(RecordId::new(id).ok()?),
        ["audit", id] => Key::Audit(RecordId::new(id).ok()?),
        ["system", "ticks"] => Key::Ticks,
        _ => return None,
    };
    (self::path(&key).ok()? == path).then_some(key)
}

/// Any text as a document id that sorts where the text does.
///
/// Firestore takes no `/`, neither `.` nor `..`, and nothing like `__x__`. `.` and `/` follow each other among the
/// characters, so both may begin with a dot: `.-` and `.~`. A leading `_` is followed by `-`.
fn escaped(id: &str) -> String {
    let mut text = String::with_capacity(id.len() + 8);
    for (at, character) in id.chars().enumerate() {
        match character {
            '.' => text.push_str(".-"),
            '/' => text.push_str(".~"),
            '_' if at == 0 => text.push_str("_-"),
            other => text.push(other),
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut id = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '.' => match characters.next()? {
                '-' => id.push('.'),
                '~' => id.push('/'),
                _ => return None,
            },
            '_' if id.is_empty() => {
                if characters.next() != Some('-') {
                    return None;
                }
                id.push('_');
            }
            other => id.push(other),
        }
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: &[&str] = &[
        "m",
        ".",
        "..",
        "...",
        "/",
        "a/b",
        "a.b",
        "a-b",
        "a",
        "a0b",
        "a/",
        "a.",
        "./",
        "/.",
        "_",
        "__x__",
        "_-",
        "-",
        "--",
        "~",
        ".-",
        ".~",
        "é",
        " ",
        "runs-etl--20260601T023000Z",
        "any/thing at all",
    ];

    #[test]
    fn a_key_and_its_path_are_the_same_thing() {
        let name = WorkflowName::new("a-b").expect("valid");
        let run = RunId::new("a--20260601T000000Z").expect("valid");
        let mut keys = vec![
            Key::Workflow(name.clone()),
            Key::WorkflowVersion(name, VersionHash::of(b"x")),
            Key::Run(run.clone()),
            Key::Page(run, 12),
            Key::Pool(PoolName::new("p").expect("valid")),
        ];
        keys.extend(IDS.iter().map(|id| Key::Dead((*id).to_owned())));
        for key in keys {
            let path = path(&key).expect("a path");
            assert_eq!(self::key(&path), Some(key));
        }
        for text in [
            "",
            "runs",
            "runs/",
            "runs/a/pages/01",
            "runs/a/pages/+1",
            "runs/a/b",
            "workflows/9",
            "pools/a/b",
            "other/a",
            "dead/",
            "dead/.",
            "dead/a.b",
            "dead/_x",
            "dead/a/b",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }

    #[test]
    fn ids_of_dead_letters_keep_their_order_and_are_such_as_firestore_takes() {
        for one in IDS {
            let id = escaped(one);
            assert!(
                !id.contains('/') && id != "." && id != ".." && !id.starts_with("__"),
                "{id}"
            );
            for two in IDS {
                assert_eq!(one.cmp(two), id.cmp(&escaped(two)), "`{one}` and `{two}`");
            }
        }
    }

    #[test]
    fn an_id_that_firestore_cannot_take_is_refused() {
        for id in [
            String::new(),
            "x".repeat(ID_BYTES + 1),
            "/".repeat(ID_BYTES),
        ] {
            let error = path(&Key::Dead(id)).expect_err("it cannot be stored");
            assert_eq!(error.kind, StoreErrorKind::Refused);
            assert!(error.message.contains("1500"), "{error}");
        }
    }
}
