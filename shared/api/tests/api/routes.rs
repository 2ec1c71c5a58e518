//! What each route answers.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, IF_NONE_MATCH, ORIGIN};
use insta::assert_snapshot;

use crate::site::{Site, request, steady};

#[tokio::test]
async fn a_run_from_its_start_to_its_recovery() {
    let mut site = Site::new().await;
    let started = site
        .post(
            "/api/workflows/flow/runs",
            r#"{"idempotency_key": "r1", "params": {"day": "friday"}}"#,
        )
        .await;
    assert_eq!(started.header("location"), "/api/runs/r1");
    steady(|| assert_snapshot!("started", started.shown()));
    let again = site
        .post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.json()["created"], false);

    site.drive("r1").await;
    let failed = site.get("/api/runs/r1").await;
    steady(|| assert_snapshot!("failed_run", failed.shown()));
    let tag = failed.header("etag").to_owned();
    let known = request("GET", "/api/runs/r1").header(IF_NONE_MATCH, &tag);
    let known = site
        .ask(known.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(
        (known.status, known.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );

    let tasks = site.get("/api/runs/r1/tasks").await;
    assert_eq!(tasks.json()["tasks"]["each"]["instances"]["success"], 3);
    let each = site.get("/api/runs/r1/tasks/each?limit=2").await;
    steady(|| assert_snapshot!("fan_out_page", each.shown()));
    let rest = site
        .get("/api/runs/r1/tasks/each?limit=2&cursor=2")
        .await
        .json();
    assert_eq!(rest["items"][0]["index"], 2);
    assert!(rest["next_cursor"].is_null());
    let none = site
        .get("/api/runs/r1/tasks/each?status=failed")
        .await
        .json();
    assert_eq!(none["items"].as_array().map(Vec::len), Some(0));
    let last = site.get("/api/runs/r1/tasks/last").await;
    steady(|| assert_snapshot!("failed_task", last.shown()));

    assert_eq!(
        site.get("/api/runs/r1/tasks/first/output").await.json()["n"],
        7
    );
    assert_eq!(
        site.get("/api/runs/r1/tasks/each/output").await.json(),
        serde_json::json!([0, 1, 2])
    );
    assert_eq!(
        site.get("/api/runs/r1/tasks/last/output").await.text,
        "null"
    );

    std::fs::write(site.folder.path().join("go"), "").expect("written");
    let recovering = site
        .post("/api/runs/r1/recover", r#"{"from_task": "last"}"#)
        .await;
    assert_eq!(recovering.json()["status"], "recovering");
    assert_ne!(recovering.json()["counts"]["success"], 0);
    site.drive("r1").await;
    let well = site.get("/api/runs/r1").await.json();
    assert_eq!(well["status"], "success", "{well}");
    assert_eq!(well["recovery_attempts"], 1);
}

#[tokio::test]
async fn logs_come_in_parts() {
    let mut site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let before = site.get("/api/runs/r1/tasks/first/logs").await;
    assert_eq!((before.status, before.text.as_str()), (StatusCode::OK, ""));
    site.drive("r1").await;
    let whole = site.get("/api/runs/r1/tasks/first/logs").await;
    assert_eq!(whole.header("content-type"), "text/plain; charset=utf-8");
    assert!(whole.text.starts_with("hello\n"), "{whole:?}");
    let size = whole.text.len().to_string();
    assert_eq!(
        (whole.header("ork-log-next"), whole.header("ork-log-size")),
        (size.as_str(), size.as_str())
    );
    let part = site
        .get("/api/runs/r1/tasks/first/logs?from=1&limit=3")
        .await;
    assert_eq!(
        (part.text.as_str(), part.header("ork-log-next")),
        ("ell", "4")
    );
    let end = site.get("/api/runs/r1/tasks/first/logs?tail=3").await;
    assert_eq!(end.text, whole.text[whole.text.len() - 3..]);
    let beyond = site.get("/api/runs/r1/tasks/first/logs?from=1000000").await;
    assert_eq!((beyond.status, beyond.text.as_str()), (StatusCode::OK, ""));
    let one = site.get("/api/runs/r1/tasks/each/logs?index=2").await;
    assert_eq!(one.text, "2\nORK_OUTPUT:2\n");
}

#[tokio::test]
async fn workflows_are_listed_shown_paused_and_removed() {
    let site = Site::new().await;
    let listed = site.get("/api/workflows").await;
    steady(|| assert_snapshot!("workflows", listed.shown()));
    let shown = site.get("/api/workflows/flow").await;
    steady(|| assert_snapshot!("workflow", shown.shown()));
    let paused = site
        .send(
            "PATCH",
            "/api/workflows/flow/schedule",
            r#"{"enabled": false}"#,
        )
        .await;
    assert_eq!(paused.json()["enabled"], false);
    assert_eq!(paused.json()["next_slots"], serde_json::json!([]));
    site.deploy("name: flow\ntasks: {a: {command: 'true'}}\n")
        .await;
    let versions = site.get("/api/workflows/flow/versions").await.json();
    let current: Vec<_> = versions["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["current"])
        .collect();
    assert_eq!(current, [true, false]);
    let gone = site.send("DELETE", "/api/workflows/flow", "").await;
    assert_eq!(
        (gone.status, gone.text.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
    assert_eq!(
        site.get("/api/workflows/flow").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        site.get("/api/workflows").await.json()["items"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn runs_are_listed_by_pages_and_filters() {
    let site = Site::new().await;
    for n in 0..5 {
        let body = format!("{{\"idempotency_key\": \"r{n}\"}}");
        site.post("/api/workflows/flow/runs", &body).await;
    }
    site.post("/api/runs/r3/cancel", r#"{"reason": "enough"}"#)
        .await;
    let mut seen = Vec::new();
    let mut path = "/api/runs?limit=2".to_owned();
    loop {
        let page = site.get(&path).await.json();
        let items = page["items"].as_array().expect("a list").clone();
        seen.extend(
            items
                .iter()
                .map(|one| one["run_id"].as_str().expect("an id").to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/runs?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["r0", "r1", "r2", "r3", "r4"]);
    let cancelled = site
        .get("/api/runs?status=cancelled&workflow=flow")
        .await
        .json();
    assert_eq!(cancelled["items"][0]["run_id"], "r3");
    assert_eq!(cancelled["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        site.get("/api/runs?workflow=other").await.json()["items"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn commands_are_carried_out_once() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    for (path, body, status) in [
        ("/api/runs/r1/pause", "", "paused"),
        ("/api/runs/r1/resume", "", "running"),
        ("/api/runs/r1/tasks/last/pause", "", "running"),
        ("/api/runs/r1/tasks/last/resume", "{}", "running"),
        ("/api/runs/r1/cancel", "", "cancelled"),
        ("/api/runs/r1/retry", "", "running"),
    ] {
        let said = site.post(path, body).await;
        assert_eq!(said.status, StatusCode::OK, "{path}: {said:?}");
        assert_eq!(said.json()["status"], status, "{path}");
    }
    site.post("/api/runs/r1/cancel", "").await;
    let twice = site.post("/api/runs/r1/cancel", "").await;
    steady(|| assert_snapshot!("cancelled_twice", twice.shown()));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let mut text = String::new();
    for (method, path, body) in [
        ("GET", "/api/nothing", ""),
        ("PUT", "/api/runs", ""),
        ("GET", "/api/runs/nobody", ""),
        ("GET", "/api/runs/no%20body", ""),
        ("GET", "/api/runs?limit=0", ""),
        ("GET", "/api/runs?limit=many", ""),
        ("GET", "/api/runs?status=done", ""),
        ("GET", "/api/runs?colour=red", ""),
        ("GET", "/api/runs?cursor=nonsense", ""),
        ("GET", "/api/workflows/nobody", ""),
        ("DELETE", "/api/workflows/nobody", ""),
        ("PATCH", "/api/workflows/flow/schedule", "{}"),
        (
            "PATCH",
            "/api/workflows/nobody/schedule",
            r#"{"enabled": true}"#,
        ),
        ("GET", "/api/workflows/nobody/versions", ""),
        ("POST", "/api/workflows/nobody/runs", ""),
        (
            "POST",
            "/api/workflows/flow/runs",
            r#"{"params": {"day": 7}}"#,
        ),
        (
            "POST",
            "/api/workflows/flow/runs",
            r#"{"params": {"night": "x"}}"#,
        ),
        ("POST", "/api/workflows/flow/runs", r#"{"parameters": {}}"#),
        (
            "POST",
            "/api/workflows/flow/runs",
            r#"{"tasks": ["nobody"]}"#,
        ),
        ("POST", "/api/workflows/flow/runs", r#"{"version": "abc"}"#),
        (
            "POST",
            "/api/workflows/flow/runs",
            r#"{"idempotency_key": "a b"}"#,
        ),
        ("POST", "/api/workflows/flow/runs", "{"),
        ("POST", "/api/runs/r1/recover", "{}"),
        (
            "POST",
            "/api/runs/r1/recover",
            r#"{"from_step": 1, "from_task": "last"}"#,
        ),
        ("POST", "/api/runs/r1/recover", r#"{"from_task": "nobody"}"#),
        ("POST", "/api/runs/r1/resume", ""),
        ("POST", "/api/runs/r1/tasks/nobody/pause", ""),
        ("POST", "/api/runs/nobody/cancel", ""),
        ("POST", "/api/runs/r1/tasks/nobody/mark-success", ""),
        (
            "POST",
            "/api/runs/r1/tasks/each/mark-success",
            r#"{"index": 3}"#,
        ),
        (
            "POST",
            "/api/runs/r1/tasks/first/mark-success",
            r#"{"index": -1}"#,
        ),
        ("POST", "/api/workflows/flow/backfill", "{}"),
        (
            "POST",
            "/api/workflows/nobody/backfill",
            r#"{"from": "2020-06-01T00:00:00Z", "to": "2020-06-02T00:00:00Z"}"#,
        ),
        (
            "POST",
            "/api/workflows/flow/backfill",
            r#"{"from": "yesterday", "to": "2020-06-02T00:00:00Z"}"#,
        ),
        (
            "POST",
            "/api/workflows/flow/backfill",
            r#"{"from": "2020-06-03T00:00:00Z", "to": "2020-06-02T00:00:00Z"}"#,
        ),
        (
            "POST",
            "/api/workflows/flow/backfill",
            r#"{"from": "2020-06-03T00:00:00Z", "to": "9000-06-02T00:00:00Z"}"#,
        ),
        (
            "POST",
            "/api/workflows/flow/backfill",
            r#"{"from": "2010-06-03T00:00:00Z", "to": "2020-06-02T00:00:00Z"}"#,
        ),
        ("GET", "/api/runs/r1/tasks/nobody", ""),
        ("GET", "/api/runs/r1/tasks/each?cursor=x", ""),
        ("GET", "/api/runs/r1/tasks/each/logs?index=3", ""),
        ("GET", "/api/runs/r1/tasks/first/logs?attempt=9", ""),
        ("GET", "/api/runs/r1/tasks/first/logs?from=1&tail=1", ""),
        ("GET", "/api/runs/r1/tasks/first/logs?limit=0", ""),
        (
            "GET",
            "/api/runs/r1/tasks/first/logs?from=9223372036854775808",
            "",
        ),
        (
            "GET",
            "/api/runs/r1/tasks/first/logs?tail=9223372036854775808",
            "",
        ),
        ("POST", "/api/runs/r1/recover", "[null, null]"),
        ("GET", "/api/runs/nobody/events", ""),
    ] {
        let said = if body.is_empty() && method == "GET" {
            site.get(path).await
        } else {
            site.send(method, path, body).await
        };
        assert_eq!(
            said.header("content-type"),
            "application/problem+json",
            "{method} {path}: {said:?}"
        );
        let problem = said.json();
        assert_eq!(problem["status"], said.status.as_u16());
        assert!(!said.status.is_server_error(), "{method} {path}: {said:?}");
        let detail = problem["detail"].as_str().expect("a detail");
        text += &format!(
            "{method} {path} {body}\n    {} {detail}\n",
            said.status.as_u16()
        );
    }
    steady(|| assert_snapshot!("problems", text));
}

#[tokio::test]
async fn bodies_are_json_of_bounded_size_and_pages_of_others_are_kept_out() {
    let site = Site::new().await;
    let path = "/api/workflows/flow/runs";
    let form = request("POST", path)
        .header(CONTENT_TYPE, "text/plain")
        .body(Body::from("{}"));
    assert_eq!(
        site.ask(form.expect("a request")).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    let large = format!("{{\"params\": {{\"day\": \"{}\"}}}}", "x".repeat(1 << 20));
    let large = site.post(path, &large).await;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{large:?}");
    let foreign = request("POST", path).header(ORIGIN, "https://evil.example");
    let foreign = foreign
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from("{}"));
    let foreign = site.ask(foreign.expect("a request")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(
        site.get("/api/runs").await.json()["items"],
        serde_json::json!([]),
        "nothing was started"
    );
    let plain = site.get("/api/health").await;
    assert_eq!(plain.header("x-content-type-options"), "nosniff");
    assert_eq!(plain.header("cache-control"), "no-cache");
    assert_eq!(plain.json()["status"], "ok");
}
