//! Documents with versions: the truth. Every write is conditional, every commit is all or nothing.

use std::fmt;
use std::future::Future;

use ork_core::ids::{PoolName, RecordId, RunId, VersionHash, WorkflowName};
use ork_core::run::RunStatus;
use ork_core::time::{Millis, Time};

/// Which document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A workflow: its current version, its schedule cursors, its active runs.
    Workflow(WorkflowName),
    /// One immutable version of a workflow.
    WorkflowVersion(WorkflowName, VersionHash),
    /// A run's header, with its first page.
    Run(RunId),
    /// A further page of a run's task instances, from 1.
    Page(RunId, u32),
    /// A pool's places and who holds them.
    Pool(PoolName),
    /// Something that could not be handled, kept for a person: a name made by whoever wrote it.
    Dead(String),
    /// An API key, without what its holder keeps secret.
    ApiKey(RecordId),
    /// An entry of the audit: who changed what. Ids sort newest first.
    Audit(RecordId),
    /// The last ticks, for people.
    Ticks,
}

impl fmt::Display for Key {
    /// The path under which adapters file it; unique per key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workflow(name) => write!(f, "workflows/{name}"),
            Self::WorkflowVersion(name, hash) => write!(f, "workflows/{name}/versions/{hash}"),
            Self::Run(run) => write!(f, "runs/{run}"),
            Self::Page(run, page) => write!(f, "runs/{run}/pages/{page}"),
            Self::Pool(pool) => write!(f, "pools/{pool}"),
            Self::Dead(id) => write!(f, "dead/{id}"),
            Self::ApiKey(id) => write!(f, "keys/{id}"),
            Self::Audit(id) => write!(f, "audit/{id}"),
            Self::Ticks => f.write_str("system/ticks"),
        }
    }
}

/// What a document was when it was read. Only equality means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// The fields a store can search by; everything else is opaque to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    /// The earliest instant at which a run or a schedule must be looked at; `None` when never.
    pub wake_at: Option<Time>,
    /// Where a run stands.
    pub status: Option<RunStatus>,
    /// The workflow a run belongs to.
    pub workflow: Option<WorkflowName>,
    /// When a run was made.
    pub created_at: Option<Time>,
}

/// A document as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// For the precondition of the next write.
    pub version: Version,
    /// What the engine wrote; at most [`ork_core::limits::DOCUMENT_BYTES`].
    pub body: Vec<u8>,
    /// The searchable fields.
    pub index: Index,
}

/// What must hold for a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// There is no such document.
    Absent,
    /// It is still at this version.
    At(Version),
}

/// One conditional write of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Create or replace.
    Put {
        /// Which document.
        key: Key,
        /// What must hold.
        precondition: Precondition,
        /// The whole new body.
        body: Vec<u8>,
        /// The searchable fields.
        index: Index,
    },
    /// Remove.
    Delete {
        /// Which document.
        key: Key,
        /// The version that is removed.
        version: Version,
    },
    /// Nothing is written, but the commit fails unless this holds.
    Check {
        /// Which document.
        key: Key,
        /// What must hold.
        precondition: Precondition,
    },
}

impl Write {
    /// The document it concerns.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } | Self::Check { key, .. } => key,
        }
    }
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listed {
    /// The documents, in the order asked for.
    pub items: Vec<(Key, Document)>,
    /// Where to go on; `None` when nothing follows.
    pub cursor: Option<String>,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListQuery {
    /// Workflow documents by name.
    Workflows,
    /// Versions of one workflow, in no promised order.
    Versions(WorkflowName),
    /// Run headers, newest first (created_at, then id, descending; one without created_at counts as oldest).
    Runs {
        /// Only in this status.
        status: Option<RunStatus>,
        /// Only of this workflow.
        workflow: Option<WorkflowName>,
        /// Only made at this instant or before; nobody knows that of one without created_at.
        made_by: Option<Time>,
    },
    /// Dead letters by id.
    Dead,
    /// API keys by id.
    ApiKeys,
    /// Entries of the audit by id. The cursor behind any entry is the text of its key, so that one can also go on in the middle of a page.
    Audit,
}

/// What kind of trouble, so that the caller can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// A precondition did not hold; nothing was written. Read again.
    Conflict,
    /// The commit may or may not have been applied. Read again and see.
    Ambiguous,
    /// The store asks for patience.
    Throttled {
        /// Not before this has passed.
        retry_after: Millis,
    },
    /// The store cannot be reached now; nothing was written.
    Unavailable,
    /// The store will not take it, now or later: read-only, no space, too large. The message says which.
    Refused,
    /// What is stored is not what Ork writes.
    Corrupt,
}

/// A failed operation of the store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What the caller can act on.
    pub kind: StoreErrorKind,
    /// What happened, with the key or path, for people.
    pub message: String,
}

impl StoreError {
    /// An error of `kind`.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
    /// Whether trying again as is may help.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind,
            StoreErrorKind::Throttled { .. } | StoreErrorKind::Unavailable
        )
    }
}

/// Documents.
pub trait Store: Send + Sync {
    /// Reads documents, in the order of `keys`; `None` where there is none. Reads of one call need not be one snapshot.
    fn read(
        &self,
        keys: &[Key],
    ) -> impl Future<Output = Result<Vec<Option<Document>>, StoreError>> + Send;

    /// Applies all writes or none. On success gives one version per write, in order: the new one of a `Put`, the one a `Check`
    /// found, 0 for a `Delete` and for a `Check` of absence.
    ///
    /// A version is never used again for its key, not even after the document was removed and made anew. A key may occur once and
    /// a body may have [`ork_core::limits::DOCUMENT_BYTES`]: otherwise the commit is `Refused`.
    /// Crash meaning: a caller that dies during the call finds either everything or nothing written.
    fn commit(
        &self,
        writes: &[Write],
    ) -> impl Future<Output = Result<Vec<Version>, StoreError>> + Send;

    /// Runs whose `wake_at` is at or before `now`, earliest first, ties by id.
    fn due_runs(
        &self,
        now: Time,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(RunId, Time)>, StoreError>> + Send;

    /// Workflows whose `wake_at` (next slot) is at or before `now`, earliest first, ties by name.
    fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(WorkflowName, Time)>, StoreError>> + Send;

    /// Lists at most `limit` documents (at least 1); `cursor` is what an earlier page of the same query gave, anything else is `Refused`.
    ///
    /// Pages see later writes, but what stays as it is between two pages is neither missed nor given twice.
    fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Listed, StoreError>> + Send;
}
