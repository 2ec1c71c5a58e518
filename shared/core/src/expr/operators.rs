//! What `+ - * / // % ** ~`, comparisons, `in` and slices mean. Nothing is converted silently; overflow is an error.

use minijinja::Value;
use minijinja::value::ValueKind;

use super::ast::{Comparison, Operator};
use super::values::{Budget, kind_name, size, text};

enum Number {
    Int(i128),
    Float(f64),
}

fn number(value: &Value) -> Option<Number> {
    if value.kind() != ValueKind::Number {
        return None;
    }
    if value.is_integer() {
        i128::try_from(value.clone()).ok().map(Number::Int)
    } else {
        f64::try_from(value.clone()).ok().map(Number::Float)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "mixing whole and broken numbers is done in floating point, as everywhere"
)]
fn float(number: &Number) -> f64 {
    match number {
        Number::Int(int) => *int as f64,
        Number::Float(float) => *float,
    }
}

fn whole(value: i128) -> Result<Value, String> {
    if let Ok(small) = i64::try_from(value) {
        return Ok(Value::from(small));
    }
    u64::try_from(value)
        .map(Value::from)
        .map_err(|_| format!("the result {value} does not fit in 64 bits"))
}

fn finite(value: f64) -> Result<Value, String> {
    if value.is_finite() {
        Ok(Value::from(value))
    } else {
        Err("the result is not a finite number".to_owned())
    }
}

/// `left operator right`.
pub(super) fn binary(
    operator: Operator,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<Value, String> {
    match operator {
        Operator::Concat => Ok(Value::from(text(left, budget)? + &text(right, budget)?)),
        Operator::Add => match (left.as_str(), right.as_str()) {
            (Some(a), Some(b)) => {
                budget.take((a.len() + b.len()) as u64)?;
                Ok(Value::from([a, b].concat()))
            }
            (None, None) if is_list(left) && is_list(right) => {
                budget.take(left.len().unwrap_or(0) as u64 + right.len().unwrap_or(0) as u64)?;
                let items = |list: &Value| {
                    list.try_iter()
                        .map_err(|error| super::values::describe(&error))
                };
                Ok(Value::from(
                    items(left)?.chain(items(right)?).collect::<Vec<_>>(),
                ))
            }
            _ => arithmetic(operator, left, right),
        },
        _ => arithmetic(operator, left, right),
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Result<Value, String> {
    let (Some(a), Some(b)) = (number(left), number(right)) else {
        let hint = match operator {
            Operator::Add if left.as_str().is_some() || right.as_str().is_some() => {
                "; to join texts write ~"
            }
            Operator::Multiply if left.as_str().is_some() || right.as_str().is_some() => {
                "; a text cannot be repeated"
            }
            _ => "",
        };
        return Err(format!(
            "`{}` cannot be applied to {} and {}{hint}",
            sign(operator),
            kind_name(left),
            kind_name(right)
        ));
    };
    let overflow = || "the result does not fit in 64 bits".to_owned();
    let by_zero = || "a division by zero".to_owned();
    match (operator, &a, &b) {
        (Operator::Add, Number::Int(a), Number::Int(b)) => whole(a + b),
        (Operator::Subtract, Number::Int(a), Number::Int(b)) => whole(a - b),
        (Operator::Multiply, Number::Int(a), Number::Int(b)) => {
            whole(a.checked_mul(*b).ok_or_else(overflow)?)
        }
        (Operator::FloorDivide, Number::Int(a), Number::Int(b)) => {
            let quotient = a.checked_div(*b).ok_or_else(by_zero)?;
            whole(if a % b != 0 && (a < &0) != (b < &0) {
                quotient - 1
            } else {
                quotient
            })
        }
        (Operator::Remainder, Number::Int(a), Number::Int(b)) => {
            let rest = a.checked_rem(*b).ok_or_else(by_zero)?;
            whole(if rest != 0 && (rest < 0) != (*b < 0) {
                rest + b
            } else {
                rest
            })
        }
        (Operator::Power, Number::Int(a), Number::Int(b)) if *b >= 0 => {
            let exponent = u32::try_from(*b).map_err(|_| overflow())?;
            whole(a.checked_pow(exponent).ok_or_else(overflow)?)
        }
        _ => {
            let (a, b) = (float(&a), float(&b));
            match operator {
                Operator::Add => finite(a + b),
                Operator::Subtract => finite(a - b),
                Operator::Multiply => finite(a * b),
                Operator::Divide if b == 0.0 => Err(by_zero()),
                Operator::Divide => finite(a / b),
                Operator::FloorDivide if b == 0.0 => Err(by_zero()),
                Operator::FloorDivide => finite((a / b).floor()),
                Operator::Remainder if b == 0.0 => Err(by_zero()),
                Operator::Remainder => finite(a - b * (a / b).floor()),
                Operator::Power => finite(a.powf(b)),
                Operator::Concat => Err("`~` joins texts".to_owned()),
            }
        }
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Add => "+",
        Operator::Subtract => "-",
        Operator::Multiply => "*",
        Operator::Divide => "/",
        Operator::FloorDivide => "//",
        Operator::Remainder => "%",
        Operator::Power => "**",
        Operator::Concat => "~",
    }
}

/// `-value`.
pub(super) fn negate(value: &Value) -> Result<Value, String> {
    match number(value) {
        Some(Number::Int(int)) => whole(-int),
        Some(Number::Float(float)) => finite(-float),
        None => Err(format!("`-` cannot be applied to {}", kind_name(value))),
    }
}

/// `left comparison right`. Texts compare by their letters, numbers by their size; other kinds only for equality.
pub(super) fn compare(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    budget: &mut Budget,
) -> Result<bool, String> {
    budget.take(size(left, budget.left()).min(size(right, budget.left())))?;
    Ok(match comparison {
        Comparison::Equal => left == right,
        Comparison::Unequal => left != right,
        Comparison::In => contains(right, left, budget)?,
        Comparison::NotIn => !contains(right, left, budget)?,
        Comparison::Less
        | Comparison::LessOrEqual
        | Comparison::Greater
        | Comparison::GreaterOrEqual => {
            let comparable = left.kind() == right.kind()
                && matches!(left.kind(), ValueKind::Number | ValueKind::String);
            if !comparable {
                return Err(format!(
                    "{} and {} have no order",
                    kind_name(left),
                    kind_name(right)
                ));
            }
            match comparison {
                Comparison::Less => left < right,
                Comparison::LessOrEqual => left <= right,
                Comparison::Greater => left > right,
                _ => left >= right,
            }
        }
    })
}

fn is_list(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

fn contains(container: &Value, item: &Value, budget: &mut Budget) -> Result<bool, String> {
    budget.take(size(container, budget.left()))?;
    match container.kind() {
        ValueKind::String => match (container.as_str(), item.as_str()) {
            (Some(text), Some(part)) => Ok(text.contains(part)),
            _ => Err(format!(
                "`in` a text looks for a text, not for {}",
                kind_name(item)
            )),
        },
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Ok(container
            .try_iter()
            .map_err(|error| super::values::describe(&error))?
            .any(|found| &found == item)),
        _ => Err(format!(
            "`in` needs a text, a list or an object, not {}",
            kind_name(container)
        )),
    }
}

/// `base[start:stop:step]` of a text or a list.
pub(super) fn slice(
    base: &Value,
    bounds: [Option<i64>; 3],
    budget: &mut Budget,
) -> Result<Value, String> {
    budget.take(size(base, budget.left()))?;
    if let Some(text) = base.as_str() {
        let letters: Vec<char> = text.chars().collect();
        let picked = positions(letters.len(), bounds)?;
        return Ok(Value::from(
            picked.into_iter().map(|at| letters[at]).collect::<String>(),
        ));
    }
    if !is_list(base) {
        return Err(format!(
            "only texts and lists have slices, not {}",
            kind_name(base)
        ));
    }
    let items: Vec<Value> = base
        .try_iter()
        .map_err(|error| super::values::describe(&error))?
        .collect();
    let picked = positions(items.len(), bounds)?;
    Ok(Value::from(
        picked
            .into_iter()
            .map(|at| items[at].clone())
            .collect::<Vec<_>>(),
    ))
}

/// The positions a slice picks, as in Python.
fn positions(length: usize, [start, stop, step]: [Option<i64>; 3]) -> Result<Vec<usize>, String> {
    let length = i64::try_from(length).map_err(|_| "it is too long to be sliced".to_owned())?;
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err("the step of a slice cannot be 0".to_owned());
    }
    let (lowest, highest) = if step > 0 {
        (0, length)
    } else {
        (-1, length - 1)
    };
    let bound = |given: Option<i64>, absent: i64| match given {
        None => absent,
        Some(at) if at < 0 => at.saturating_add(length).clamp(lowest, highest),
        Some(at) => at.clamp(lowest, highest),
    };
    let (mut at, stop) = if step > 0 {
        (bound(start, 0), bound(stop, length))
    } else {
        (bound(start, length - 1), bound(stop, -1))
    };
    let mut picked = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        picked.extend(usize::try_from(at).ok());
        at = at.saturating_add(step);
    }
    Ok(picked)
}
