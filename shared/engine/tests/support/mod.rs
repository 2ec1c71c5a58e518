//! A small deterministic world: every port over plain memory, with crashes and faults at chosen calls.

mod check;
mod drive;
mod world;
mod work;

pub(crate) use drive::*;
pub(crate) use work::*;
pub(crate) use world::*;
