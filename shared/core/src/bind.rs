//! From bindings to values: the inputs of a task instance and the params of a run.

use std::borrow::Cow;

use serde_json::Map;

use crate::definition::{
    Binding, Expression, ParamDefault, SecretRef, Task, TemplateValue, Workflow,
};
use crate::expr::{self, RunFields, Scope};
use crate::types::{Type, list, short};
use crate::{Value, limits};

/// Why an input or param has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {message}")]
pub struct BindError {
    /// Which input or param: "input `day` of task `clean`", "param `day`".
    pub what: String,
    /// What is wrong with it.
    pub message: String,
}

/// The inputs of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bound {
    /// Arguments by name; secrets are not among them.
    pub values: Map<String, Value>,
    /// The inputs that are secrets: their names and where the values are. Only the executor looks them up.
    pub secrets: Vec<(String, SecretRef)>,
}

/// What one binding stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// A value.
    Value(Value),
    /// A secret that the executor looks up.
    Secret(SecretRef),
}

/// What `binding` stands for in `scope`. The error says why it has no value.
pub fn resolve(binding: &Binding, scope: &Scope) -> Result<Resolved, String> {
    Ok(Resolved::Value(match binding {
        Binding::Const(value) => value.clone(),
        Binding::Ref(reference) => expr::lookup(reference, scope)
            .map(Cow::into_owned)
            .map_err(|error| error.to_string())?,
        Binding::Expr(expression) => {
            expr::evaluate(expression, scope).map_err(|error| error.to_string())?
        }
        Binding::Template(template) => {
            expr::render_value(template, scope).map_err(|error| error.to_string())?
        }
        Binding::Secret(secret) => return Ok(Resolved::Secret(secret.clone())),
    }))
}

/// The inputs of one instance of `task`, checked against its `input_type` if it states one.
///
/// An input that is null because its upstream did not succeed passes: a task that runs after a failure sees null there.
pub fn bind_inputs(task: &Task, scope: &Scope) -> Result<Bound, BindError> {
    let mut bound = Bound::default();
    let mut unchecked: Vec<&str> = Vec::new();
    for input in &task.inputs {
        let resolved = resolve(&input.value, scope).map_err(|message| BindError {
            what: format!("input `{}` of task `{}`", input.name, task.name),
            message,
        })?;
        match resolved {
            Resolved::Value(value) => {
                if matches!(&input.value, Binding::Ref(reference) if scope.is_absent(reference)) {
                    unchecked.push(&input.name);
                }
                bound.values.insert(input.name.clone(), value);
            }
            Resolved::Secret(secret) => {
                unchecked.push(&input.name);
                bound.secrets.push((input.name.clone(), secret));
            }
        }
    }
    let Some(kind) = &task.input_type else {
        return Ok(bound);
    };
    let kind = loosened(kind, &unchecked);
    // Secrets are not among the values, and the check wants one value.
    let whole = Value::Object(std::mem::take(&mut bound.values));
    let checked = kind.check(&whole);
    if let Value::Object(values) = whole {
        bound.values = values;
    }
    match checked {
        Ok(()) => Ok(bound),
        Err(error) => Err(BindError {
            what: format!("the input of task `{}`", task.name),
            message: error.to_string(),
        }),
    }
}

/// The type with the fields called `unchecked` left open: anything, null or absent.
fn loosened<'a>(kind: &'a Type, unchecked: &[&str]) -> Cow<'a, Type> {
    match kind {
        Type::Object(fields) if !unchecked.is_empty() => {
            let mut fields = fields.clone();
            for (name, kind) in &mut fields {
                if unchecked.contains(&name.as_str()) {
                    *kind = Type::Optional(Box::new(Type::Any));
                }
            }
            Cow::Owned(Type::Object(fields))
        }
        _ => Cow::Borrowed(kind),
    }
}

/// The params of a run: `given` checked, defaults filled in. Every problem is reported, not only the first.
///
/// Defaults with templates see `run` and `slot` only. An optional param that is not given and has no default is null.
pub fn bind_params(
    workflow: &Workflow,
    given: &Map<String, Value>,
    run: RunFields,
) -> Result<Map<String, Value>, Vec<BindError>> {
    let mut errors = Vec::new();
    let mut params = Map::new();
    let scope = Scope::builder(run, std::sync::Arc::new(Value::Object(Map::new()))).build();
    for param in &workflow.params {
        let mut refuse = |message: String| {
            errors.push(BindError {
                what: format!("param `{}`", param.name),
                message,
            })
        };
        let value = match (given.get(&param.name), &param.default) {
            (Some(value), _) => value.clone(),
            (None, Some(ParamDefault::Value(value))) => value.clone(),
            (None, Some(ParamDefault::Template(expression))) => {
                match render_default(expression, &scope) {
                    Ok(value) => value,
                    Err(error) => {
                        refuse(format!("its default {error}"));
                        continue;
                    }
                }
            }
            (None, None) if matches!(param.kind, Type::Optional(_)) => Value::Null,
            (None, None) => {
                refuse(format!(
                    "it is required (`{}`) and was not given",
                    param.kind
                ));
                continue;
            }
        };
        match param.kind.check(&value) {
            Ok(()) => {
                params.insert(param.name.clone(), value);
            }
            Err(error) => refuse(error.to_string()),
        }
    }
    for (name, value) in given
        .iter()
        .filter(|(name, _)| workflow.params.iter().all(|param| param.name != **name))
    {
        let known: Vec<&str> = workflow
            .params
            .iter()
            .map(|param| param.name.as_str())
            .collect();
        let hint = match expr::nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "it takes none".to_owned(),
            None => format!("it has {}", list(&known)),
        };
        errors.push(BindError {
            what: format!("param `{name}`"),
            message: format!(
                "workflow `{}` has no such param ({} was given); {hint}",
                workflow.name,
                short(value)
            ),
        });
    }
    let bytes = Value::Object(params.clone()).to_string().len();
    if bytes > limits::PARAMS_BYTES {
        errors.push(BindError {
            what: "the params".to_owned(),
            message: format!(
                "they have {bytes} bytes together, {} are allowed; pass large data as a file",
                limits::PARAMS_BYTES
            ),
        });
    }
    if errors.is_empty() {
        Ok(params)
    } else {
        Err(errors)
    }
}

fn render_default(expression: &Expression, scope: &Scope) -> Result<Value, expr::EvalError> {
    let template = TemplateValue {
        value: Value::from(expression.source.as_str()),
        references: Vec::new(),
    };
    expr::render_value(&template, scope)
}
