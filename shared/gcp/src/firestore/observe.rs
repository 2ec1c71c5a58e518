//! What was asked of Firestore, told to whoever counts it.

use std::sync::Arc;

use ork_engine::ports::Key;

/// One operation, as Firestore bills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreOperation {
    /// A document asked for by its key, found or not.
    Read,
    /// A document written; also a check that it is at a version.
    Write,
    /// A document removed; also a check that there is none.
    Delete,
    /// A query, with the number of documents it gave. Billed as one read each, and as one when there are none.
    Query {
        /// How many documents came.
        documents: usize,
    },
}

/// Is told of every operation that Firestore answered and of every write that it may have applied.
///
/// The key is the document's. A query has none, but for the versions of a workflow, where it is the workflow's.
/// Called in the middle of an operation: it must not block.
pub type Observer = Arc<dyn Fn(StoreOperation, Option<&Key>) + Send + Sync>;
