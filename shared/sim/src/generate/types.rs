//! The types a file states: of outputs, of inputs, of params.

use ork_core::Value;
use ork_core::definition::Tolerate;
use serde_json::json;

use super::behaviour::OutputKind;
use super::params::ParamKind;
use super::plan::WorkflowPlan;
use super::source::{Bind, How, Over, Source};
use super::task_plan::TaskPlan;

impl WorkflowPlan {
    /// The type of one row, by its alias when there is one.
    pub(super) fn row_type(&self) -> Value {
        if self.aliases {
            json!("types.Row")
        } else {
            json!({ "n": "int", "name": "str" })
        }
    }

    /// The type of what one instance of a task gives.
    pub(super) fn output_type(&self, task: &TaskPlan) -> Value {
        match task.behaviour.output {
            OutputKind::Small | OutputKind::Large | OutputKind::Huge => self.row_type(),
            OutputKind::List(_) => json!([self.row_type()]),
            OutputKind::Files(_) => json!({ "files": [self.row_type()] }),
            OutputKind::Int(_) => json!("int"),
            OutputKind::Null => json!("any"),
        }
    }

    /// The type of a param.
    pub(super) fn param_type(&self, kind: ParamKind) -> Value {
        match kind {
            ParamKind::Int(_) => json!("int"),
            ParamKind::Ints(_) => json!(["int"]),
            ParamKind::Rows(_) => json!([self.row_type()]),
            ParamKind::Text | ParamKind::Label => json!("str"),
            ParamKind::Day => json!("date"),
            ParamKind::Maybe => json!("int?"),
            ParamKind::Flag(_) => json!("bool"),
        }
    }

    /// The type that `input_type` states for a binding of `task`; `any` where nobody knows better.
    pub(super) fn bind_type(&self, task: &TaskPlan, bind: &Bind) -> Value {
        let written = bind.source.is_literal() || bind.source == Source::Secret;
        if !written && bind.how == How::Inside {
            return json!("str");
        }
        if !written && bind.how != How::Ref {
            return json!("any");
        }
        match &bind.source {
            Source::Const(_)
            | Source::Attempt
            | Source::Recoveries
            | Source::ItemIndex
            | Source::Index
            | Source::Count => json!("int"),
            Source::Text | Source::Secret | Source::Status(_) | Source::RunId => json!("str"),
            Source::Data => json!("any"),
            Source::Slot => json!("datetime_tz"),
            Source::Param(name) => self
                .param(name)
                .map_or_else(|| json!("any"), |param| self.param_type(param.kind)),
            Source::Output(above) => self.whole_type(&self.tasks[*above]),
            Source::Number(above) if self.tasks[*above].typed_output => json!("int"),
            Source::Number(_) => json!("any"),
            Source::Item => self.item_type(task),
            Source::ItemNumber => match self.item_type(task) {
                Value::String(word) if word == "any" => json!("any"),
                _ => json!("int"),
            },
        }
    }

    /// The type of what all instances of a task give together. Instances that are tolerated give null.
    fn whole_type(&self, task: &TaskPlan) -> Value {
        match (task.typed_output, task.fans_out()) {
            (true, false) => self.output_type(task),
            (true, true) if task.tolerate == Tolerate::None => json!([self.output_type(task)]),
            _ => json!("any"),
        }
    }

    fn item_type(&self, task: &TaskPlan) -> Value {
        let Some(foreach) = &task.foreach else {
            return json!("any");
        };
        let list = match &foreach.over {
            Over::Param(name) => self.param(name).map(|param| self.param_type(param.kind)),
            Over::Output(above) => Some(self.whole_type(&self.tasks[*above])),
            Over::Files(above) => self.whole_type(&self.tasks[*above]).get("files").cloned(),
        };
        let Some(Value::Array(mut of)) = list else {
            return json!("any");
        };
        match (of.pop(), task.batch) {
            (Some(item), Some(_)) => json!([item]),
            (Some(item), None) => item,
            (None, _) => json!("any"),
        }
    }
}
