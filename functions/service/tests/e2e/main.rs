//! The whole system as processes, on Google's emulators and the stand-ins: real pushes and notifications, ticks, workers as Cloud Run job tasks.
//!
//! Without Java and the emulators it says loudly that it was skipped; with `ORK_REQUIRE_ALL=1` that is a failure.

mod canary;
mod cloud;
mod command;
mod connect;
mod costs;
#[path = "../../../../shared/cli/tests/example_folders/mod.rs"]
mod example_folders;
mod examples;
mod faults;
mod gate;
mod jobs;
mod restored;
mod services;
mod uploads;
mod urls;
mod whole;
mod workers;
