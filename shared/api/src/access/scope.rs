//! Callers who are limited to some workflows.

use axum::extract::RawPathParams;
use axum::http::StatusCode;
use ork_core::ids::WorkflowName;
use ork_engine::ports::Ports;

use super::table::{Limited, Route};
use super::{Caller, Refused, refused};
use crate::Problem;
use crate::routes::run_id;
use crate::site::Site;
use axum::response::IntoResponse;

/// Lets a request pass that is about workflows of the caller's.
pub(super) async fn judge<P: Ports>(
    site: &Site<P>,
    caller: &Caller,
    route: &Route,
    params: &RawPathParams,
    query: Option<&str>,
) -> Result<(), Refused> {
    match route.limited {
        Limited::Heeded => Ok(()),
        Limited::Not => Err(refused(
            StatusCode::FORBIDDEN,
            format!("this is not for {}, {}", caller.actor, only(caller)),
        )),
        Limited::ByQuery => {
            let asked = query.and_then(workflow_in);
            match asked {
                Some(name) if is_among(caller, &name) => Ok(()),
                _ => Err(refused(
                    StatusCode::FORBIDDEN,
                    format!(
                        "name one workflow as `?workflow=…`: {} {}",
                        caller.actor,
                        only(caller)
                    ),
                )),
            }
        }
        Limited::ByPath => by_path(site, caller, params).await,
    }
}

async fn by_path<P: Ports>(
    site: &Site<P>,
    caller: &Caller,
    params: &RawPathParams,
) -> Result<(), Refused> {
    for (name, value) in params {
        match name {
            "name" if !is_among(caller, value) => {
                return Err(refused(
                    StatusCode::FORBIDDEN,
                    format!("{} {}", caller.actor, only(caller)),
                ));
            }
            "run" => {
                let answer = |problem: Problem| Box::new(problem.into_response());
                let run = run_id(value).map_err(answer)?;
                // What is not theirs looks as if it were not there.
                let absent = || Problem::not_found(format!("there is no run {run}"));
                let found = site.engine.find_run(&run).await;
                let found = found.map_err(|error| answer(error.into()))?;
                let view = found.ok_or_else(|| answer(absent()))?;
                if !is_among(caller, view.header.workflow.as_str()) {
                    return Err(answer(absent()));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_among(caller: &Caller, name: &str) -> bool {
    caller.workflows.iter().any(|one| one.as_str() == name)
}

fn only(caller: &Caller) -> String {
    let names: Vec<&str> = caller.workflows.iter().map(WorkflowName::as_str).collect();
    format!("is limited to workflow {}", names.join(", "))
}

/// The workflow that a query names, exactly once: whoever reads it later must not find another. Names need no escapes.
fn workflow_in(query: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| {
        // An escaped name of the same meaning would be another one to us only.
        *name == "workflow" || name.contains(['%', '+'])
    });
    match (named.next(), named.next()) {
        (Some(("workflow", value)), None) => Some(value.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_one_workflow_plainly() {
        for (query, named) in [
            ("workflow=etl", Some("etl")),
            ("limit=5&workflow=etl", Some("etl")),
            ("workflow=etl&workflow=other", None),
            ("workflow=etl&%77orkflow=other", None),
            ("%77orkflow=etl", None),
            ("limit=5", None),
            ("", None),
            ("workflow", None),
        ] {
            assert_eq!(workflow_in(query).as_deref(), named, "{query}");
        }
    }
}
