//! The last few batch objects: the messages of a fan-out name the same one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ork_core::names::ObjectName;
use ork_engine::ports::Objects;

use crate::attempt::{Trouble, fetch};

/// Batches that are kept.
const KEPT: usize = 8;
/// Bytes that they have together, at most; the last one is kept in any case.
const BYTES: usize = 16 << 20;

/// Batch objects by name, the one that was asked for last behind all others. What is in one never changes.
#[derive(Debug, Default)]
pub(super) struct Batches(Mutex<VecDeque<(ObjectName, Arc<[u8]>)>>);

impl Batches {
    /// The bytes of a batch.
    pub(super) async fn get<O: Objects>(
        &self,
        objects: &O,
        name: &ObjectName,
        patience: Duration,
    ) -> Result<Arc<[u8]>, Trouble> {
        if let Some(bytes) = self.known(name) {
            return Ok(bytes);
        }
        let bytes: Arc<[u8]> = fetch(objects, name, patience).await?.into();
        self.keep(name, &bytes);
        Ok(bytes)
    }

    fn known(&self, name: &ObjectName) -> Option<Arc<[u8]>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == name)?;
        let found = kept.remove(at)?;
        let bytes = Arc::clone(&found.1);
        kept.push_back(found);
        Some(bytes)
    }

    fn keep(&self, name: &ObjectName, bytes: &Arc<[u8]>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| known != name);
        kept.push_back((name.clone(), Arc::clone(bytes)));
        let size = |kept: &VecDeque<(ObjectName, Arc<[u8]>)>| {
            kept.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
        };
        while kept.len() > KEPT || (kept.len() > 1 && size(&kept) > BYTES) {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use ork_core::ids::{RunId, VersionHash};

    use super::*;

    fn name(n: usize) -> ObjectName {
        let run = RunId::new("r").expect("valid");
        ObjectName::Batch(run, VersionHash::of(&n.to_le_bytes()))
    }
    fn kept(batches: &Batches) -> Vec<usize> {
        (0..20)
            .filter(|n| batches.known(&name(*n)).is_some())
            .collect()
    }

    #[test]
    fn the_batches_that_were_asked_for_last_are_kept() {
        let batches = Batches::default();
        let bytes: Arc<[u8]> = vec![0; 10].into();
        (0..8).for_each(|n| batches.keep(&name(n), &bytes));
        assert!(batches.known(&name(0)).is_some());
        batches.keep(&name(8), &bytes);
        assert_eq!(kept(&batches), [0, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn large_ones_are_few_and_the_last_one_is_kept_in_any_case() {
        let batches = Batches::default();
        let large: Arc<[u8]> = vec![0; 7 << 20].into();
        (0..4).for_each(|n| batches.keep(&name(n), &large));
        assert_eq!(kept(&batches), [2, 3]);
        batches.keep(&name(9), &vec![0; BYTES + 1].into());
        assert_eq!(kept(&batches), [9]);
    }
}
