//! Where a value comes from: `{const|ref|expr|secret}`, free data with templates, env, secrets.

use crate::Value;
use crate::definition::{Binding, Input, SecretMount, SecretRef};
use crate::diagnostic::{Diagnostics, Position};
use crate::expr;

use super::codes;
use super::fields::Field;
use super::node::{Kind, Node, Plain};
use super::scope::{Moment, Scope};

const KINDS: [&str; 4] = ["const", "ref", "expr", "secret"];
const HINT: &str = "write exactly one of {const: …}, {ref: …}, {expr: …}, {secret: …}";

/// An input and where its name and value are.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) input: Input,
    pub(super) name_at: Position,
    /// `None` when the value was refused.
    pub(super) value_at: Option<Position>,
}

/// `inputs:` of the strict style.
pub(super) fn strict(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Vec<Placed> {
    each(field, found, |one, found| binding(one, scope, found))
}

/// `input:` of the planned style.
pub(super) fn planned(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Vec<Placed> {
    each(field, found, |one, found| free(one, scope, found))
}

/// The entries of a map of bindings; those that cannot be read are left out after saying why.
fn each(
    field: &Field<'_>,
    found: &mut Diagnostics,
    mut read: impl FnMut(&Field<'_>, &mut Diagnostics) -> Option<Binding>,
) -> Vec<Placed> {
    let Some(fields) = field.open(found) else {
        return Vec::new();
    };
    let mut placed = Vec::new();
    for (key, node) in fields.entries() {
        if key.text.is_empty() {
            found.error(
                codes::BAD_NAME,
                key.at,
                format!("a name in {} is empty", field.label),
            );
            continue;
        }
        let one = Field {
            label: format!("`{}` in {}", key.text, field.label),
            key_at: key.at,
            node,
        };
        let value = read(&one, found);
        let value_at = value.is_some().then(|| match &node.kind {
            Kind::Map(entries) if entries.len() == 1 => entries[0].1.at,
            _ => node.at,
        });
        // A binding that cannot be read keeps its name, so that the comparison with `input_type` stays right.
        let value = value.unwrap_or(Binding::Const(Value::Null));
        placed.push(Placed {
            input: Input {
                name: key.text.clone(),
                value,
            },
            name_at: key.at,
            value_at,
        });
    }
    placed
}

/// Exactly one of the four kinds.
fn binding(field: &Field<'_>, scope: &mut Scope<'_>, found: &mut Diagnostics) -> Option<Binding> {
    let Kind::Map(entries) = &field.node.kind else {
        let hint = match field.node.text() {
            Some(text) if text.contains("{{") => {
                format!("write {{expr: …}} with what is inside of `{text}`")
            }
            Some(text)
                if ["tasks.", "params.", "run.", "item"]
                    .iter()
                    .any(|root| text.starts_with(root)) =>
            {
                format!("write {{ref: {text}}}")
            }
            _ => HINT.to_owned(),
        };
        found
            .error(
                codes::NOT_A_BINDING,
                field.node.at,
                format!("{} is a bare value", field.label),
            )
            .hint(hint);
        return None;
    };
    let [(key, node)] = entries.as_slice() else {
        found
            .error(
                codes::NOT_A_BINDING,
                field.node.at,
                format!(
                    "{} must have exactly one key, not {}",
                    field.label,
                    entries.len()
                ),
            )
            .hint(HINT);
        return None;
    };
    if !KINDS.contains(&key.text.as_str()) {
        let hint = super::suggest::hint(&key.text, KINDS, found).unwrap_or_else(|| HINT.to_owned());
        found
            .error(
                codes::NOT_A_BINDING,
                key.at,
                format!("{} cannot come from `{}`", field.label, key.text),
            )
            .hint(hint);
        return None;
    }
    let inner = Field {
        label: field.label.clone(),
        key_at: key.at,
        node,
    };
    match key.text.as_str() {
        "const" => Some(Binding::Const(node.value(found))),
        "ref" => scope
            .path(&inner, Moment::Instance, found)
            .map(Binding::Ref),
        "expr" => scope
            .expression(&inner, Moment::Instance, found)
            .map(Binding::Expr),
        _ => secret(&inner, found).map(Binding::Secret),
    }
}

/// Data as it is, with templates where it has any.
pub(super) fn free(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Option<Binding> {
    if has_template(field.node) {
        return scope
            .data(field, Moment::Instance, found)
            .map(Binding::Template);
    }
    Some(Binding::Const(field.node.value(found)))
}

fn has_template(node: &Node) -> bool {
    match &node.kind {
        Kind::List(items) => items.iter().any(has_template),
        Kind::Map(entries) => entries.iter().any(|(_, item)| has_template(item)),
        Kind::Scalar(_) => node.text().is_some_and(expr::has_template),
    }
}

/// `env:` a map of literals, templates and `{secret: …}`. Literals become text, as environments hold nothing else.
pub(super) fn env(
    field: &Field<'_>,
    scope: &mut Scope<'_>,
    found: &mut Diagnostics,
) -> Vec<(String, Binding)> {
    let Some(fields) = field.open(found) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for (key, node) in fields.entries() {
        let name = &key.text;
        if !is_variable(name) {
            let message = format!(
                "`{name}` in {} is not the name of an environment variable",
                field.label
            );
            found
                .error(codes::BAD_NAME, key.at, message)
                .hint("a letter or `_`, then letters, digits and `_`");
        }
        let one = Field {
            label: format!("`{name}` in {}", field.label),
            key_at: key.at,
            node,
        };
        let value = match (&node.kind, node.plain()) {
            (Kind::Map(_), _) => binding(&one, scope, found),
            (_, Some(Plain::Text(text))) if expr::has_template(text) => free(&one, scope, found),
            (Kind::Scalar(_), Some(Plain::Null)) | (Kind::List(_), _) => {
                one.wrong_kind("text, a number, true or false, or {secret: …}", found);
                None
            }
            (Kind::Scalar(scalar), _) => Some(Binding::Const(Value::String(scalar.text.clone()))),
        };
        pairs.extend(value.map(|value| (name.clone(), value)));
    }
    pairs
}

fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `projects/P/secrets/S/versions/V`, or the name of an environment variable.
pub(super) fn secret(field: &Field<'_>, found: &mut Diagnostics) -> Option<SecretRef> {
    let name = field.text(found)?;
    let part = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':' | b'.'))
    };
    let good = match name.split('/').collect::<Vec<_>>().as_slice() {
        [word] => is_variable(word),
        ["projects", project, "secrets", secret, "versions", version] => {
            [project, secret, version].into_iter().all(part)
        }
        _ => false,
    };
    if !good {
        let hint = match name.split('/').collect::<Vec<_>>().as_slice() {
            ["projects", _, "secrets", _] => format!("write {name}/versions/latest"),
            _ => {
                "write projects/P/secrets/S/versions/latest, or the name of an environment variable"
                    .to_owned()
            }
        };
        found
            .error(
                codes::BAD_SECRET,
                field.node.at,
                format!("{}: `{name}` is not the name of a secret", field.label),
            )
            .hint(hint);
    }
    good.then(|| SecretRef {
        name: name.to_owned(),
    })
}

/// `secrets:` a list of {name, secret, path}.
pub(super) fn secrets(field: &Field<'_>, found: &mut Diagnostics) -> Vec<SecretMount> {
    let mut mounts: Vec<SecretMount> = Vec::new();
    for item in field
        .items(false, "a list of {name, secret, path}", found)
        .unwrap_or_default()
    {
        let Some(fields) = item.fields(&["name", "secret", "path"], found) else {
            continue;
        };
        let hint = "write {name: DB_PASSWORD, secret: projects/P/secrets/S/versions/latest}";
        let name_field = fields.need("name", hint, found);
        let name = name_field.as_ref().and_then(|name| name.text(found));
        let which = fields
            .need("secret", hint, found)
            .and_then(|which| secret(&which, found));
        let path = fields.field("path").and_then(|path| path.text(found));
        if let (Some(name), Some(field)) = (name, &name_field)
            && path.is_none()
            && !is_variable(name)
        {
            let message = format!(
                "`{name}` in {} is not the name of an environment variable",
                item.label
            );
            found.error(codes::BAD_NAME, field.node.at, message).hint(
                "a letter or `_`, then letters, digits and `_`; or give a `path` to get a file",
            );
        }
        if let (Some(name), Some(secret)) = (name, which) {
            if let (Some(at), true) = (&name_field, mounts.iter().any(|known| known.name == name)) {
                found
                    .error(
                        codes::DUPLICATE_KEY,
                        at.node.at,
                        format!("{} names `{name}` twice", field.label),
                    )
                    .hint("rename one of them");
            }
            mounts.push(SecretMount {
                name: name.to_owned(),
                secret,
                path: path.map(str::to_owned),
            });
        }
    }
    mounts
}
