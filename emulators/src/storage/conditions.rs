//! Preconditions on the generation and metageneration of an object.

use super::object::Object;
use super::query::Query;
use super::refusal::Refusal;

/// What must hold of the object as it is now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions {
    pub(super) generation: Option<i64>,
    pub(super) not_generation: Option<i64>,
    pub(super) metageneration: Option<i64>,
    pub(super) not_metageneration: Option<i64>,
}

impl Conditions {
    pub(super) fn from_query(query: &Query) -> Result<Self, Refusal> {
        Self::named(query, "if")
    }

    /// The conditions on the source of a copy.
    pub(super) fn of_source(query: &Query) -> Result<Self, Refusal> {
        Self::named(query, "ifSource")
    }

    fn named(query: &Query, prefix: &str) -> Result<Self, Refusal> {
        let number = |name: &str| query.number(&format!("{prefix}{name}"));
        Ok(Self {
            generation: number("GenerationMatch")?,
            not_generation: number("GenerationNotMatch")?,
            metageneration: number("MetagenerationMatch")?,
            not_metageneration: number("MetagenerationNotMatch")?,
        })
    }

    /// Checks the object that exists, or that none does: generation 0 stands for "no object".
    pub(super) fn check(&self, current: Option<&Object>) -> Result<(), Refusal> {
        let generation = current.map_or(0, |object| object.generation);
        let metageneration = current.map_or(0, |object| object.metageneration);
        self.check_numbers(generation, metageneration)
    }

    pub(super) fn check_numbers(
        &self,
        generation: i64,
        metageneration: i64,
    ) -> Result<(), Refusal> {
        let unequal = |wanted: Option<i64>, is: i64| wanted.is_some_and(|wanted| wanted != is);
        let equal = |unwanted: Option<i64>, is: i64| unwanted == Some(is);
        if unequal(self.generation, generation) || unequal(self.metageneration, metageneration) {
            return Err(Refusal::condition());
        }
        if equal(self.not_generation, generation) {
            // "Unless there is none" is a plain failed condition: there is nothing that could be unmodified.
            return Err(if generation == 0 {
                Refusal::condition()
            } else {
                Refusal::not_modified()
            });
        }
        if equal(self.not_metageneration, metageneration) {
            return Err(Refusal::not_modified());
        }
        Ok(())
    }
}
