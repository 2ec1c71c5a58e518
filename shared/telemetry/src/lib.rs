#![doc = include_str!("../README.md")]

mod custom;
mod export;
mod gathered;
mod handler;
pub mod ids;
pub mod names;
mod observed;
mod runs;
mod sampling;
mod settings;
mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;

pub use custom::Custom;
pub use handler::{Handler, came_by, carried, touch, traceparent};
pub use ids::Context;
pub use observed::Observed;
pub use settings::{PATIENCE, TelemetrySettings, Wrong};
pub use telemetry::{Identity, REST, Telemetry};
