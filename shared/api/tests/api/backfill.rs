//! Runs for past slots, over the API and on their page.

use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::json;

use crate::pages::{send, shows};
use crate::site::{Site, steady};

const RANGE: &str = r#"{"from": "2020-06-01T00:00:00Z", "to": "2020-06-03T06:00:00Z"}"#;

#[tokio::test]
async fn missing_slots_are_previewed_filled_once_and_recorded() {
    let site = Site::new().await;
    site.post(
        "/api/workflows/flow/runs",
        r#"{"idempotency_key": "flow--20200602T060000Z"}"#,
    )
    .await;
    let path = "/api/workflows/flow/backfill";
    let preview = RANGE.replace('}', r#", "dry_run": true}"#);
    let seen = site.post(path, &preview).await;
    steady(|| assert_snapshot!("backfill_preview", seen.shown()));
    assert_eq!(
        site.get("/api/runs").await.json()["items"]
            .as_array()
            .map(Vec::len),
        Some(1),
        "nothing was started"
    );
    let done = site.post(path, RANGE).await;
    steady(|| assert_snapshot!("backfill", done.shown()));
    let run = site.get("/api/runs/flow--20200601T060000Z").await.json();
    assert_eq!(run["slot"], "2020-06-01T06:00:00Z");
    assert_eq!(run["trigger"], "manual");
    let again = site.post(path, RANGE).await.json();
    assert_eq!(
        (&again["started"], &again["missing"]),
        (&json!(0), &json!(0))
    );
    let audit = site.get("/api/audit?action=run.start").await.json();
    // Those of one millisecond are in no order of their own.
    let slots: std::collections::BTreeSet<_> = audit["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["detail"]["slot"].as_str())
        .collect();
    assert_eq!(
        Vec::from_iter(slots),
        [
            None,
            Some("2020-06-01T06:00:00Z"),
            Some("2020-06-03T06:00:00Z"),
        ]
    );
}

#[tokio::test]
async fn runs_of_past_slots_get_the_params_that_are_given() {
    let site = Site::new().await;
    let path = "/api/workflows/flow/backfill";
    let with = |params: &str| RANGE.replace('}', &format!(", \"params\": {params}}}"));
    let wrong = site.post(path, &with(r#"{"day": 7}"#)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
    assert_eq!(site.get("/api/runs").await.json()["items"], json!([]));
    site.post(path, &with(r#"{"day": "friday"}"#)).await;
    let run = site.get("/api/runs/flow--20200603T060000Z").await.json();
    assert_eq!(run["params"]["day"], "friday");
}

#[tokio::test]
async fn a_page_previews_a_range_and_starts_what_is_missing() {
    let site = Site::new().await;
    shows(
        &site.get("/workflows/flow").await,
        &[r#"href="/workflows/flow/backfill""#],
    );
    shows(
        &site.get("/workflows/flow/backfill").await,
        &[r#"name="from" value="20"#, "At most 500 slots"],
    );
    let range = "from=2020-06-01T00%3A00&to=2020-06-03T06%3A00";
    let preview = site.get(&format!("/workflows/flow/backfill?{range}")).await;
    shows(
        &preview,
        &[
            "3 slots, 3 without a run.",
            "2020-06-01 06:00 UTC",
            "Start 3 runs",
            r#"value="2020-06-03T06:00""#,
        ],
    );
    let done = send(&site, "/workflows/flow/backfill", range).await;
    shows(
        &done,
        &[
            "3 runs made; 0 of the range have none.",
            r#"href="/runs/flow--20200602T060000Z""#,
        ],
    );
    assert!(!done.text.contains("Start "), "{}", done.text);
    shows(
        &site.get("/runs").await,
        &["by hand, for slot 2020-06-02 06:00:00 UTC"],
    );
    let empty = "from=2020-06-01T07%3A00&to=2020-06-01T08%3A00";
    shows(
        &site.get(&format!("/workflows/flow/backfill?{empty}")).await,
        &["0 slots", "name no slot there"],
    );
    for (range, status, text) in [
        (
            "from=soon&to=2020-06-03T06%3A00",
            400,
            "From: `soon` is no instant",
        ),
        (
            "from=2020-06-03T06%3A00&to=2020-06-01T06%3A00",
            422,
            "before it begins",
        ),
        (
            "from=2020-06-03T06%3A00&to=9000-06-01T06%3A00",
            422,
            "is to come",
        ),
        (
            "from=2010-06-03T06%3A00&to=2020-06-01T06%3A00",
            422,
            "more than 500 slots",
        ),
    ] {
        let said = site.get(&format!("/workflows/flow/backfill?{range}")).await;
        assert_eq!(said.status.as_u16(), status, "{range}");
        shows(&said, &[text, "Preview"]);
    }
}
