//! What is fuzzed.

mod cron;
mod damage;
mod definition;
mod diagnostics;
mod expression;
mod files;
mod kinds;
mod names;
mod run;
mod script;
mod stored;
mod verdict;
mod words;
mod worker;

use crate::Reading;

pub use cron::cron;
pub use damage::damage;
pub use definition::definition;
pub use expression::{expression, path, template};
pub use files::{fun, project, yaml};
pub use kinds::kind;
pub use names::{ids, object_name};
pub use run::run;
pub use verdict::verdict;
pub use worker::status;

/// One reader and its promise.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: that of its corpus and of its binary.
    pub name: &'static str,
    /// Reads an input and panics when a promise is broken.
    pub run: fn(&[u8]) -> Reading,
    /// The words of its language.
    pub words: fn() -> Vec<&'static str>,
    /// Mutations that the tests run: as many as take about a third of a second unoptimised.
    pub inputs: u64,
    /// Known defects: what their panics say. Files called `open-…` in the corpus show them. Whoever mends one takes it off
    /// this list and renames its file to `found-…`.
    pub open: &'static [&'static str],
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "yaml",
        run: yaml,
        words: words::yaml,
        inputs: 300,
        open: &[],
    },
    Target {
        name: "fun",
        run: fun,
        words: words::fun,
        inputs: 600,
        open: &[],
    },
    Target {
        name: "project",
        run: project,
        words: words::project,
        inputs: 600,
        open: &[],
    },
    Target {
        name: "expression",
        run: expression,
        words: words::expression,
        inputs: 1500,
        open: &[],
    },
    Target {
        name: "template",
        run: template,
        words: words::expression,
        inputs: 1500,
        open: &[],
    },
    Target {
        name: "path",
        run: path,
        words: words::expression,
        inputs: 4000,
        open: &[],
    },
    Target {
        name: "cron",
        run: cron,
        words: words::cron,
        inputs: 600,
        open: &[],
    },
    Target {
        name: "kind",
        run: kind,
        words: words::kind,
        inputs: 4000,
        open: &[],
    },
    Target {
        name: "object_name",
        run: object_name,
        words: words::names,
        inputs: 8000,
        open: &[],
    },
    Target {
        name: "ids",
        run: ids,
        words: words::names,
        inputs: 4000,
        open: &[],
    },
    Target {
        name: "status",
        run: status,
        words: words::json,
        inputs: 3000,
        open: &[],
    },
    Target {
        name: "verdict",
        run: verdict,
        words: words::json,
        inputs: 1500,
        open: &[],
    },
    Target {
        name: "definition",
        run: definition,
        words: words::json,
        inputs: 400,
        open: &[],
    },
    Target {
        name: "run",
        run,
        words: words::run,
        inputs: 400,
        open: &[],
    },
    Target {
        name: "damage",
        run: damage,
        words: words::run,
        inputs: 400,
        open: &[],
    },
];
