//! Jobs of Google's services that tasks hand over to: asked about, stopped, and for tasks that are nothing else started too.
//!
//! Each service has a tracker that is made at once; its clients are made when first used, one for each regional address. No call is
//! repeated here: a question that got no answer is [`TrackerError::Transient`], and whoever asked asks again.
//!
//! [`TrackerError::Transient`]: ork_engine::ports::TrackerError::Transient

mod all;
mod bigquery;
mod category;
mod classify;
mod client;
mod cloud_run;
mod dataproc;
mod names;
pub mod request;
mod start;
mod stop;
mod storage;
mod work;

pub use all::{Outgoing, Services, Trackers};
pub use bigquery::{BigQueryStart, BigQueryTracker, DryRun};
pub use cloud_run::{ATTEMPT_KEY, CloudRunTracker};
pub use dataproc::DataprocTracker;
pub use ork_outgoing::{Secrets, SmtpSettings};
pub use start::StartTrouble;
