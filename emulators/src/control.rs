//! What is asked of everything together, over HTTP: `POST /wipe/PROJECT?bucket=BUCKET`.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde::Deserialize;

use crate::wipe::Wiper;

/// What the routes need.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) wiper: Wiper,
    pub(crate) project: String,
    pub(crate) bucket: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    bucket: Option<String>,
}

pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/wipe/{project}", post(wipe))
        .with_state(control)
}

async fn wipe(
    State(control): State<Control>,
    Path(project): Path<String>,
    Query(asked): Query<Asked>,
) -> (StatusCode, String) {
    let bucket = match asked.bucket {
        Some(bucket) => bucket,
        None if project == control.project => control.bucket,
        None => {
            let own = &control.project;
            let text = format!(
                "say which bucket is {project}'s: POST /wipe/{project}?bucket=NAME (the project it was started for is {own})\n"
            );
            return (StatusCode::BAD_REQUEST, text);
        }
    };
    if let Some(wrong) = [&project, &bucket].into_iter().find(|name| !is_name(name)) {
        let text = format!("`{wrong}` is no name of a project or bucket\n");
        return (StatusCode::BAD_REQUEST, text);
    }
    match control.wiper.wipe(&project, &bucket).await {
        Ok(()) => (StatusCode::NO_CONTENT, String::new()),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")),
    }
}

/// It becomes a part of other paths.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_lead_elsewhere() {
        for good in ["ork-local", "example.com:prj", "a_b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "..", ".", "a/b", "a?b", "a b", "a%2f"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
