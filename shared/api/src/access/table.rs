//! What each route needs: the one place where that is said. A test compares that of the API with its routes and with the OpenAPI document;
//! a page that is not here is refused.

use axum::http::Method;
use ork_engine::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Everybody, known or not.
    Anyone,
    /// Whoever has this role or a higher one.
    Role(Role),
}

/// What holds for those who are limited to some workflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    /// The path names the workflow, or a run of one: it has to be theirs.
    ByPath,
    /// The query has to name one of theirs as `workflow`.
    ByQuery,
    /// The route leaves out what is not theirs, or there is nothing to leave out.
    Heeded,
    /// It is not for them.
    Not,
}

/// A route: a method of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// As it is routed.
    pub(crate) path: &'static str,
    pub(crate) need: Need,
    pub(crate) limited: Limited,
}

/// Where nothing is: said to nobody but those who may look around.
pub(crate) const NOWHERE: Route = of("GET", "", VIEWER, Limited::Heeded);

const ANYONE: Need = Need::Anyone;
const VIEWER: Need = Need::Role(Role::Viewer);
const OPERATOR: Need = Need::Role(Role::Operator);
const AUTHOR: Need = Need::Role(Role::Author);
const ADMIN: Need = Need::Role(Role::Admin);

use Limited::{ByPath, ByQuery, Heeded, Not};

const fn of(method: &'static str, path: &'static str, need: Need, limited: Limited) -> Route {
    Route {
        method,
        path,
        need,
        limited,
    }
}

/// Every route of the API.
pub(crate) const ROUTES: &[Route] = &[
    of("GET", "/api/health", ANYONE, Heeded),
    of("GET", "/api/openapi.json", VIEWER, Heeded),
    of("GET", "/api/me", VIEWER, Heeded),
    of("GET", "/api/system", VIEWER, Not),
    of("GET", "/api/workflows", VIEWER, Heeded),
    of("POST", "/api/workflows", AUTHOR, Heeded),
    of("GET", "/api/workflows/{name}", VIEWER, ByPath),
    of("DELETE", "/api/workflows/{name}", AUTHOR, ByPath),
    of("PATCH", "/api/workflows/{name}/schedule", OPERATOR, ByPath),
    of("GET", "/api/workflows/{name}/versions", VIEWER, ByPath),
    of(
        "GET",
        "/api/workflows/{name}/versions/{version}",
        VIEWER,
        ByPath,
    ),
    of("GET", "/api/workflows/{name}/upload", VIEWER, ByPath),
    of("POST", "/api/workflows/{name}/runs", OPERATOR, ByPath),
    of("POST", "/api/workflows/{name}/backfill", OPERATOR, ByPath),
    of("GET", "/api/runs", VIEWER, ByQuery),
    of("GET", "/api/runs/{run}", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/state", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/explanation", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/cost", VIEWER, ByPath),
    of("POST", "/api/runs/{run}/cancel", OPERATOR, ByPath),
    of("POST", "/api/runs/{run}/pause", OPERATOR, ByPath),
    of("POST", "/api/runs/{run}/resume", OPERATOR, ByPath),
    of("POST", "/api/runs/{run}/retry", OPERATOR, ByPath),
    of("POST", "/api/runs/{run}/recover", OPERATOR, ByPath),
    of("GET", "/api/runs/{run}/notices", VIEWER, ByPath),
    of("POST", "/api/runs/{run}/notices/resend", OPERATOR, ByPath),
    of(
        "POST",
        "/api/runs/{run}/notices/{notice}/resend",
        OPERATOR,
        ByPath,
    ),
    of("GET", "/api/runs/{run}/events", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/tasks", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/tasks/{task}", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/tasks/{task}/output", VIEWER, ByPath),
    of("GET", "/api/runs/{run}/tasks/{task}/logs", VIEWER, ByPath),
    of(
        "POST",
        "/api/runs/{run}/tasks/{task}/pause",
        OPERATOR,
        ByPath,
    ),
    of(
        "POST",
        "/api/runs/{run}/tasks/{task}/resume",
        OPERATOR,
        ByPath,
    ),
    of(
        "POST",
        "/api/runs/{run}/tasks/{task}/retry",
        OPERATOR,
        ByPath,
    ),
    of(
        "POST",
        "/api/runs/{run}/tasks/{task}/mark-success",
        OPERATOR,
        ByPath,
    ),
    of("GET", "/api/audit", OPERATOR, Heeded),
    of("GET", "/api/keys", ADMIN, Not),
    of("POST", "/api/keys", ADMIN, Not),
    of("POST", "/api/keys/{key}/revoke", ADMIN, Not),
];

/// Every page, and what pages are made of. Lists of everything are for those who are limited to nothing.
const PAGES: &[Route] = &[
    of("GET", "/", VIEWER, Not),
    of("GET", "/parts/home", VIEWER, Not),
    of("GET", "/runs", VIEWER, Not),
    of("GET", "/parts/runs", VIEWER, Not),
    of("GET", "/runs/{run}", VIEWER, ByPath),
    of("GET", "/runs/{run}/live", VIEWER, ByPath),
    of("GET", "/runs/{run}/events", VIEWER, ByPath),
    of("GET", "/runs/{run}/graph", VIEWER, ByPath),
    of("GET", "/runs/{run}/graph/live", VIEWER, ByPath),
    of("GET", "/runs/{run}/gantt", VIEWER, ByPath),
    of("GET", "/runs/{run}/gantt/live", VIEWER, ByPath),
    of("GET", "/runs/{run}/{what}", OPERATOR, ByPath),
    of("POST", "/runs/{run}/{what}", OPERATOR, ByPath),
    of("GET", "/runs/{run}/tasks/{task}", VIEWER, ByPath),
    of("GET", "/runs/{run}/tasks/{task}/live", VIEWER, ByPath),
    of("GET", "/runs/{run}/tasks/{task}/at/{index}", VIEWER, ByPath),
    of(
        "GET",
        "/runs/{run}/tasks/{task}/at/{index}/inputs",
        VIEWER,
        ByPath,
    ),
    of(
        "GET",
        "/runs/{run}/tasks/{task}/at/{index}/log",
        VIEWER,
        ByPath,
    ),
    of(
        "GET",
        "/runs/{run}/tasks/{task}/at/{index}/log.txt",
        VIEWER,
        ByPath,
    ),
    of(
        "GET",
        "/runs/{run}/tasks/{task}/at/{index}/more",
        VIEWER,
        ByPath,
    ),
    of(
        "GET",
        "/runs/{run}/tasks/{task}/mark-success",
        OPERATOR,
        ByPath,
    ),
    of(
        "POST",
        "/runs/{run}/tasks/{task}/mark-success",
        OPERATOR,
        ByPath,
    ),
    of("GET", "/runs/{run}/tasks/{task}/{what}", OPERATOR, ByPath),
    of("POST", "/runs/{run}/tasks/{task}/{what}", OPERATOR, ByPath),
    of("GET", "/workflows", VIEWER, Not),
    of("GET", "/workflows/{name}", VIEWER, ByPath),
    of("POST", "/workflows/{name}/schedule", OPERATOR, ByPath),
    of("GET", "/workflows/{name}/start", OPERATOR, ByPath),
    of("POST", "/workflows/{name}/start", OPERATOR, ByPath),
    of("GET", "/workflows/{name}/backfill", OPERATOR, ByPath),
    of("POST", "/workflows/{name}/backfill", OPERATOR, ByPath),
    of("GET", "/workflows/{name}/graph", VIEWER, ByPath),
    of("GET", "/workflows/{name}/grid", VIEWER, ByPath),
    of("GET", "/workflows/{name}/versions", VIEWER, ByPath),
    of("GET", "/jobs", VIEWER, Not),
    of("GET", "/parts/jobs", VIEWER, Not),
    of("GET", "/pools", VIEWER, Not),
    of("GET", "/uploads", AUTHOR, Not),
    of("GET", "/audit", ADMIN, Not),
    of("GET", "/keys", ADMIN, Not),
    of("POST", "/keys", ADMIN, Not),
    of("GET", "/keys/{key}/revoke", ADMIN, Not),
    of("POST", "/keys/{key}/revoke", ADMIN, Not),
    of("GET", "/cost", VIEWER, Not),
    of("GET", "/submit", AUTHOR, Not),
    of("POST", "/submit", AUTHOR, Not),
    of("POST", "/submit/check", AUTHOR, Not),
    of("GET", "/assets/{file}", ANYONE, Heeded),
    of("GET", "/favicon.ico", ANYONE, Heeded),
];

/// Every route there is.
fn all() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().chain(PAGES)
}

/// Why a route is not in the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unlisted {
    /// Nothing of its path is.
    Path,
    /// Its path is, with these methods.
    Method(String),
}

/// The route that a request is for.
pub(crate) fn route(method: &Method, path: &str) -> Result<&'static Route, Unlisted> {
    let asked = match *method {
        // Whoever may read may ask for the head of it.
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let mut allowed = Vec::new();
    for route in all().filter(|route| route.path == path) {
        if route.method == asked {
            return Ok(route);
        }
        allowed.push(route.method);
        if route.method == "GET" {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        Err(Unlisted::Path)
    } else {
        Err(Unlisted::Method(allowed.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_is_listed_twice_and_limits_fit_their_paths() {
        for (at, one) in all().enumerate() {
            let twin = |other: &&Route| (other.method, other.path) == (one.method, one.path);
            assert!(all().take(at).find(twin).is_none(), "{one:?} comes twice");
            let named = one.path.contains("{name}") || one.path.contains("{run}");
            assert_eq!(one.limited == Limited::ByPath, named, "{one:?}");
        }
    }

    #[test]
    fn what_changes_something_is_for_no_viewer() {
        for one in all().filter(|one| one.method != "GET") {
            assert!(
                matches!(one.need, Need::Role(role) if role > Role::Viewer),
                "{one:?}"
            );
        }
    }

    #[test]
    fn what_is_not_listed_is_told_apart() {
        assert_eq!(route(&Method::GET, "/api/nothing"), Err(Unlisted::Path));
        let allowed = "GET, HEAD, DELETE".to_owned();
        assert_eq!(
            route(&Method::PUT, "/api/workflows/{name}"),
            Err(Unlisted::Method(allowed))
        );
        let head = route(&Method::HEAD, "/api/runs").expect("as GET");
        assert_eq!(head.method, "GET");
    }
}
