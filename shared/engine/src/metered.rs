//! What a commit costs, kept with the run by the commit itself.

use ork_core::run::Header;
use ork_core::usage::{Usage, UsageByFunction};

use crate::Engine;
use crate::ports::{Ports, StoreErrorKind};

/// What one commit added to its run's usage.
#[derive(Debug)]
pub(crate) struct Metered {
    /// Taken from the meter.
    taken: Usage,
    /// The commit's own writes: the store's adapter counts them when they are made, which is too late for the commit.
    own: Usage,
    before: UsageByFunction,
}

impl<P: Ports> Engine<P> {
    /// Adds what the run used to its header, this commit's own writes included. `pages`: how many the commit writes.
    pub(crate) fn meter(&self, header: &mut Header, pages: usize) -> Option<Metered> {
        let meter = self.ports.metering()?;
        let metered = Metered {
            taken: meter.take(&header.id),
            own: Usage {
                store_writes: 1 + pages as u64,
                ..Usage::default()
            },
            before: header.usage.clone(),
        };
        let function = meter.function();
        header.usage.add(function, &metered.taken);
        header.usage.add(function, &metered.own);
        Some(metered)
    }

    /// What becomes of that with the commit. One whose answer was lost counts as made.
    pub(crate) fn metered(
        &self,
        header: &mut Header,
        metered: Option<Metered>,
        outcome: Result<(), StoreErrorKind>,
    ) {
        let (Some(meter), Some(metered)) = (self.ports.metering(), metered) else {
            return;
        };
        match outcome {
            // Its writes are counted by now, and kept already if it stands.
            Ok(()) | Err(StoreErrorKind::Ambiguous) => meter.forget(&header.id, &metered.own),
            Err(_) => {
                meter.give_back(&header.id, &metered.taken);
                header.usage = metered.before;
            }
        }
    }
}
