//! Pools and topics: what tasks of all runs share.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use ork_core::ids::PoolName;
use ork_engine::EngineErrorKind;
use ork_engine::ports::Ports;

use super::actor::Actor;
use super::page::{Frame, Html};
use crate::Problem;
use crate::routes::Ground;

/// Workflows whose definitions are looked through.
const LOOKED_AT: usize = 500;
/// Runs of a pool that are named.
const NAMED: usize = 20;

struct Pool {
    name: String,
    size: u32,
    taken: u32,
    held: Vec<(String, u32)>,
    waiting: Vec<String>,
    more_waiting: usize,
    users: Vec<(String, String)>,
}

struct Topic {
    name: String,
    users: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "pools.html")]
struct Page {
    frame: Frame,
    pools: Vec<Pool>,
    topics: Vec<Topic>,
    is_all: bool,
}

/// Those that the current versions of workflows name.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
) -> Result<Html<impl Template>, Problem> {
    let (all, next) = site.engine.workflows_page(None, LOOKED_AT).await?;
    let mut pools: BTreeMap<PoolName, Vec<(String, String)>> = BTreeMap::new();
    let mut topics: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for one in &all {
        let graph = match site.engine.definition(&one.name, &one.current).await {
            Ok(graph) => graph,
            // It cannot be read: its own page says so.
            Err(error) if error.kind != EngineErrorKind::Unavailable => continue,
            Err(error) => return Err(error.into()),
        };
        for task in &graph.workflow.tasks {
            let user = || (one.name.to_string(), task.name.to_string());
            if let Some(pool) = &task.pool {
                pools.entry(pool.clone()).or_default().push(user());
            }
            if let Some(topic) = &task.topic {
                topics.entry(topic.clone()).or_default().push(user());
            }
        }
    }
    let names: Vec<PoolName> = pools.keys().cloned().collect();
    let found = site.engine.pools(&names).await?;
    let pools = found.into_iter().map(|(name, pool)| Pool {
        size: pool.size,
        taken: pool.held.values().sum(),
        held: pool
            .held
            .iter()
            .take(NAMED)
            .map(|(run, n)| (run.to_string(), *n))
            .collect(),
        waiting: pool
            .waiting
            .iter()
            .take(NAMED)
            .map(ToString::to_string)
            .collect(),
        more_waiting: pool.waiting.len().saturating_sub(NAMED),
        users: some(pools.get(&name)),
        name: name.to_string(),
    });
    let topics = topics.iter().map(|(name, users)| Topic {
        name: name.clone(),
        users: some(Some(users)),
    });
    Ok(Html(Page {
        frame: Frame::of("Pools and topics", "pools", actor),
        pools: pools.collect(),
        topics: topics.collect(),
        is_all: next.is_none(),
    }))
}

fn some(users: Option<&Vec<(String, String)>>) -> Vec<(String, String)> {
    users.into_iter().flatten().take(NAMED).cloned().collect()
}
