//! What `terraform plan` would make of a folder, worked out without Terraform: variables with their defaults, locals, modules, and resources
//! with everything that their configuration says. Only what `terraform/` uses is understood; anything else is an error, never left out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hcl::eval::{Context, Evaluate};
use hcl::expr::Expression;
use hcl::structure::{Block, Body, Structure};
use hcl::{Map, Value};

use crate::functions;
use crate::types::with_defaults;

/// The number of the project, which nobody states.
pub(crate) const NUMBER: &str = "123456789012";

/// A resource that would be made.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    /// `module.messages.google_pubsub_topic.topics["poll"]`.
    pub(crate) address: String,
    /// `google_pubsub_topic`.
    pub(crate) kind: String,
    /// Its arguments; blocks are lists of such.
    pub(crate) values: serde_json::Value,
}

/// All resources of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) resources: Vec<Resource>,
}

impl Plan {
    /// The plan of the folder with these variables.
    pub(crate) fn of(folder: &Path, variables: Map<String, Value>) -> Result<Self, String> {
        let mut plan = Self::default();
        Folder::read(folder)?.plan("", variables, &mut plan.resources)?;
        Ok(plan)
    }

    /// The resources of a kind.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |one| one.kind == kind)
    }
}

impl Resource {
    /// The text at a JSON pointer; empty when there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.values
            .pointer(pointer)
            .and_then(|value| value.as_str())
            .unwrap_or_default()
    }
}

/// The variables of a file of values, such as `offline.tfvars`.
pub(crate) fn values(file: &Path) -> Result<Map<String, Value>, String> {
    let body = parsed(file)?;
    let mut context = Context::new();
    functions::declare(&mut context);
    attributes(&body, &context)
}

fn parsed(file: &Path) -> Result<Body, String> {
    let said = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| said(&error))?;
    hcl::parse(&text).map_err(|error| said(&error))
}

fn attributes(body: &Body, context: &Context<'_>) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for attribute in body.attributes() {
        let value = attribute.expr.evaluate(context);
        let value = value.map_err(|error| format!("{}: {error}", attribute.key.as_str()))?;
        found.insert(attribute.key.to_string(), value);
    }
    Ok(found)
}

/// The files of a folder as one.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    pub(crate) body: Body,
}

/// Something that is to be worked out, once what it needs is known.
enum Item<'a> {
    Local(String, &'a Expression),
    Resource(&'a Block),
    Module(&'a Block),
    Output(&'a Block),
}

/// What is known so far, by the first word of a reference.
#[derive(Default)]
struct Known {
    words: BTreeMap<String, Map<String, Value>>,
    outputs: Map<String, Value>,
    path: String,
}

impl Known {
    fn context(&self) -> Context<'static> {
        let mut context = Context::new();
        functions::declare(&mut context);
        for (word, names) in &self.words {
            context.declare_var(word.as_str(), Value::Object(names.clone()));
        }
        let path = Map::from_iter([("module".to_owned(), Value::String(self.path.clone()))]);
        context.declare_var("path", Value::Object(path));
        context
    }
}

impl Folder {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let entries =
            std::fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|file| file.extension().is_some_and(|ending| ending == "tf"))
            .collect();
        files.sort();
        let mut structures = Vec::new();
        for file in &files {
            structures.extend(parsed(file)?);
        }
        Ok(Self {
            path: path.to_owned(),
            body: Body::from(structures),
        })
    }

    /// Works out the folder as the module at `prefix`; gives its outputs.
    fn plan(
        &self,
        prefix: &str,
        given: Map<String, Value>,
        made: &mut Vec<Resource>,
    ) -> Result<Map<String, Value>, String> {
        let mut known = Known {
            path: self.path.display().to_string(),
            ..Known::default()
        };
        known
            .words
            .insert("var".into(), self.variables(given, prefix)?);
        known.words.insert("data".into(), self.data()?);
        let mut open = self.items()?;
        while !open.is_empty() {
            let mut left = Vec::new();
            let mut troubles = Vec::new();
            let before = open.len();
            // What is found out in a round is known in the next: a context for each item would take most of the time.
            let context = known.context();
            for item in open {
                if let Err(trouble) = self.settle(&item, prefix, &context, &mut known, made) {
                    troubles.push(trouble);
                    left.push(item);
                }
            }
            // An output that nobody refers to may be what it likes; one that is missing is found out by who does.
            let outputs_only = left.iter().all(|item| matches!(item, Item::Output(_)));
            if left.len() == before && outputs_only {
                break;
            }
            if left.len() == before {
                return Err(format!("{prefix}{}", troubles.join("\n")));
            }
            open = left;
        }
        Ok(known.outputs)
    }

    fn items(&self) -> Result<Vec<Item<'_>>, String> {
        let mut items = Vec::new();
        for structure in self.body.iter() {
            let Structure::Block(block) = structure else {
                return Err("an attribute outside of any block".into());
            };
            match block.identifier.as_str() {
                "locals" => items.extend(
                    (block.body.attributes())
                        .map(|one| Item::Local(one.key.to_string(), &one.expr)),
                ),
                "resource" => items.push(Item::Resource(block)),
                "module" => items.push(Item::Module(block)),
                "output" => items.push(Item::Output(block)),
                "variable" | "terraform" | "data" | "provider" => {}
                other => return Err(format!("a block of kind `{other}`")),
            }
        }
        Ok(items)
    }

    fn variables(
        &self,
        mut given: Map<String, Value>,
        prefix: &str,
    ) -> Result<Map<String, Value>, String> {
        let mut context = Context::new();
        functions::declare(&mut context);
        let mut found = Map::new();
        for block in self
            .body
            .blocks()
            .filter(|one| one.identifier.as_str() == "variable")
        {
            let name = label(block, 0);
            let of = |wanted: &str| {
                let mut all = block.body.attributes();
                all.find(|one| one.key.as_str() == wanted)
                    .map(|one| &one.expr)
            };
            let value = match (given.swap_remove(&name), of("default")) {
                (Some(value), _) => value,
                (None, Some(default)) => default
                    .evaluate(&context)
                    .map_err(|error| format!("the default of {name}: {error}"))?,
                (None, None) => return Err(format!("{prefix}variable {name} has no value")),
            };
            let value = match of("type") {
                Some(of) => with_defaults(of, value, &context)?,
                None => value,
            };
            found.insert(name, value);
        }
        match given.keys().next() {
            Some(name) => Err(format!("{prefix}there is no variable {name}")),
            None => Ok(found),
        }
    }

    /// What is asked of Google.
    fn data(&self) -> Result<Map<String, Value>, String> {
        let mut found: Map<String, Value> = Map::new();
        for block in self
            .body
            .blocks()
            .filter(|one| one.identifier.as_str() == "data")
        {
            let (kind, name) = (label(block, 0), label(block, 1));
            let (attribute, value) = match kind.as_str() {
                "google_project" => ("number", NUMBER.to_owned()),
                "google_storage_project_service_account" => (
                    "email_address",
                    format!("service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"),
                ),
                other => return Err(format!("data of kind {other}")),
            };
            let one = Value::Object(Map::from_iter([(attribute.to_owned(), Value::from(value))]));
            put(&mut found, &kind, &name, one);
        }
        Ok(found)
    }

    fn settle(
        &self,
        item: &Item<'_>,
        prefix: &str,
        context: &Context<'static>,
        known: &mut Known,
        made: &mut Vec<Resource>,
    ) -> Result<(), String> {
        match item {
            Item::Local(name, expression) => {
                let value = expression.evaluate(context);
                let value = value.map_err(|error| format!("local.{name}: {error}"))?;
                let locals = known.words.entry("local".into()).or_default();
                locals.insert(name.clone(), value);
            }
            Item::Output(block) => {
                let name = label(block, 0);
                let value = attributes(&without(&block.body, &["description"]), context);
                let value = value.map_err(|error| format!("output.{name}: {error}"))?;
                known.outputs.extend(
                    value
                        .into_iter()
                        .filter(|(key, _)| key == "value")
                        .map(|(_, value)| (name.clone(), value)),
                );
            }
            Item::Resource(block) => {
                let (kind, name) = (label(block, 0), label(block, 1));
                let address = format!("{prefix}{kind}.{name}");
                let mut found = Vec::new();
                let whole = each(block, context, |context, key| {
                    let mut values = filled(&without(&block.body, META), context)?;
                    computed(&kind, &mut values);
                    let value = Value::Object(values);
                    found.push(Resource {
                        address: format!("{address}{key}"),
                        kind: kind.clone(),
                        values: serde_json::to_value(&value).map_err(|error| error.to_string())?,
                    });
                    Ok(value)
                });
                let whole = whole.map_err(|error| format!("{address}: {error}"))?;
                let same = known.words.entry(kind).or_default();
                same.insert(name, whole);
                made.append(&mut found);
            }
            Item::Module(block) => {
                let name = label(block, 0);
                let address = format!("{prefix}module.{name}");
                let source = block
                    .body
                    .attributes()
                    .find(|one| one.key.as_str() == "source");
                let Some(Expression::String(source)) = source.map(|one| &one.expr) else {
                    return Err(format!("{address} has no source"));
                };
                let folder = Self::read(&self.path.join(source))?;
                let mut found = Vec::new();
                let whole = each(block, context, |context, key| {
                    let given = attributes(&without(&block.body, META), context)?;
                    let inside = format!("{address}{key}.");
                    folder.plan(&inside, given, &mut found).map(Value::Object)
                });
                let whole = whole.map_err(|error| format!("{address}: {error}"))?;
                let modules = known.words.entry("module".into()).or_default();
                modules.insert(name, whole);
                made.append(&mut found);
            }
        }
        Ok(())
    }
}

/// What is no argument of a resource or a module.
const META: &[&str] = &["depends_on", "source", "for_each", "count", "providers"];

fn without(body: &Body, names: &[&str]) -> Body {
    let kept = body.iter().filter(|structure| match structure {
        Structure::Attribute(one) => !names.contains(&one.key.as_str()),
        Structure::Block(one) => one.identifier.as_str() != "lifecycle",
    });
    Body::from(kept.cloned().collect::<Vec<_>>())
}

fn label(block: &Block, place: usize) -> String {
    let label = block.labels.get(place);
    label.map_or_else(String::new, |label| label.as_str().to_owned())
}

fn put(found: &mut Map<String, Value>, kind: &str, name: &str, value: Value) {
    let names = found
        .entry(kind.to_owned())
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(names) = names {
        names.insert(name.to_owned(), value);
    }
}

/// Makes one for each of `for_each` or `count`, or just one.
fn each(
    block: &Block,
    context: &Context<'static>,
    mut make: impl FnMut(&Context<'static>, &str) -> Result<Value, String>,
) -> Result<Value, String> {
    let of = |wanted: &str| {
        let mut all = block.body.attributes();
        all.find(|one| one.key.as_str() == wanted)
            .map(|one| one.expr.evaluate(context))
            .transpose()
            .map_err(|error| format!("{wanted}: {error}"))
    };
    if let Some(count) = of("count")? {
        let count = functions::text(&count)?;
        let count: usize = count.parse().map_err(|_| format!("count is {count}"))?;
        let made: Result<Vec<Value>, String> = (0..count)
            .map(|place| make(context, &format!("[{place}]")))
            .collect();
        return Ok(Value::Array(made?));
    }
    let pairs: Vec<(String, Value)> = match of("for_each")? {
        None => return make(context, ""),
        Some(Value::Object(entries)) => entries.into_iter().collect(),
        Some(Value::Array(items)) => {
            let pairs = items.into_iter().map(|item| match &item {
                Value::String(key) => Ok((key.clone(), item)),
                other => Err(format!("for_each has {other}")),
            });
            pairs.collect::<Result<_, String>>()?
        }
        Some(other) => return Err(format!("for_each is {other}")),
    };
    let mut made = Map::new();
    let mut context = context.clone();
    for (key, value) in pairs {
        let this = [
            ("key".to_owned(), Value::String(key.clone())),
            ("value".to_owned(), value),
        ];
        context.declare_var("each", Value::Object(Map::from_iter(this)));
        let one = make(&context, &format!("[{key:?}]"))?;
        made.insert(key, one);
    }
    Ok(Value::Object(made))
}

/// The arguments and blocks of a body, dynamic ones spelled out.
fn filled(body: &Body, context: &Context<'_>) -> Result<Map<String, Value>, String> {
    let mut values = attributes(body, context)?;
    let mut add = |name: String, value: Map<String, Value>| {
        let blocks = values
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(blocks) = blocks {
            blocks.push(Value::Object(value));
        }
    };
    for block in body.blocks() {
        let name = block.identifier.to_string();
        if name != "dynamic" {
            add(name, filled(&block.body, context)?);
            continue;
        }
        let name = label(block, 0);
        let content = block
            .body
            .blocks()
            .find(|one| one.identifier.as_str() == "content");
        let items = block
            .body
            .attributes()
            .find(|one| one.key.as_str() == "for_each");
        let (Some(content), Some(items)) = (content, items) else {
            return Err(format!("dynamic {name} has no content"));
        };
        let items = items.expr.evaluate(context);
        let items = items.map_err(|error| format!("dynamic {name}: {error}"))?;
        let pairs: Vec<(Value, Value)> = match items {
            Value::Array(items) => items.into_iter().map(|item| (item.clone(), item)).collect(),
            Value::Object(entries) => (entries.into_iter())
                .map(|(key, value)| (Value::String(key), value))
                .collect(),
            other => return Err(format!("dynamic {name} is for each of {other}")),
        };
        for (key, value) in pairs {
            let this = [("key".to_owned(), key), ("value".to_owned(), value)];
            let mut inside = context.clone();
            inside.declare_var(name.as_str(), Value::Object(Map::from_iter(this)));
            add(name.clone(), filled(&content.body, &inside)?);
        }
    }
    Ok(values)
}

/// What Google would say of a resource, as far as others refer to it.
fn computed(kind: &str, values: &mut Map<String, Value>) {
    let of = |name: &str| match values.get(name) {
        Some(Value::String(text)) => text.clone(),
        _ => String::new(),
    };
    let (project, name) = (of("project"), of("name"));
    let more = match kind {
        "google_pubsub_topic" => vec![("id", format!("projects/{project}/topics/{name}"))],
        "google_service_account" => {
            let email = format!("{}@{project}.iam.gserviceaccount.com", of("account_id"));
            let name = format!("projects/{project}/serviceAccounts/{email}");
            vec![("email", email), ("name", name)]
        }
        "google_compute_backend_service" => {
            values.insert("generated_id".to_owned(), Value::from(4_711));
            vec![("id", format!("made/{kind}/{name}"))]
        }
        "google_compute_global_address" => vec![
            ("id", format!("made/{kind}/{name}")),
            ("address", "203.0.113.7".to_owned()),
        ],
        _ if name.is_empty() => vec![("name", format!("made/{kind}"))],
        _ => vec![("id", format!("made/{kind}/{name}"))],
    };
    for (name, value) in more {
        values.insert(name.to_owned(), Value::String(value));
    }
}
