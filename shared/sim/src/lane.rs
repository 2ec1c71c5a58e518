//! The service lane of a world: whose attempts go to worker services as messages, and whether ends are chained.

use std::hash::Hasher as _;

use ork_core::limits;
use ork_core::task::TaskSpec;

use crate::fault::{Fault, Faults};
use crate::random::Random;
use crate::trace::Hash;

/// Which tasks are run by services, and by how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// How many of the tasks, in thousandths; the others have jobs.
    pub share: u32,
    /// Topics, each with a service of its own.
    pub topics: usize,
    /// Instances of each service.
    pub instances: usize,
    /// Attempts that one instance runs at a time.
    pub places: usize,
    /// Whether a service tells dispatch of its verdicts and is handed what comes next.
    pub chaining: bool,
    /// Decides which tasks these are.
    pub salt: u64,
}

/// Sets what is drawn here apart from all else, so that worlds without services are what they were before there were any. Chosen so that
/// the seeds that had found something by then are among them.
const APART: u64 = 0x1a9e_0000_0019;

impl Lane {
    /// The lane of the world of `seed`, and what goes wrong in it; two worlds of three have none.
    pub fn draw(seed: u64, faults: &mut Faults) -> Option<Self> {
        let mut random = Random::new(seed ^ APART).fork();
        random
            .one_in(3)
            .then(|| Self::of_services(&mut random, faults))
    }

    /// A lane for all tasks of the world of `seed`, all of them chained, and what goes wrong in it.
    pub fn chained(seed: u64, faults: &mut Faults) -> Self {
        let mut random = Random::new(seed ^ APART).fork();
        Self {
            share: 1000,
            topics: 1,
            chaining: true,
            ..Self::of_services(&mut random, faults)
        }
    }

    fn of_services(random: &mut Random, faults: &mut Faults) -> Self {
        if *faults != Faults::NONE {
            let kinds = Fault::ALL.iter().filter(|fault| fault.is_of_services());
            kinds.for_each(|&fault| faults.draw(fault, random));
        }
        Self {
            share: *random.pick(&[400, 800, 1000, 1000]),
            topics: *random.pick(&[1, 1, 1, 2]),
            instances: *random.pick(&[1, 2, 3]),
            places: *random.pick(&[1, 2, 4]),
            chaining: !random.one_in(5),
            salt: random.next(),
        }
    }

    /// Which topic an attempt goes to; none: it has a job.
    pub fn topic(&self, spec: &TaskSpec) -> Option<usize> {
        // No service holds a task for longer.
        if spec.timeout > limits::TIMEOUT {
            return None;
        }
        let mut hash = Hash::default();
        hash.write(spec.workflow_name.as_str().as_bytes());
        hash.write(spec.task_name.as_str().as_bytes());
        let mut random = Random::new(hash.finish() ^ self.salt);
        random
            .chance(self.share)
            .then(|| *random.pick(&[0, 1]) % self.topics)
    }
}

#[cfg(test)]
mod tests {
    use crate::catalogue::Catalogue;
    use crate::plan::{Mode, Plan};

    #[test]
    fn worlds_without_services_have_none_of_their_faults_and_a_third_has_them() {
        let mut catalogue = Catalogue::default();
        let plans: Vec<Plan> = (0..300)
            .map(|seed| Plan::of(seed, &mut catalogue))
            .collect();
        let (with, without): (Vec<&Plan>, Vec<&Plan>) =
            plans.iter().partition(|plan| plan.lane.is_some());
        assert!((60..150).contains(&with.len()), "{}", with.len());
        for plan in without {
            let odd = plan.faults.present().find(|fault| fault.is_of_services());
            assert_eq!(odd, None, "seed {}", plan.seed);
        }
        for plan in with {
            assert_eq!(plan.mode, Mode::Cloud, "children have no services");
        }
    }
}
