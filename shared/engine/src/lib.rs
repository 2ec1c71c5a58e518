//! Ork's use cases over ports. No Google, no tokio, no clock and no randomness but the ports'.
//!
//! The same code is the cloud's handlers, the laptop's engine and what the simulator crashes.
//!
//! Everything that happens to a run goes through [`Engine::step`]: apply the events that arrived together, commit once,
//! then do what the state machine asked for. A step that dies anywhere may be repeated.

mod access;
mod advance;
mod apply;
mod attempt_objects;
mod audit;
mod backfill;
pub mod batch;
mod by;
mod children;
#[cfg(feature = "conformance")]
pub mod conformance;
mod deferral;
mod deploy;
mod documents;
mod error;
mod fire;
mod keys;
mod late;
mod loaded;
mod metered;
mod notify;
mod outputs;
mod owed;
mod perform;
mod places;
pub mod ports;
mod prune;
mod publish;
mod reap;
mod references;
mod remote;
mod remove;
pub mod report;
mod settle;
mod standing;
mod start;
mod step;
mod tick;
mod ticks;
mod uploads;
mod values;
mod views;
pub mod why;
mod worker;

pub use access::{Act, Actor, Role};
pub use advance::{ClaimRequest, Committed, Stepped};
pub use attempt_objects::{
    ClaimObject, decode_report, decode_verdict, encode_verdict, encode_verdict_with,
};
pub use audit::{AuditDetail, AuditFilter, AuditRecord, AuditResult, AuditTarget};
pub use backfill::{
    Backfill, BackfillReport, BackfillSlot, SlotRange, SlotReport, SlotStanding, in_words,
};
pub use by::By;
pub use deploy::Deployment;
pub use documents::{PoolDocument, WorkflowDocument};
pub use error::{EngineError, EngineErrorKind};
pub use fire::Fired;
pub use keys::{ApiKeyDocument, KeyHash, NewKey, Token};
pub use prune::{KeptRun, Prune, PruneFrom, Pruned, PrunedRun};
pub use start::{StartRun, Started, invented_id};
pub use tick::{DeadDocument, JobKey, Ticked, label_of, run_of_label};
pub use ticks::TickRecord;
pub use uploads::{Upload, UploadFinding, UploadStatus};
pub use views::RunView;
pub use worker::Worker;

use ork_core::protect::Protection;
use ports::Ports;

/// The use cases over one world.
#[derive(Debug)]
pub struct Engine<P: Ports> {
    ports: P,
    memory: loaded::Memory,
    /// Written into the runs it makes, when attempts are children of this process.
    owner: Option<String>,
    /// Whether it may write the objects of runs.
    writes_objects: bool,
    ticks: ticks::KnownTicks,
}

impl<P: Ports> Engine<P> {
    /// An engine over `ports`. `owner` names this process when it runs attempts itself (see [`ork_core::run::Header::owner`]).
    pub fn new(ports: P, owner: Option<String>) -> Self {
        Self {
            ports,
            memory: loaded::Memory::default(),
            owner,
            writes_objects: true,
            ticks: ticks::KnownTicks::default(),
        }
    }
    /// The same for a process that may read objects and not write them: outputs, and word for workers whose attempts end with its commits, are left
    /// to poll, which is hinted at, or to the next tick. To be used for commands only, not for starting or asking anything.
    #[must_use]
    pub fn reading_objects(mut self) -> Self {
        self.writes_objects = false;
        self
    }
    /// The same with some protection off.
    #[cfg(feature = "switches")]
    #[must_use]
    pub fn protected_by(mut self, protections: ork_core::protect::Protections) -> Self {
        self.memory.protections = protections;
        self
    }
    /// The same, with definitions that it need not read any more, as a process that has been at work for a while.
    #[cfg(feature = "switches")]
    #[must_use]
    pub fn knowing<'a>(
        self,
        graphs: impl Iterator<
            Item = (
                &'a ork_core::ids::VersionHash,
                &'a std::sync::Arc<ork_core::run::Graph>,
            ),
        >,
    ) -> Self {
        self.memory.know(graphs);
        self
    }
    pub(crate) const fn holds(&self, protection: Protection) -> bool {
        self.memory.protections.hold(protection)
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
