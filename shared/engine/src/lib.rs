//! Ork's use cases over ports. No Google, no tokio, no clock and no randomness but the ports'.
//!
//! The same code is the cloud's handlers, the laptop's engine and what the simulator crashes.
//!
//! Everything that happens to a run goes through [`Engine::step`]: apply the events that arrived together, commit once,
//! then do what the state machine asked for. A step that dies anywhere may be repeated.

mod advance;
mod children;
#[cfg(feature = "conformance")]
pub mod conformance;
mod deploy;
mod documents;
mod error;
mod fire;
mod loaded;
mod perform;
mod places;
pub mod ports;
mod start;
mod values;
mod views;

pub use advance::{ClaimRequest, Committed, Stepped};
pub use deploy::Deployment;
pub use documents::{PoolDocument, WorkflowDocument};
pub use error::{EngineError, EngineErrorKind};
pub use fire::Fired;
pub use start::{StartRun, Started};
pub use views::RunView;

use ports::Ports;

/// The use cases over one world.
#[derive(Debug)]
pub struct Engine<P: Ports> {
    ports: P,
    memory: loaded::Memory,
    /// Written into the runs it makes, when attempts are children of this process.
    owner: Option<String>,
}

impl<P: Ports> Engine<P> {
    /// An engine over `ports`. `owner` names this process when it runs attempts itself (see [`ork_core::run::Header::owner`]).
    pub fn new(ports: P, owner: Option<String>) -> Self {
        Self {
            ports,
            memory: loaded::Memory::default(),
            owner,
        }
    }
    /// The world it works on.
    pub const fn ports(&self) -> &P {
        &self.ports
    }
    /// The name it signs runs with.
    pub fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
}
