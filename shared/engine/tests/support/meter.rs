//! A meter as adapters have one, over nothing but a map.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ork_core::ids::RunId;
use ork_core::usage::Usage;
use ork_engine::ports::{Key, Metering, Write};

/// What each run used and nobody has taken.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<RunId, Usage>>);

impl Counts {
    fn count(&self, run: &RunId, used: &Usage) {
        let mut counts = self.0.lock().unwrap();
        counts.entry(run.clone()).or_default().add(used);
    }
    /// Counts the documents of runs that a commit writes.
    pub(crate) fn wrote(&self, writes: &[Write]) {
        let one = Usage {
            store_writes: 1,
            ..Usage::default()
        };
        for write in writes {
            if let Write::Put {
                key: Key::Run(run) | Key::Page(run, _),
                ..
            } = write
            {
                self.count(run, &one);
            }
        }
    }
}

impl Metering for Counts {
    fn function(&self) -> &str {
        "here"
    }
    fn take(&self, run: &RunId) -> Usage {
        self.0.lock().unwrap().remove(run).unwrap_or_default()
    }
    fn give_back(&self, run: &RunId, used: &Usage) {
        self.count(run, used);
    }
    fn forget(&self, run: &RunId, used: &Usage) {
        if let Some(known) = self.0.lock().unwrap().get_mut(run) {
            known.subtract(used);
        }
    }
    fn total(&self) -> Usage {
        let mut total = Usage::default();
        for used in self.0.lock().unwrap().values() {
            total.add(used);
        }
        total
    }
    fn request(&self, run: Option<&RunId>, _: Option<usize>) {
        let used = Usage {
            requests: 1,
            ..Usage::default()
        };
        self.count(run.unwrap(), &used);
    }
}
