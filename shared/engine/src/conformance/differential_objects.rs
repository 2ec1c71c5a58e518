//! The same random operations on two folders of objects and on the model: the same answers are required.
//!
//! Generations are compared by which are equal, not by number; when an object was written is nobody's to compare.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ork_core::ids::{TaskName, VersionHash};
use ork_core::names::{AttemptFile, ObjectName};

use super::coverage::{self, Kinds};
use super::dice::Dice;
use super::model_objects::ModelObjects;
use super::sample::{run_id, workflow_name};
use crate::ports::{Generation, ObjectError, Objects};

/// The kinds of operation on objects.
#[derive(Debug)]
pub enum ObjectKinds {}

impl Kinds for ObjectKinds {
    const ALL: &'static [&'static str] = &[
        "create",
        "create anew",
        "create exists",
        "put new",
        "put replace",
        "put at generation",
        "put at a stale generation",
        "put at a generation of what is gone",
        "get",
        "get empty",
        "get none",
        "get exactly the limit",
        "get too large",
        "updated",
        "updated none",
        "list a prefix",
        "list after",
        "list up to a limit",
        "list none",
        "delete",
        "delete none",
    ];
}

/// How often each kind of operation on objects succeeded, or failed as it should.
pub type Coverage = coverage::Coverage<ObjectKinds>;

/// One write's generation as the model and the two others gave it.
type Generations = [Generation; 3];
/// The three who are asked, in this order.
const WHO: [&str; 3] = ["the model", "the first", "the second"];

/// The model and the two others side by side.
struct Sides<'a, A, B> {
    model: ModelObjects,
    first: &'a A,
    second: &'a B,
    dice: Dice,
    /// The generations of each object, oldest first.
    written: BTreeMap<ObjectName, Vec<Generations>>,
    coverage: Coverage,
    step: usize,
    seed: u64,
}

/// Does `steps` random operations on `objects`, which start empty, and on the model. Panics at the first difference.
pub async fn compare<O: Objects>(objects: &O, seed: u64, steps: usize) -> Coverage {
    compare_three(objects, &ModelObjects::default(), seed, steps).await
}

/// Does `steps` random operations on two kinds of objects, which start empty, and on the model. Panics at the first difference.
pub async fn compare_three<A: Objects, B: Objects>(
    first: &A,
    second: &B,
    seed: u64,
    steps: usize,
) -> Coverage {
    let mut sides = Sides {
        model: ModelObjects::default(),
        first,
        second,
        dice: Dice(seed),
        written: BTreeMap::new(),
        coverage: Coverage::default(),
        step: 0,
        seed,
    };
    for step in 0..steps {
        sides.step = step;
        match sides.dice.below(11) {
            0..=2 => sides.create().await,
            3..=5 => sides.put().await,
            6 | 7 => sides.get().await,
            8 => sides.updated().await,
            9 => sides.list().await,
            _ => sides.delete().await,
        }
    }
    sides.coverage
}

/// Names whose order as text is not the order of their folders: `-` and `.` come before `/`.
fn name(dice: &mut Dice) -> ObjectName {
    let run = |dice: &mut Dice| run_id(["a", "a-b", "a0"][dice.below(3)]);
    let workflow = |dice: &mut Dice| workflow_name(["a", "a-b"][dice.below(2)]);
    let task = |dice: &mut Dice| TaskName::new(["t", "t-x"][dice.below(2)]).expect("a task name");
    let hash = |dice: &mut Dice| VersionHash::of(&[dice.below(2) as u8]);
    match dice.below(13) {
        0 => ObjectName::Upload(workflow(dice)),
        1 => ObjectName::UploadStatus(workflow(dice)),
        2 => ObjectName::Definition(workflow(dice), hash(dice)),
        3 => ObjectName::Bundle(workflow(dice), hash(dice)),
        4 => ObjectName::TaskOutput(run(dice), task(dice)),
        5 => ObjectName::TaskText(run(dice), task(dice)),
        6 => ObjectName::Batch(run(dice), hash(dice)),
        _ => ObjectName::Attempt {
            run: run(dice),
            task: task(dice),
            index: *dice.pick(&[None, Some(1), Some(10)]),
            attempt: *dice.pick(&[1, 2]),
            file: *dice.pick(&[AttemptFile::Claim, AttemptFile::Result]),
        },
    }
}

fn bytes(dice: &mut Dice) -> Vec<u8> {
    let size = *dice.pick(&[0, 1, 40, 3_000, 70_000]);
    let first = dice.next() as u8;
    (0..size)
        .map(|at: usize| first.wrapping_add(at as u8))
        .collect()
}

/// What an answer amounts to, for the three to be compared.
#[derive(Debug, PartialEq, Eq)]
enum Answer<T> {
    Done(T),
    Precondition,
    TooLarge(String, u64, u64),
}

fn answer<T>(result: Result<T, ObjectError>, what: &str) -> Answer<T> {
    match result {
        Ok(done) => Answer::Done(done),
        Err(ObjectError::Precondition(_)) => Answer::Precondition,
        Err(ObjectError::TooLarge { name, bytes, limit }) => Answer::TooLarge(name, bytes, limit),
        Err(other) => panic!("{what}: {other}"),
    }
}

impl<A: Objects, B: Objects> Sides<'_, A, B> {
    fn at(&self, what: impl Debug) -> String {
        format!("seed {}, step {}, {what:?}", self.seed, self.step)
    }

    /// A name, mostly one that was written before.
    fn known_name(&mut self) -> ObjectName {
        let known: Vec<_> = self.written.keys().cloned().collect();
        if known.is_empty() || self.dice.one_in(4) {
            name(&mut self.dice)
        } else {
            self.dice.pick(&known).clone()
        }
    }

    async fn is_there(&self, name: &ObjectName) -> bool {
        let found = self.model.get(name, u64::MAX).await;
        found.expect("the model answers").is_some()
    }

    /// Three answers to a write, which must be alike; the generations, if it was done.
    fn wrote(
        &mut self,
        name: &ObjectName,
        what: &str,
        answers: [Result<Generation, ObjectError>; 3],
    ) -> bool {
        let at = self.at((what, name));
        let answers = answers.map(|one| answer(one, &at));
        match answers {
            [
                Answer::Done(model),
                Answer::Done(first),
                Answer::Done(second),
            ] => {
                let written = self.written.entry(name.clone()).or_default();
                let generations = [model, first, second];
                for (who, generation) in generations.iter().enumerate() {
                    assert!(
                        written.iter().all(|old| old[who] != *generation),
                        "{at}: {} uses a generation again",
                        WHO[who]
                    );
                }
                written.push(generations);
                true
            }
            [
                Answer::Precondition,
                Answer::Precondition,
                Answer::Precondition,
            ] => false,
            answers => panic!("{at}: {WHO:?} answer {answers:?}"),
        }
    }

    async fn create(&mut self) {
        let (name, bytes) = (self.known_name(), bytes(&mut self.dice));
        let answers = [
            self.model.create(&name, &bytes).await,
            self.first.create(&name, &bytes).await,
            self.second.create(&name, &bytes).await,
        ];
        let before = self.written.contains_key(&name);
        let kind = match (self.wrote(&name, "create", answers), before) {
            (true, false) => "create",
            (true, true) => "create anew",
            (false, _) => "create exists",
        };
        self.coverage.count(kind);
    }

    async fn put(&mut self) {
        let (name, bytes) = (self.known_name(), bytes(&mut self.dice));
        let known = self.written.get(&name).cloned().unwrap_or_default();
        let there = self.is_there(&name).await;
        let expected = if known.is_empty() || self.dice.one_in(3) {
            None
        } else if self.dice.one_in(3) {
            Some(*self.dice.pick(&known))
        } else {
            known.last().copied()
        };
        let of = |who: usize| expected.map(|generations: Generations| generations[who]);
        let answers = [
            self.model.put(&name, &bytes, of(0)).await,
            self.first.put(&name, &bytes, of(1)).await,
            self.second.put(&name, &bytes, of(2)).await,
        ];
        let done = self.wrote(&name, "put", answers);
        let holds = expected.is_none() || (there && expected == known.last().copied());
        assert_eq!(done, holds, "{}", self.at(("put", &name)));
        self.coverage.count(match (expected, done, there) {
            (None, _, false) => "put new",
            (None, _, true) => "put replace",
            (Some(_), true, _) => "put at generation",
            (Some(_), false, true) => "put at a stale generation",
            (Some(_), false, false) => "put at a generation of what is gone",
        });
    }

    async fn get(&mut self) {
        let name = self.known_name();
        let size = match self.model.get(&name, u64::MAX).await {
            Ok(Some(object)) => object.bytes.len() as u64,
            _ => 0,
        };
        let limit = *self.dice.pick(&[size, size.saturating_sub(1), 1 << 20]);
        let at = self.at(("get", &name, limit));
        let answers = [
            answer(self.model.get(&name, limit).await, &at),
            answer(self.first.get(&name, limit).await, &at),
            answer(self.second.get(&name, limit).await, &at),
        ];
        match answers {
            [Answer::Done(None), Answer::Done(None), Answer::Done(None)] => {
                self.coverage.count("get none");
            }
            [
                Answer::Done(Some(model)),
                Answer::Done(Some(first)),
                Answer::Done(Some(second)),
            ] => {
                assert!(first.bytes == model.bytes, "{at}: the bytes of {}", WHO[1]);
                assert!(second.bytes == model.bytes, "{at}: the bytes of {}", WHO[2]);
                let generations = [model.generation, first.generation, second.generation];
                let last = self.written.get(&name).and_then(|written| written.last());
                assert_eq!(Some(&generations), last, "{at}: the generation, {WHO:?}");
                self.coverage.count("get");
                if size == 0 {
                    self.coverage.count("get empty");
                } else if size == limit {
                    self.coverage.count("get exactly the limit");
                }
            }
            [model @ Answer::TooLarge(..), first, second] if first == model && second == model => {
                self.coverage.count("get too large");
            }
            answers => {
                let said = answers.map(|one| match one {
                    Answer::Done(found) => format!("{:?}", found.map(|object| object.bytes.len())),
                    other => format!("{other:?}"),
                });
                panic!("{at}: {WHO:?} answer {said:?}");
            }
        }
    }

    /// Each has a clock of its own, so only whether there is an instant can be compared.
    async fn updated(&mut self) {
        let name = self.known_name();
        let at = self.at(("updated", &name));
        let answers = [
            answer(self.model.updated(&name).await, &at),
            answer(self.first.updated(&name).await, &at),
            answer(self.second.updated(&name).await, &at),
        ];
        let said = answers.map(|one| matches!(one, Answer::Done(Some(_))));
        let there = self.is_there(&name).await;
        assert_eq!(said, [there; 3], "{at}: {WHO:?}");
        self.coverage
            .count(if there { "updated" } else { "updated none" });
    }

    async fn list(&mut self) {
        let prefixes = [
            "",
            "runs/",
            "runs/a/",
            "runs/a",
            "runs/a/t",
            "runs/a-b/t-x/",
            "workflows/",
            "workflows/a/versions/",
            "nothing/",
        ];
        let prefix = *self.dice.pick(&prefixes);
        let after = match self.dice.below(3) {
            0 => Some(name(&mut self.dice).to_string()),
            1 => Some(
                (*self
                    .dice
                    .pick(&["", "runs/a", "runs/a/t/1/result.jso", "z"]))
                .to_owned(),
            ),
            _ => None,
        };
        let after = after.as_deref();
        let limit = *self.dice.pick(&[0, 1, 3, 1_000]);
        let at = self.at(("list", prefix, after, limit));
        let [model, first, second] = [
            answer(self.model.list(prefix, after, limit).await, &at),
            answer(self.first.list(prefix, after, limit).await, &at),
            answer(self.second.list(prefix, after, limit).await, &at),
        ];
        assert_eq!(first, model, "{at}: {}", WHO[1]);
        assert_eq!(second, model, "{at}: {}", WHO[2]);
        let Answer::Done(found) = model else {
            panic!("{at}: the model answers {model:?}")
        };
        if found.is_empty() {
            return self.coverage.count("list none");
        }
        if !prefix.is_empty() {
            self.coverage.count("list a prefix");
        }
        if after.is_some() {
            self.coverage.count("list after");
        }
        if found.len() == limit {
            self.coverage.count("list up to a limit");
        }
    }

    async fn delete(&mut self) {
        let name = self.known_name();
        let there = self.is_there(&name).await;
        let at = self.at(("delete", &name));
        let answers = [
            answer(self.model.delete(&name).await, &at),
            answer(self.first.delete(&name).await, &at),
            answer(self.second.delete(&name).await, &at),
        ];
        assert!(
            answers.iter().all(|one| *one == Answer::Done(())),
            "{at}: {answers:?}"
        );
        self.coverage
            .count(if there { "delete" } else { "delete none" });
    }
}
