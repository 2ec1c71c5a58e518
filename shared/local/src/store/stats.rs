//! Counters of what the store did, for budgets in tests and benches.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a handle has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Commits that succeeded.
    pub commits: u64,
    /// Puts and deletes in them.
    pub writes: u64,
    /// Documents asked for, and queries.
    pub reads: u64,
    /// Bytes of the bodies put.
    pub bytes_written: u64,
    /// Commits that met a conflict.
    pub conflicts: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
    reads: AtomicU64,
    bytes_written: AtomicU64,
    conflicts: AtomicU64,
}

impl Counters {
    pub(super) fn committed(&self, writes: u64, bytes: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
    }
    pub(super) fn conflict(&self) {
        self.conflicts.fetch_add(1, Ordering::Relaxed);
    }
    pub(super) fn read(&self, documents: usize) {
        self.reads.fetch_add(documents as u64, Ordering::Relaxed);
    }
    pub(super) fn stats(&self) -> Stats {
        Stats {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            reads: self.reads.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            conflicts: self.conflicts.load(Ordering::Relaxed),
        }
    }
}
