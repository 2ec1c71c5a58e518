//! Why questions about jobs got no answer: the last reason and how often in a row, until they are answered again.

use std::sync::Arc;

use super::state::cut;
use crate::limits;
use crate::time::Time;

/// What keeps questions about an attempt's jobs from being answered. It decides nothing; it is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Bit per job that the last question about got no answer; none where jobs are being stopped.
    pub jobs: u64,
    /// The last reason, cut short.
    pub why: Arc<str>,
    /// When that was.
    pub at: Time,
    /// Rounds of questions in a row that were not all answered.
    pub times: u32,
}

impl Trouble {
    /// Whether it is about a job.
    pub const fn is_about(&self, job: u32) -> bool {
        self.jobs & (1 << job) != 0
    }

    /// One more question, about the job of `bit`, got no answer.
    pub(super) fn met(known: &mut Option<Box<Self>>, bit: u64, why: &str, now: Time) {
        let (jobs, times, at) = known.as_ref().map_or((0, 0, None), |known| {
            (known.jobs, known.times, Some(known.at))
        });
        let jobs = jobs | bit;
        // Each job is asked about once a round: the first of those in trouble counts the rounds. The same word twice is one.
        let counts = bit == jobs & jobs.wrapping_neg() && at != Some(now);
        *known = Some(Box::new(Self {
            jobs,
            why: cut(why, limits::TROUBLE_BYTES),
            at: now,
            times: times.saturating_add(u32::from(counts)).max(1),
        }));
    }

    /// A question about the job of `bit` was answered.
    pub(super) fn passed(known: &mut Option<Box<Self>>, bit: u64) {
        if let Some(trouble) = known {
            trouble.jobs &= !bit;
            if trouble.jobs == 0 {
                *known = None;
            }
        }
    }
}
