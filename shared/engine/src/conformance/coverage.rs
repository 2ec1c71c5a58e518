//! What a comparison met: how often each kind of operation succeeded, or failed as it should.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The kinds of operation of one comparison, with the failures that count as one.
pub trait Kinds {
    /// Every kind there is.
    const ALL: &'static [&'static str];
}

/// How often each kind of operation came to pass.
pub struct Coverage<K>(BTreeMap<&'static str, u32>, PhantomData<K>);

impl<K> Default for Coverage<K> {
    fn default() -> Self {
        Self(BTreeMap::new(), PhantomData)
    }
}

impl<K> fmt::Debug for Coverage<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<K: Kinds> Coverage<K> {
    pub(super) fn count(&mut self, kind: &'static str) {
        assert!(K::ALL.contains(&kind), "`{kind}` is not among the kinds");
        *self.0.entry(kind).or_default() += 1;
    }

    /// How often `kind` came to pass.
    pub fn times(&self, kind: &str) -> u32 {
        self.0.get(kind).copied().unwrap_or(0)
    }

    /// Adds what another sequence covered.
    pub fn add(&mut self, other: &Self) {
        for (kind, times) in &other.0 {
            *self.0.entry(kind).or_default() += times;
        }
    }

    /// The kinds that never came to pass.
    pub fn missing(&self) -> Vec<&'static str> {
        K::ALL
            .iter()
            .copied()
            .filter(|kind| !self.0.contains_key(kind))
            .collect()
    }
}
