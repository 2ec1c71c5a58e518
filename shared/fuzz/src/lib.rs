//! Hostile bytes for everything Ork reads.
//!
//! Each [`Target`] is a function of bytes that panics only when a promise is broken; the promise is its doc comment.
//! [`fuzz`] replays a corpus and then mutations of it, the same ones for the same seed. The package in `libfuzzer` runs the
//! same functions guided by coverage.

mod corpus;
mod drive;
mod judge;
mod mutate;
mod random;
pub mod targets;

pub use corpus::{Entry, corpus};
pub use drive::{Broken, Report, fuzz};
pub use judge::{Judgement, judge};
pub use mutate::Mutator;
pub use random::Random;
pub use targets::{TARGETS, Target};

/// What a reader made of an input. Both have to occur: inputs that never get past the first check prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It was taken, and what it was taken for keeps the promises.
    Accepted,
    /// It was refused, as it should be.
    Rejected,
}
