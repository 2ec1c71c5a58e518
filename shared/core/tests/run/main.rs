//! The run state machine: traces, tables, properties, stored bytes and coverage.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod commands;
mod coverage;
mod fan_out;
mod format;
mod holding;
mod progress;
mod properties;
mod retries;
mod timing;
mod traces;
mod trigger_rules;
mod words;
mod world;
