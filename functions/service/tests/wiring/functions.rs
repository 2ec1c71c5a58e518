//! Those of Terraform's functions that `terraform/` uses.

use hcl::eval::{Context, FuncArgs, FuncDef, ParamType};
use hcl::{Map, Number, Value};

/// Declares them.
pub(crate) fn declare(context: &mut Context<'_>) {
    let any = |f: fn(FuncArgs) -> Result<Value, String>| {
        FuncDef::builder().variadic_param(ParamType::Any).build(f)
    };
    for (name, function) in [
        ("alltrue", all_true as fn(FuncArgs) -> Result<Value, String>),
        ("concat", concat),
        ("contains", contains),
        ("file", file),
        ("flatten", flatten),
        ("floor", floor),
        ("join", join),
        ("jsondecode", json_decode),
        ("jsonencode", json_encode),
        ("keys", keys),
        ("length", length),
        ("lookup", lookup),
        ("merge", merge),
        ("replace", replace),
        ("setproduct", set_product),
        ("split", split),
        ("startswith", starts_with),
        ("toset", to_set),
        ("tostring", to_string),
        ("trimsuffix", trim_suffix),
        ("values", values),
    ] {
        context.declare_func(name, any(function));
    }
}

type Said = Result<Value, String>;

/// The arguments, of which there are so many.
fn exactly<const N: usize>(args: FuncArgs) -> Result<[Value; N], String> {
    let given = args.into_values();
    let count = given.len();
    given
        .try_into()
        .map_err(|_| format!("{count} arguments, not {N}"))
}

fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(items) => Ok(items),
        other => Err(format!("{other} is no list")),
    }
}

fn map(value: Value) -> Result<Map<String, Value>, String> {
    match value {
        Value::Object(entries) => Ok(entries),
        other => Err(format!("{other} is no map")),
    }
}

/// As Terraform has them: in the order of their keys.
fn sorted(entries: Map<String, Value>) -> Vec<(String, Value)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    entries
}

/// A text, or a number or truth value as one.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        other => Err(format!("{other} is no text")),
    }
}

fn all_true(args: FuncArgs) -> Said {
    let [items] = exactly(args)?;
    Ok(Value::Bool(
        list(items)?.iter().all(|item| *item == Value::Bool(true)),
    ))
}

fn concat(args: FuncArgs) -> Said {
    let mut all = Vec::new();
    for part in args.into_values() {
        all.extend(list(part)?);
    }
    Ok(Value::Array(all))
}

fn contains(args: FuncArgs) -> Said {
    let [items, wanted] = exactly(args)?;
    Ok(Value::Bool(list(items)?.contains(&wanted)))
}

fn file(args: FuncArgs) -> Said {
    let [path] = exactly(args)?;
    let path = text(&path)?;
    std::fs::read_to_string(&path)
        .map(Value::String)
        .map_err(|error| format!("{path}: {error}"))
}

fn flatten(args: FuncArgs) -> Said {
    fn into(items: Vec<Value>, all: &mut Vec<Value>) {
        for item in items {
            match item {
                Value::Array(items) => into(items, all),
                other => all.push(other),
            }
        }
    }
    let [items] = exactly(args)?;
    let mut all = Vec::new();
    into(list(items)?, &mut all);
    Ok(Value::Array(all))
}

fn floor(args: FuncArgs) -> Said {
    let [Value::Number(number)] = exactly(args)? else {
        return Err("no number".into());
    };
    let whole = number.as_f64().unwrap_or_default().floor();
    Ok(Value::Number(Number::from(whole as i64)))
}

fn join(args: FuncArgs) -> Said {
    let [between, items] = exactly(args)?;
    let texts: Result<Vec<String>, String> = list(items)?.iter().map(text).collect();
    Ok(Value::String(texts?.join(&text(&between)?)))
}

fn json_decode(args: FuncArgs) -> Said {
    let [json] = exactly(args)?;
    serde_json::from_str(&text(&json)?).map_err(|error| error.to_string())
}

fn json_encode(args: FuncArgs) -> Said {
    let [value] = exactly(args)?;
    serde_json::to_string(&value)
        .map(Value::String)
        .map_err(|error| error.to_string())
}

fn keys(args: FuncArgs) -> Said {
    let [entries] = exactly(args)?;
    let keys = sorted(map(entries)?).into_iter();
    Ok(Value::Array(
        keys.map(|(key, _)| Value::String(key)).collect(),
    ))
}

fn values(args: FuncArgs) -> Said {
    let [entries] = exactly(args)?;
    let entries = sorted(map(entries)?).into_iter();
    Ok(Value::Array(entries.map(|(_, value)| value).collect()))
}

fn length(args: FuncArgs) -> Said {
    let [value] = exactly(args)?;
    let length = match &value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        Value::String(text) => text.chars().count(),
        other => return Err(format!("{other} has no length")),
    };
    Ok(Value::Number(Number::from(length)))
}

fn lookup(args: FuncArgs) -> Said {
    let [entries, key, otherwise] = exactly(args)?;
    let found = map(entries)?.swap_remove(&text(&key)?);
    Ok(found.unwrap_or(otherwise))
}

fn merge(args: FuncArgs) -> Said {
    let mut all = Map::new();
    for part in args.into_values() {
        all.extend(map(part)?);
    }
    Ok(Value::Object(all))
}

fn replace(args: FuncArgs) -> Said {
    let [whole, from, to] = exactly(args)?;
    Ok(Value::String(
        text(&whole)?.replace(&text(&from)?, &text(&to)?),
    ))
}

fn set_product(args: FuncArgs) -> Said {
    let [one, other] = exactly(args)?;
    let other = list(other)?;
    let pairs = list(one)?.into_iter().flat_map(|one| {
        let with = move |other: &Value| Value::Array(vec![one.clone(), other.clone()]);
        other.iter().map(with).collect::<Vec<_>>()
    });
    Ok(Value::Array(pairs.collect()))
}

fn split(args: FuncArgs) -> Said {
    let [at, whole] = exactly(args)?;
    let (whole, at) = (text(&whole)?, text(&at)?);
    let parts = whole.split(&at).map(|part| part.to_owned().into());
    Ok(Value::Array(parts.collect()))
}

fn starts_with(args: FuncArgs) -> Said {
    let [whole, start] = exactly(args)?;
    Ok(Value::Bool(text(&whole)?.starts_with(&text(&start)?)))
}

fn to_set(args: FuncArgs) -> Said {
    let [items] = exactly(args)?;
    let texts: Result<std::collections::BTreeSet<String>, String> =
        list(items)?.iter().map(text).collect();
    Ok(Value::Array(
        texts?.into_iter().map(Value::String).collect(),
    ))
}

fn to_string(args: FuncArgs) -> Said {
    let [value] = exactly(args)?;
    Ok(Value::String(text(&value)?))
}

fn trim_suffix(args: FuncArgs) -> Said {
    let [whole, end] = exactly(args)?;
    let (whole, end) = (text(&whole)?, text(&end)?);
    Ok(Value::String(
        whole.strip_suffix(&end).unwrap_or(&whole).to_owned(),
    ))
}
