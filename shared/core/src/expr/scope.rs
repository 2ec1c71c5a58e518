//! What an evaluation sees: outputs, params, the run and the instance.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use minijinja::Value as Computed;

use super::path::path_text;
use super::values::from_json;
use crate::definition::{Reference, Root, Segment, TaskIndex};
use crate::time::Time;
use crate::types::{Type, list};
use crate::{Map, Value};

/// What is known about the run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFields {
    /// Its id.
    pub id: String,
    /// The slot it was made for; runs started by hand have the instant they were started at.
    pub slot: Option<Time>,
    /// The workflow's name.
    pub workflow: String,
    /// The version it is pinned to.
    pub version: String,
    /// From 1.
    pub attempt: u32,
    /// How often it was recovered.
    pub recovery_attempts: u32,
}

/// What is known about one instance.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Instance {
    /// Its `foreach` item, or the list of them under `batch`.
    pub item: Option<Arc<Value>>,
    /// What `item.index` is.
    pub item_index: u32,
    /// What `run.index` and `parallel_index` are.
    pub index: u32,
    /// What `run.count` and `parallel_count` are.
    pub count: u32,
}

/// Plain data and, once an expression asks for it, its converted form.
#[derive(Debug, Default)]
struct Datum {
    json: Arc<Value>,
    converted: OnceLock<Computed>,
}

impl Datum {
    fn new(json: Arc<Value>) -> Self {
        Self {
            json,
            converted: OnceLock::new(),
        }
    }
    fn converted(&self) -> &Computed {
        self.converted.get_or_init(|| from_json(&self.json))
    }
}

#[derive(Debug)]
struct TaskData {
    index: TaskIndex,
    output: Datum,
    status: String,
    kind: Option<Type>,
}

impl TaskData {
    fn is_absent(&self) -> bool {
        self.output.json.is_null() && self.status != crate::run::InstanceStatus::Success.as_str()
    }
}

/// Parsed sources.
type Programs = Mutex<BTreeMap<String, Arc<super::eval::Program>>>;

/// What the instances of a task have in common.
#[derive(Debug, Default)]
struct Shared {
    run: RunFields,
    params: Datum,
    tasks: BTreeMap<String, TaskData>,
    names: BTreeMap<TaskIndex, String>,
    notice: Map,
    expressions: Programs,
    templates: Programs,
}

/// What an evaluation sees. Made once per task; [`Scope::for_instance`] is cheap.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    shared: Arc<Shared>,
    instance: Instance,
    item: Arc<Datum>,
}

/// Collects what a [`Scope`] holds.
#[derive(Debug, Default)]
pub struct ScopeBuilder {
    shared: Shared,
}

impl ScopeBuilder {
    /// Adds an upstream: its output (null when it gave none) and the word for how it ended.
    /// `kind` is the type of the output if one is stated, with which optional fields that are absent read as null.
    #[must_use]
    pub fn task(
        mut self,
        index: TaskIndex,
        name: &str,
        output: Arc<Value>,
        status: &str,
        kind: Option<Type>,
    ) -> Self {
        self.shared.names.insert(index, name.to_owned());
        self.shared.tasks.insert(
            name.to_owned(),
            TaskData {
                index,
                output: Datum::new(output),
                status: status.to_owned(),
                kind,
            },
        );
        self
    }
    /// Adds what a notice says, for the templates of a notification.
    #[must_use]
    pub fn notice(mut self, fields: Map) -> Self {
        self.shared.notice = fields;
        self
    }
    /// The finished scope, for a task that does not fan out.
    pub fn build(self) -> Scope {
        let instance = Instance {
            count: 1,
            ..Instance::default()
        };
        Scope {
            shared: Arc::new(self.shared),
            instance,
            item: Arc::new(Datum::default()),
        }
    }
}

/// Why a reference has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` has no value: {reason}")]
pub struct LookupError {
    /// The path as it was written.
    pub path: String,
    /// Why.
    pub reason: String,
    /// Whether a field or position does not exist, as opposed to something that was not loaded.
    pub missing: bool,
}

impl Scope {
    /// Starts a scope. `params` is the object of the run's params.
    pub fn builder(run: RunFields, params: Arc<Value>) -> ScopeBuilder {
        ScopeBuilder {
            shared: Shared {
                run,
                params: Datum::new(params),
                ..Shared::default()
            },
        }
    }
    /// The same scope as seen by one instance.
    #[must_use]
    pub fn for_instance(&self, instance: Instance) -> Self {
        let item = Arc::new(Datum::new(instance.item.clone().unwrap_or_default()));
        Self {
            shared: self.shared.clone(),
            instance,
            item,
        }
    }

    /// Whether `reference` lies below an upstream that gave no output because it did not succeed: it is null then,
    /// whatever its type says.
    pub fn is_absent(&self, reference: &Reference) -> bool {
        match &reference.root {
            Root::Output(index) => self
                .task(*index, reference)
                .is_ok_and(|(_, task)| task.is_absent()),
            _ => false,
        }
    }

    /// Whether an upstream called `name` is part of the scope.
    pub(super) fn task_index(&self, name: &str) -> Option<TaskIndex> {
        self.shared.tasks.get(name).map(|task| task.index)
    }

    /// The parsed form of `source`, parsed once per scope and its instances.
    pub(super) fn program(
        &self,
        template: bool,
        source: &str,
    ) -> Result<Arc<super::eval::Program>, super::ExprError> {
        let programs = if template {
            &self.shared.templates
        } else {
            &self.shared.expressions
        };
        let lock = || {
            programs
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        if let Some(found) = lock().get(source) {
            return Ok(found.clone());
        }
        let made = Arc::new(super::eval::Program::parse(template, source)?);
        lock().insert(source.to_owned(), made.clone());
        Ok(made)
    }

    /// The value of `reference` for the engine. `Ok(None)` when a field on the way does not exist.
    pub(super) fn computed(&self, reference: &Reference) -> Result<Option<Computed>, LookupError> {
        let base = match &reference.root {
            Root::Output(index) => self.task(*index, reference)?.1.output.converted().clone(),
            Root::Param(name) => match self.shared.params.converted().get_attr(name) {
                Ok(found) if !found.is_undefined() => found,
                _ => return Ok(None),
            },
            Root::Item if self.instance.item.is_some() => self.item.converted().clone(),
            _ => return lookup(reference, self).map(|found| Some(from_json(&found))),
        };
        let mut value = base;
        for segment in &reference.path {
            let below = match segment {
                Segment::Field(name) => value.get_attr(name),
                Segment::Index(index) => value.get_item_by_index(*index as usize),
            };
            match below {
                Ok(found) if !found.is_undefined() => value = found,
                _ => {
                    // The slow way knows absent optional fields, failed upstreams, and what to say.
                    return match lookup(reference, self) {
                        Ok(found) => Ok(Some(from_json(&found))),
                        Err(error) if error.missing => Ok(None),
                        Err(error) => Err(error),
                    };
                }
            }
        }
        Ok(Some(value))
    }

    fn task(
        &self,
        index: TaskIndex,
        reference: &Reference,
    ) -> Result<(&str, &TaskData), LookupError> {
        let name = self.shared.names.get(&index).map(String::as_str);
        name.and_then(|name| Some((name, self.shared.tasks.get(name)?)))
            .ok_or_else(|| LookupError {
                path: self.reference_text(reference),
                reason: format!("the output of task number {index} was not loaded for this task"),
                missing: false,
            })
    }

    /// A reference as a file writes it.
    fn reference_text(&self, reference: &Reference) -> String {
        let field = |name: &str| Segment::Field(name.to_owned());
        let task =
            |index: &TaskIndex| field(self.shared.names.get(index).map_or("?", String::as_str));
        let mut segments = match &reference.root {
            Root::Output(index) => vec![field("tasks"), task(index), field("output")],
            Root::Status(index) => vec![field("tasks"), task(index), field("status")],
            Root::Param(name) => vec![field("params"), field(name)],
            Root::Run(name) => vec![field("run"), field(name)],
            Root::Item => vec![field("item")],
            Root::ItemIndex => vec![field("item"), field("index")],
            Root::Notice(name) => vec![field("notice"), field(name)],
        };
        segments.extend(reference.path.iter().cloned());
        path_text(&segments)
    }

    fn run_field(&self, name: &str) -> Option<Value> {
        let run = &self.shared.run;
        Some(match name {
            "id" => Value::from(run.id.as_str()),
            "slot" => run
                .slot
                .map_or(Value::Null, |slot| Value::from(slot.rfc3339())),
            "workflow" => Value::from(run.workflow.as_str()),
            "version" => Value::from(run.version.as_str()),
            "attempt" => Value::from(run.attempt),
            "recovery_attempts" => Value::from(run.recovery_attempts),
            "index" => Value::from(self.instance.index),
            "count" => Value::from(self.instance.count),
            _ => return None,
        })
    }
}

/// The value `reference` stands for, borrowed where possible.
///
/// Everything below the output of an upstream that did not succeed is null, and so is an absent field that its type calls
/// optional. Any other field that does not exist is an error naming the path and what is there.
pub fn lookup<'a>(reference: &Reference, scope: &'a Scope) -> Result<Cow<'a, Value>, LookupError> {
    let missing = |reason: String| LookupError {
        path: scope.reference_text(reference),
        reason,
        missing: true,
    };
    let (base, kind) = match &reference.root {
        Root::Output(index) => {
            let (_, task) = scope.task(*index, reference)?;
            if task.is_absent() {
                return Ok(Cow::Owned(Value::Null));
            }
            (&*task.output.json, task.kind.as_ref())
        }
        Root::Status(index) => {
            return Ok(Cow::Owned(Value::from(
                scope.task(*index, reference)?.1.status.as_str(),
            )));
        }
        Root::Param(name) => match scope.shared.params.json.get(name) {
            Some(found) => (found, None),
            None => return Err(missing(format!("the run has no param `{name}`"))),
        },
        Root::Run(name) => {
            return scope
                .run_field(name)
                .map(Cow::Owned)
                .ok_or_else(|| missing(format!("a run has no `{name}`")));
        }
        Root::ItemIndex => return Ok(Cow::Owned(Value::from(scope.instance.item_index))),
        Root::Notice(name) => match scope.shared.notice.get(name) {
            Some(found) => (found, None),
            None => return Err(missing(format!("a notice has no `{name}`"))),
        },
        Root::Item => match &scope.instance.item {
            Some(_) => (&*scope.item.json, None),
            None => {
                return Err(LookupError {
                    missing: false,
                    ..missing("the task has no `foreach`".to_owned())
                });
            }
        },
    };
    let mut value = base;
    for (at, segment) in reference.path.iter().enumerate() {
        let below = match segment {
            Segment::Field(name) => value.get(name),
            // A number after a dot may be a key: `by_year.2024`.
            Segment::Index(key) if value.is_object() => value.get(key.to_string()),
            Segment::Index(index) => value.get(*index as usize),
        };
        match below {
            Some(found) => value = found,
            None if kind.is_some_and(|kind| {
                matches!(kind.at(&reference.path[..=at]), Ok(Type::Optional(_)))
            }) =>
            {
                return Ok(Cow::Owned(Value::Null));
            }
            None => return Err(missing(absence(value, segment))),
        }
    }
    Ok(Cow::Borrowed(value))
}

/// Why `value` has no `segment`.
fn absence(value: &Value, segment: &Segment) -> String {
    match (value, segment) {
        (Value::Object(fields), Segment::Field(name)) => {
            let near = super::nearest(name, fields.keys().map(String::as_str))
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            format!(
                "there is no field `{name}`, only {}{near}",
                list(fields.keys())
            )
        }
        (Value::Object(_), Segment::Index(key)) => absence(value, &Segment::Field(key.to_string())),
        (Value::Array(items), Segment::Index(index)) => {
            format!("there is no item [{index}], the list has {}", items.len())
        }
        (other, Segment::Field(name)) => {
            format!("{} has no field `{name}`", crate::types::short(other))
        }
        (other, Segment::Index(index)) => {
            format!("{} has no item [{index}]", crate::types::short(other))
        }
    }
}
