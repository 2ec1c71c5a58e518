//! Child processes that end with what started them: each in a process group of its own, killed on drop and when we die.

mod group;
mod warden;

pub(crate) use group::Group;
