//! The real binary, from outside: what it prints, what it exits with, what it leaves behind.

mod dev;
mod environment;
mod execute;
mod help;
mod init;
mod interrupt;
mod live;
mod project;
mod runs;
mod schedule;
mod schema;
mod state;
mod support;
mod validate;
mod workflow;
