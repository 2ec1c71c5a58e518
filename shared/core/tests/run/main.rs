//! The run state machine: traces, tables, properties, stored bytes and coverage.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod arrivals;
mod commands;
mod coverage;
mod fan_out;
mod fixtures;
mod format;
mod holding;
mod marks;
mod notices;
mod permutations;
mod progress;
mod properties;
mod retries;
mod round_trips;
mod shapes;
mod sizes;
mod spec;
mod termination;
mod timing;
mod traces;
mod trigger_rules;
mod words;
mod world;
