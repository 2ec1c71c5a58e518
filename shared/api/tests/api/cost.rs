//! What runs cost, where something was counted for them: each on its page, all of the month together.

use std::collections::BTreeMap;

use ork_api::Prices;
use ork_core::ids::RunId;
use ork_core::time::{Millis, Time};
use ork_engine::ports::{Key, Ports, Precondition, Store, Write};

use crate::pages::shows;
use crate::site::Site;

/// Rounds down for each function of each run.
const PRICES: Prices = Prices {
    of: "2024-01",
    nanos: |used| used.store_writes * 900_000 + used.store_reads * 300_000 + used.cpu_micros / 10,
};

/// A site with runs `r1` of `flow` and `o1`, `o2` of `other`.
async fn site() -> Site {
    let site = Site::with(|settings| settings.prices = Some(PRICES)).await;
    site.deploy("name: other\ntasks:\n  a: {command: 'true'}\n")
        .await;
    for (workflow, run) in [("flow", "r1"), ("other", "o1"), ("other", "o2")] {
        let body = format!("{{\"idempotency_key\": \"{run}\"}}");
        site.post(&format!("/api/workflows/{workflow}/runs"), &body)
            .await;
    }
    site
}

/// Writes into the header of a run what functions have used for it, and when it was made, if that is to be another instant.
async fn used(site: &Site, run: &str, usage: &str, created: Option<Time>) {
    let engine = site.embedded.engine();
    let id: RunId = run.parse().expect("a run id");
    let mut state = engine.run(&id).await.expect("it is there").state;
    state.header.usage = serde_json::from_str(usage).expect("usage");
    let key = Key::Run(id);
    let found = engine
        .ports()
        .store()
        .read(std::slice::from_ref(&key))
        .await;
    let found = found.expect("readable").remove(0).expect("it is stored");
    let mut index = found.index;
    if let Some(created) = created {
        state.header.created_at = created;
        index.created_at = Some(created);
    }
    let put = Write::Put {
        key,
        precondition: Precondition::At(found.version),
        body: state.encode().header,
        index,
    };
    let done = engine.ports().store().commit(&[put]).await;
    done.expect("it is stored");
}

/// The first amount behind `mark` in a page, in billionths of a dollar.
#[track_caller]
fn amount(page: &str, mark: &str) -> u64 {
    let (_, rest) = page
        .split_once(mark)
        .unwrap_or_else(|| panic!("no {mark} in {page}"));
    let (_, rest) = rest.split_once('$').expect("an amount");
    let digits: String = rest
        .chars()
        .take_while(|one| one.is_ascii_digit() || *one == '.')
        .filter(char::is_ascii_digit)
        .collect();
    digits.parse::<u64>().expect("digits") * 1000
}

#[tokio::test]
async fn the_cost_of_the_month_is_the_sum_of_what_the_pages_of_its_runs_say() {
    let site = site().await;
    // Each function alone is rounded down: together they would come to more.
    used(
        &site,
        "r1",
        r#"{"dispatch": {"store_writes": 7, "cpu_micros": 9}, "monitor": {"store_writes": 2, "cpu_micros": 9}, "newer": {"egress": 4}}"#,
        None,
    )
    .await;
    used(&site, "o1", r#"{"tick": {"store_reads": 5}}"#, None).await;
    used(
        &site,
        "o2",
        r#"{"tick": {"store_reads": 1}, "poll": {"store_reads": 1}}"#,
        None,
    )
    .await;
    let mut costs = BTreeMap::new();
    for (run, nanos) in [("r1", 8_100_000), ("o1", 1_500_000), ("o2", 600_000)] {
        let page = site.get(&format!("/runs/{run}")).await;
        shows(&page, &["at list prices of 2024-01, worker compute apart"]);
        assert_eq!(amount(&page.text, "<dt>Cost"), nanos, "{run}");
        costs.insert(run, nanos);
    }
    let page = site.get("/cost").await;
    shows(&page, &["for 3 runs made in 20", "list prices of 2024-01"]);
    let of = |workflow: &str| amount(&page.text, &format!("href=\"/workflows/{workflow}\""));
    assert_eq!(of("flow"), costs["r1"]);
    assert_eq!(of("other"), costs["o1"] + costs["o2"]);
    assert_eq!(amount(&page.text, "<p><b>"), of("flow") + of("other"));
    // The dearest comes first.
    let at = |workflow: &str| page.text.find(&format!("/workflows/{workflow}\""));
    assert!(at("flow") < at("other"), "{}", page.text);
}

#[tokio::test]
async fn runs_of_earlier_months_are_not_in_it_and_nonsense_does_no_harm() {
    let site = site().await;
    let now = site
        .embedded
        .engine()
        .run(&"r1".parse().expect("an id"))
        .await;
    let now = now.expect("it is there").header.created_at;
    let earlier = now - Millis::from_secs(32 * 86_400);
    used(
        &site,
        "r1",
        r#"{"tick": {"store_reads": 1000}}"#,
        Some(earlier),
    )
    .await;
    used(&site, "o1", r#"{"tick": {"store_reads": 2}}"#, None).await;
    let page = site.get("/cost").await;
    shows(&page, &["for 2 runs made in 20"]);
    assert_eq!(amount(&page.text, "<p><b>"), 600_000);
    assert!(!page.text.contains("/workflows/flow\""), "{}", page.text);
    // Its own page says what it cost all the same.
    let of_run = site.get("/runs/r1").await;
    assert_eq!(amount(&of_run.text, "<dt>Cost"), 300_000_000);
    // Counts come from documents: what lies in them may be anything.
    let most = u64::MAX / 1_000_000;
    let usage = format!(r#"{{"a": {{"store_writes": {most}}}, "b": {{"store_writes": {most}}}}}"#);
    used(&site, "o2", &usage, None).await;
    let all = format!("${:.6}", u64::MAX as f64 / 1e9);
    shows(&site.get("/cost").await, &[&all]);
    shows(&site.get("/runs/o2").await, &[&all]);
}
