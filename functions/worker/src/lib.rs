//! The worker: attempts of tasks, each from its claim to its verdict.
//!
//! As a Cloud Run job it is one process for one attempt; as a service ([`WorkerService`]) a process that runs an attempt for each request.
//! It needs the bucket and nothing else, or as a Cloud Run job not even that, but signed URLs: what to run stands in the batch object, and how it ended in the
//! verdict object. Whatever happens to it, the claim object sees to it that nobody runs the same attempt twice.

mod attempt;
mod beats;
mod bundle;
mod by_url;
mod code;
mod handin;
mod hidden;
mod machine;
mod patience;
mod production;
mod runner;
mod serve;
mod service;
mod settings;
mod stop;
mod warm;

pub use hidden::hidden;
pub use machine::Machine;
pub use production::{run, run_service};
pub use serve::{run_over, serve_over};
pub use service::{Supply, WorkerService, WorkerServiceSettings};
pub use settings::{Given, WorkerSettings};
