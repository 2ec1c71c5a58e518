//! Ork on a laptop: the adapters for SQLite, folders, processes and warm Python, and the engine that joins them.

pub mod clock;
pub mod embedded;
pub mod exec;
pub mod objects;
pub mod observer;
pub mod queue;
pub mod state_dir;
pub mod store;

pub use embedded::{
    Control, Embedded, EmbeddedConfig, EngineError, EngineErrorKind, Files, Jobs, Letters, Measure,
    OpenError, Part, RunView, StartRun, Until,
};
pub use observer::{Observer, Silent};
