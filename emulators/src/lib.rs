//! Google's emulators and Ork's stand-ins for Cloud Storage, Cloud Run jobs, Cloud Tasks and Cloud Scheduler, started by one command.

mod emulators;
pub mod google;
mod http;
mod names;
mod options;
mod process;
pub mod run_jobs;
pub mod scheduler;
pub mod storage;
pub mod tasks;

pub use emulators::Emulators;
pub use names::Names;
pub use options::{Options, Part};
