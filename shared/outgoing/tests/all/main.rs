//! The guard against hostile URLs, names and answers; trackers and tasks against a server on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod allowed;
mod limits;
mod mail;
mod notations;
mod notices;
mod rebinding;
mod redirects;
mod registered;
mod secrets;
mod server;
mod task;
mod tracker;
mod urls;
mod world;
