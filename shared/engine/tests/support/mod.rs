//! A small deterministic world: every port over plain memory, with crashes and faults at chosen calls.

mod check;
mod drive;
mod world;
mod work;

pub use drive::*;
pub use work::*;
pub use world::*;
