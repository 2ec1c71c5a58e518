//! Tasks that are marked as succeeded, over the API and on their pages.

use axum::http::StatusCode;
use insta::assert_snapshot;
use serde_json::json;

use crate::pages::{send, shows};
use crate::site::{Site, steady};

const FLOW: &str = "name: flow
tasks:
  first: {command: 'exit 64'}
  each: {command: 'test $ORK_PARALLEL_INDEX = 0', parallel: 3, depends_on: [first]}
  last: {command: 'echo ORK_OUTPUT:{{ tasks.first.output.n }}', depends_on: [each]}
";

async fn failed() -> Site {
    let mut site = Site::new().await;
    site.deploy(FLOW).await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    site.drive("r1").await;
    site
}

#[tokio::test]
async fn what_failed_is_marked_over_the_api_and_the_run_goes_on() {
    let mut site = failed().await;
    let marked = site
        .post(
            "/api/runs/r1/tasks/first/mark-success",
            r#"{"output": {"n": 7}}"#,
        )
        .await;
    steady(|| assert_snapshot!("marked", marked.shown()));
    assert_eq!(
        site.get("/api/runs/r1/tasks/first/output").await.json(),
        json!({"n": 7})
    );
    let first = site.get("/api/runs/r1/tasks/first").await.json();
    assert_eq!(first["items"][0]["marked"], true);
    assert_eq!(
        first["items"][0]["failure"]["attempt"], 1,
        "what happened is kept"
    );
    site.drive("r1").await;
    let each = site.get("/api/runs/r1/tasks/each").await.json();
    assert_eq!(
        each["instances"],
        json!({"failed": 2, "success": 1}),
        "{each}"
    );
    let one = site
        .post("/api/runs/r1/tasks/each/mark-success", r#"{"index": 1}"#)
        .await;
    assert_eq!(one.json()["status"], "failed", "another one is failed");
    let all = site
        .post("/api/runs/r1/tasks/each/mark-success", "")
        .await
        .json();
    assert_eq!(all["status"], "running");
    assert_eq!(all["tasks"]["each"]["marked"], 2);
    site.drive("r1").await;
    let run = site.get("/api/runs/r1").await.json();
    assert_eq!(run["status"], "success", "{run}");
    assert_eq!(
        site.get("/api/runs/r1/tasks/last/output").await.text,
        "7",
        "what was given by hand is what follows gets"
    );
    let audit = site.get("/api/audit?action=task").await.json();
    // Those of one millisecond are in no order of their own.
    let items = audit["items"].as_array().expect("a list");
    let told = |detail: serde_json::Value| {
        let mut found = items.iter().filter(|one| one["detail"] == detail);
        found
            .next()
            .unwrap_or_else(|| panic!("{detail} in {audit:#}"))
    };
    let first = told(json!({"output": {"n": 7}, "status": "running"}));
    assert_eq!(first["action"], "task.mark_success");
    assert_eq!(first["target"]["task"], "first");
    told(json!({"index": 1, "status": "failed"}));
}

#[tokio::test]
async fn a_form_asks_what_a_task_is_to_have_given() {
    let site = failed().await;
    shows(
        &site.get("/runs/r1/tasks/first").await,
        &[r#"href="/runs/r1/tasks/first/mark-success">Mark as succeeded…"#],
    );
    shows(
        &site.get("/runs/r1/tasks/first/mark-success").await,
        &["Mark <span", r#"name="output""#, r#"href="/runs/r1""#],
    );
    shows(
        &site.get("/runs/r1/tasks/each/mark-success?index=2").await,
        &[r#"name="index" value="2""#],
    );
    let wrong = send(
        &site,
        "/runs/r1/tasks/first/mark-success",
        "output=%7B%3Cb%3E",
    )
    .await;
    assert_eq!(wrong.status, StatusCode::CONFLICT);
    shows(&wrong, &["is not JSON", "{&#60;b&#62;</textarea>"]);
    let none = send(&site, "/runs/r1/tasks/each/mark-success", "index=x").await;
    assert_eq!(none.status, StatusCode::BAD_REQUEST);
    shows(&none, &["`x` is no instance"]);
    let done = send(
        &site,
        "/runs/r1/tasks/first/mark-success",
        "output=%7B%22n%22%3A7%7D",
    )
    .await;
    assert_eq!(
        (done.status, done.header("location")),
        (StatusCode::SEE_OTHER, "/runs/r1/tasks/first?done=mark")
    );
    let page = site.get("/runs/r1/tasks/first?done=mark").await;
    shows(
        &page,
        &[
            "It counts as succeeded",
            "marked as succeeded",
            "was given by hand",
            "&#34;n&#34;:7",
        ],
    );
    assert!(!page.text.contains("Mark as succeeded…"), "{}", page.text);
    shows(&site.get("/runs/r1").await, &["marked as succeeded"]);
    let again = send(&site, "/runs/r1/tasks/first/mark-success", "").await;
    shows(&again, &["task first has succeeded already"]);
}
