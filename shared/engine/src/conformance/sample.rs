//! Keys, writes and expectations that the cases share.

use ork_core::ids::{RecordId, RunId, WorkflowName};
use ork_core::run::RunStatus;
use ork_core::time::Time;

use crate::ports::{
    Document, Index, Key, ListQuery, Listed, Precondition, Store, StoreErrorKind, Version, Write,
};

pub(super) fn run_id(text: &str) -> RunId {
    RunId::new(text).expect("a valid run id")
}

pub(super) fn run(text: &str) -> Key {
    Key::Run(run_id(text))
}

pub(super) fn record(text: &str) -> RecordId {
    RecordId::new(text).expect("a valid record id")
}

pub(super) fn workflow_name(text: &str) -> WorkflowName {
    WorkflowName::new(text).expect("a valid workflow name")
}

pub(super) fn workflow(text: &str) -> Key {
    Key::Workflow(workflow_name(text))
}

pub(super) fn put(key: &Key, precondition: Precondition, body: &[u8], index: Index) -> Write {
    Write::Put {
        key: key.clone(),
        precondition,
        body: body.to_vec(),
        index,
    }
}

pub(super) fn create(key: &Key, body: &[u8]) -> Write {
    put(key, Precondition::Absent, body, Index::default())
}

pub(super) fn replace(key: &Key, version: Version, body: &[u8]) -> Write {
    put(key, Precondition::At(version), body, Index::default())
}

pub(super) fn delete(key: &Key, version: Version) -> Write {
    Write::Delete {
        key: key.clone(),
        version,
    }
}

pub(super) fn check(key: &Key, precondition: Precondition) -> Write {
    Write::Check {
        key: key.clone(),
        precondition,
    }
}

/// The index of a run header.
pub(super) fn header(status: RunStatus, workflow: &str, created_at: i64) -> Index {
    Index {
        wake_at: None,
        status: Some(status),
        workflow: Some(workflow_name(workflow)),
        created_at: Some(Time(created_at)),
    }
}

/// The index of something to be looked at.
pub(super) fn waking(at: i64) -> Index {
    Index {
        wake_at: Some(Time(at)),
        ..Index::default()
    }
}

pub(super) async fn committed(store: &impl Store, writes: &[Write]) -> Vec<Version> {
    let versions = store
        .commit(writes)
        .await
        .unwrap_or_else(|error| panic!("this commit must succeed: {error} ({:?})", error.kind));
    assert_eq!(versions.len(), writes.len(), "one version per write");
    versions
}

/// Commits one write and gives its version.
pub(super) async fn committed_one(store: &impl Store, write: Write) -> Version {
    committed(store, &[write]).await[0]
}

pub(super) async fn rejected(
    store: &impl Store,
    writes: &[Write],
    kind: StoreErrorKind,
    why: &str,
) {
    match store.commit(writes).await {
        Ok(versions) => panic!("{why}: the commit must fail with {kind:?}, but gave {versions:?}"),
        Err(error) => {
            assert_eq!(error.kind, kind, "{why}: {error}");
            assert!(
                !error.message.is_empty(),
                "{why}: an error says what happened"
            );
        }
    }
}

pub(super) async fn read(store: &impl Store, key: &Key) -> Option<Document> {
    read_all(store, std::slice::from_ref(key)).await.remove(0)
}

pub(super) async fn read_all(store: &impl Store, keys: &[Key]) -> Vec<Option<Document>> {
    let documents = store
        .read(keys)
        .await
        .unwrap_or_else(|error| panic!("this read must succeed: {error}"));
    assert_eq!(documents.len(), keys.len(), "one answer per key");
    documents
}

pub(super) async fn listed(
    store: &impl Store,
    query: &ListQuery,
    cursor: Option<&str>,
    limit: usize,
) -> Listed {
    store
        .list(query, cursor, limit)
        .await
        .unwrap_or_else(|error| panic!("this listing must succeed: {query:?}: {error}"))
}

/// All keys of a listing, page by page.
pub(super) async fn walked(store: &impl Store, query: &ListQuery, limit: usize) -> Vec<Key> {
    let (mut keys, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = listed(store, query, cursor.as_deref(), limit).await;
        assert!(
            page.items.len() <= limit,
            "{query:?}: a page of {limit} has {} items",
            page.items.len()
        );
        assert!(
            page.cursor.is_none() || page.items.len() == limit,
            "{query:?}: a page with a successor is full"
        );
        keys.extend(page.items.into_iter().map(|(key, _)| key));
        match page.cursor {
            Some(next) => cursor = Some(next),
            None => return keys,
        }
    }
}
