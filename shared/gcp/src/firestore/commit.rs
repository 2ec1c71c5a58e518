//! Commits: one call whose writes each carry a precondition, sent once.

use std::collections::BTreeSet;

use ::firestore::gcloud_sdk::prost::Message;
use ork_core::limits::DOCUMENT_BYTES;
use ork_engine::ports::{Key, Precondition, StoreError, StoreErrorKind, Version, Write};

use super::error;
use super::observe::StoreOperation;
use super::proto;
use super::proto::precondition::ConditionType;
use super::proto::write::Operation;
use super::read;
use super::row;
use super::store::FirestoreStore;
use super::tonic::Code;
use super::version;

/// Writes of one commit.
const WRITES: usize = 500;
/// Bytes of one commit.
const BYTES: usize = 10 << 20;

fn refused(message: String) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}

/// Refuses what Firestore or the port would not take, before anything is sent.
fn check_shape(writes: &[Write]) -> Result<(), StoreError> {
    if writes.len() > WRITES {
        return Err(refused(format!(
            "a commit of {} writes: Firestore takes {WRITES}; write fewer documents at once",
            writes.len()
        )));
    }
    let mut keys = BTreeSet::new();
    for write in writes {
        let key = write.key();
        if !keys.insert(key) {
            return Err(refused(format!(
                "`{key}` occurs twice in one commit; merge its writes into one"
            )));
        }
        if let Write::Put { body, .. } = write
            && body.len() > DOCUMENT_BYTES
        {
            return Err(refused(format!(
                "`{key}` has {} bytes, more than the {DOCUMENT_BYTES} a document may have",
                body.len()
            )));
        }
    }
    Ok(())
}

/// The condition, or the conflict when no document can ever fulfil it.
fn condition(key: &Key, precondition: Precondition) -> Result<proto::Precondition, StoreError> {
    let condition = match precondition {
        Precondition::Absent => ConditionType::Exists(false),
        Precondition::At(at) => {
            ConditionType::UpdateTime(version::instant(at).ok_or_else(|| {
                StoreError::new(
                    StoreErrorKind::Conflict,
                    format!("`{key}` is not at version {}: no document ever is", at.0),
                )
            })?)
        }
    };
    Ok(proto::Precondition {
        condition_type: Some(condition),
    })
}

/// One write as Firestore takes it.
fn encode(store: &FirestoreStore, write: &Write) -> Result<proto::Write, StoreError> {
    let name = store.name(write.key())?;
    let update = |fields| {
        Operation::Update(proto::Document {
            name: name.clone(),
            fields,
            ..Default::default()
        })
    };
    let (key, precondition, operation, update_mask) = match write {
        Write::Put {
            key,
            precondition,
            body,
            index,
        } => {
            let replaced = match precondition {
                Precondition::At(version) => Some(*version),
                Precondition::Absent => None,
            };
            let fields = row::fields(key, body, index, replaced);
            (key, *precondition, update(fields), None)
        }
        Write::Delete { key, version } => (
            key,
            Precondition::At(*version),
            Operation::Delete(name),
            None,
        ),
        // An update of no field at all.
        Write::Check {
            key,
            precondition: precondition @ Precondition::At(_),
        } => (
            key,
            *precondition,
            update(Default::default()),
            Some(proto::DocumentMask::default()),
        ),
        // The removal of what is not there.
        Write::Check {
            key,
            precondition: precondition @ Precondition::Absent,
        } => (key, *precondition, Operation::Delete(name), None),
    };
    Ok(proto::Write {
        update_mask,
        current_document: Some(condition(key, precondition)?),
        operation: Some(operation),
        ..Default::default()
    })
}

/// The whole request; nothing is sent when it cannot be taken.
fn request(store: &FirestoreStore, writes: &[Write]) -> Result<proto::CommitRequest, StoreError> {
    check_shape(writes)?;
    let request = proto::CommitRequest {
        database: store.database().to_owned(),
        writes: writes
            .iter()
            .map(|write| encode(store, write))
            .collect::<Result<_, _>>()?,
        ..Default::default()
    };
    let bytes = request.encoded_len();
    if bytes > BYTES {
        return Err(refused(format!(
            "a commit of {} documents takes {bytes} bytes: Firestore takes {BYTES} (10 MiB); write fewer documents at once",
            writes.len()
        )));
    }
    Ok(request)
}

/// What a write is billed as.
fn billed(write: &Write) -> StoreOperation {
    match write {
        Write::Put { .. }
        | Write::Check {
            precondition: Precondition::At(_),
            ..
        } => StoreOperation::Write,
        Write::Delete { .. }
        | Write::Check {
            precondition: Precondition::Absent,
            ..
        } => StoreOperation::Delete,
    }
}

/// Applies all writes or none.
pub(super) async fn commit(
    store: &FirestoreStore,
    writes: &[Write],
) -> Result<Vec<Version>, StoreError> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    let request = request(store, writes)?;
    let doing = format!("committing {}", error::named(writes.iter().map(Write::key)));
    let answer = store.client().commit(store.request(request)).await;
    let versions = match answer {
        Ok(answer) => versions(writes, &answer.into_inner().write_results, &doing),
        Err(status) if status.code() == Code::InvalidArgument => {
            return Err(invalid(
                store,
                writes,
                error::of_commit(store.place(), &doing, &status),
            )
            .await);
        }
        Err(status) => Err(error::of_commit(store.place(), &doing, &status)),
    };
    let may_be_written = versions
        .as_ref()
        .err()
        .is_none_or(|error| error.kind == StoreErrorKind::Ambiguous);
    if may_be_written {
        for write in writes {
            store.observe(billed(write), Some(write.key()));
        }
    }
    versions
}

/// The versions that the answer of a commit tells.
fn versions(
    writes: &[Write],
    results: &[proto::WriteResult],
    doing: &str,
) -> Result<Vec<Version>, StoreError> {
    let told = |at: usize| {
        let result: Option<&proto::WriteResult> = results.get(at);
        result.and_then(|result| version::version(result.update_time.as_ref()?))
    };
    let versions = writes
        .iter()
        .enumerate()
        .map(|(at, write)| match billed(write) {
            StoreOperation::Write => told(at),
            _ => Some(Version(0)),
        });
    versions.collect::<Option<_>>().ok_or_else(|| {
        StoreError::new(
            StoreErrorKind::Ambiguous,
            format!("{doing}: Firestore said yes without the versions; read again"),
        )
    })
}

/// Firestore calls a version later than the document's own an invalid argument, as it does a request it cannot read. Whether
/// it is a conflict shows when one looks; nothing was written in either case.
async fn invalid(store: &FirestoreStore, writes: &[Write], answer: StoreError) -> StoreError {
    let keys: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
    let Ok(found) = read::read(store, &keys).await else {
        return answer;
    };
    let differs = writes.iter().zip(found).find(|(write, found)| {
        let wanted = match write {
            Write::Put { precondition, .. } | Write::Check { precondition, .. } => *precondition,
            Write::Delete { version, .. } => Precondition::At(*version),
        };
        let there = found.as_ref().map(|document| document.version);
        match wanted {
            Precondition::Absent => there.is_some(),
            Precondition::At(version) => there != Some(version),
        }
    });
    match differs {
        Some((write, _)) => StoreError::new(
            StoreErrorKind::Conflict,
            format!(
                "`{}` is not as the commit expects it; read again",
                write.key()
            ),
        ),
        None => answer,
    }
}
