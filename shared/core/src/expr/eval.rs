//! Evaluating expressions and rendering templates.

use minijinja::value::{Kwargs, Value as Computed, ValueKind};

use super::ast::{Arguments, Ast, Node};
use super::scope::{Scope, lookup};
use super::template::{self, Part};
use super::values::{Budget, describe, kind_name, size, text, to_json};
use super::{ExprError, filters, operators, path};
use crate::definition::{Expression, TemplateValue};
use crate::{Value, limits};

/// Items `range` may have.
const RANGE: u64 = 100_000;

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}` cannot be evaluated: {message}")]
pub struct EvalError {
    /// The offending part of the expression, as written.
    pub source_text: String,
    /// What is wrong with it.
    pub message: String,
    /// First byte of that part in the expression's source.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

/// A parsed expression or template.
#[derive(Debug)]
pub(super) enum Program {
    Expression(Ast),
    Template(Vec<Part>),
}

impl Program {
    pub(super) fn parse(template: bool, source: &str) -> Result<Self, ExprError> {
        super::check_length(
            source,
            if template {
                "a text with `{{ }}`"
            } else {
                "an expression"
            },
        )?;
        if template {
            template::parse(source).map(Self::Template)
        } else {
            super::parser::parse(source).map(Self::Expression)
        }
    }
}

/// A problem and the part of the source it is about.
struct Fault {
    message: String,
    start: usize,
    end: usize,
}

fn fault(ast: &Ast, message: impl Into<String>) -> Fault {
    Fault {
        message: message.into(),
        start: ast.start,
        end: ast.end,
    }
}

/// The value of a bare expression.
pub fn evaluate(expression: &Expression, scope: &Scope) -> Result<Value, EvalError> {
    run(
        false,
        &expression.source,
        scope,
        |evaluation, program| match program {
            Program::Expression(ast) => {
                let value = evaluation.strict(ast)?;
                to_json(&value, &mut evaluation.budget).map_err(|message| fault(ast, message))
            }
            Program::Template(parts) => evaluation.render(parts).map(Value::from),
        },
    )
}

/// Whether a bare expression holds, by Jinja's rule: false, null, zero and everything empty do not.
pub fn evaluate_bool(expression: &Expression, scope: &Scope) -> Result<bool, EvalError> {
    run(
        false,
        &expression.source,
        scope,
        |evaluation, program| match program {
            Program::Expression(ast) => evaluation.strict(ast).map(|value| value.is_true()),
            Program::Template(parts) => evaluation.render(parts).map(|text| !text.is_empty()),
        },
    )
}

/// The text of a template. Values that are not text appear as JSON.
pub fn render(expression: &Expression, scope: &Scope) -> Result<String, EvalError> {
    render_text(&expression.source, scope)
}

/// Data with every template in it replaced. A text that is one whole `{{ … }}` becomes the value itself.
pub fn render_value(template: &TemplateValue, scope: &Scope) -> Result<Value, EvalError> {
    render_inside(&template.value, scope)
}

fn render_inside(value: &Value, scope: &Scope) -> Result<Value, EvalError> {
    Ok(match value {
        Value::String(text) if !template::has_template(text) => Value::String(text.clone()),
        Value::String(text) if template::whole_template(text).is_some() => evaluate(
            &Expression {
                source: text.clone(),
                references: Vec::new(),
            },
            scope,
        )?,
        Value::String(text) => Value::String(render_text(text, scope)?),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| render_inside(item, scope))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), render_inside(field, scope)?)))
                .collect::<Result<_, EvalError>>()?,
        ),
        other => other.clone(),
    })
}

fn render_text(source: &str, scope: &Scope) -> Result<String, EvalError> {
    if !template::has_template(source) {
        return Ok(source.to_owned());
    }
    run(true, source, scope, |evaluation, program| match program {
        Program::Template(parts) => evaluation.render(parts),
        Program::Expression(ast) => evaluation.text(ast),
    })
}

fn run<T>(
    template: bool,
    source: &str,
    scope: &Scope,
    body: impl FnOnce(&mut Evaluation<'_>, &Program) -> Result<T, Fault>,
) -> Result<T, EvalError> {
    let error = |message: String, start: usize, end: usize| {
        let part = source.get(start..end).unwrap_or(source);
        let cut: String = part.chars().take(200).collect();
        EvalError {
            source_text: if cut.len() < part.len() {
                cut + "…"
            } else {
                cut
            },
            message,
            start,
            end,
        }
    };
    let program = scope
        .program(template, source)
        .map_err(|found| error(found.message, 0, source.len()))?;
    let mut evaluation = Evaluation {
        scope,
        state: None,
        budget: Budget::new(),
    };
    body(&mut evaluation, &program).map_err(|found| error(found.message, found.start, found.end))
}

struct Evaluation<'a> {
    scope: &'a Scope,
    /// Made for the first filter or test; most expressions have none.
    state: Option<minijinja::State<'static, 'static>>,
    budget: Budget,
}

impl Evaluation<'_> {
    fn render(&mut self, parts: &[Part]) -> Result<String, Fault> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Literal(literal) => out.push_str(literal),
                Part::Expression(ast) => {
                    out.push_str(&self.text(ast)?);
                    if out.len() > limits::RENDERED_BYTES {
                        return Err(fault(
                            ast,
                            format!("the text grows over {} bytes", limits::RENDERED_BYTES),
                        ));
                    }
                }
            }
        }
        Ok(out)
    }

    fn text(&mut self, ast: &Ast) -> Result<String, Fault> {
        let value = self.strict(ast)?;
        text(&value, &mut self.budget).map_err(|message| fault(ast, message))
    }

    /// The value; what is undefined is an error.
    fn strict(&mut self, ast: &Ast) -> Result<Computed, Fault> {
        let value = self.eval(ast, false)?;
        match value.kind() {
            ValueKind::Undefined => Err(fault(ast, "it is undefined")),
            ValueKind::Invalid => Err(fault(ast, format!("it failed: {value}"))),
            _ => Ok(value),
        }
    }

    /// The value; with `lenient`, a field that does not exist is undefined rather than an error.
    fn eval(&mut self, ast: &Ast, lenient: bool) -> Result<Computed, Fault> {
        self.budget.take(1).map_err(|message| fault(ast, message))?;
        match &ast.node {
            Node::Const(value) => Ok(value.clone()),
            Node::Path(found) => self.path(found, ast, lenient),
            Node::Field(base, name) => {
                let base = self.eval(base, lenient)?;
                let found = base.get_attr(name).unwrap_or_default();
                self.found(found, lenient, ast, || {
                    format!("{} has no field `{name}`", kind_name(&base))
                })
            }
            Node::Item(base, key) => {
                let base = self.eval(base, lenient)?;
                let key = self.strict(key)?;
                let found = base.get_item(&key).unwrap_or_default();
                self.found(found, lenient, ast, || {
                    format!("{} has no `{key}`", kind_name(&base))
                })
            }
            Node::Slice { base, bounds } => {
                let value = self.strict(base)?;
                let mut numbers = [None; 3];
                for (number, bound) in numbers.iter_mut().zip(bounds) {
                    let Some(bound) = bound else { continue };
                    let found = self.strict(bound)?;
                    if found.is_none() {
                        continue;
                    }
                    let exact = found.is_integer().then(|| found.as_i64()).flatten();
                    *number = Some(exact.ok_or_else(|| {
                        fault(
                            bound,
                            format!("a slice needs whole numbers, not {}", kind_name(&found)),
                        )
                    })?);
                }
                operators::slice(&value, numbers, &mut self.budget)
                    .map_err(|message| fault(ast, message))
            }
            Node::Not(inner) => Ok(Computed::from(!self.strict(inner)?.is_true())),
            Node::Negate(inner) => {
                let value = self.strict(inner)?;
                operators::negate(&value).map_err(|message| fault(ast, message))
            }
            Node::And(left, right) => {
                let value = self.strict(left)?;
                if value.is_true() {
                    self.strict(right)
                } else {
                    Ok(value)
                }
            }
            Node::Or(left, right) => {
                let value = self.strict(left)?;
                if value.is_true() {
                    Ok(value)
                } else {
                    self.strict(right)
                }
            }
            Node::Binary(operator, left, right) => {
                let (a, b) = (self.strict(left)?, self.strict(right)?);
                operators::binary(*operator, &a, &b, &mut self.budget)
                    .map_err(|message| fault(ast, message))
            }
            Node::Compare(first, rest) => {
                let mut left = self.strict(first)?;
                for (comparison, operand) in rest {
                    let right = self.strict(operand)?;
                    if !operators::compare(*comparison, &left, &right, &mut self.budget)
                        .map_err(|message| fault(ast, message))?
                    {
                        return Ok(Computed::from(false));
                    }
                    left = right;
                }
                Ok(Computed::from(true))
            }
            Node::If { test, yes, no } => {
                let chosen = if self.strict(test)?.is_true() {
                    yes
                } else {
                    no
                };
                self.strict(chosen)
            }
            Node::Filter { name, base, args } => self.filter(name, base, args, ast),
            Node::Test {
                name,
                negated,
                base,
                args,
            } => Ok(Computed::from(
                self.test(name, base, args, ast)? != *negated,
            )),
            Node::Range(bounds) => self.range(bounds, ast),
            Node::List(items) => items
                .iter()
                .map(|item| self.strict(item))
                .collect::<Result<Vec<_>, _>>()
                .map(Computed::from),
            Node::Map(pairs) => {
                let mut fields = std::collections::BTreeMap::new();
                for (key, value) in pairs {
                    let name = self.text(key)?;
                    fields.insert(name, self.strict(value)?);
                }
                Ok(Computed::from(fields))
            }
        }
    }

    fn engine(&mut self) -> &mut minijinja::State<'static, 'static> {
        self.state
            .get_or_insert_with(|| filters::environment().empty_state())
    }

    fn found(
        &self,
        value: Computed,
        lenient: bool,
        ast: &Ast,
        message: impl FnOnce() -> String,
    ) -> Result<Computed, Fault> {
        if value.is_undefined() && !lenient {
            Err(fault(ast, message()))
        } else {
            Ok(value)
        }
    }

    fn path(&self, found: &path::DottedPath, ast: &Ast, lenient: bool) -> Result<Computed, Fault> {
        let reference = path::resolve_path(&found.segments, &|name| self.scope.task_index(name))
            .map_err(|error| {
                let hint = error
                    .hint
                    .map(|hint| format!("; {hint}"))
                    .unwrap_or_default();
                fault(ast, error.message + &hint)
            })?;
        match self.scope.computed(&reference) {
            Ok(Some(value)) => Ok(value),
            Ok(None) if lenient => Ok(Computed::UNDEFINED),
            Ok(None) => match lookup(&reference, self.scope) {
                Err(error) => Err(fault(ast, error.reason)),
                Ok(_) => Err(fault(ast, "it is undefined")),
            },
            Err(error) => Err(fault(ast, error.reason)),
        }
    }

    fn arguments(&mut self, base: Computed, args: &Arguments) -> Result<Vec<Computed>, Fault> {
        let mut values = vec![base];
        for arg in &args.positional {
            values.push(self.strict(arg)?);
        }
        if !args.named.is_empty() {
            let named = args
                .named
                .iter()
                .map(|(name, value)| Ok((name.clone(), self.strict(value)?)))
                .collect::<Result<Kwargs, Fault>>()?;
            values.push(Computed::from(named));
        }
        Ok(values)
    }

    fn filter(
        &mut self,
        name: &str,
        base: &Ast,
        args: &Arguments,
        ast: &Ast,
    ) -> Result<Computed, Fault> {
        let value = if matches!(name, "default" | "d") {
            self.eval(base, true)?
        } else {
            self.strict(base)?
        };
        let values = self.arguments(value, args)?;
        self.budget
            .take(filters::cost(name, &values, self.budget.left()))
            .map_err(|message| fault(ast, message))?;
        self.engine()
            .apply_filter(name, &values)
            .map_err(|error| fault(ast, describe(&error)))
    }

    fn test(&mut self, name: &str, base: &Ast, args: &Arguments, ast: &Ast) -> Result<bool, Fault> {
        let value = if matches!(name, "defined" | "undefined") {
            self.eval(base, true)?
        } else {
            self.strict(base)?
        };
        let values = self.arguments(value, args)?;
        let cost = values.iter().fold(0_u64, |sum, value| {
            sum.saturating_add(size(value, self.budget.left()))
        });
        self.budget
            .take(cost)
            .map_err(|message| fault(ast, message))?;
        self.engine()
            .perform_test(name, &values)
            .map_err(|error| fault(ast, describe(&error)))
    }

    fn range(&mut self, bounds: &[Ast], ast: &Ast) -> Result<Computed, Fault> {
        let mut numbers = Vec::with_capacity(bounds.len());
        for bound in bounds {
            let value = self.strict(bound)?;
            let exact = value.is_integer().then(|| value.as_i64()).flatten();
            numbers.push(exact.ok_or_else(|| {
                fault(
                    bound,
                    format!("range needs whole numbers, not {}", kind_name(&value)),
                )
            })?);
        }
        let (start, stop, step) = match *numbers.as_slice() {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step, ..] => (start, stop, step),
            [] => (0, 0, 1),
        };
        if step == 0 {
            return Err(fault(ast, "the step of a range cannot be 0"));
        }
        let distance = if (step > 0) == (stop > start) {
            start.abs_diff(stop)
        } else {
            0
        };
        let count = distance.div_ceil(step.unsigned_abs());
        if count > RANGE {
            return Err(fault(
                ast,
                format!("a range may have {RANGE} items, this one has {count}"),
            ));
        }
        self.budget
            .take(count)
            .map_err(|message| fault(ast, message))?;
        let mut at = start;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(Computed::from(at));
            at = at.saturating_add(step);
        }
        Ok(Computed::from(items))
    }
}
