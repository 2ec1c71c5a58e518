//! What the runs of this month have used, and what that costs where it costs anything.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use ork_core::ids::WorkflowName;
use ork_core::run::Header;
use ork_core::time::Time;
use ork_engine::ports::{Clock, Ports};

use super::actor::Actor;
use super::page::{Frame, Html};
use super::words::count;
use crate::Problem;
use crate::routes::Ground;
use crate::site::Prices;

/// Runs read at once.
const PAGE: usize = 500;
/// Such pages at most: each run is a document read.
const PAGES: usize = 4;
/// Workflows that are listed.
const SHOWN: usize = 100;

struct Row {
    workflow: String,
    runs: usize,
    dollars: String,
}

#[derive(Template)]
#[template(path = "cost.html")]
struct Page {
    frame: Frame,
    /// Of when the prices are; nothing where nothing is paid for.
    prices_of: Option<&'static str>,
    month: String,
    rows: Vec<Row>,
    more: usize,
    total: String,
    runs: String,
    /// Whether there were more runs than are added up.
    is_cut: bool,
}

/// Billionths of a dollar, as people read them.
pub(crate) fn dollars(nanos: u64) -> String {
    format!("${:.6}", nanos as f64 / 1e9)
}

/// What a run has cost, where that is known.
pub(crate) fn of_run(prices: Option<Prices>, header: &Header) -> Option<String> {
    let prices = prices.filter(|_| !header.usage.is_empty())?;
    let nanos = header.usage.cost(prices.nanos);
    let (cost, of) = (dollars(nanos), prices.of);
    Some(format!(
        "about {cost} at list prices of {of}, worker compute apart"
    ))
}

/// The first instant of the month that `now` is in, and its name.
fn month(now: Time) -> (Time, String) {
    let name: String = now.rfc3339().chars().take(7).collect();
    let first = Time::parse(&format!("{name}-01T00:00:00Z"));
    (first.unwrap_or(now), name)
}

/// The page.
pub(crate) async fn show<P: Ports>(
    State(site): Ground<P>,
    actor: Actor,
) -> Result<Html<impl Template>, Problem> {
    let (first, month) = month(site.engine.ports().clock().now());
    let mut spent: BTreeMap<WorkflowName, (usize, u64)> = BTreeMap::new();
    let (mut cursor, mut runs, mut is_cut) = (None::<String>, 0, false);
    if let Some(prices) = site.settings.prices {
        for page in 1.. {
            let found = site
                .engine
                .runs(None, None, cursor.as_deref(), PAGE)
                .await?;
            let of_month: Vec<&Header> = found
                .0
                .iter()
                .take_while(|one| one.created_at >= first)
                .collect();
            for header in &of_month {
                let known = spent.entry(header.workflow.clone()).or_default();
                known.0 += 1;
                // As the pages of the runs say.
                known.1 = known.1.saturating_add(header.usage.cost(prices.nanos));
            }
            runs += of_month.len();
            // The newest come first: what follows is older.
            if of_month.len() < found.0.len() || found.1.is_none() {
                break;
            }
            if page == PAGES {
                is_cut = true;
                break;
            }
            cursor = found.1;
        }
    }
    let mut priced: Vec<(u64, WorkflowName, usize)> = spent
        .into_iter()
        .map(|(name, (runs, nanos))| (nanos, name, runs))
        .collect();
    let total = priced.iter().map(|one| one.0).fold(0, u64::saturating_add);
    priced.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let more = priced.len().saturating_sub(SHOWN);
    let rows = priced
        .into_iter()
        .take(SHOWN)
        .map(|(nanos, name, runs)| Row {
            workflow: name.to_string(),
            runs,
            dollars: dollars(nanos),
        });
    Ok(Html(Page {
        frame: Frame::of("Cost this month", "home", actor),
        prices_of: site.settings.prices.map(|prices| prices.of),
        month,
        rows: rows.collect(),
        more,
        total: dollars(total),
        runs: count(runs as u64, "run"),
        is_cut,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_its_first_instant() {
        let (first, name) = month(Time(1_750_000_000_123));
        assert_eq!(
            (first.rfc3339().as_str(), name.as_str()),
            ("2025-06-01T00:00:00Z", "2025-06")
        );
        assert_eq!(month(first), (first, name));
        assert_eq!(dollars(1_234_567), "$0.001235");
    }
}
