//! What Pub/Sub pushes: envelopes, and in them hints or notices of objects. Nothing in them is believed; they say where to look.

mod envelope;
mod hint;
mod notice;

pub use envelope::{Broken, Envelope};
pub use hint::{TRACEPARENT, function, hint};
pub use notice::{Notice, notice};
