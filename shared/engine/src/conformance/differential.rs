//! Random operations on a store and on the model: the same answers are required.
//!
//! Versions are compared by which are equal, not by number, cursors by where they lead.

use std::collections::BTreeMap;

use ork_core::ids::{PoolName, VersionHash};
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::model::Model;
use super::sample::{run, run_id, workflow, workflow_name};
use crate::ports::{
    Document, Index, Key, ListQuery, Precondition, Store, StoreErrorKind, Version, Write,
};

/// How often each kind of operation succeeded, or failed as it should.
#[derive(Debug, Default)]
pub struct Coverage(BTreeMap<&'static str, u32>);

impl Coverage {
    /// Every kind of operation, with the failures that count as one.
    pub const KINDS: [&'static str; 18] = [
        "create",
        "replace",
        "delete",
        "check at",
        "check absent",
        "commit of several",
        "conflict",
        "conflict of several",
        "refused",
        "read found",
        "read none",
        "due runs",
        "due workflows",
        "list workflows",
        "list versions",
        "list runs",
        "list dead",
        "list a further page",
    ];

    fn count(&mut self, kind: &'static str) {
        debug_assert!(Self::KINDS.contains(&kind), "{kind}");
        *self.0.entry(kind).or_default() += 1;
    }

    /// Adds what another sequence covered.
    pub fn add(&mut self, other: &Self) {
        for (kind, times) in &other.0 {
            *self.0.entry(kind).or_default() += times;
        }
    }

    /// The kinds that never came to pass.
    pub fn missing(&self) -> Vec<&'static str> {
        Self::KINDS
            .into_iter()
            .filter(|kind| !self.0.contains_key(kind))
            .collect()
    }
}

/// A small generator of numbers (splitmix64): the same seed, the same operations.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The two stores side by side.
struct Pair<'a, S> {
    store: &'a S,
    model: Model,
    dice: Dice,
    /// Versions as the model and the store gave them for the same write, per key, oldest first.
    versions: BTreeMap<Key, Vec<(Version, Version)>>,
    coverage: Coverage,
    step: usize,
    seed: u64,
}

/// Does `steps` random operations on `store`, which starts empty, and on a model. Panics at the first difference.
pub async fn compare<S: Store>(store: &S, seed: u64, steps: usize) -> Coverage {
    let mut pair = Pair {
        store,
        model: Model::default(),
        dice: Dice(seed),
        versions: BTreeMap::new(),
        coverage: Coverage::default(),
        step: 0,
        seed,
    };
    for step in 0..steps {
        pair.step = step;
        match pair.dice.below(10) {
            0..=5 => pair.commit().await,
            6 => pair.read().await,
            7 => pair.due().await,
            _ => pair.list().await,
        }
    }
    pair.coverage
}

impl<S: Store> Pair<'_, S> {
    fn at(&self) -> String {
        format!("seed {}, step {}", self.seed, self.step)
    }

    fn key(&mut self) -> Key {
        let name = *self.dice.pick(&["a", "a-b", "ab", "b"]);
        match self.dice.below(12) {
            0..=4 => run(&format!("{name}-{}", self.dice.below(3))),
            5 | 6 => Key::Page(run_id(name), 1 + self.dice.below(2) as u32),
            7 | 8 => workflow(name),
            9 => Key::WorkflowVersion(
                workflow_name(name),
                VersionHash::of(&[self.dice.below(3) as u8]),
            ),
            10 => Key::Pool(PoolName::new(name).expect("a valid pool name")),
            _ => Key::Dead(format!("{name}.{}", self.dice.below(2))),
        }
    }

    fn index(&mut self) -> Index {
        let dice = &mut self.dice;
        Index {
            wake_at: dice.one_in(2).then(|| Time(dice.below(20) as i64)),
            status: (!dice.one_in(4)).then(|| *dice.pick(RunStatus::ALL)),
            workflow: (!dice.one_in(4)).then(|| workflow_name(["a", "b"][dice.below(2)])),
            created_at: (!dice.one_in(6)).then(|| Time(dice.below(6) as i64 - 2)),
        }
    }

    /// A precondition as the model and as the store must be told: mostly one that holds.
    async fn precondition(&mut self, key: &Key) -> (Precondition, Precondition) {
        let known = self.versions.get(key).cloned().unwrap_or_default();
        let there = self
            .model
            .read(std::slice::from_ref(key))
            .await
            .is_ok_and(|found| found[0].is_some());
        if known.is_empty() || there == self.dice.one_in(6) {
            return (Precondition::Absent, Precondition::Absent);
        }
        let (model, store) = if self.dice.one_in(6) {
            *self.dice.pick(&known)
        } else {
            known[known.len() - 1]
        };
        (Precondition::At(model), Precondition::At(store))
    }

    async fn writes(&mut self) -> Vec<(Write, Write)> {
        let count = if self.dice.one_in(2) {
            1
        } else {
            1 + self.dice.below(4)
        };
        let mut writes = Vec::new();
        for _ in 0..count {
            let key = self.key();
            let (model, store) = self.precondition(&key).await;
            let write = |precondition| match precondition {
                Precondition::At(version) => Write::Delete {
                    key: key.clone(),
                    version,
                },
                Precondition::Absent => Write::Check {
                    key: key.clone(),
                    precondition,
                },
            };
            writes.push(match self.dice.below(8) {
                0 => (write(model), write(store)),
                1 => (
                    Write::Check {
                        key: key.clone(),
                        precondition: model,
                    },
                    Write::Check {
                        key,
                        precondition: store,
                    },
                ),
                _ => {
                    let (index, size) = (self.index(), *self.dice.pick(&[0, 1, 40, 3_000, 9_000]));
                    let body = vec![self.dice.next() as u8; size];
                    let put = |precondition| Write::Put {
                        key: key.clone(),
                        precondition,
                        body: body.clone(),
                        index: index.clone(),
                    };
                    (put(model), put(store))
                }
            });
        }
        writes
    }

    async fn commit(&mut self) {
        let (of_model, of_store): (Vec<_>, Vec<_>) = self.writes().await.into_iter().unzip();
        let (expected, answer) = (
            self.model.commit(&of_model).await,
            self.store.commit(&of_store).await,
        );
        match (expected, answer) {
            (Ok(expected), Ok(answer)) => {
                assert_eq!(expected.len(), answer.len(), "{}: {of_model:?}", self.at());
                for ((write, model), store) in of_model.iter().zip(expected).zip(answer) {
                    self.succeeded(write, model, store);
                }
                if of_model.len() > 1 {
                    self.coverage.count("commit of several");
                }
            }
            (Err(expected), Err(answer)) => {
                assert_eq!(
                    answer.kind,
                    expected.kind,
                    "{}: {answer}: {of_store:?}",
                    self.at()
                );
                self.coverage.count(match (expected.kind, of_model.len()) {
                    (StoreErrorKind::Conflict, 1) => "conflict",
                    (StoreErrorKind::Conflict, _) => "conflict of several",
                    _ => "refused",
                });
            }
            (expected, answer) => panic!(
                "{}: the model says {expected:?}, the store {answer:?} to {of_store:?}",
                self.at()
            ),
        }
    }

    fn succeeded(&mut self, write: &Write, model: Version, store: Version) {
        match write {
            Write::Put {
                key, precondition, ..
            } => {
                let known = self.versions.entry(key.clone()).or_default();
                assert!(
                    known.iter().all(|(_, old)| *old != store),
                    "a version of `{key}` is used again"
                );
                known.push((model, store));
                self.coverage
                    .count(if *precondition == Precondition::Absent {
                        "create"
                    } else {
                        "replace"
                    });
            }
            Write::Delete { .. } => {
                assert_eq!((model, store), (Version(0), Version(0)), "{}", self.at());
                self.coverage.count("delete");
            }
            Write::Check {
                key,
                precondition: Precondition::At(_),
            } => {
                assert!(
                    self.is_same(key, model, store),
                    "{}: {store:?} is not what was checked",
                    self.at()
                );
                self.coverage.count("check at");
            }
            Write::Check {
                precondition: Precondition::Absent,
                ..
            } => {
                assert_eq!((model, store), (Version(0), Version(0)), "{}", self.at());
                self.coverage.count("check absent");
            }
        }
    }

    fn is_same(&self, key: &Key, model: Version, store: Version) -> bool {
        self.versions
            .get(key)
            .is_some_and(|known| known.contains(&(model, store)))
    }

    fn same_document(&self, key: &Key, model: &Document, store: &Document) {
        assert!(
            model.body == store.body,
            "{}: the body of `{key}`",
            self.at()
        );
        assert_eq!(
            model.index,
            store.index,
            "{}: the index of `{key}`",
            self.at()
        );
        assert!(
            self.is_same(key, model.version, store.version),
            "{}: the version of `{key}`",
            self.at()
        );
    }

    async fn read(&mut self) {
        let keys: Vec<_> = (0..self.dice.below(5)).map(|_| self.key()).collect();
        let expected = self.model.read(&keys).await.expect("the model answers");
        let answer = self
            .store
            .read(&keys)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        assert_eq!(expected.len(), answer.len(), "{}", self.at());
        for ((key, expected), answer) in keys.iter().zip(expected).zip(answer) {
            match (expected, answer) {
                (None, None) => self.coverage.count("read none"),
                (Some(expected), Some(answer)) => {
                    self.same_document(key, &expected, &answer);
                    self.coverage.count("read found");
                }
                (expected, answer) => panic!(
                    "{}: `{key}`: the model has {expected:?}, the store {answer:?}",
                    self.at()
                ),
            }
        }
    }

    async fn due(&mut self) {
        let (now, limit) = (Time(self.dice.below(22) as i64), 1 + self.dice.below(6));
        let expected = self
            .model
            .due_runs(now, limit)
            .await
            .expect("the model answers");
        let answer = self
            .store
            .due_runs(now, limit)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        assert_eq!(answer, expected, "{}: runs due at {now:?}", self.at());
        if !answer.is_empty() {
            self.coverage.count("due runs");
        }
        let expected = self
            .model
            .due_workflows(now, limit)
            .await
            .expect("the model answers");
        let answer = self
            .store
            .due_workflows(now, limit)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.at()));
        assert_eq!(answer, expected, "{}: workflows due at {now:?}", self.at());
        if !answer.is_empty() {
            self.coverage.count("due workflows");
        }
    }

    async fn list(&mut self) {
        let dice = &mut self.dice;
        let (query, kind) = match dice.below(6) {
            0 => (ListQuery::Workflows, "list workflows"),
            1 => (
                ListQuery::Versions(workflow_name(["a", "a-b", "b"][dice.below(3)])),
                "list versions",
            ),
            2 => (ListQuery::Dead, "list dead"),
            _ => {
                let status = dice.one_in(3).then(|| *dice.pick(RunStatus::ALL));
                (
                    ListQuery::Runs {
                        status,
                        workflow: dice.one_in(3).then(|| workflow_name("a")),
                    },
                    "list runs",
                )
            }
        };
        let limit = 1 + dice.below(5);
        let (mut of_model, mut of_store) = (None::<String>, None::<String>);
        let ordered = !matches!(query, ListQuery::Versions(_));
        let (mut expected_keys, mut answer_keys) = (Vec::new(), Vec::new());
        loop {
            let expected = self
                .model
                .list(&query, of_model.as_deref(), limit)
                .await
                .expect("the model answers");
            let answer = self
                .store
                .list(&query, of_store.as_deref(), limit)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", self.at()));
            expected_keys.extend(expected.items.iter().map(|(key, _)| key.clone()));
            answer_keys.extend(answer.items.iter().map(|(key, _)| key.clone()));
            if ordered {
                assert_eq!(answer_keys, expected_keys, "{}: {query:?}", self.at());
                for ((key, expected), (_, answer)) in expected.items.iter().zip(&answer.items) {
                    self.same_document(key, expected, answer);
                }
            }
            if !answer.items.is_empty() {
                self.coverage.count(if of_store.is_none() {
                    kind
                } else {
                    "list a further page"
                });
            }
            assert_eq!(
                answer.cursor.is_some(),
                expected.cursor.is_some(),
                "{}: whether {query:?} goes on",
                self.at()
            );
            (of_model, of_store) = (expected.cursor, answer.cursor);
            // Pages between which something happens.
            if of_model.is_none() {
                break;
            }
            if ordered && self.dice.one_in(2) {
                self.commit().await;
            }
        }
        expected_keys.sort();
        answer_keys.sort();
        assert_eq!(answer_keys, expected_keys, "{}: {query:?}", self.at());
    }
}
