//! API keys: listed, made, revoked. A key is shown once, in the answer to the form that makes it, and in no other.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use ork_core::ids::{RecordId, WorkflowName};
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Clock, Ports};
use ork_engine::{ApiKeyDocument, NewKey, Role};
use serde::Deserialize;

use super::actor::Actor;
use super::change::{self, led_to};
use super::form::Form;
use super::page::{Frame, Html};
use super::words::{Moment, address};
use crate::Problem;
use crate::request::Asked;
use crate::routes::{Ground, workflow_name};
use crate::site::Site;

/// Keys of a page.
const SHOWN: usize = 50;
/// Days that a key may last.
const DAYS: std::ops::RangeInclusive<u64> = 1..=3650;
const DAY: Millis = Millis::from_secs(86_400);

/// Which page.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Wanted {
    cursor: String,
    done: String,
}

struct Row {
    id: String,
    name: String,
    role: &'static str,
    workflows: String,
    status: &'static str,
    tone: &'static str,
    created: Moment,
    by: String,
    expires: Option<Moment>,
    used: Option<Moment>,
    revocable: bool,
}

/// What the form says.
#[derive(Default)]
struct Asks {
    name: String,
    role: String,
    workflows: String,
    days: String,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<&'static str>,
    roles: Vec<(&'static str, bool)>,
    asks: Asks,
    wrong: Option<String>,
    /// A key that was just made: its name and its text.
    made: Option<(String, String)>,
}

/// Something to be sure of.
#[derive(Template)]
#[template(path = "revoke.html")]
struct Sure {
    frame: Frame,
    id: String,
    name: String,
}

impl Row {
    fn of(known: ApiKeyDocument, now: Time) -> Self {
        let status = known.status(now);
        let names: Vec<&str> = known.workflows.iter().map(WorkflowName::as_str).collect();
        Self {
            id: known.id.to_string(),
            name: known.name,
            role: known.role.as_str(),
            workflows: names.join(", "),
            status,
            tone: if status == "good" { "good" } else { "off" },
            created: Moment::of(known.created_at, now),
            by: known.created_by,
            expires: known.expires_at.map(|at| Moment::of(at, now)),
            used: known.last_used_at.map(|at| Moment::of(at, now)),
            revocable: known.revoked_at.is_none(),
        }
    }
}

async fn page<P: Ports>(
    site: &Site<P>,
    actor: Actor,
    cursor: Option<&str>,
    asks: Asks,
) -> Result<Page, Problem> {
    let found = site.engine.keys_page(cursor, SHOWN).await;
    let (all, next) = found.map_err(|error| Problem::of_listing(error, cursor))?;
    let now = site.engine.ports().clock().now();
    let roles = Role::ALL.iter().map(|role| {
        let role = role.as_str();
        (role, role == asks.role)
    });
    Ok(Page {
        frame: Frame::of("API keys", "keys", actor),
        rows: all.into_iter().map(|one| Row::of(one, now)).collect(),
        next: next.map(|next| address("/keys", &[("cursor", &next)])),
        first: cursor.map(|_| "/keys"),
        roles: roles.collect(),
        asks,
        wrong: None,
        made: None,
    })
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Asked(wanted): Asked<Wanted>,
) -> Result<Html<impl Template>, Problem> {
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let asks = Asks {
        days: "90".to_owned(),
        ..Asks::default()
    };
    let mut page = page(&site, actor, cursor, asks).await?;
    page.frame.news = super::buttons::news(&wanted.done);
    Ok(Html(page))
}

/// Makes a key and shows it, this once.
pub(crate) async fn make<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    form: Form,
) -> Result<Response, Problem> {
    let said = |field: &str| form.get(field).unwrap_or_default().trim().to_owned();
    let asks = Asks {
        name: said("name"),
        role: said("role"),
        workflows: said("workflows"),
        days: said("days"),
    };
    let made = match wish(&asks) {
        Ok(wish) => change::make_key(&site, &actor, wish).await,
        Err(problem) => Err(problem),
    };
    match made {
        Ok((known, token)) => {
            let mut page = page(&site, actor, None, Asks::default()).await?;
            page.made = Some((known.name, token));
            Ok((StatusCode::CREATED, Html(page)).into_response())
        }
        Err(problem) if matches!(problem.status, 400 | 422) => {
            let mut page = page(&site, actor, None, asks).await?;
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            page.wrong = Some(problem.detail);
            Ok((status, Html(page)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

fn wish(asks: &Asks) -> Result<NewKey, Problem> {
    let role: Role = asks
        .role
        .parse()
        .map_err(|_| Problem::bad("choose what its holder may do"))?;
    let lasts = match asks.days.as_str() {
        "" => None,
        text => match text.parse::<u64>() {
            Ok(days) if DAYS.contains(&days) => Some(Millis(DAY.0 * days)),
            _ => {
                return Err(Problem::bad(format!(
                    "a key lasts {} to {} days, or until it is revoked when nothing is said",
                    DAYS.start(),
                    DAYS.end()
                )));
            }
        },
    };
    let names = asks
        .workflows
        .split([',', ' '])
        .filter(|name| !name.is_empty());
    Ok(NewKey {
        name: asks.name.clone(),
        role,
        workflows: names.map(workflow_name).collect::<Result<_, _>>()?,
        lasts,
    })
}

fn id_of(key: &str) -> Result<RecordId, Problem> {
    RecordId::new(key).map_err(|error| Problem::bad(error.to_string()))
}

/// Asks first.
pub(crate) async fn ask<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(key): Path<String>,
) -> Result<Html<impl Template>, Problem> {
    let known = site.engine.key(&id_of(&key)?).await?;
    Ok(Html(Sure {
        frame: Frame::of("Revoke", "keys", actor),
        id: key,
        name: known.name,
    }))
}

/// Has it let nobody in any more.
pub(crate) async fn revoke<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::revoke_key(&site, &actor, &id_of(&key)?).await?;
    Ok(led_to(&headers, "/keys?done=revoke".to_owned()))
}
