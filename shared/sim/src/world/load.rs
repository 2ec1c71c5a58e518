//! What the engine asks of store, queue and executors, and how hot single documents become: counted in worlds that are a day.

use std::collections::BTreeMap;

use ork_core::time::Time;
use ork_engine::ports::{Key, Write};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The header of a run.
    Run,
    /// A page of a run.
    Page,
    /// A pool.
    Pool,
    /// Any other.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Run, Self::Page, Self::Pool, Self::Other];
    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "headers of runs",
            Self::Page => "pages of runs",
            Self::Pool => "pools",
            Self::Other => "other documents",
        }
    }
    const fn of(key: &Key) -> Self {
        match key {
            Key::Run(_) => Self::Run,
            Key::Page(..) => Self::Page,
            Key::Pool(_) => Self::Pool,
            _ => Self::Other,
        }
    }
}

/// Writes of one thing within one second, and the most there were within any.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    at: i64,
    now: u64,
    most: u64,
}

impl Second {
    fn count(&mut self, at: Time) {
        let second = at.0.div_euclid(1_000);
        if self.at != second {
            (self.at, self.now) = (second, 0);
        }
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

/// Counts of one world.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Documents that were asked for by name, and those that queries gave, one at least for each.
    pub reads: u64,
    /// Commits that another one was faster than.
    pub conflicts: u64,
    /// Hints to functions.
    pub hints: u64,
    /// Wakes that were asked for.
    pub wakes: u64,
    /// Notices of objects.
    pub notices: u64,
    /// Runs that ticks found due.
    pub ticked: u64,
    /// Attempts that were handed to an executor.
    pub starts: u64,
    written: BTreeMap<Kind, u64>,
    documents: BTreeMap<Key, Second>,
    kinds: BTreeMap<Kind, Second>,
}

impl Load {
    pub(super) fn commit(&mut self, writes: &[Write], now: Time) {
        for write in writes {
            if matches!(write, Write::Check { .. }) {
                continue;
            }
            let kind = Kind::of(write.key());
            *self.written.entry(kind).or_default() += 1;
            self.kinds.entry(kind).or_default().count(now);
            let one = self.documents.entry(write.key().clone()).or_default();
            one.count(now);
        }
    }
    /// Documents of a kind that were written.
    pub fn written(&self, kind: Kind) -> u64 {
        self.written.get(&kind).copied().unwrap_or(0)
    }
    /// Writes of all documents of a kind within one second, at most.
    pub fn peak(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).map_or(0, |second| second.most)
    }
    /// Writes of one document of a kind within one second, at most.
    pub fn hottest(&self, kind: Kind) -> u64 {
        let all = self.documents.iter();
        let of_kind = all.filter(|(key, _)| Kind::of(key) == kind);
        of_kind.map(|(_, second)| second.most).max().unwrap_or(0)
    }
}
