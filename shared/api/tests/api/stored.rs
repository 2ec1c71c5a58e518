//! Runs and definitions as they are stored, for programs that read those; why a run waits and what it has cost.

use axum::body::Body;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ork_core::definition::Workflow;
use ork_core::run::{Graph, RunState};
use ork_engine::report::{CostReport, StoredReport};
use ork_engine::why::Explanation;

use crate::site::{Site, request};

#[tokio::test]
async fn a_run_and_its_definition_are_read_as_they_are_stored() {
    let mut site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    site.drive("r1").await;
    let said = site.get("/api/runs/r1/state").await;
    let tag = said.header("etag").to_owned();
    let stored: StoredReport = serde_json::from_str(&said.text).expect("a stored run");
    let path = format!(
        "/api/workflows/{}/versions/{}",
        stored.workflow, stored.version
    );
    let definition = site.get(&path).await;
    let workflow = Workflow::decode(definition.text.as_bytes()).expect("a definition");
    let graph = Graph::new(workflow);
    let bytes = |text: &String| BASE64.decode(text).expect("base64");
    let pages: Vec<Vec<u8>> = stored.pages.iter().map(bytes).collect();
    let state = RunState::decode(&graph, &bytes(&stored.header), &pages).expect("a run");
    assert_eq!(state.header.id.as_str(), "r1");
    let report = site.get("/api/runs/r1").await.json();
    assert_eq!(report["status"], state.header.status.as_str());
    assert_eq!(state.tasks().len(), 3);
    let asked = request("GET", "/api/runs/r1/state").header("if-none-match", &tag);
    let again = site
        .ask(asked.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let gone = site.get("/api/runs/gone/state").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let no_version = path.replace(&stored.version, &"0".repeat(64));
    assert_eq!(site.get(&no_version).await.status, StatusCode::NOT_FOUND);
    let no_hash = path.replace(&stored.version, "latest");
    assert_eq!(site.get(&no_hash).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn of_whom_a_definition_tells_only_what_may_be_shown_is_told() {
    let site = Site::new().await;
    site.deploy(
        "name: telling
notifications:
  - on: [failure]
    webhook: https://hooks.example/T0/very-secret
    headers: {x-token: also-secret}
  - {on: [success], slack: 'https://slack.example/very-secret'}
tasks:
  a: {}
",
    )
    .await;
    let current = site.get("/api/workflows/telling").await.json();
    let version = current["version"].as_str().expect("a version").to_owned();
    let said = site
        .get(&format!("/api/workflows/telling/versions/{version}"))
        .await;
    assert_eq!(said.status, StatusCode::OK);
    assert!(!said.text.contains("secret"), "{}", said.text);
    let workflow = Workflow::decode(said.text.as_bytes()).expect("a definition");
    let shown: Vec<String> = workflow
        .notifications
        .iter()
        .map(|one| one.to.shown())
        .collect();
    assert_eq!(shown, ["webhook hooks.example", "slack slack.example"]);
}

#[tokio::test]
async fn why_a_run_waits_and_what_it_costs_is_answered() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    site.post("/api/runs/r1/pause", "").await;
    let said = site.get("/api/runs/r1/explanation").await;
    let why: Explanation = serde_json::from_str(&said.text).expect("an explanation");
    assert_eq!(why.run[0].kind, "paused");
    assert_eq!(why.tasks.len(), 3, "{why:?}");
    let said = site.get("/api/runs/r1/cost").await;
    let cost: CostReport = serde_json::from_str(&said.text).expect("a cost");
    assert_eq!((cost.prices_of, cost.total.is_nothing()), (None, true));
    let site = Site::with(|settings| {
        settings.prices = Some(ork_api::Prices {
            of: "2026-11",
            nanos: |used| 2_000_000_000 * used.store_writes,
        });
    })
    .await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let cost = site.get("/api/runs/r1/cost").await.json();
    assert_eq!(cost["prices_of"], "2026-11");
    assert_eq!(
        cost["total"]["dollars"], 0.0,
        "nothing is counted in a folder"
    );
}
