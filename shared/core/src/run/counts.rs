//! How many instances of a task, or of a run, are in each state.

use super::InstanceStatus;

/// How many instances are in each state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u32; InstanceStatus::ALL.len()]);

impl Counts {
    /// Nobody anywhere.
    pub(super) const NONE: Self = Self([0; InstanceStatus::ALL.len()]);

    /// How many are `status`.
    pub const fn of(&self, status: InstanceStatus) -> u32 {
        self.0[status as usize]
    }
    /// How many there are.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }
    /// How many have ended.
    pub fn ended(&self) -> u32 {
        InstanceStatus::ALL
            .iter()
            .filter(|s| s.is_terminal())
            .map(|&s| self.of(s))
            .sum()
    }
    /// How many hold a place.
    pub fn in_flight(&self) -> u32 {
        InstanceStatus::ALL
            .iter()
            .filter(|s| s.is_in_flight())
            .map(|&s| self.of(s))
            .sum()
    }
    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
    pub(super) fn moved(&mut self, from: InstanceStatus, to: InstanceStatus) {
        self.0[from as usize] -= 1;
        self.0[to as usize] += 1;
    }
    pub(super) fn put(&mut self, status: InstanceStatus, n: u32) {
        self.0[status as usize] += n;
    }
    pub(super) fn clear(&mut self) {
        self.0 = Default::default();
    }
}
