//! Reads by key.

use std::collections::{BTreeMap, BTreeSet};

use ork_engine::ports::{Document, Key, StoreError};

use super::error;
use super::observe::StoreOperation;
use super::proto;
use super::proto::batch_get_documents_response::Result as Answer;
use super::retry::retried;
use super::row;
use super::store::FirestoreStore;
use super::tonic::{Code, Status};

/// Documents of one request: an answer of this many at their largest takes seconds, not minutes.
const DOCUMENTS: usize = 250;

/// In the order of `keys`, which may occur twice.
pub(super) async fn read(
    store: &FirestoreStore,
    keys: &[Key],
) -> Result<Vec<Option<Document>>, StoreError> {
    let distinct: Vec<&Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeMap::new();
    for keys in distinct.chunks(DOCUMENTS) {
        let mut names = BTreeMap::new();
        for key in keys {
            names.insert(store.name(key)?, *key);
        }
        let answer = retried(|| once(store, &names)).await;
        let answer = answer.map_err(|status| {
            let doing = format!("reading {}", error::named(keys.iter().copied()));
            error::of_read(store.place(), &doing, &status)
        })?;
        for key in keys {
            store.observe(StoreOperation::Read, Some(key));
        }
        for document in answer {
            if let Some(key) = names.get(&document.name) {
                found.insert(*key, row::document(key, document)?);
            }
        }
    }
    if distinct.len() == keys.len() {
        return Ok(keys.iter().map(|key| found.remove(key)).collect());
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

/// Those of the documents that there are.
async fn once(
    store: &FirestoreStore,
    names: &BTreeMap<String, &Key>,
) -> Result<Vec<proto::Document>, Status> {
    let request = proto::BatchGetDocumentsRequest {
        database: store.database().to_owned(),
        documents: names.keys().cloned().collect(),
        ..Default::default()
    };
    let mut answers = store
        .client()
        .batch_get_documents(store.request(request))
        .await?
        .into_inner();
    let mut documents = Vec::new();
    let mut answered = 0;
    while let Some(answer) = answers.message().await? {
        match answer.result {
            Some(Answer::Found(document)) => documents.push(document),
            Some(Answer::Missing(_)) => {}
            None => continue,
        }
        answered += 1;
    }
    if answered == names.len() {
        Ok(documents)
    } else {
        Err(Status::new(
            Code::Unavailable,
            format!(
                "the answer ended after {answered} of {} documents",
                names.len()
            ),
        ))
    }
}
