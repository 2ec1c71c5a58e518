//! Where values come from, and the paths, templates and expressions that say so.

use super::plan::WorkflowPlan;

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// How that is written.
    pub how: How,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// This number.
    Const(i64),
    /// A text that YAML might take for something else.
    Text,
    /// A nested value.
    Data,
    /// A secret.
    Secret,
    /// A param.
    Param(String),
    /// What a task gave.
    Output(usize),
    /// The number in what a task gave.
    Number(usize),
    /// How a task ended.
    Status(usize),
    /// `run.id`
    RunId,
    /// `run.slot`
    Slot,
    /// `run.attempt`
    Attempt,
    /// `run.recovery_attempts`
    Recoveries,
    /// `item`
    Item,
    /// The number in an item.
    ItemNumber,
    /// `item.index`
    ItemIndex,
    /// `parallel_index`
    Index,
    /// `parallel_count`
    Count,
}

impl Source {
    /// Whether it stands in the file as it is.
    pub const fn is_literal(&self) -> bool {
        matches!(self, Self::Const(_) | Self::Text | Self::Data)
    }

    /// The task it refers to.
    pub const fn task(&self) -> Option<usize> {
        match self {
            Self::Output(task) | Self::Number(task) | Self::Status(task) => Some(*task),
            _ => None,
        }
    }

    /// The task it refers to, to be changed.
    pub const fn task_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Output(task) | Self::Number(task) | Self::Status(task) => Some(task),
            _ => None,
        }
    }
}

/// How a value is written; literals and secrets have one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// `{ref: path}`
    Ref,
    /// `{expr: "…"}`
    Expr,
    /// `"{{ path }}"`
    Template,
    /// A text with the value in it.
    Inside,
}

/// How the path of a `foreach` or `parallel` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// The task's name, with fields behind it.
    Name,
    /// `tasks.<name>.output`
    Path,
    /// `{ref: path}`
    Map,
    /// `"{{ path }}"`
    Template,
}

/// The list of a `foreach`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Over {
    /// What a task gave: a list, or the list of the outputs of its instances.
    Output(usize),
    /// The list under `files` in what a task gave.
    Files(usize),
    /// A param.
    Param(String),
}

/// The number of a `parallel`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Times {
    /// This one.
    Fixed(u32),
    /// What a task gave.
    Output(usize),
    /// A param.
    Param(String),
}

impl Over {
    /// The task it refers to, to be changed.
    pub const fn task_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Output(task) | Self::Files(task) => Some(task),
            Self::Param(_) => None,
        }
    }
}

impl Times {
    /// The task it refers to, to be changed.
    pub const fn task_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Output(task) => Some(task),
            Self::Fixed(_) | Self::Param(_) => None,
        }
    }
}

/// What `when` asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `true` or `false`.
    Literal(bool),
    /// Whether a task ended this way, or any other way.
    Status {
        /// The task.
        task: usize,
        /// The word.
        word: &'static str,
        /// `==` or `!=`.
        equal: bool,
    },
    /// Whether the number in what a task gave is at least this.
    Number {
        /// The task.
        task: usize,
        /// The bound.
        least: u32,
    },
    /// Whether a task that fans out has at least this many outputs.
    Length {
        /// The task.
        task: usize,
        /// The bound.
        least: u32,
    },
    /// Whether a param that is a number is at least this.
    Param {
        /// The param.
        name: String,
        /// The bound.
        least: u32,
    },
    /// Whether a param that is a flag is set.
    Flag(String),
    /// Whether the run was never recovered.
    FirstTime,
}

impl Condition {
    /// The task it looks at, to be changed.
    pub const fn task_mut(&mut self) -> Option<&mut usize> {
        match self {
            Self::Status { task, .. } | Self::Number { task, .. } | Self::Length { task, .. } => {
                Some(task)
            }
            Self::Literal(_) | Self::Param { .. } | Self::Flag(_) | Self::FirstTime => None,
        }
    }

    /// The param it looks at.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Param { name, .. } | Self::Flag(name) => Some(name),
            _ => None,
        }
    }

    /// The expression.
    pub fn text(&self, plan: &WorkflowPlan) -> String {
        match self {
            Self::Literal(value) => value.to_string(),
            Self::Status { task, word, equal } => {
                let sign = if *equal { "==" } else { "!=" };
                format!("{}.status {sign} '{word}'", task_path(plan, *task))
            }
            Self::Number { task, least } => {
                format!("{}.output.n >= {least}", task_path(plan, *task))
            }
            Self::Length { task, least } => {
                format!("{}.output | length >= {least}", task_path(plan, *task))
            }
            Self::Param { name, least } => format!("params.{name} >= {least}"),
            Self::Flag(name) => format!("params.{name}"),
            Self::FirstTime => "run.recovery_attempts == 0".to_owned(),
        }
    }
}

/// `tasks.name`, as expressions and paths both take it.
pub(super) fn task_path(plan: &WorkflowPlan, task: usize) -> String {
    let name = &plan.tasks[task].name;
    if name.contains('-') {
        format!("tasks[\"{name}\"]")
    } else {
        format!("tasks.{name}")
    }
}

/// The path of a source; `None` for what is not found by a path.
pub(super) fn path(plan: &WorkflowPlan, source: &Source) -> Option<String> {
    Some(match source {
        Source::Const(_) | Source::Text | Source::Data | Source::Secret => return None,
        Source::Param(name) => format!("params.{name}"),
        Source::Output(task) => format!("{}.output", task_path(plan, *task)),
        Source::Number(task) => format!("{}.output.n", task_path(plan, *task)),
        Source::Status(task) => format!("{}.status", task_path(plan, *task)),
        Source::RunId => "run.id".to_owned(),
        Source::Slot => "run.slot".to_owned(),
        Source::Attempt => "run.attempt".to_owned(),
        Source::Recoveries => "run.recovery_attempts".to_owned(),
        Source::Item => "item".to_owned(),
        Source::ItemNumber => "item.n".to_owned(),
        Source::ItemIndex => "item.index".to_owned(),
        Source::Index => "parallel_index".to_owned(),
        Source::Count => "parallel_count".to_owned(),
    })
}

/// An expression that computes something of a source, of a kind that null does not break.
pub(super) fn expression(source: &Source, path: &str) -> String {
    match source {
        Source::Number(_) => format!("{path} | default(0, true) + 1"),
        Source::Attempt | Source::Recoveries => format!("{path} * 2"),
        Source::ItemNumber | Source::ItemIndex | Source::Index | Source::Count => {
            format!("{path} + 1")
        }
        Source::Status(_) => format!("{path} == 'success'"),
        Source::Slot => format!("{path} | date"),
        Source::RunId => format!("'run ' ~ {path}"),
        Source::Output(_) | Source::Item => format!("{path} is none"),
        _ => path.to_owned(),
    }
}
