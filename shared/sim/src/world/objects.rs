//! Objects with generations and server time: what the simulated bucket keeps.

use std::collections::BTreeMap;

use ork_core::names::ObjectName;
use ork_core::time::Time;
use ork_engine::ports::{Generation, Object, ObjectError};

/// Objects by name.
#[derive(Debug, Clone, Default)]
pub struct ObjectMap {
    all: BTreeMap<ObjectName, (Object, Time)>,
    /// How often an object was written that had been there before.
    rewritten: BTreeMap<ObjectName, u32>,
    generations: u64,
}

impl ObjectMap {
    /// One object and when it was last written.
    pub fn get(&self, name: &ObjectName) -> Option<&(Object, Time)> {
        self.all.get(name)
    }
    /// How often an object was replaced.
    pub fn rewrites_of(&self, name: &ObjectName) -> u32 {
        self.rewritten.get(name).copied().unwrap_or(0)
    }
    /// Every object.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectName, &(Object, Time))> {
        self.all.iter()
    }
    fn write(&mut self, name: &ObjectName, bytes: &[u8], now: Time) -> Generation {
        self.generations += 1;
        let generation = Generation(self.generations);
        let bytes = bytes.to_vec();
        let before = self
            .all
            .insert(name.clone(), (Object { bytes, generation }, now));
        if before.is_some() {
            *self.rewritten.entry(name.clone()).or_default() += 1;
        }
        generation
    }
    /// Creates an object, once.
    pub fn create(
        &mut self,
        name: &ObjectName,
        bytes: &[u8],
        now: Time,
    ) -> Result<Generation, ObjectError> {
        if self.all.contains_key(name) {
            return Err(ObjectError::Precondition(name.to_string()));
        }
        Ok(self.write(name, bytes, now))
    }
    /// Writes an object, if it is at the generation that is expected.
    pub fn put(
        &mut self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
        now: Time,
    ) -> Result<Generation, ObjectError> {
        let found = self.all.get(name).map(|(object, _)| object.generation);
        if expected.is_some() && found != expected {
            return Err(ObjectError::Precondition(name.to_string()));
        }
        Ok(self.write(name, bytes, now))
    }
    /// Reads an object that is not too large.
    pub fn read(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        match self.all.get(name) {
            Some((object, _)) if object.bytes.len() as u64 > limit => Err(ObjectError::TooLarge {
                name: name.to_string(),
                bytes: object.bytes.len() as u64,
                limit,
            }),
            found => Ok(found.map(|(object, _)| object.clone())),
        }
    }
    /// Names that begin with `prefix`, in the order of their texts.
    pub fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<ObjectName> {
        let mut found: Vec<(String, &ObjectName)> = self
            .all
            .keys()
            .map(|name| (name.to_string(), name))
            .filter(|(text, _)| {
                text.starts_with(prefix) && after.is_none_or(|after| text.as_str() > after)
            })
            .collect();
        found.sort();
        found
            .into_iter()
            .take(limit)
            .map(|(_, name)| name.clone())
            .collect()
    }
    /// Removes an object.
    pub fn delete(&mut self, name: &ObjectName) {
        self.all.remove(name);
    }
}
