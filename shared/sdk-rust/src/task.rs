//! `Task`: a function as Ork calls it, JSON in and JSON out; and how one of several is chosen.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Error};

/// What a function was made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Kind {
    /// A task, by `#[ork::task]`.
    Task,
    /// An executor that `ork.yaml` declares, by `#[ork::executor]`.
    Executor,
}

type Run = fn(&Call<'_>) -> Result<String, Error>;

/// A function that Ork can call. The attributes make it; [`main!`](crate::main), [`library!`](crate::library) and
/// [`tasks!`](crate::tasks) gather several.
///
/// What Ork could not call with JSON, or not know by name, does not compile:
///
/// ```compile_fail
/// #[ork::task]
/// fn two_inputs(rows: Vec<u32>, limit: u32) {} // one struct with two fields
/// ```
/// ```compile_fail
/// #[ork::task]
/// fn borrowed(name: &str) {} // a `String`
/// ```
/// ```compile_fail
/// #[ork::task]
/// fn generic<T>(input: T) {}
/// ```
/// ```compile_fail
/// struct NotJson;
/// #[ork::task]
/// fn unserializable() -> NotJson { NotJson }
/// ```
/// ```compile_fail
/// struct NoError;
/// #[ork::task]
/// fn unexplained() -> Result<(), NoError> { Err(NoError) }
/// ```
/// ```compile_fail
/// fn plain() {}
/// ork::main!(plain); // without #[ork::task]
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Task {
    name: &'static str,
    kind: Kind,
    about: &'static str,
    run: Run,
}

impl Task {
    /// For the attributes.
    #[doc(hidden)]
    pub const fn __new(kind: Kind, name: &'static str, about: &'static str, run: Run) -> Self {
        Self {
            name,
            kind,
            about,
            run,
        }
    }
    /// What it is called by.
    pub const fn name(&self) -> &'static str {
        self.name
    }
    /// What the function was made into.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
    /// The first paragraph of the function's documentation.
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// Calls the function; gives its output as JSON. A panic is a failure like any other.
    pub(crate) fn call(&self, call: &Call<'_>) -> Result<String, Error> {
        match catch_unwind(AssertUnwindSafe(|| (self.run)(call))) {
            Ok(result) => result,
            Err(payload) => Err(Error::panicked(&*payload)),
        }
    }
}

/// One call of a function: what is passed to it.
#[derive(Debug)]
pub struct Call<'a> {
    pub(crate) function: &'a str,
    pub(crate) input: &'a str,
    pub(crate) options: &'a str,
    pub(crate) context: &'a Context,
}

impl<'a> Call<'a> {
    /// The context.
    pub fn context(&self) -> &'a Context {
        self.context
    }
    /// The input, as the function wants it.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read("input", self.input)
    }
    /// The options of an executor, as it wants them.
    pub fn options<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.read("options", self.options)
    }

    fn read<T: DeserializeOwned>(&self, what: &str, json: &str) -> Result<T, Error> {
        serde_json::from_str(json).map_err(|error| {
            let verb = if what == "input" { "does" } else { "do" };
            Error::permanent(format_args!(
                "the {what} {verb} not fit `{}`: {error}",
                self.function
            ))
        })
    }
}

/// What no list of tasks may be: empty, or with a name that means two of them.
pub(crate) fn check(tasks: &[Task]) -> Result<(), Error> {
    for (at, task) in tasks.iter().enumerate() {
        if tasks[..at].iter().any(|other| other.name == task.name) {
            return Err(Error::permanent(format_args!(
                "two tasks are called `{0}`: give one another name with #[ork::task(name = \"…\")]",
                task.name
            )));
        }
    }
    if tasks.is_empty() {
        return Err(Error::permanent("there are no tasks here"));
    }
    Ok(())
}

/// The task called `name`, or an error that says which there are.
pub(crate) fn find<'t>(tasks: &'t [Task], name: &str) -> Result<&'t Task, Error> {
    if let Some(task) = tasks.iter().find(|task| task.name == name) {
        return Ok(task);
    }
    let near = tasks
        .iter()
        .map(|task| (distance(task.name, name), task.name))
        .min()
        .filter(|(distance, near)| *distance <= near.len().min(name.len()) / 3 + 1);
    let hint = match near {
        Some((_, near)) => format!("did you mean `{near}`?"),
        None => format!("there are {}", names(tasks)),
    };
    Err(Error::permanent(format_args!(
        "there is no task `{name}` here: {hint}"
    )))
}

/// The names of all tasks, for people.
pub(crate) fn names(tasks: &[Task]) -> String {
    let names: Vec<String> = tasks
        .iter()
        .map(|task| format!("`{}`", task.name))
        .collect();
    names.join(", ")
}

/// How many letters must be changed, added or taken away to make one text of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != *b);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASKS: [Task; 2] = [
        Task::__new(Kind::Task, "extract", "", |_| Ok("1".to_owned())),
        Task::__new(Kind::Task, "load", "", |_| panic!("no {}", "table")),
    ];

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_or_with_all() {
        let error = |name| find(&TASKS, name).expect_err("unknown").to_string();
        assert_eq!(
            error("extrct"),
            "there is no task `extrct` here: did you mean `extract`?"
        );
        assert_eq!(
            error("summarise"),
            "there is no task `summarise` here: there are `extract`, `load`"
        );
        assert_eq!(find(&TASKS, "load").expect("known").name(), "load");
        for (one, other, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("ä", "a", 1)] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn a_panic_is_a_failure_with_its_message() {
        let context = Context::default();
        let call = Call {
            function: "load",
            input: "{}",
            options: "{}",
            context: &context,
        };
        let error = TASKS[1].call(&call).expect_err("it panics");
        assert_eq!(error.to_string(), "panicked: no table");
        assert_eq!(error.category(), crate::Category::Unknown);
        assert_eq!(TASKS[0].call(&call).expect("it works"), "1");
    }

    #[test]
    fn a_name_means_one_task() {
        assert!(check(&TASKS).is_ok());
        let error = check(&[TASKS[0], TASKS[0]]).expect_err("twice").to_string();
        assert!(error.contains("two tasks are called `extract`"), "{error}");
        assert!(check(&[]).is_err());
    }
}
