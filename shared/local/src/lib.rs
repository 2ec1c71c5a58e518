//! x
pub mod clock;
pub mod objects;
pub mod queue;
pub mod state_dir;
pub mod store;
