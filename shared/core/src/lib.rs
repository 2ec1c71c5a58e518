//! Ork's pure core: what a workflow is, whether a file describes one, when it is due, and what a run does next.
//!
//! Nothing here reads a clock, draws a random number, touches a file or awaits: instants, seeds and
//! file contents come in as values, decisions go out as values. `tests/purity.rs` holds the crate to that.

pub mod bind;
pub mod bundle;
pub mod deferred;
pub mod definition;
pub mod diagnostic;
pub mod expr;
pub mod ids;
pub mod limits;
pub mod names;
pub mod parse;
pub mod protect;
pub mod retention;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod task;
pub mod time;
pub mod types;
pub mod usage;

/// Plain data as it travels between tasks.
pub type Value = serde_json::Value;
/// A JSON object.
pub type Map = serde_json::Map<String, Value>;
