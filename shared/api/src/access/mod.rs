//! Who asks, and whether they may: one layer before every route.
//!
//! In this order: is it meant for this address; who is it; are they asking too often; does a page of somebody else make them ask; may they,
//! by their role and by the workflows they are limited to. What a route needs is in one table ([`table`]); one that is not there is refused.

mod bearer;
mod bucket;
mod loopback;
mod origin;
mod scope;
pub(crate) mod table;
mod who;

pub use bearer::{Challenge, bearer};
pub(crate) use bucket::Buckets;
pub use bucket::Rate;
pub use who::Who;

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::header::{ALLOW, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ork_core::ids::WorkflowName;
use ork_engine::ports::Ports;
use ork_engine::{Actor, Role};

use crate::Problem;
use crate::site::Site;
use table::Need;

/// The header that names a request, in questions and answers.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Somebody who was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// What they may do.
    pub role: Role,
    /// Only to these workflows and their runs; to all when empty.
    pub workflows: Vec<WorkflowName>,
    /// Their browser says so by itself, whichever page makes it ask: what changes something has to come from a page of this very place.
    pub ambient: bool,
}

/// Why it is not known who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// What was shown proves nothing (401).
    Unproven(String),
    /// It is known who it is, and they have no role here (403).
    Nobody(String),
    /// It cannot be found out now (503).
    Unavailable(String),
}

/// A way to know who asks, by what is in the head of a request.
pub trait Identify: fmt::Debug + Send + Sync {
    /// Who asks; `None` when nothing is shown that this way looks at. What is shown and wrong is never passed over.
    fn identify<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Caller>, Stranger>> + Send + 'a>>;
    /// What to show, for whoever showed nothing.
    fn wanted(&self) -> &'static str;
}

/// Who is let in.
#[derive(Debug, Clone)]
pub enum Access {
    /// Everybody on this machine, as an admin.
    Loopback {
        /// The loopback address that is served at; requests have to name it.
        at: SocketAddr,
        /// The account that serves, if it is known.
        user: Option<String>,
    },
    /// Whoever shows who they are.
    Identified {
        /// Ways to know people and programs; the first one that finds something to look at decides.
        ways: Vec<Arc<dyn Identify>>,
        /// Whether API keys are taken.
        keys: bool,
        /// The loopback address that is served at, if it is one; requests have to name it.
        at: Option<SocketAddr>,
    },
}

impl Access {
    const fn at(&self) -> Option<SocketAddr> {
        match self {
            Self::Loopback { at, .. } => Some(*at),
            Self::Identified { at, .. } => *at,
        }
    }
}

/// What the layer is given.
pub(crate) type Ground<P> = State<Arc<Site<P>>>;

/// Lets a request pass, or says why not.
pub(crate) async fn admit<P: Ports + 'static>(
    State(site): Ground<P>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Response {
    let id = who::request_id(request.headers(), site.engine.ports());
    let judged = judge(&site, &params, &id, &mut request).await;
    let mut answer = match judged {
        Ok(()) => next.run(request).await,
        Err(refused) => *refused,
    };
    if let Ok(id) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, id);
    }
    answer
}

/// An answer instead of the route's.
type Refused = Box<Response>;

fn refused(status: StatusCode, why: impl Into<String>) -> Refused {
    Box::new(Problem::new(status, why).into_response())
}

async fn judge<P: Ports>(
    site: &Site<P>,
    params: &RawPathParams,
    id: &str,
    request: &mut Request,
) -> Result<(), Refused> {
    let access = &site.settings.access;
    if let Some(at) = access.at() {
        let authority = request.uri().authority().map(|one| one.as_str());
        loopback::judge(request.headers(), authority, at)
            .map_err(|why| refused(StatusCode::FORBIDDEN, why))?;
    }
    let path = request.extensions().get::<MatchedPath>().cloned();
    let route = match &path {
        Some(path) => table::route(request.method(), path.as_str())
            .map_err(|unlisted| not_listed(&unlisted))?,
        None => &table::NOWHERE,
    };
    let Need::Role(needed) = route.need else {
        return Ok(());
    };
    let caller = identify(site, request.headers()).await?;
    let name = format!("{}:{}", caller.actor.kind, caller.actor.id);
    if let Err(wait) = site.buckets.take(&name) {
        return Err(too_often(&name, wait));
    }
    if caller.ambient && !is_safe(request.method()) {
        // Whoever is at this machine need not be a browser; behind a proxy that knows people by a cookie it always is one.
        let strict = !matches!(access, Access::Loopback { .. });
        origin::judge(request.headers(), strict)
            .map_err(|why| refused(StatusCode::FORBIDDEN, why))?;
    }
    if caller.role < needed {
        return Err(refused(
            StatusCode::FORBIDDEN,
            format!(
                "this needs the role {needed}, and {} has the role {}",
                caller.actor, caller.role
            ),
        ));
    }
    if !caller.workflows.is_empty() {
        let query = request.uri().query();
        scope::judge(site, &caller, route, params, query).await?;
    }
    request.extensions_mut().insert(Who {
        caller,
        request: id.to_owned(),
    });
    Ok(())
}

async fn identify<P: Ports>(site: &Site<P>, headers: &HeaderMap) -> Result<Caller, Refused> {
    let (ways, keys) = match &site.settings.access {
        Access::Loopback { user, .. } => {
            return Ok(Caller {
                actor: Actor::local(user.as_deref()),
                role: Role::Admin,
                workflows: Vec::new(),
                ambient: true,
            });
        }
        Access::Identified { ways, keys, .. } => (ways, *keys),
    };
    let stranger = |stranger| match stranger {
        Stranger::Unproven(why) => challenge(refused(StatusCode::UNAUTHORIZED, why)),
        Stranger::Nobody(why) => refused(StatusCode::FORBIDDEN, why),
        Stranger::Unavailable(why) => refused(StatusCode::SERVICE_UNAVAILABLE, why),
    };
    if keys && let Some(found) = bearer::key(site, headers).await.map_err(stranger)? {
        return Ok(found);
    }
    for way in ways {
        if let Some(found) = way.identify(headers).await.map_err(stranger)? {
            return Ok(found);
        }
    }
    let key = keys.then_some("an API key as `Authorization: Bearer ork_…`");
    let wanted: Vec<&str> = key
        .into_iter()
        .chain(ways.iter().map(|way| way.wanted()))
        .collect();
    Err(challenge(refused(
        StatusCode::UNAUTHORIZED,
        format!("it is not known who asks: show {}", wanted.join(", or ")),
    )))
}

fn challenge(mut answer: Refused) -> Refused {
    let value = HeaderValue::from_static("Bearer realm=\"ork\"");
    answer.headers_mut().insert(WWW_AUTHENTICATE, value);
    answer
}

fn too_often(name: &str, wait: u64) -> Refused {
    let mut answer = refused(
        StatusCode::TOO_MANY_REQUESTS,
        format!("{name} asks too often: try again in {wait} s"),
    );
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(wait));
    answer
}

fn not_listed(unlisted: &table::Unlisted) -> Refused {
    match unlisted {
        table::Unlisted::Path => refused(
            StatusCode::FORBIDDEN,
            "this route does not say which role it needs, so nobody has it",
        ),
        table::Unlisted::Method(allowed) => {
            let mut answer = refused(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("this route has no such method; it has {allowed}"),
            );
            if let Ok(allowed) = HeaderValue::from_str(allowed) {
                answer.headers_mut().insert(ALLOW, allowed);
            }
            answer
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}
