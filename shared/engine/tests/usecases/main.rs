//! The use cases in a small deterministic world: with every fault and crash that one machine can think of.
#![cfg(feature = "conformance")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod audit;
mod backfill;
mod children;
mod corrupt;
mod deferral;
mod deploy;
mod fire;
mod found;
mod late;
mod metering;
mod notices;
mod places;
mod prune;
mod prune_worlds;
mod remote;
mod restored;
mod settle;
mod start;
mod step;
mod tick;
mod uploads;
mod values;
mod wakes;
mod why;
mod worker;
