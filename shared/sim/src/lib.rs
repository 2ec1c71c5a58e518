//! The simulated world: the shipping engine over ports that crash, lose, double and delay, all from one seed.

pub mod batch;
pub mod catalogue;
pub mod coverage;
pub mod day;
pub mod fault;
mod finished;
pub mod generate;
mod handlers;
pub mod lane;
pub mod plan;
mod process;
pub mod random;
pub mod report;
mod serve;
pub mod shrink;
mod simulation;
pub mod trace;
mod watch;
mod words;
mod work;
pub mod world;

pub use simulation::{Outcome, simulate};
pub use watch::Violation;
