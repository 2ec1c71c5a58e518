//! Names of objects and ids: what may be called what.

use ork_core::ids::{PoolName, RunId, TaskName, VersionHash, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::time::Time;

use crate::Reading;

/// The name of an object.
///
/// Parsing is the strict inverse of writing: what is accepted is written as the same text, and that text never leads out of
/// its folder.
pub fn object_name(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    match ObjectName::parse(text) {
        Some(name) => {
            assert_eq!(name.to_string(), text, "written and parsed");
            stays_inside(text);
            Reading::Accepted
        }
        None => Reading::Rejected,
    }
}

/// Names, run ids, version hashes and instants, as text and as they stand in a document.
///
/// What a rule accepts is kept as it is, is read out of a document only if the rule accepts it there too, and can stand in
/// the name of an object. An instant is written as one that reads as the same.
pub fn ids(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    let mut reading = Reading::Rejected;
    let json = serde_json::to_string(text).expect("a text is plain data");
    macro_rules! checked {
        ($type:ident) => {{
            let new = $type::new(text);
            let stored: Result<$type, _> = serde_json::from_str(&json);
            assert_eq!(new.is_ok(), stored.is_ok(), "in a document");
            if let Ok(name) = &new {
                assert_eq!(name.as_str(), text);
                stays_inside(text);
                reading = Reading::Accepted;
            }
            new.ok()
        }};
    }
    let workflow = checked!(WorkflowName);
    let task = checked!(TaskName);
    let pool = checked!(PoolName);
    assert_eq!(
        (workflow.is_some(), task.is_some()),
        (pool.is_some(), pool.is_some()),
        "one rule for names"
    );
    let run = checked!(RunId);
    if let (Some(run), Some(task)) = (&run, &task) {
        let name = ObjectName::TaskOutput(run.clone(), task.clone());
        assert_eq!(ObjectName::parse(&name.to_string()), Some(name));
    }
    if text.len() == 64 {
        let stored = serde_json::from_str::<VersionHash>(&json).ok();
        assert_eq!(VersionHash::parse(text), stored, "a version in a document");
    }
    if let Some(hash) = VersionHash::parse(text) {
        assert_eq!((hash.as_str(), hash.short()), (text, &text[..12]));
        reading = Reading::Accepted;
    }
    if let Ok(at) = Time::parse(text) {
        assert_eq!(Time::parse(&at.rfc3339()), Ok(at), "an instant");
        let workflow = WorkflowName::new("etl").expect("a name");
        let slot = RunId::for_slot(&workflow, at);
        assert!(RunId::new(slot.as_str()).is_ok(), "{slot} is no run id");
        reading = Reading::Accepted;
    }
    reading
}

pub(super) fn stays_inside(text: &str) {
    let safe = !text.is_empty()
        && !text.starts_with('/')
        && !text.contains("..")
        && !text.contains("//")
        && !text.contains('\\')
        && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    assert!(safe, "{text:?} leads out of its folder");
}
