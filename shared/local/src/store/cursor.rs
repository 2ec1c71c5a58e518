//! Where a page of a listing ends, as text that travels through other hands.

use ork_core::ids::RunId;
use ork_core::time::Time;
use ork_engine::ports::{Document, Key, ListQuery, StoreError, StoreErrorKind};

use super::row::{DATELESS, parse_key};

/// The position of an item in its listing.
pub(super) fn after(query: &ListQuery, key: &Key, document: &Document) -> String {
    match (query, key) {
        (ListQuery::Runs { .. }, Key::Run(run)) => match document.index.created_at {
            Some(Time(at)) => format!("{at}:{run}"),
            None => format!("none:{run}"),
        },
        _ => key.to_string(),
    }
}

fn refused(cursor: &str) -> StoreError {
    let shown: String = cursor.chars().take(80).collect();
    StoreError::new(
        StoreErrorKind::Refused,
        format!(
            "`{shown}` is not a cursor of this listing; take the one that came with the page before"
        ),
    )
}

/// The (created_at, key) behind which a page of runs starts.
pub(super) fn of_runs(cursor: &str) -> Result<(i64, String), StoreError> {
    let (at, run) = cursor.split_once(':').ok_or_else(|| refused(cursor))?;
    let at = if at == "none" {
        DATELESS
    } else {
        at.parse().map_err(|_| refused(cursor))?
    };
    let run = RunId::new(run).map_err(|_| refused(cursor))?;
    Ok((at, Key::Run(run).to_string()))
}

/// The key behind which a page of anything else starts.
pub(super) fn of_keys(query: &ListQuery, cursor: &str) -> Result<String, StoreError> {
    let fits = match (query, parse_key(cursor)) {
        (ListQuery::Workflows, Some(Key::Workflow(_)))
        | (ListQuery::Dead, Some(Key::Dead(_)))
        | (ListQuery::ApiKeys, Some(Key::ApiKey(_)))
        | (ListQuery::Audit, Some(Key::Audit(_))) => true,
        (ListQuery::Versions(wanted), Some(Key::WorkflowVersion(name, _))) => *wanted == name,
        _ => false,
    };
    if fits {
        Ok(cursor.to_owned())
    } else {
        Err(refused(cursor))
    }
}

/// Before everything of the newest instant.
pub(super) const NEWEST: (i64, &str) = (i64::MAX, "\u{10ffff}");

#[cfg(test)]
mod tests {
    use ork_engine::ports::{Index, Version};

    use super::super::row::created_at;
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_item() {
        let key = Key::Run(RunId::new("etl--1").expect("valid"));
        let query = ListQuery::Runs {
            status: None,
            workflow: None,
            made_by: None,
        };
        for at in [None, Some(Time(-7)), Some(Time(1_780_000_000_000))] {
            let index = Index {
                created_at: at,
                ..Index::default()
            };
            let cursor = after(
                &query,
                &key,
                &Document {
                    version: Version(1),
                    body: Vec::new(),
                    index: index.clone(),
                },
            );
            assert_eq!(
                of_runs(&cursor).expect("it is one of ours"),
                (created_at(&index), key.to_string())
            );
        }
        let dead = Key::Dead("a:b".to_owned());
        assert_eq!(
            of_keys(&ListQuery::Dead, &dead.to_string()).expect("it is one of ours"),
            "dead/a:b"
        );
        assert!(
            of_keys(&ListQuery::Workflows, &dead.to_string()).is_err(),
            "a cursor of another listing"
        );
    }
}
