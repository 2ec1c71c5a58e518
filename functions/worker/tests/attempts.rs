//! Workers as real processes over a folder of objects: what they do, and what is left when they are killed.

#[path = "attempts/asked.rs"]
mod asked;
#[path = "attempts/chained.rs"]
mod chained;
#[path = "attempts/code.rs"]
mod code;
#[path = "attempts/ending.rs"]
mod ending;
#[path = "attempts/harness.rs"]
mod harness;
#[path = "attempts/renewed.rs"]
mod renewed;
#[path = "attempts/running.rs"]
mod running;
#[path = "attempts/served.rs"]
mod served;
#[path = "attempts/service.rs"]
mod service;
#[path = "attempts/spec.rs"]
mod spec;
#[path = "attempts/telemetry.rs"]
mod telemetry;
#[path = "attempts/trouble.rs"]
mod trouble;
