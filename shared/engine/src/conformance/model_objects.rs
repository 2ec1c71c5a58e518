//! Objects in memory: what the folders and buckets are compared with, and what tests of use cases run on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ork_core::names::ObjectName;
use ork_core::time::Time;

use crate::ports::{Generation, Object, ObjectError, Objects};

/// Objects in memory. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ModelObjects(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// The last generation given to anything.
    generations: u64,
    /// When each object was last written.
    updated: BTreeMap<String, Time>,
    /// What its clock says.
    now: Time,
}

impl State {
    fn write(&mut self, name: String, bytes: &[u8]) -> Generation {
        self.generations += 1;
        let generation = Generation(self.generations);
        self.updated.insert(name.clone(), self.now);
        self.objects.insert(
            name,
            Object {
                bytes: bytes.to_vec(),
                generation,
            },
        );
        generation
    }
}

impl ModelObjects {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no operation of the model panics")
    }
    /// Sets its clock, which stands still otherwise.
    pub fn set_time(&self, now: Time) {
        self.state().now = now;
    }
}

impl Objects for ModelObjects {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        let (mut state, name) = (self.state(), name.to_string());
        if state.objects.contains_key(&name) {
            Err(ObjectError::Precondition(name))
        } else {
            Ok(state.write(name, bytes))
        }
    }

    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        let (mut state, name) = (self.state(), name.to_string());
        if expected.is_some()
            && state.objects.get(&name).map(|object| object.generation) != expected
        {
            return Err(ObjectError::Precondition(name));
        }
        Ok(state.write(name, bytes))
    }

    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        let (state, name) = (self.state(), name.to_string());
        match state.objects.get(&name) {
            Some(object) if object.bytes.len() as u64 > limit => Err(ObjectError::TooLarge {
                name,
                bytes: object.bytes.len() as u64,
                limit,
            }),
            found => Ok(found.cloned()),
        }
    }

    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        let (state, name) = (self.state(), name.to_string());
        let there = state.objects.contains_key(&name);
        Ok(state.updated.get(&name).copied().filter(|_| there))
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        let state = self.state();
        let names = state.objects.keys().filter(|name| {
            name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after)
        });
        Ok(names
            .take(limit)
            .filter_map(|name| ObjectName::parse(name))
            .collect())
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        self.state().objects.remove(&name.to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Job, ObjectsWorld, block_on, on_threads};
    use super::*;

    impl ObjectsWorld for ModelObjects {
        type Objects = Self;
        async fn open(&self) -> Self {
            self.clone()
        }
        async fn together<'a>(&'a self, jobs: Vec<Job<'a>>) {
            on_threads(jobs);
        }
    }

    crate::objects_conformance!(ModelObjects::default(), block_on);

    #[test]
    fn every_case_is_in_the_list() {
        let mut names: Vec<_> = super::super::objects::all::<ModelObjects>()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let sources = [
            include_str!("objects.rs"),
            include_str!("objects_listings.rs"),
            include_str!("objects_races.rs"),
        ]
        .concat();
        let mut written: Vec<_> = sources
            .lines()
            .filter_map(|line| line.strip_prefix("pub async fn "))
            .filter_map(|line| line.split('<').next())
            .collect();
        names.sort_unstable();
        written.sort_unstable();
        assert_eq!(names, written);
    }
}
