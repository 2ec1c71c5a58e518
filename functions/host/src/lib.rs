#![doc = include_str!("../README.md")]

pub mod answer;
mod budget;
mod host;
pub mod identity;
pub mod logs;
mod payload;
pub mod push;
mod server;
pub mod settings;
#[cfg(feature = "testing")]
pub mod testing;

pub use budget::{Budget, OutOfTime};
pub use host::Host;
pub use payload::{BODY_BYTES, Payload};
pub use server::{Served, listen, serve, told_to_stop};
pub use settings::{Role, Serving, Settings};

/// The header in which whoever asks dispatch for what comes next says until when he waits: milliseconds since 1970.
pub const WAITS_UNTIL: &str = "ork-waits-until";
