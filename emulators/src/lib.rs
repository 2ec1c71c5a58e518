//! Google's emulators and Ork's stand-ins for Cloud Storage, Cloud Run jobs, Cloud Tasks, BigQuery, Dataproc, IAM and Cloud Scheduler, started by one command; Ork's functions beside them.

mod control;
mod emulators;
mod functions;
pub mod google;
mod http;
mod keyring;
mod names;
mod options;
mod parts;
mod process;
pub mod run_jobs;
pub mod scheduler;
pub mod services;
pub mod storage;
pub mod tasks;
mod wipe;

pub use emulators::Emulators;
pub use functions::{Functions, FunctionsOptions};
pub use http::unclaimed_port;
pub use keyring::Keyring;
pub use names::Names;
pub use options::{Options, Part};
