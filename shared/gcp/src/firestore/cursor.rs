//! Where a page of a listing ends, as text that travels through other hands.

use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::ports::{Document, Key, ListQuery, StoreError, StoreErrorKind};

use super::paths;

/// A position in a listing: the last item of the page before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) key: Key,
    pub(super) created_at: Option<Time>,
}

/// The runs of one query, as the beginning of its cursors: `runs:<status or *>:<workflow or *>:`.
fn runs_of(query: &ListQuery) -> Option<String> {
    let ListQuery::Runs {
        status, workflow, ..
    } = query
    else {
        return None;
    };
    let status = status.map_or("*", |status| status.as_str());
    let workflow = workflow.as_ref().map_or("*", |name| name.as_str());
    Some(format!("runs:{status}:{workflow}:"))
}

/// The cursor behind an item.
pub(super) fn after(
    query: &ListQuery,
    key: &Key,
    document: &Document,
) -> Result<String, StoreError> {
    match (runs_of(query), key) {
        (Some(beginning), Key::Run(run)) => Ok(match document.index.created_at {
            Some(Time(at)) => format!("{beginning}{at}:{run}"),
            None => format!("{beginning}none:{run}"),
        }),
        _ => paths::path(key),
    }
}

/// The position that a cursor of this query names.
pub(super) fn position(query: &ListQuery, cursor: &str) -> Result<Position, StoreError> {
    let found = match runs_of(query) {
        Some(beginning) => cursor.strip_prefix(beginning.as_str()).and_then(of_run),
        None => of_key(query, cursor),
    };
    found.ok_or_else(|| {
        let shown: String = cursor.chars().take(80).collect();
        StoreError::new(
            StoreErrorKind::Refused,
            format!("`{shown}` is not a cursor of this listing; take the one that came with the page before"),
        )
    })
}

fn of_run(text: &str) -> Option<Position> {
    let (at, run) = text.split_once(':')?;
    let created_at = if at == "none" {
        None
    } else {
        let number: i64 = at.parse().ok()?;
        (number.to_string() == at).then_some(())?;
        Some(Time(number))
    };
    Some(Position {
        key: Key::Run(RunId::new(run).ok()?),
        created_at,
    })
}

fn of_key(query: &ListQuery, cursor: &str) -> Option<Position> {
    let key = paths::key(cursor)?;
    let fits = match (query, &key) {
        (ListQuery::Workflows, Key::Workflow(_))
        | (ListQuery::Dead, Key::Dead(_))
        | (ListQuery::ApiKeys, Key::ApiKey(_))
        | (ListQuery::Audit, Key::Audit(_)) => true,
        (ListQuery::Versions(wanted), Key::WorkflowVersion(name, _)) => wanted == name,
        _ => false,
    };
    fits.then_some(Position {
        key,
        created_at: None,
    })
}

#[cfg(test)]
mod tests {
    use ork_core::ids::{RecordId, VersionHash, WorkflowName};
    use ork_core::run::RunStatus;
    use ork_engine::ports::{Index, Version};

    use super::*;

    fn document(created_at: Option<Time>) -> Document {
        Document {
            version: Version(1),
            body: Vec::new(),
            index: Index {
                created_at,
                ..Index::default()
            },
        }
    }

    fn queries() -> Vec<(ListQuery, Key)> {
        let name = WorkflowName::new("etl").expect("valid");
        let other = WorkflowName::new("etl-2").expect("valid");
        let run = Key::Run(RunId::new("etl--1").expect("valid"));
        let record = RecordId::new("7f-1").expect("valid");
        let runs = |status, workflow: Option<&WorkflowName>| ListQuery::Runs {
            status,
            workflow: workflow.cloned(),
            made_by: None,
        };
        let version =
            |name: &WorkflowName| Key::WorkflowVersion(name.clone(), VersionHash::of(b"x"));
        vec![
            (runs(None, None), run.clone()),
            (runs(Some(RunStatus::Failed), None), run.clone()),
            (runs(None, Some(&name)), run.clone()),
            (runs(Some(RunStatus::Failed), Some(&name)), run),
            (ListQuery::Workflows, Key::Workflow(name.clone())),
            (ListQuery::Versions(name.clone()), version(&name)),
            (ListQuery::Versions(other.clone()), version(&other)),
            (ListQuery::Dead, Key::Dead("a:b/c.d".to_owned())),
            (ListQuery::ApiKeys, Key::ApiKey(record.clone())),
            (ListQuery::Audit, Key::Audit(record)),
        ]
    }

    #[test]
    fn a_cursor_leads_back_to_its_item_and_to_that_of_no_other_query() {
        let queries = queries();
        for (query, key) in &queries {
            for at in [None, Some(Time(-7)), Some(Time(1_780_000_000_000))] {
                let cursor = after(query, key, &document(at)).expect("a cursor");
                let expected = Position {
                    key: key.clone(),
                    created_at: at.filter(|_| matches!(key, Key::Run(_))),
                };
                assert_eq!(position(query, &cursor).expect("one of ours"), expected);
                for (other, _) in queries.iter().filter(|(other, _)| other != query) {
                    let error = position(other, &cursor).expect_err("a cursor of another listing");
                    assert_eq!(error.kind, StoreErrorKind::Refused, "{error}");
                }
            }
        }
    }

    #[test]
    fn a_cursor_that_nobody_gave_is_refused() {
        let all = &queries()[0].0;
        for cursor in [
            "",
            "runs:*:*:",
            "runs:*:*:1:",
            "runs:*:*:+1:r",
            "runs:*:*:01:r",
            "runs:*:*:1:r/x",
            "runs:*:*:99999999999999999999:r",
            "ä\u{0}",
        ] {
            assert!(position(all, cursor).is_err(), "{cursor}");
        }
    }
}
