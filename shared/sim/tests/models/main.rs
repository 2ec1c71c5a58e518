//! The small protocols, checked in every order of their steps and with every fault at every place.

mod check;
mod claim_and_verdict;
mod lease;
mod schedule_firing;
mod wake;
