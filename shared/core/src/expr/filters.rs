//! The filters, tests and functions of expressions: which there are, what they cost, and those Ork adds.

use std::sync::OnceLock;

use minijinja::value::{Kwargs, Value as Computed, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::ast::{Arguments, Node, Operator};
use super::values::{Budget, kind_name, size, text, to_json};
use super::{ExprError, dates, nearest, operators};

/// Every filter, sorted.
pub const FILTERS: &[&str] = &[
    "abs",
    "add_days",
    "add_hours",
    "attr",
    "basename",
    "batch",
    "bool",
    "capitalize",
    "count",
    "d",
    "date",
    "datetime",
    "default",
    "dictsort",
    "dirname",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "json",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "slug",
    "sort",
    "split",
    "strftime",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "unique",
    "upper",
    "zip",
];

/// Every test that may follow `is`, sorted.
pub const TESTS: &[&str] = &[
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "false",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "undefined",
    "upper",
];

/// Every function.
pub const FUNCTIONS: &[&str] = &["range"];

/// For a method or function people know from Python: the filter that does it.
pub(super) fn instead_of_method(name: &str) -> Option<&'static str> {
    Some(match name {
        "strip" => "trim",
        "len" => "length",
        "str" => "string",
        "sorted" => "sort",
        "splitlines" => "lines",
        "isoformat" => "datetime",
        "keys" => "list",
        "values" | "get" => "default",
        "date_add" | "timedelta" => "add_days",
        _ => return FILTERS.iter().copied().find(|known| *known == name),
    })
}

fn unknown(what: &str, name: &str, known: &[&'static str], start: usize, end: usize) -> ExprError {
    let error = ExprError::new(format!("there is no {what} `{name}`"), start, end);
    match nearest(name, known.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("there are {}", known.join(", "))),
    }
}

pub(super) fn check_filter(
    name: &str,
    args: &Arguments,
    start: usize,
    end: usize,
) -> Result<(), ExprError> {
    if !FILTERS.contains(&name) {
        return Err(match instead_of_method(name) {
            Some(filter) => ExprError::new(format!("there is no filter `{name}`"), start, end)
                .hint(format!("use | {filter}")),
            None => unknown("filter", name, FILTERS, start, end),
        });
    }
    // `map("upper")`, `select("odd")`, `selectattr("ok", "eq", true)` name another filter or test.
    let (at, known, what) = match name {
        "map" => (0, FILTERS, "filter"),
        "select" | "reject" => (0, TESTS, "test"),
        "selectattr" | "rejectattr" => (1, TESTS, "test"),
        _ => return Ok(()),
    };
    let Some(arg) = args.positional.get(at) else {
        return Ok(());
    };
    match &arg.node {
        Node::Const(value) => match value.as_str() {
            Some(name) if known.contains(&name) => Ok(()),
            Some(other) => Err(unknown(what, other, known, arg.start, arg.end)),
            None => Err(ExprError::new(
                format!("the name of a {what} is expected here"),
                arg.start,
                arg.end,
            )),
        },
        _ => Err(ExprError::new(
            format!("`{name}` needs the name of a {what} in quotes here"),
            arg.start,
            arg.end,
        )),
    }
}

pub(super) fn check_test(name: &str, start: usize, end: usize) -> Result<(), ExprError> {
    match name {
        name if TESTS.contains(&name) => Ok(()),
        "None" | "null" => {
            Err(unknown("test", name, &["none"], start, end).hint("write `is none`"))
        }
        _ => Err(unknown("test", name, TESTS, start, end)),
    }
}

pub(super) fn check_function(name: &str, start: usize, end: usize) -> Result<(), ExprError> {
    if FUNCTIONS.contains(&name) {
        return Ok(());
    }
    Err(match (name, instead_of_method(name)) {
        ("now" | "today" | "utcnow" | "random" | "uuid", _) => {
            ExprError::new(format!("there is no function `{name}`"), start, end)
                .hint("a run must give the same result when it is run again: use `slot`, or a task")
        }
        (_, Some(filter)) => ExprError::new(format!("there is no function `{name}`"), start, end)
            .hint(format!("use the filter: value | {filter}")),
        _ => unknown("function", name, FUNCTIONS, start, end),
    })
}

/// Steps a filter may take on `values` (what it is applied to, then its arguments), counted up to `limit`.
pub(super) fn cost(name: &str, values: &[Computed], limit: u64) -> u64 {
    let (Some(base), args) = (values.first(), values.get(1..).unwrap_or_default()) else {
        return 1;
    };
    let length = |value: &Computed| size(value, limit);
    // A number given to a filter is a width or a count.
    let weight = |value: &Computed| match value.as_i64() {
        Some(number) => number.unsigned_abs(),
        None => length(value),
    };
    match name {
        "default" | "d" | "length" | "count" | "first" | "last" | "abs" | "round" | "attr" => 1,
        "replace" => match (base.as_str(), args) {
            (Some(base), [from, to, ..]) => {
                let found = from.as_str().map_or(0, |from| base.matches(from).count()) as u64;
                (base.len() as u64).saturating_add(found.saturating_mul(length(to)))
            }
            _ => length(base),
        },
        "join" => length(base).saturating_add(
            args.iter()
                .map(length)
                .fold(0, u64::saturating_add)
                .saturating_mul(base.len().unwrap_or(0) as u64),
        ),
        "map" | "select" | "reject" | "selectattr" | "rejectattr" | "zip" | "batch" | "slice"
        | "indent" => args
            .iter()
            .map(weight)
            .fold(1, u64::saturating_add)
            .saturating_mul(length(base)),
        _ => values.iter().map(length).fold(0, u64::saturating_add),
    }
}

/// The engine that holds the filters. It has no state, so there is one for all.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_recursion_limit(50);
        // The builtin test divides by zero.
        environment.add_test("divisibleby", divisible_by);
        environment.add_filter("date", dates::date);
        environment.add_filter("datetime", dates::datetime);
        environment.add_filter("format", dates::format);
        environment.add_filter("strftime", dates::format);
        environment.add_filter("add_days", dates::add_days);
        environment.add_filter("add_hours", dates::add_hours);
        environment.add_filter("json", json);
        environment.add_filter("tojson", json);
        environment.add_filter("string", string);
        environment.add_filter("join", join);
        environment.add_filter("sum", sum);
        environment.add_filter("basename", basename);
        environment.add_filter("dirname", dirname);
        environment.add_filter("slug", slug);
        environment
    })
}

/// An error of a filter.
pub(super) fn refuse(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message.into())
}

/// The text a filter works on.
pub(super) fn text_of<'a>(filter: &str, value: &'a Computed) -> Result<&'a str, Error> {
    value
        .as_str()
        .ok_or_else(|| refuse(format!("`{filter}` needs a text, not {}", kind_name(value))))
}

fn json(value: &Computed) -> Result<String, Error> {
    Ok(to_json(value, &mut Budget::new())
        .map_err(refuse)?
        .to_string())
}

fn string(value: &Computed) -> Result<String, Error> {
    text(value, &mut Budget::new()).map_err(refuse)
}

fn join(value: &Computed, separator: Option<&str>) -> Result<String, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(refuse(format!(
            "`join` needs a list, not {}",
            kind_name(value)
        )));
    }
    let mut budget = Budget::new();
    let parts = value
        .try_iter()?
        .map(|item| text(&item, &mut budget).map_err(refuse))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(parts.join(separator.unwrap_or("")))
}

fn sum(value: &Computed, attribute: Option<&str>, named: Kwargs) -> Result<Computed, Error> {
    let attribute = match attribute {
        Some(name) => Some(name),
        None => named.get::<Option<&str>>("attribute")?,
    };
    named.assert_all_used()?;
    let mut total = Computed::from(0);
    for item in value.try_iter()? {
        let number = match attribute {
            Some(name) => item.get_attr(name)?,
            None => item,
        };
        total = operators::binary(Operator::Add, &total, &number, &mut Budget::new())
            .map_err(refuse)?;
    }
    Ok(total)
}

fn divisible_by(value: &Computed, divisor: &Computed) -> Result<bool, Error> {
    let rest = operators::binary(Operator::Remainder, value, divisor, &mut Budget::new());
    Ok(rest.map_err(refuse)? == Computed::from(0))
}

fn basename(value: &Computed) -> Result<String, Error> {
    let path = text_of("basename", value)?.trim_end_matches('/');
    Ok(path.rsplit('/').next().unwrap_or(path).to_owned())
}

fn dirname(value: &Computed) -> Result<String, Error> {
    let path = text_of("dirname", value)?.trim_end_matches('/');
    Ok(match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((folder, _)) => folder.trim_end_matches('/').to_owned(),
        None => String::new(),
    })
}

/// Lower-case letters and digits joined by single `-`: fit for a file or resource name.
fn slug(value: &Computed) -> Result<String, Error> {
    let text = text(value, &mut Budget::new()).map_err(refuse)?;
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    Ok(words.map(str::to_lowercase).collect::<Vec<_>>().join("-"))
}
