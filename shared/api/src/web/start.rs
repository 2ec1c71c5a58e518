//! Starting a run by hand: a form made from the params and their types.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::Value;
use ork_core::definition::{Param, ParamDefault, Workflow};
use ork_core::ids::{RunId, TaskName};
use ork_core::types::Type;
use ork_engine::ports::{Clock, Ports};
use ork_engine::{EngineErrorKind, StartRun};
use serde::Deserialize;

use super::actor::Actor;
use super::change;
use super::form::Form;
use super::page::{Frame, Html};
use super::words;
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Current, Ground, current, view};

/// Fields of params are called so, that no param is taken for another field.
const PREFIX: &str = "param.";

/// What the fields begin with.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    /// A run whose params are taken over.
    like: String,
}

/// How a param is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Date,
    Choice,
    Json,
}

struct Field {
    name: String,
    kind: Kind,
    type_name: String,
    description: Option<String>,
    value: String,
    choices: Vec<String>,
    /// Said of an empty field.
    empty: String,
    is_required: bool,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    workflow: String,
    version: String,
    /// The run's id, so that a form that is sent twice makes one run.
    id: String,
    fields: Vec<Field>,
    tasks: Vec<(String, bool)>,
    wrong: Option<String>,
}

impl Field {
    fn of(param: &Param, value: Option<String>) -> Self {
        let (kind, choices) = kind_of(&param.kind);
        let is_optional = matches!(param.kind, Type::Optional(_));
        let (default, empty) = match &param.default {
            Some(ParamDefault::Value(value)) => {
                (text_of(value), "Empty: the default is taken.".to_owned())
            }
            Some(ParamDefault::Template(expression)) => (
                String::new(),
                format!("Empty: made when the run starts, by {}", expression.source),
            ),
            None if is_optional => (String::new(), "Empty: null.".to_owned()),
            None => (String::new(), String::new()),
        };
        Self {
            name: param.name.clone(),
            kind,
            type_name: param.kind.to_string(),
            description: param.description.clone(),
            value: value.unwrap_or(default),
            choices,
            empty,
            is_required: param.default.is_none() && !is_optional,
            wrong: None,
        }
    }
    fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number)
    }
    fn is_choice(&self) -> bool {
        self.kind == Kind::Choice
    }
    fn is_json(&self) -> bool {
        self.kind == Kind::Json
    }
    fn is_number(&self) -> bool {
        self.kind == Kind::Number
    }
}

fn kind_of(kind: &Type) -> (Kind, Vec<String>) {
    match kind {
        Type::Optional(inner) => kind_of(inner),
        Type::Bool => (Kind::Choice, vec!["true".to_owned(), "false".to_owned()]),
        Type::Enum(words) => (Kind::Choice, words.clone()),
        Type::Int | Type::Float => (Kind::Number, Vec::new()),
        Type::Date => (Kind::Date, Vec::new()),
        Type::Any | Type::List(_) | Type::Map(_) | Type::Object(_) => (Kind::Json, Vec::new()),
        Type::Str | Type::DatetimeNotz | Type::DatetimeTz | Type::DatetimeUtc => {
            (Kind::Text, Vec::new())
        }
    }
}

/// A value as its field shows it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => words::pretty(value),
        other => other.to_string(),
    }
}

/// The form.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let Current {
        standing, graph, ..
    } = current(&site, &name).await?;
    let like = match wanted.like.as_str() {
        "" => None,
        run => Some(view(&site, run).await?.header),
    };
    let fields = graph.workflow.params.iter().map(|param| {
        let before = like
            .as_ref()
            .and_then(|header| header.params.get(&param.name));
        Field::of(param, before.map(text_of))
    });
    let now = site.engine.ports().clock().now();
    let chance = site.engine.ports().random() & 0xffff_ffff;
    let moment = now.compact().to_lowercase();
    Ok(Html(Page {
        frame: Frame::of(format!("Run {name}"), "workflows", actor),
        id: format!("{name}-{moment}-{chance:08x}"),
        version: standing.current.short().to_owned(),
        fields: fields.collect(),
        tasks: tasks(&graph.workflow, &[]),
        wrong: None,
        workflow: name,
    }))
}

fn tasks(workflow: &Workflow, chosen: &[String]) -> Vec<(String, bool)> {
    let all = workflow.tasks.iter().map(|task| task.name.to_string());
    all.map(|name| {
        let is_chosen = chosen.contains(&name);
        (name, is_chosen)
    })
    .collect()
}

/// Starts the run, or shows the form again with what is wrong beside its field.
pub(crate) async fn start<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(name): Path<String>,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Problem> {
    let Current {
        name: known,
        standing,
        graph,
    } = current(&site, &name).await?;
    let workflow = &graph.workflow;
    let mut params = serde_json::Map::new();
    let mut fields = Vec::new();
    for param in &workflow.params {
        let said = form.get(&format!("{PREFIX}{}", param.name));
        let said = said.unwrap_or_default();
        let mut field = Field::of(param, Some(said.to_owned()));
        if said.is_empty() {
            if field.is_required {
                field.wrong = Some(format!("It is required: {}.", param.kind));
            }
        } else {
            // Browsers send line ends of their own.
            match param.kind.coerce_text(&said.replace("\r\n", "\n")) {
                Ok(value) => {
                    params.insert(param.name.clone(), value);
                }
                Err(error) => field.wrong = Some(error.to_string()),
            }
        }
        fields.push(field);
    }
    let chosen: Vec<String> = form.all("task").map(str::to_owned).collect();
    let only = chosen.iter().map(|name| TaskName::new(name));
    let only: Result<Vec<TaskName>, _> = only.collect();
    let only = only.map_err(|error| Problem::bad(error.to_string()))?;
    let id = form.get("id").unwrap_or_default();
    let run = match id {
        "" => None,
        id => Some(RunId::new(id).map_err(|error| Problem::bad(error.to_string()))?),
    };
    let mut wrong = None;
    if fields.iter().all(|field| field.wrong.is_none()) {
        let wish = StartRun {
            version: Some(standing.current.clone()),
            params,
            id: run,
            only,
            ..StartRun::of(known.clone())
        };
        match change::start(&site, &actor, wish).await? {
            Ok(started) => {
                let place = format!("/runs/{}?done=start", started.id);
                return Ok(change::led_to(&headers, place));
            }
            Err(error) if error.kind == EngineErrorKind::Refused => wrong = Some(error.message),
            Err(error) => return Err(error.into()),
        }
    }
    let page = Page {
        frame: Frame::of(format!("Run {name}"), "workflows", actor),
        version: standing.current.short().to_owned(),
        id: id.to_owned(),
        fields,
        tasks: tasks(workflow, &chosen),
        wrong: wrong.or_else(|| Some("Nothing was started: see the fields below.".to_owned())),
        workflow: name,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response())
}
