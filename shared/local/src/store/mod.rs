//! The embedded store: all documents in one SQLite file, safe against SIGKILL, shared by any number of processes.

mod commit;
mod cursor;
mod error;
mod open;
mod query;
mod row;
mod sqlite;
mod stats;

pub use open::{Options, SCHEMA_VERSION, Sync};
pub use sqlite::Sqlite;
pub use stats::Stats;
