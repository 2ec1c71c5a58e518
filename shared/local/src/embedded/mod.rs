//! The embedded engine: the whole of Ork in one process, over a state folder.
//!
//! It runs the same use cases as the cloud's functions ([`ork_engine::Engine`]); what is its own is the loop that feeds them
//! ([`Embedded::drive`]) and who owns which run: a run belongs to the engine process whose children its attempts are.

mod control;
mod drive;
mod jobs;
mod letters;
mod measure;
mod open;
mod own;
mod questions;
mod world;

pub use control::Control;
pub use drive::Until;
pub use jobs::{Answer, Jobs};
pub use letters::Letters;
pub use measure::Measure;
pub use open::{Embedded, EmbeddedConfig, Files, OpenError, Part};
pub use ork_engine::{EngineError, EngineErrorKind, RunView, StartRun};
