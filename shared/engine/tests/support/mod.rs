//! A small deterministic world: every port over plain memory, with crashes and faults at chosen calls.

mod check;
mod drive;
mod meter;
mod work;
mod world;

pub(crate) use drive::*;
pub(crate) use meter::*;
pub(crate) use work::*;
pub(crate) use world::*;
