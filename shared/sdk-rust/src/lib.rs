#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate self as ork;

mod block_on;
mod context;
mod custom_http;
mod deferred;
mod environment;
mod error;
mod job_id;
mod library;
mod log;
mod metrics;
mod run;
mod serve;
#[cfg(test)]
mod spec;
mod task;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use context::Context;
pub use custom_http::CustomHttp;
pub use deferred::{BigQueryJob, CloudRunJob, DataprocJob, Deferred, Job};
pub use error::{Category, Classify, Error};
pub use job_id::{JobId, job_id};
pub use log::Log;
pub use metrics::{Amount, Metrics};
pub use ork_sdk_macros::{executor, task};
pub use run::run;
pub use task::{Kind, Task};

pub use serde;
pub use serde_json;
pub use serde_json::{Value, json};

/// The `Result` of a task that fails with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The tasks of these names, for [`run`].
///
/// ```
/// #[ork::task]
/// fn extract() {}
///
/// let tasks: &'static [ork::Task] = ork::tasks![extract];
/// assert_eq!(tasks[0].name(), "extract");
/// ```
#[macro_export]
macro_rules! tasks {
    ($($task:ty),+ $(,)?) => {{
        const TASKS: &[$crate::Task] = &[$(<$task as $crate::__private::Registered>::TASK),+];
        TASKS
    }};
}

/// Writes the `main` of a program of these tasks.
///
/// ```no_run
/// #[ork::task]
/// fn extract(input: ork::Value) -> Vec<String> {
///     vec![input["day"].to_string()]
/// }
///
/// #[ork::task]
/// fn load(ctx: &ork::Context) -> ork::Result<usize> {
///     Ok(ctx.output_of::<Vec<String>>("extract")?.len())
/// }
///
/// ork::main!(extract, load);
/// ```
#[macro_export]
macro_rules! main {
    ($($task:ty),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run($crate::tasks![$($task),+])
        }
    };
}
