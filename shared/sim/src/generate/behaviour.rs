//! What the simulated worker does with the attempts of a task. No part of the workflow file.

use std::fmt;

use ork_core::Value;
use ork_core::limits::{INLINE_OUTPUT_BYTES, VERDICT_OUTPUT_BYTES};
use serde_json::json;

/// What the simulated worker does with an attempt of this task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// How often an attempt fails in a way that a retry may mend.
    pub fail_thousandths: u32,
    /// How often it fails for good.
    pub permanent_thousandths: u32,
    /// How often it hands one to six jobs over to others.
    pub defer_thousandths: u32,
    /// How often it needs more memory than it has.
    pub oom_thousandths: u32,
    /// The least and the most seconds it runs for.
    pub runs_seconds: (u64, u64),
    /// What it gives when it succeeds.
    pub output: OutputKind,
}

impl Behaviour {
    /// Runs for a moment, succeeds, and gives something small.
    pub const PLAIN: Self = Self {
        fail_thousandths: 0,
        permanent_thousandths: 0,
        defer_thousandths: 0,
        oom_thousandths: 0,
        runs_seconds: (1, 5),
        output: OutputKind::Small,
    };
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.runs_seconds;
        write!(f, "runs {least} to {most} s, gives {:?}", self.output)?;
        for (what, thousandths) in [
            ("fails", self.fail_thousandths),
            ("fails for good", self.permanent_thousandths),
            ("defers", self.defer_thousandths),
            ("runs out of memory", self.oom_thousandths),
        ] {
            if thousandths > 0 {
                write!(f, ", {what} {thousandths} times in 1000")?;
            }
        }
        Ok(())
    }
}

/// What an attempt gives when it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// An object with a number `n` and a text `name`.
    Small,
    /// A list of this many such objects.
    List(u32),
    /// An object with such a list under `files`.
    Files(u32),
    /// This whole number.
    Int(u32),
    /// As `Small`, with a text too long for a page and short enough for the verdict.
    Large,
    /// As `Small`, with a text too long for the verdict.
    Huge,
    /// Null.
    Null,
}

impl OutputKind {
    /// The value; `salt` decides the numbers in it, so that a `when` on them goes both ways.
    pub fn value(self, salt: u64) -> Value {
        match self {
            Self::Small => row(salt),
            Self::List(count) => rows(count, salt),
            Self::Files(count) => json!({ "files": rows(count, salt) }),
            Self::Int(n) => json!(n),
            Self::Large => long(salt, 2 * INLINE_OUTPUT_BYTES),
            Self::Huge => long(salt, VERDICT_OUTPUT_BYTES + 1024),
            Self::Null => Value::Null,
        }
    }

    /// The value as the JSON text a worker writes.
    pub fn text(self, salt: u64) -> String {
        self.value(salt).to_string()
    }

    /// Whether it is an object with a number `n`.
    pub const fn has_number(self) -> bool {
        matches!(self, Self::Small | Self::Large | Self::Huge)
    }

    /// The items of a list or of the list in it.
    pub const fn items(self) -> Option<u32> {
        match self {
            Self::List(count) | Self::Files(count) => Some(count),
            _ => None,
        }
    }
}

/// The object that all outputs and lists are made of; its type is in `types.rs`.
pub(super) fn row(salt: u64) -> Value {
    json!({ "n": salt % 10, "name": format!("row-{}", salt % 100) })
}

/// A list of rows whose numbers follow each other.
pub(super) fn rows(count: u32, salt: u64) -> Value {
    Value::Array(
        (0..u64::from(count))
            .map(|at| row(salt.wrapping_add(at)))
            .collect(),
    )
}

fn long(salt: u64, bytes: usize) -> Value {
    json!({ "n": salt % 10, "name": "x".repeat(bytes) })
}
