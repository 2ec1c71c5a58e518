//! The differential oracle is tested too: it finds no difference where there is none, and every difference that is planted.
#![cfg(feature = "conformance")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use ork_core::ids::{RunId, WorkflowName};
use ork_core::names::ObjectName;
use ork_core::time::Time;
use ork_engine::conformance::model::Model;
use ork_engine::conformance::model_objects::ModelObjects;
use ork_engine::conformance::{block_on, differential, differential_objects};
use ork_engine::ports::{
    Document, Generation, Key, ListQuery, Listed, Object, ObjectError, Objects, Precondition,
    Store, StoreError, StoreErrorKind, Version, Write,
};

/// What is wrong with a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// A replace is done at any version.
    IgnoresVersions,
    /// A create is done over what is there.
    IgnoresAbsence,
    /// A failed commit keeps its first write.
    HalfCommits,
    /// The same conflict under another name.
    CallsConflictsRefused,
    /// A body loses its last byte.
    CutsBodies,
    /// A replace leaves the searchable fields as they were.
    KeepsIndex,
    /// What is due exactly now is not.
    DueTooLate,
    /// What is due comes in order of names.
    DueByName,
    /// A further page begins one item late.
    SkipsAtPages,
    /// The last page promises another.
    NeverEnds,
    /// What was removed is still found.
    KeepsRemoved,
}

const WRONGS: [Wrong; 11] = [
    Wrong::IgnoresVersions,
    Wrong::IgnoresAbsence,
    Wrong::HalfCommits,
    Wrong::CallsConflictsRefused,
    Wrong::CutsBodies,
    Wrong::KeepsIndex,
    Wrong::DueTooLate,
    Wrong::DueByName,
    Wrong::SkipsAtPages,
    Wrong::NeverEnds,
    Wrong::KeepsRemoved,
];

/// The model with something wrong.
struct Bad {
    model: Model,
    wrong: Wrong,
    removed: Mutex<Vec<(Key, Document)>>,
}

impl Bad {
    fn new(wrong: Wrong) -> Self {
        Self {
            model: Model::default(),
            wrong,
            removed: Mutex::default(),
        }
    }

    async fn found(&self, key: &Key) -> Option<Document> {
        let found = self.model.read(std::slice::from_ref(key)).await;
        found.expect("the model answers").remove(0)
    }

    /// The write as it is done instead.
    async fn bent(&self, write: &Write) -> Write {
        let mut bent = write.clone();
        let found = self.found(write.key()).await;
        if let Write::Put {
            precondition,
            body,
            index,
            ..
        } = &mut bent
        {
            match (self.wrong, *precondition, found) {
                (Wrong::IgnoresVersions, Precondition::At(_), Some(found))
                | (Wrong::IgnoresAbsence, Precondition::Absent, Some(found)) => {
                    *precondition = Precondition::At(found.version);
                }
                (Wrong::KeepsIndex, _, Some(found)) => *index = found.index,
                (Wrong::CutsBodies, ..) if body.len() > 1_000 => {
                    body.pop();
                }
                _ => {}
            }
        }
        bent
    }
}

impl Store for Bad {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Document>>, StoreError> {
        let mut found = self.model.read(keys).await?;
        let removed = self.removed.lock().expect("nobody panics with it");
        for (key, found) in keys.iter().zip(&mut found) {
            if found.is_none() {
                *found = removed
                    .iter()
                    .find(|(old, _)| old == key)
                    .map(|(_, document)| document.clone());
            }
        }
        Ok(found)
    }

    async fn commit(&self, writes: &[Write]) -> Result<Vec<Version>, StoreError> {
        let mut bent = Vec::new();
        for write in writes {
            bent.push(self.bent(write).await);
            if let (Wrong::KeepsRemoved, Write::Delete { key, .. }) = (self.wrong, write)
                && let Some(found) = self.found(key).await
            {
                let mut removed = self.removed.lock().expect("nobody panics with it");
                removed.push((key.clone(), found));
            }
        }
        let done = self.model.commit(&bent).await;
        if done.is_err() && self.wrong == Wrong::HalfCommits {
            let _first_only = self.model.commit(&bent[..1]).await;
        }
        done.map_err(|error| match self.wrong {
            Wrong::CallsConflictsRefused => StoreError::new(StoreErrorKind::Refused, error.message),
            _ => error,
        })
    }

    async fn due_runs(&self, now: Time, limit: usize) -> Result<Vec<(RunId, Time)>, StoreError> {
        let mut due = match self.wrong {
            Wrong::DueTooLate => self.model.due_runs(Time(now.0 - 1), limit).await?,
            _ => self.model.due_runs(now, limit).await?,
        };
        if self.wrong == Wrong::DueByName {
            due.sort();
        }
        Ok(due)
    }

    async fn due_workflows(
        &self,
        now: Time,
        limit: usize,
    ) -> Result<Vec<(WorkflowName, Time)>, StoreError> {
        self.model.due_workflows(now, limit).await
    }

    async fn list(
        &self,
        query: &ListQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed, StoreError> {
        let mut page = self.model.list(query, cursor, limit).await?;
        if self.wrong == Wrong::SkipsAtPages && cursor.is_some() && !page.items.is_empty() {
            page.items.remove(0);
        }
        if self.wrong == Wrong::NeverEnds && page.cursor.is_none() {
            page.cursor = Some("again".into());
        }
        Ok(page)
    }
}

#[test]
fn three_stores_that_are_alike_are_found_alike_and_meet_every_kind_of_operation() {
    let mut coverage = differential::Coverage::default();
    for seed in 0..20 {
        let (first, second) = (Bad::new(Wrong::Nothing), Model::default());
        coverage.add(&block_on(differential::compare_three(
            &first, &second, seed, 300,
        )));
    }
    assert_eq!(coverage.missing(), Vec::<&str>::new(), "{coverage:?}");
}

/// The first seed at which the comparison panics.
fn noticed(compare: impl Fn(u64)) -> Option<u64> {
    (0..20).find(|&seed| catch_unwind(AssertUnwindSafe(|| compare(seed))).is_err())
}

#[test]
fn a_store_that_differs_in_any_way_is_noticed_on_either_side() {
    for wrong in WRONGS {
        let first = |seed| {
            block_on(differential::compare(&Bad::new(wrong), seed, 300));
        };
        assert!(noticed(first).is_some(), "{wrong:?} as the first");
        let second = |seed| {
            let (model, bad) = (Model::default(), Bad::new(wrong));
            block_on(differential::compare_three(&model, &bad, seed, 300));
        };
        assert!(noticed(second).is_some(), "{wrong:?} as the second");
    }
}

/// What is wrong with objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Off {
    Nothing,
    /// A create replaces what is there.
    CreatesTwice,
    /// A put does not look at the generation.
    IgnoresGenerations,
    /// A put at a generation of what is gone makes it anew.
    PutsWhatIsGone,
    /// Reads whatever the limit.
    IgnoresLimits,
    /// One byte less than the limit is the most.
    LimitsTooEarly,
    /// `after` is among what comes after it.
    ListsAfterItself,
    /// In the order of their parts, as a walk through folders gives them.
    ListsByParts,
    /// A delete does nothing.
    KeepsDeleted,
    /// Generations begin anew when an object is made anew.
    CountsAnew,
    /// Does not know when it wrote.
    ForgetsWhen,
}

const OFFS: [Off; 10] = [
    Off::CreatesTwice,
    Off::IgnoresGenerations,
    Off::PutsWhatIsGone,
    Off::IgnoresLimits,
    Off::LimitsTooEarly,
    Off::ListsAfterItself,
    Off::ListsByParts,
    Off::KeepsDeleted,
    Off::CountsAnew,
    Off::ForgetsWhen,
];

/// Model objects with something off.
struct BadObjects {
    model: ModelObjects,
    off: Off,
}

impl BadObjects {
    fn new(off: Off) -> Self {
        Self {
            model: ModelObjects::default(),
            off,
        }
    }
    fn told(&self, generation: Generation, created: bool) -> Generation {
        if created && self.off == Off::CountsAnew {
            Generation(1)
        } else {
            generation
        }
    }
}

impl Objects for BadObjects {
    async fn create(&self, name: &ObjectName, bytes: &[u8]) -> Result<Generation, ObjectError> {
        if self.off == Off::CreatesTwice {
            return self.model.put(name, bytes, None).await;
        }
        let generation = self.model.create(name, bytes).await?;
        Ok(self.told(generation, true))
    }

    async fn put(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        expected: Option<Generation>,
    ) -> Result<Generation, ObjectError> {
        let there = self.model.get(name, u64::MAX).await?.is_some();
        let expected = match self.off {
            Off::IgnoresGenerations => None,
            Off::PutsWhatIsGone if !there => None,
            _ => expected,
        };
        self.model.put(name, bytes, expected).await
    }

    async fn get(&self, name: &ObjectName, limit: u64) -> Result<Option<Object>, ObjectError> {
        let limit = match self.off {
            Off::IgnoresLimits => u64::MAX,
            Off::LimitsTooEarly => limit.saturating_sub(1),
            _ => limit,
        };
        self.model.get(name, limit).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<ObjectName>, ObjectError> {
        let all = self.model.list(prefix, None, usize::MAX).await?;
        let mut found: Vec<ObjectName> = all
            .into_iter()
            .filter(|name| {
                let text = name.to_string();
                after.is_none_or(|after| {
                    text.as_str() > after || (self.off == Off::ListsAfterItself && text == after)
                })
            })
            .collect();
        if self.off == Off::ListsByParts {
            found.sort_by_key(|name| {
                let text = name.to_string();
                text.split('/').map(str::to_owned).collect::<Vec<_>>()
            });
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn updated(&self, name: &ObjectName) -> Result<Option<Time>, ObjectError> {
        let updated = self.model.updated(name).await?;
        Ok(updated.filter(|_| self.off != Off::ForgetsWhen))
    }

    async fn delete(&self, name: &ObjectName) -> Result<(), ObjectError> {
        if self.off == Off::KeepsDeleted {
            return Ok(());
        }
        self.model.delete(name).await
    }
}

#[test]
fn objects_that_are_alike_are_found_alike_and_meet_every_kind_of_operation() {
    let mut coverage = differential_objects::Coverage::default();
    for seed in 0..20 {
        let (first, second) = (BadObjects::new(Off::Nothing), ModelObjects::default());
        coverage.add(&block_on(differential_objects::compare_three(
            &first, &second, seed, 300,
        )));
    }
    assert_eq!(coverage.missing(), Vec::<&str>::new(), "{coverage:?}");
}

#[test]
fn objects_that_differ_in_any_way_are_noticed_on_either_side() {
    for off in OFFS {
        let first = |seed| {
            block_on(differential_objects::compare(
                &BadObjects::new(off),
                seed,
                300,
            ));
        };
        assert!(noticed(first).is_some(), "{off:?} as the first");
        let second = |seed| {
            let (model, bad) = (ModelObjects::default(), BadObjects::new(off));
            block_on(differential_objects::compare_three(&model, &bad, seed, 300));
        };
        assert!(noticed(second).is_some(), "{off:?} as the second");
    }
}
