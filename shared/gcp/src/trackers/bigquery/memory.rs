//! What is remembered of sensors' looks. It saves calls and decides nothing: whoever remembers nothing finds it out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ork_core::deferred::BigQueryJob;

/// Sensors of which something is remembered.
const SENSORS: usize = 1_000;

/// The newest look of a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// How many there were before it.
    pub(super) number: u32,
    /// Its job.
    pub(super) job: BigQueryJob,
    /// Its answer has come, and was not what is waited for.
    pub(super) answered: bool,
}

/// The newest look of each sensor, by the id of its work. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Looks(Arc<Mutex<BTreeMap<String, Look>>>);

impl Looks {
    pub(super) fn of(&self, work: &str) -> Option<Look> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.get(work).cloned()
    }

    pub(super) fn remember(&self, work: &str, look: Look) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= SENSORS && !looks.contains_key(work) {
            looks.pop_first();
        }
        looks.insert(work.to_owned(), look);
    }

    pub(super) fn forget(&self, work: &str) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.remove(work);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_has_an_end() {
        let looks = Looks::default();
        let look = Look {
            number: 0,
            job: BigQueryJob {
                project: "p".into(),
                job_id: "j".into(),
                location: None,
            },
            answered: false,
        };
        for sensor in 0..=SENSORS {
            looks.remember(&format!("{sensor:04}"), look.clone());
        }
        assert_eq!(looks.of("0000"), None);
        assert_eq!(looks.of("1000"), Some(look));
        looks.forget("1000");
        assert_eq!(looks.of("1000"), None);
    }
}
