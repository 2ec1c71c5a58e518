//! The store itself: one connection, who watches, and the port.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::firestore::FirestoreDb;
use ::firestore::gcloud_sdk::{GoogleAuthMiddleware, RequestTimeouts};
use ork_core::ids::{RunId, WorkflowName};
use ork_core::time::Time;
use ork_engine::ports::{Document, Key, ListQuery, Listed, Store, StoreError, Version, Write};

use super::error::Place;
use super::observe::{Observer, StoreOperation};
use super::proto::firestore_client::FirestoreClient;
use super::{commit, connect, paths, query, read, tonic};

/// How long a call may take, unless said otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of one message of an answer. A document has at most a tenth of this.
const MESSAGE_BYTES: usize = 10 << 20;

/// Documents in one Firestore database. Clones share the connection.
#[derive(Clone)]
pub struct FirestoreStore {
    db: FirestoreDb,
    place: Arc<Place>,
    observer: Option<Observer>,
    timeout: Duration,
}

impl fmt::Debug for FirestoreStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirestoreStore")
            .field("place", &self.place)
            .field("observed", &self.observer.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl FirestoreStore {
    /// Connects to a database, `(default)` or another.
    ///
    /// With an `endpoint` (`127.0.0.1:8710`) to an emulator, without credentials; without one to Google, with application
    /// default credentials. Needs a tokio runtime, which drives the connection from then on.
    pub async fn connect(
        project: &str,
        database: &str,
        endpoint: Option<&str>,
    ) -> Result<Self, StoreError> {
        let place = Place {
            project: project.to_owned(),
            database: database.to_owned(),
            endpoint: endpoint.map(str::to_owned),
        };
        Ok(Self::over(connect::connect(&place).await?, place))
    }

    pub(super) fn over(db: FirestoreDb, place: Place) -> Self {
        Self {
            db,
            place: Arc::new(place),
            observer: None,
            timeout: TIMEOUT,
        }
    }

    /// Tells `observer` of every operation of this handle and of its clones from now on.
    #[must_use]
    pub fn with_observer(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// How long one call may take, instead of 30 seconds. A commit that takes longer is ambiguous.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) fn client(&self) -> FirestoreClient<GoogleAuthMiddleware> {
        let client = self.db.client().get_with(FirestoreClient::new);
        client.max_decoding_message_size(MESSAGE_BYTES)
    }

    pub(super) fn request<M>(&self, message: M) -> tonic::Request<M> {
        let mut request = tonic::Request::new(message);
        request
            .extensions_mut()
            .insert(RequestTimeouts::new().with_total(self.timeout));
        request
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// `projects/…/databases/…`.
    pub(super) fn database(&self) -> &str {
        self.db.get_database_path()
    }

    /// The full name of what lies at a path below the database's root.
    pub(super) fn full(&self, path: &str) -> String {
        let root = self.db.get_documents_path();
        if path.is_empty() {
            root.clone()
        } else {
            format!("{root}/{path}")
        }
    }

    /// The full name of a key's document.
    pub(super) fn name(&self, key: &Key) -> Result<String, StoreError> {
        Ok(self.full(&paths::path(key)?))
    }

    /// The path of a document below the database's root.
    pub(super) fn relative<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_prefix(self.db.get_documents_path().as_str())?
            .strip_prefix('/')
    }

    pub(super) fn observe(&self, operation: StoreOperation, key: Option<&Key>) {
        if let Some(observer) = &self.observer {
            observer(operation, key);
        }
    }
}

impl Store for FirestoreStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        read::read(self, keys).await
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        commit::commit(self, writes).await
    }

    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        query::due_runs(self, now, limit).await
    }

    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        query::due_workflows(self, now, limit).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        query::list(self, query, cursor, limit).await
    }
}
