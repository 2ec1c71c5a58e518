//! What all pages have: the frame around them, and how a problem looks.

use askama::Template;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::actor::Actor;
use super::assets::ASSETS;
use crate::Problem;

/// The frame of a page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// Which entry of the navigation it belongs to.
    pub(crate) at: &'static str,
    pub(crate) actor: Actor,
    /// What was just done, when a form led here.
    pub(crate) news: Option<String>,
    pub(crate) style: String,
    pub(crate) icon: String,
    pub(crate) htmx: String,
    pub(crate) sse: String,
    pub(crate) version: &'static str,
}

impl Frame {
    pub(crate) fn of(title: impl Into<String>, at: &'static str, actor: Actor) -> Self {
        Self {
            title: title.into(),
            at,
            actor,
            news: None,
            style: ASSETS.style(),
            icon: ASSETS.icon(),
            htmx: ASSETS.script("htmx"),
            sse: ASSETS.script("htmx-sse"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
    /// The entries of the navigation: name, address, text. What somebody may not look at is not among them.
    pub(crate) fn entries(
        &self,
    ) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        let all = [
            ("home", "/", "Home", true),
            ("runs", "/runs", "Runs", true),
            ("workflows", "/workflows", "Workflows", true),
            ("jobs", "/jobs", "Jobs", true),
            ("pools", "/pools", "Pools", true),
            ("submit", "/submit", "Submit", true),
            ("audit", "/audit", "Audit", self.actor.rules),
            ("keys", "/keys", "Keys", self.actor.rules),
        ];
        let seen = all.into_iter().filter(|(.., may)| *may);
        seen.map(|(name, to, text, _)| (name, to, text))
    }
    pub(crate) fn is_at(&self, name: &str) -> bool {
        self.at == name
    }
}

/// A template as an answer.
pub(crate) struct Html<T>(pub(crate) T);

impl<T: Template> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        match self.0.render() {
            Ok(text) => {
                let kind = [(CONTENT_TYPE, "text/html; charset=utf-8")];
                (kind, text).into_response()
            }
            // Templates write into memory.
            Err(error) => {
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
            }
        }
    }
}

/// A problem for people.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage {
    frame: Frame,
    status: u16,
    detail: String,
}

/// A problem in place of a part of a page.
#[derive(Debug, Template)]
#[template(
    source = r#"<p class="notice bad" role="alert">{{ detail }}</p>"#,
    ext = "html"
)]
struct ProblemPart {
    detail: String,
}

impl ProblemPage {
    pub(crate) fn of(problem: &Problem, actor: Option<Actor>, is_part: bool) -> Response {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let detail = problem.detail.clone();
        if is_part {
            return (status, Html(ProblemPart { detail })).into_response();
        }
        let actor = actor.unwrap_or(Actor::NOBODY);
        let page = Self {
            frame: Frame::of(problem.title.clone(), "", actor),
            status: problem.status,
            detail,
        };
        (status, Html(page)).into_response()
    }
}
