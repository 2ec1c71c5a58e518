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
pub use custom_http::{CustomHttp, Header, Secret};
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

/// Makes a crate of these tasks callable in all three ways: as a program, as a worker service, and as a shared object.
///
/// In a program (`src/main.rs`) it writes `main`, which calls a task or, with `--serve`, serves them:
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
///
/// In a library (`src/lib.rs`) it writes the same as `pub fn main`, and the C entry points of [`library!`] beside it. Nothing can load a
/// program as a shared object, so a crate that wants to be both has two targets, and this line in the one that has the tasks:
///
/// ```toml
/// [lib]
/// crate-type = ["cdylib", "rlib"] # what `executor: library` loads, and what src/main.rs calls
/// ```
///
/// ```ignore
/// // src/main.rs of a package called `orders`, all of it
/// fn main() -> std::process::ExitCode {
///     orders::main()
/// }
/// ```
///
/// Which of the two is being built, cargo says: it sets `CARGO_BIN_NAME` for programs. A build that does not go through cargo gets both,
/// which a program does not mind.
#[macro_export]
macro_rules! main {
    ($($task:ty),+ $(,)?) => {
        /// Does what the program's arguments and environment ask for, and gives the code that it ends with.
        pub fn main() -> ::std::process::ExitCode {
            $crate::run($crate::tasks![$($task),+])
        }

        $crate::__private::unless_program! {
            $crate::library!($($task),+);
        }
    };
}
