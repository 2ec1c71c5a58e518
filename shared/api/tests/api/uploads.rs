//! Workflow files handed in over the API, and what became of those in the bucket.

use axum::http::StatusCode;
use insta::assert_snapshot;
use ork_core::names::ObjectName;
use ork_engine::ports::{Objects, Ports};
use serde_json::json;

use crate::pages::shows;
use crate::site::{Site, steady};

fn body(text: &str) -> String {
    json!({ "text": text }).to_string()
}

#[tokio::test]
async fn a_file_is_checked_stored_and_recorded_and_the_same_file_is_nothing_new() {
    let site = Site::new().await;
    let file = body("name: new\ntasks: {a: {command: 'true'}}\n");
    let checked = site.post("/api/workflows?dry_run=true", &file).await;
    steady(|| assert_snapshot!("upload_checked", checked.shown()));
    assert_eq!(
        site.get("/api/workflows/new").await.status,
        StatusCode::NOT_FOUND,
        "nothing was stored"
    );
    let stored = site.post("/api/workflows", &file).await;
    assert_eq!(stored.header("location"), "/api/workflows/new");
    steady(|| assert_snapshot!("upload_stored", stored.shown()));
    let again = site.post("/api/workflows", &file).await;
    assert_eq!(
        (again.status, &again.json()["changed"]),
        (StatusCode::OK, &json!(false))
    );
    assert_eq!(
        site.get("/api/workflows/new").await.json()["version"],
        checked.json()["version"]
    );
    let audit = site.get("/api/audit?workflow=new").await.json();
    let all: Vec<_> = audit["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["action"].as_str())
        .collect();
    assert_eq!(all, [Some("workflow.deploy")]);
    let fun = body("fun hello():\n    print(\"hello\")\n\nfun loud(text:hello):\n    print(1)\n");
    let fun = site.post("/api/workflows?dry_run=true", &fun).await;
    assert_eq!(
        (fun.status, &fun.json()["tasks"]),
        (StatusCode::OK, &json!(2))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_said_as_data_and_as_a_terminal_says_it() {
    let site = Site::new().await;
    let broken = body("name: flow\ntasks:\n  a: {comand: x}\n  b: {command: y, depends_on: [c]}\n");
    let wrong = site.post("/api/workflows", &broken).await;
    steady(|| assert_snapshot!("upload_wrong", wrong.shown()));
    let checked = site.post("/api/workflows?dry_run=true", &broken).await;
    assert_eq!(
        (checked.status, checked.json()),
        (wrong.status, wrong.json())
    );
    let large = site
        .post("/api/workflows", &body(&"#".repeat(1 << 20)))
        .await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_became_of_an_upload_to_the_bucket_is_shown() {
    let site = Site::new().await;
    shows(&site.get("/uploads").await, &["There is none."]);
    let none = site.get("/api/workflows/flow/upload").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let engine = site.embedded.engine();
    for (name, status) in [
        (
            "bad",
            json!({
                "format": 1, "accepted": false, "version": null, "generation": 7, "warnings": [], "at": "2026-06-01T02:30:00Z",
                "errors": [{"file": "workflow.yaml", "line": 3, "column": 5, "code": "ORK0203", "message": "a <b>is</b> wrong", "hint": "write c"}],
            }),
        ),
        (
            "good",
            json!({
                "format": 1, "accepted": true, "version": "ab".repeat(32), "generation": 8, "errors": [], "warnings": [], "at": "2026-06-01T02:30:00Z",
            }),
        ),
    ] {
        let place = ObjectName::UploadStatus(name.parse().expect("a name"));
        let objects = engine.ports().objects();
        let text = status.to_string();
        let put = objects.put(&place, text.as_bytes(), None);
        put.await.expect("it is written");
    }
    // Something was put there that nobody has looked at.
    let place = ObjectName::Upload("new".parse().expect("a name"));
    let put = engine.ports().objects().put(&place, b"name: new", None);
    put.await.expect("it is written");
    let bad = site.get("/api/workflows/bad/upload").await;
    steady(|| assert_snapshot!("upload_status", bad.shown()));
    let page = site.get("/uploads").await;
    shows(
        &page,
        &[
            r#"class="state bad">refused"#,
            r#"class="state good">accepted"#,
            "workflow.yaml:3:5</span> error[ORK0203]: a &#60;b&#62;is",
            "hint: write c",
            "abababababab<",
            "nothing is said of it",
        ],
    );
    shows(
        &site.get("/uploads?after=bad").await,
        &["good", r#"href="/uploads">First"#],
    );
}
