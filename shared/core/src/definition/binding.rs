//! Where values come from: constants, references, expressions, templates, secrets.

use serde::{Deserialize, Serialize};

use super::TaskIndex;
use crate::Value;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// Written in the file.
    Const(Value),
    /// Somebody's output, a param, the item.
    Ref(Reference),
    /// Computed.
    Expr(Expression),
    /// Data whose strings hold `{{ }}`: a string that is one whole template keeps its type.
    Template(TemplateValue),
    /// A secret by name; its value is never part of a document.
    Secret(SecretRef),
}

/// Data with templates in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateValue {
    /// The data as written.
    pub value: Value,
    /// Everything its templates refer to.
    pub references: Vec<Reference>,
}

/// An expression or a text with `{{ }}`, checked to compile, with everything it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expression {
    /// As written.
    pub source: String,
    /// What must be loaded to evaluate it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// A path to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Where the path starts.
    pub root: Root,
    /// Fields and list positions below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<Segment>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// A field of an object.
    Field(String),
    /// A position in a list, from 0.
    Index(u32),
}

/// Where a path starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// `tasks.<task>.output`.
    Output(TaskIndex),
    /// `tasks.<task>.status`.
    Status(TaskIndex),
    /// `params.<name>`.
    Param(String),
    /// `run.<field>`: id, slot, workflow, version, attempt, recovery_attempts.
    Run(String),
    /// `item`, `item.<field>` of the instance's foreach item.
    Item,
    /// `item.index`: the position of the instance.
    ItemIndex,
    /// `notice.<field>`: what somebody is told, in a notification's templates only.
    Notice(String),
}

/// A secret by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// `projects/P/secrets/S/versions/V`, or locally the name of an environment variable.
    pub name: String,
}

impl SecretRef {
    /// The environment variable that holds it: S of `projects/P/secrets/S/versions/V`.
    pub fn variable(&self) -> &str {
        match self.name.split('/').collect::<Vec<_>>()[..] {
            ["projects", _, "secrets", secret, ..] => secret,
            _ => &self.name,
        }
    }
}

/// A secret handed to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMount {
    /// The variable's or file's name.
    pub name: String,
    /// Which secret.
    pub secret: SecretRef,
    /// Where the file goes; a variable when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}
