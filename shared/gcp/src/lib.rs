//! Ork's adapters for Google Cloud: Firestore, Cloud Storage, Pub/Sub, Cloud Tasks, Cloud Run, BigQuery, Dataproc.
//!
//! Nothing here reads environment variables: addresses and names are given by whoever makes the adapters.

mod clock;
mod endpoints;
mod failure;
pub mod firestore;
mod google;
pub mod look;
pub mod meter;
mod notices;
pub mod objects;
pub mod permissions;
pub mod prices;
mod pubsub;
mod queue;
mod retry;
pub mod run_jobs;
pub mod signed;
mod tasks;
pub mod trackers;
pub mod worker_services;

pub use clock::SystemClock;
pub use endpoints::{ConnectError, Endpoints};
pub use firestore::FirestoreStore;
pub use google::{ClientOptions, Google, GoogleOptions, Starter, WorkerUrls};
pub use meter::{Meter, Usage};
pub use notices::Notices;
pub use objects::GcsObjects;
pub use pubsub::{PubsubHints, Topics};
pub use queue::GoogleQueue;
pub use run_jobs::{RunJobs, WorkerJobs};
pub use tasks::{CloudTasks, Wake};
pub use worker_services::{Lanes, WorkerServices};
