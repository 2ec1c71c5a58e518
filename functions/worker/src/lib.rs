//! The worker: one attempt of a task in a Cloud Run job, from its claim to its verdict.
//!
//! One process, one attempt. It needs the bucket and nothing else: what to run stands in the batch object, and how it ended in the
//! verdict object. Whatever happens to it, the claim object sees to it that nobody runs the same attempt twice.

mod attempt;
mod beats;
mod bundle;
mod code;
mod handin;
mod hidden;
mod patience;
mod production;
mod runner;
mod serve;
mod settings;
mod stop;

pub use hidden::hidden;
pub use production::run;
pub use serve::run_over;
pub use settings::WorkerSettings;
