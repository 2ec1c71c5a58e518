//! The real binary, from outside: what it prints, what it exits with, what it leaves behind.

mod auth;
mod codes;
mod dev;
mod doctor;
#[cfg(feature = "cloud")]
mod doctor_project;
mod environment;
mod execute;
mod explain;
mod graph;
mod help;
mod init;
mod interrupt;
mod json;
mod live;
mod marks;
mod notices;
mod open;
mod profiles;
mod project;
mod prune;
mod runs;
mod schedule;
mod schema;
mod secrets;
mod server;
mod server_trouble;
mod shells;
mod state;
mod support;
mod telemetry;
mod validate;
mod workflow;
