//! The local executors against real processes.

#[path = "exec/harness.rs"]
mod harness;
#[path = "exec/limits.rs"]
mod limits;
#[path = "exec/process.rs"]
mod process;
#[path = "exec/python.rs"]
mod python;
#[path = "exec/spare.rs"]
mod spare;
#[path = "exec/upkeep.rs"]
mod upkeep;
