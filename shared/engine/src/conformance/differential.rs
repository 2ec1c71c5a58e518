//! The same random operations on two stores and on the model: the same answers are required.
//!
//! Versions are compared by which are equal, not by number, cursors by where they lead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use ork_core::ids::{PoolName, VersionHash};
use ork_core::limits::DOCUMENT_BYTES;
use ork_core::run::RunStatus;
use ork_core::time::Time;

use super::coverage::{self, Kinds};
use super::dice::Dice;
use super::model::Model;
use super::sample::{record, run, run_id, workflow, workflow_name};
use crate::ports::{
    Document, Index, Key, ListQuery, Listed, Precondition, Store, StoreError, StoreErrorKind,
    Version, Write,
};

/// The kinds of operation on a store.
#[derive(Debug)]
pub enum StoreKinds {}

impl Kinds for StoreKinds {
    const ALL: &'static [&'static str] = &[
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
        "list keys",
        "list audit",
        "list a further page",
    ];
}

/// How often each kind of operation on a store succeeded, or failed as it should.
pub type Coverage = coverage::Coverage<StoreKinds>;

/// One write's version as the model and the two stores gave it.
type Versions = [Version; 3];
/// The three who are asked, in this order.
const WHO: [&str; 3] = ["the model", "the first store", "the second store"];

/// A precondition that each of the three is told in its own versions.
#[derive(Clone, Copy)]
enum Wish {
    Absent,
    At(Versions),
}

impl Wish {
    fn of(self, who: usize) -> Precondition {
        match self {
            Self::Absent => Precondition::Absent,
            Self::At(versions) => Precondition::At(versions[who]),
        }
    }
}

/// The model and the two stores side by side.
struct Sides<'a, A, B> {
    model: Model,
    first: &'a A,
    second: &'a B,
    dice: Dice,
    /// The versions of each key, oldest first.
    versions: BTreeMap<Key, Vec<Versions>>,
    coverage: Coverage,
    step: usize,
    seed: u64,
}

/// Does `steps` random operations on `store`, which starts empty, and on the model. Panics at the first difference.
pub async fn compare<S: Store>(store: &S, seed: u64, steps: usize) -> Coverage {
    compare_three(store, &Model::default(), seed, steps).await
}

/// Does `steps` random operations on two stores, which start empty, and on the model. Panics at the first difference.
pub async fn compare_three<A: Store, B: Store>(
    first: &A,
    second: &B,
    seed: u64,
    steps: usize,
) -> Coverage {
    let mut sides = Sides {
        model: Model::default(),
        first,
        second,
        dice: Dice(seed),
        versions: BTreeMap::new(),
        coverage: Coverage::default(),
        step: 0,
        seed,
    };
    for step in 0..steps {
        sides.step = step;
        match sides.dice.below(10) {
            0..=5 => sides.commit().await,
            6 => sides.read().await,
            7 => sides.due().await,
            _ => sides.list().await,
        }
    }
    sides.coverage
}

impl<A: Store, B: Store> Sides<'_, A, B> {
    fn at(&self) -> String {
        format!("seed {}, step {}", self.seed, self.step)
    }

    /// Three answers that must all be there.
    fn all<T>(&self, what: &impl Debug, answers: [Result<T, StoreError>; 3]) -> [T; 3] {
        let mut who = WHO.into_iter();
        answers.map(|answer| {
            let who = who.next().expect("three answers");
            answer.unwrap_or_else(|error| {
                panic!(
                    "{}: {who} to {what:?}: {error} ({:?})",
                    self.at(),
                    error.kind
                )
            })
        })
    }

    fn key(&mut self) -> Key {
        let name = *self.dice.pick(&["a", "a-b", "ab", "b"]);
        match self.dice.below(14) {
            0..=4 => run(&format!("{name}-{}", self.dice.below(3))),
            5 | 6 => Key::Page(run_id(name), 1 + self.dice.below(2) as u32),
            7 | 8 => workflow(name),
            9 => Key::WorkflowVersion(
                workflow_name(name),
                VersionHash::of(&[self.dice.below(3) as u8]),
            ),
            10 => Key::Pool(PoolName::new(name).expect("a valid pool name")),
            11 => Key::ApiKey(record(name)),
            12 => Key::Audit(record(name)),
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

    /// A precondition, mostly one that holds.
    async fn wish(&mut self, key: &Key) -> Wish {
        let known = self.versions.get(key).cloned().unwrap_or_default();
        let found = self.model.read(std::slice::from_ref(key)).await;
        let there = found.is_ok_and(|found| found[0].is_some());
        if known.is_empty() || there == self.dice.one_in(6) {
            Wish::Absent
        } else if self.dice.one_in(6) {
            Wish::At(*self.dice.pick(&known))
        } else {
            Wish::At(known[known.len() - 1])
        }
    }

    /// The writes of one commit, as each of the three is told them.
    async fn writes(&mut self) -> [Vec<Write>; 3] {
        let count = if self.dice.one_in(2) {
            1
        } else {
            1 + self.dice.below(4)
        };
        let mut writes = [const { Vec::new() }; 3];
        for _ in 0..count {
            let key = self.key();
            let wish = self.wish(&key).await;
            let what = self.dice.below(8);
            let index = self.index();
            let too_large = self.dice.one_in(150);
            let size = if too_large {
                DOCUMENT_BYTES + 1
            } else {
                *self.dice.pick(&[0, 1, 40, 3_000, 9_000])
            };
            let body = vec![self.dice.next() as u8; size];
            for (who, list) in writes.iter_mut().enumerate() {
                let (key, precondition) = (key.clone(), wish.of(who));
                list.push(match (what, precondition) {
                    (0, Precondition::At(version)) => Write::Delete { key, version },
                    (0 | 1, _) => Write::Check { key, precondition },
                    _ => Write::Put {
                        key,
                        precondition,
                        body: body.clone(),
                        index: index.clone(),
                    },
                });
            }
        }
        writes
    }

    async fn commit(&mut self) {
        let writes = self.writes().await;
        let answers = [
            self.model.commit(&writes[0]).await,
            self.first.commit(&writes[1]).await,
            self.second.commit(&writes[2]).await,
        ];
        let several = writes[0].len() > 1;
        match answers {
            [Ok(model), Ok(first), Ok(second)] => {
                let counts = [model.len(), first.len(), second.len()];
                assert_eq!(counts, [writes[0].len(); 3], "{}: {WHO:?}", self.at());
                for (at, write) in writes[0].iter().enumerate() {
                    self.succeeded(write, [model[at], first[at], second[at]]);
                }
                if several {
                    self.coverage.count("commit of several");
                }
            }
            [Err(model), Err(first), Err(second)] => {
                assert_eq!(
                    [first.kind, second.kind],
                    [model.kind; 2],
                    "{}: {first}; {second}",
                    self.at()
                );
                self.coverage.count(match (model.kind, several) {
                    (StoreErrorKind::Conflict, false) => "conflict",
                    (StoreErrorKind::Conflict, true) => "conflict of several",
                    _ => "refused",
                });
            }
            answers => {
                let keys: Vec<&Key> = writes[0].iter().map(Write::key).collect();
                panic!(
                    "{}: {WHO:?} answer {answers:?} to a commit of {keys:?}",
                    self.at()
                );
            }
        }
    }

    fn succeeded(&mut self, write: &Write, versions: Versions) {
        match write {
            Write::Put {
                key, precondition, ..
            } => {
                let known = self.versions.entry(key.clone()).or_default();
                for (who, version) in versions.iter().enumerate() {
                    assert!(
                        known.iter().all(|old| old[who] != *version),
                        "{} uses a version of `{key}` again",
                        WHO[who]
                    );
                }
                known.push(versions);
                self.coverage
                    .count(if *precondition == Precondition::Absent {
                        "create"
                    } else {
                        "replace"
                    });
            }
            Write::Delete { .. } => {
                assert_eq!(versions, [Version(0); 3], "{}: {WHO:?}", self.at());
                self.coverage.count("delete");
            }
            Write::Check {
                key,
                precondition: Precondition::At(_),
            } => {
                assert!(
                    self.is_known(key, versions),
                    "{}: {versions:?} is not what was checked by {WHO:?}",
                    self.at()
                );
                self.coverage.count("check at");
            }
            Write::Check {
                precondition: Precondition::Absent,
                ..
            } => {
                assert_eq!(versions, [Version(0); 3], "{}: {WHO:?}", self.at());
                self.coverage.count("check absent");
            }
        }
    }

    fn is_known(&self, key: &Key, versions: Versions) -> bool {
        self.versions
            .get(key)
            .is_some_and(|known| known.contains(&versions))
    }

    fn same_documents(&self, key: &Key, [model, first, second]: [&Document; 3]) {
        for (who, document) in [(1, first), (2, second)] {
            assert!(
                model.body == document.body,
                "{}: the body of `{key}` in {}: {} bytes, {} in the model",
                self.at(),
                WHO[who],
                document.body.len(),
                model.body.len()
            );
            assert_eq!(
                document.index,
                model.index,
                "{}: the index of `{key}` in {}",
                self.at(),
                WHO[who]
            );
        }
        let versions = [model.version, first.version, second.version];
        assert!(
            self.is_known(key, versions),
            "{}: the version of `{key}` is {versions:?} in {WHO:?}",
            self.at()
        );
    }

    async fn read(&mut self) {
        let keys: Vec<_> = (0..self.dice.below(5)).map(|_| self.key()).collect();
        let answers = [
            self.model.read(&keys).await,
            self.first.read(&keys).await,
            self.second.read(&keys).await,
        ];
        let [model, first, second] = self.all(&keys, answers);
        assert_eq!(
            [model.len(), first.len(), second.len()],
            [keys.len(); 3],
            "{}: {WHO:?}",
            self.at()
        );
        for (at, key) in keys.iter().enumerate() {
            match (&model[at], &first[at], &second[at]) {
                (None, None, None) => self.coverage.count("read none"),
                (Some(model), Some(first), Some(second)) => {
                    self.same_documents(key, [model, first, second]);
                    self.coverage.count("read found");
                }
                (model, first, second) => panic!(
                    "{}: whether there is `{key}`: {WHO:?} say {:?}",
                    self.at(),
                    [model.is_some(), first.is_some(), second.is_some()]
                ),
            }
        }
    }

    async fn due(&mut self) {
        let (now, limit) = (Time(self.dice.below(22) as i64), 1 + self.dice.below(6));
        let answers = [
            self.model.due_runs(now, limit).await,
            self.first.due_runs(now, limit).await,
            self.second.due_runs(now, limit).await,
        ];
        let [model, first, second] = self.all(&("runs due at", now, limit), answers);
        assert_eq!(first, model, "{}: {}: runs due", self.at(), WHO[1]);
        assert_eq!(second, model, "{}: {}: runs due", self.at(), WHO[2]);
        if !model.is_empty() {
            self.coverage.count("due runs");
        }
        let answers = [
            self.model.due_workflows(now, limit).await,
            self.first.due_workflows(now, limit).await,
            self.second.due_workflows(now, limit).await,
        ];
        let [model, first, second] = self.all(&("workflows due at", now, limit), answers);
        assert_eq!(first, model, "{}: {}: workflows due", self.at(), WHO[1]);
        assert_eq!(second, model, "{}: {}: workflows due", self.at(), WHO[2]);
        if !model.is_empty() {
            self.coverage.count("due workflows");
        }
    }

    fn query(&mut self) -> (ListQuery, &'static str) {
        let dice = &mut self.dice;
        match dice.below(8) {
            0 => (ListQuery::Workflows, "list workflows"),
            1 => (
                ListQuery::Versions(workflow_name(["a", "a-b", "b"][dice.below(3)])),
                "list versions",
            ),
            2 => (ListQuery::Dead, "list dead"),
            3 => (ListQuery::ApiKeys, "list keys"),
            4 => (ListQuery::Audit, "list audit"),
            _ => (
                ListQuery::Runs {
                    status: dice.one_in(3).then(|| *dice.pick(RunStatus::ALL)),
                    workflow: dice.one_in(3).then(|| workflow_name("a")),
                    made_by: dice.one_in(3).then(|| Time(dice.below(6) as i64 - 2)),
                },
                "list runs",
            ),
        }
    }

    /// Walks through a listing, with commits between the pages where their order is promised.
    async fn list(&mut self) {
        let (query, kind) = self.query();
        let limit = 1 + self.dice.below(5);
        let ordered = !matches!(query, ListQuery::Versions(_));
        let mut cursors = [const { None::<String> }; 3];
        let mut seen = [const { Vec::new() }; 3];
        loop {
            let further = cursors[0].is_some();
            let answers = [
                self.model.list(&query, cursors[0].as_deref(), limit).await,
                self.first.list(&query, cursors[1].as_deref(), limit).await,
                self.second.list(&query, cursors[2].as_deref(), limit).await,
            ];
            let pages = self.all(&query, answers);
            for (seen, page) in seen.iter_mut().zip(&pages) {
                seen.extend(page.items.iter().map(|(key, _)| key.clone()));
            }
            if ordered {
                self.same_pages(&query, &pages);
            }
            if !pages[0].items.is_empty() {
                self.coverage
                    .count(if further { "list a further page" } else { kind });
            }
            cursors = pages.map(|page| page.cursor);
            let goes_on = [0, 1, 2].map(|who| cursors[who].is_some());
            assert_eq!(
                goes_on,
                [goes_on[0]; 3],
                "{}: whether {query:?} goes on, say {WHO:?}",
                self.at()
            );
            if !goes_on[0] {
                break;
            }
            // Pages between which something happens.
            if ordered && self.dice.one_in(2) {
                self.commit().await;
            }
        }
        // In no promised order, but all of them, and each once.
        let [model, first, second] =
            seen.map(|keys| (keys.len(), keys.into_iter().collect::<BTreeSet<_>>()));
        assert_eq!(first, model, "{}: {}: {query:?}", self.at(), WHO[1]);
        assert_eq!(second, model, "{}: {}: {query:?}", self.at(), WHO[2]);
    }

    fn same_pages(&self, query: &ListQuery, [model, first, second]: &[Listed; 3]) {
        let keys =
            |page: &Listed| -> Vec<Key> { page.items.iter().map(|(key, _)| key.clone()).collect() };
        let expected = keys(model);
        assert_eq!(
            keys(first),
            expected,
            "{}: {}: {query:?}",
            self.at(),
            WHO[1]
        );
        assert_eq!(
            keys(second),
            expected,
            "{}: {}: {query:?}",
            self.at(),
            WHO[2]
        );
        for (at, key) in expected.iter().enumerate() {
            let documents = [model, first, second].map(|page| &page.items[at].1);
            self.same_documents(key, documents);
        }
    }
}
