//! A project of its own for each case, and how its futures are run.

use std::sync::atomic::{AtomicU32, Ordering};

use ork_engine::conformance::StoreWorld;
use ork_gcp::firestore::FirestoreStore;

use super::emulator::{self, Emulator};

/// A project that nobody else uses; handles are connections of their own, as those of another process.
pub(crate) struct World {
    project: String,
}

impl World {
    pub(crate) fn new() -> Self {
        static PROJECTS: AtomicU32 = AtomicU32::new(0);
        Self {
            project: format!("case-{}", PROJECTS.fetch_add(1, Ordering::Relaxed)),
        }
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    pub(crate) async fn open_database(&self, database: &str) -> FirestoreStore {
        self.open_at(database, emulator().address()).await
    }

    pub(crate) async fn open_at(&self, database: &str, address: &str) -> FirestoreStore {
        FirestoreStore::connect(&self.project, database, Some(address))
            .await
            .expect("a connection")
    }
}

impl StoreWorld for World {
    type Store = FirestoreStore;
    async fn open(&self) -> FirestoreStore {
        self.open_database("(default)").await
    }
}

/// The emulator that all cases share.
pub(crate) fn emulator() -> &'static Emulator {
    emulator::shared().expect("block_on runs nothing without it")
}

/// Runs a case to its end; without an emulator it is skipped, aloud.
pub(crate) fn block_on(case: impl Future<Output = ()>) {
    if emulator::shared().is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(case);
}
