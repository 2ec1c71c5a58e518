//! Inputs of a run: their types, their defaults, and values somebody might give instead.

use ork_core::Value;
use serde_json::{Map, json};

use crate::random::Random;

use super::behaviour::rows;
use super::plan::WorkflowPlan;

/// One param.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamPlan {
    /// Its name.
    pub name: String,
    /// Its type and its value.
    pub kind: ParamKind,
    /// Whether it has no default and must be given; only sub-workflows have such.
    pub required: bool,
    /// Whether it says what it is for.
    pub described: bool,
}

/// The type of a param, with the value it has by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamKind {
    /// A whole number.
    Int(u32),
    /// A list of this many whole numbers.
    Ints(u32),
    /// A list of this many rows.
    Rows(u32),
    /// A text.
    Text,
    /// The day of the slot: a default with a template.
    Day,
    /// The run's id and slot in a text: a default with a template.
    Label,
    /// An optional number, null by default.
    Maybe,
    /// True or false.
    Flag(bool),
}

impl ParamPlan {
    /// The instances it stands for: the number, or the items of the list.
    pub fn count(&self) -> u32 {
        match self.kind {
            ParamKind::Int(n) | ParamKind::Ints(n) | ParamKind::Rows(n) => n,
            _ => 0,
        }
    }

    /// The default as it is written.
    pub fn default_value(&self) -> Value {
        match self.kind {
            ParamKind::Int(n) => json!(n),
            ParamKind::Ints(count) => json!((0..count).collect::<Vec<u32>>()),
            ParamKind::Rows(count) => rows(count, 0),
            ParamKind::Text => json!("north"),
            ParamKind::Day => json!("{{ slot | date }}"),
            ParamKind::Label => json!("{{ run.workflow }} at {{ slot }}"),
            ParamKind::Maybe => Value::Null,
            ParamKind::Flag(value) => json!(value),
        }
    }

    /// A value that somebody who starts a run may give.
    pub fn given_value(&self, random: &mut Random) -> Value {
        match self.kind {
            ParamKind::Day => json!("2026-03-29"),
            ParamKind::Label => json!("by hand"),
            ParamKind::Text => json!(random.pick(&["south", "east", ""])),
            ParamKind::Maybe => json!(random.below(10)),
            ParamKind::Flag(_) => json!(random.one_in(2)),
            ParamKind::Int(_) => json!(random.below(4)),
            ParamKind::Ints(_) => json!((0..random.below(5)).collect::<Vec<u64>>()),
            ParamKind::Rows(_) => {
                let count = random.below(5);
                rows(u32::try_from(count).expect("below 5"), random.below(10))
            }
        }
    }
}

impl WorkflowPlan {
    /// Params for a run that is started by hand: all that are required, and now and then another one.
    pub fn given_params(&self, random: &mut Random) -> Map<String, Value> {
        self.params
            .iter()
            .filter_map(|param| {
                let given = param.required || random.one_in(4);
                given.then(|| (param.name.clone(), param.given_value(random)))
            })
            .collect()
    }
}
