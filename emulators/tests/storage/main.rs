//! The stand-in for Cloud Storage, used by the official clients and by hand-written requests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]
#![expect(
    clippy::large_futures,
    reason = "the requests of the official crate are large"
)]

mod buckets;
mod faults;
mod listing;
mod notifications;
mod objects;
mod protocol;
mod python;
mod resumable;
mod signed;
mod support;
