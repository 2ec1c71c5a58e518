//! Who is told of a run, over the API and on its page. The engine here tells nobody, so everything is given up at once.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::pages::{send, shows};
use crate::site::Site;

const TOLD: &str = "name: told
notifications:
  - {on: failure, webhook: 'https://hooks.example.com/T0KEN'}
  - {on: [failure, success], email: a@example.com}
tasks:
  a: {command: 'exit 64'}
";

async fn failed() -> Site {
    let mut site = Site::new().await;
    site.deploy(TOLD).await;
    site.post("/api/workflows/told/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    site.drive("r1").await;
    site
}

async fn states(site: &Site) -> Vec<(Value, Value)> {
    let listed = site.get("/api/runs/r1/notices").await.json();
    let items = listed["items"].as_array().expect("a list").iter();
    items
        .map(|one| (one["notice"].clone(), one["state"].clone()))
        .collect()
}

#[tokio::test]
async fn a_notice_is_listed_and_asked_for_again_over_the_api() {
    let mut site = failed().await;
    let listed = site.get("/api/runs/r1/notices").await;
    assert_eq!(listed.status, StatusCode::OK);
    let one = &listed.json()["items"][0];
    assert_eq!(one["id"], "r1.failure.0.1");
    assert_eq!(one["to"], "webhook hooks.example.com");
    assert!(!listed.text.contains("T0KEN"), "{}", listed.text);
    assert_eq!(
        states(&site).await,
        [
            (json!("failure.0.1"), json!("gave_up")),
            (json!("failure.1.1"), json!("gave_up")),
        ]
    );
    let asked = site
        .post("/api/runs/r1/notices/r1.failure.1.1/resend", "")
        .await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.text);
    let told = &asked.json()["notices"][1];
    assert_eq!(told["state"], "pending", "{told}");
    assert!(told["asked_again_at"].is_string(), "{told}");
    let twice = site
        .post("/api/runs/r1/notices/failure.1.1/resend", "")
        .await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    assert!(twice.text.contains("is being sent"), "{}", twice.text);
    for (name, says) in [
        ("failure.2.1", "run r1 has no notice failure.2.1"),
        ("failure", "`failure` is no notice"),
        ("r2.failure.0.1", "`r2.failure.0.1` is no notice"),
    ] {
        let path = format!("/api/runs/r1/notices/{name}/resend");
        let unknown = site.post(&path, "").await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{name}");
        assert!(unknown.text.contains(says), "{}", unknown.text);
    }
    site.drive("r1").await;
    let all = site.post("/api/runs/r1/notices/resend", "{}").await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.text);
    let pending = states(&site).await;
    assert!(
        pending.iter().all(|(_, state)| state == "pending"),
        "{pending:?}"
    );
    let none = site.post("/api/runs/r1/notices/resend", "").await;
    assert_eq!(none.status, StatusCode::CONFLICT);
    assert!(none.text.contains("was given up"), "{}", none.text);
    let audit = site.get("/api/audit?action=run.resend").await.json();
    let items = audit["items"].as_array().expect("a list");
    let mut said: Vec<&str> = items
        .iter()
        .filter_map(|one| one["detail"]["notice"].as_str())
        .collect();
    said.sort_unstable();
    assert_eq!(said, ["all that were given up", "failure.1.1"]);
    let nobody = site.get("/api/runs/r2/notices").await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_of_a_run_shows_its_notices_with_a_button_for_those_given_up() {
    let site = failed().await;
    let page = site.get("/runs/r1").await;
    shows(
        &page,
        &[
            "Notices</h2>",
            "webhook hooks.example.com",
            "given up",
            r#"action="/runs/r1/resend""#,
            r#"name="notice" value="failure.0.1""#,
            "this build of `ork` tells nobody",
        ],
    );
    let done = send(&site, "/runs/r1/resend", "notice=failure.0.1").await;
    assert_eq!(
        (done.status, done.header("location")),
        (StatusCode::SEE_OTHER, "/runs/r1?done=resend")
    );
    let page = site.get("/runs/r1?done=resend").await;
    shows(&page, &["It is tried again", "again by"]);
    assert!(
        !page.text.contains(r#"value="failure.0.1""#),
        "it is being sent: {}",
        page.text
    );
    let twice = send(&site, "/runs/r1/resend", "notice=failure.0.1").await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    let wrong = send(&site, "/runs/r1/resend", "notice=<b>").await;
    assert_eq!(wrong.status, StatusCode::NOT_FOUND);
    assert!(!wrong.text.contains("<b>"), "{}", wrong.text);
    // One that tells nobody has no such chapter.
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r2"}"#)
        .await;
    let page = site.get("/runs/r2").await;
    assert!(!page.text.contains("Notices</h2>"), "{}", page.text);
}
