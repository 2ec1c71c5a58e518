//! How large pages get, whatever their runs are like.

use std::fmt::Write as _;

use axum::http::StatusCode;
use axum::http::header::ACCEPT_ENCODING;

use crate::pages::shows;
use crate::site::{Site, request};

/// What a page of a run may have before it is compressed.
const PAGE: usize = 200 * 1024;

/// 1,000 tasks in chains of ten, with 10,000 instances together.
fn wide() -> String {
    let mut text = "name: wide\ntasks:\n".to_owned();
    for n in 0..1000 {
        let _ = write!(text, "  step_number_{n:04}: {{command: 'true'");
        if n % 10 == 0 {
            text.push_str(", parallel: 91");
        } else {
            let _ = write!(text, ", depends_on: [step_number_{:04}]", n - 1);
        }
        text.push_str("}\n");
    }
    text
}

#[tokio::test]
async fn the_page_of_a_run_of_a_thousand_tasks_and_ten_thousand_instances_is_small() {
    let site = Site::new().await;
    site.deploy(&wide()).await;
    site.post("/api/workflows/wide/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let whole = |text: &str| {
        assert!(text.len() > 10_000, "it shows something: {text}");
        assert!(text.len() <= PAGE, "{} bytes", text.len());
    };
    let waits = site.get("/runs/r1").await;
    shows(&waits, &["step_number_0000", "<dt>Tasks</dt><dd>1000"]);
    whole(&waits.text);
    // With what became of all of them, of which each says why.
    let done = site.post("/api/runs/r1/cancel", "").await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let over = site.get("/runs/r1").await;
    shows(&over, &["<dt>Instances</dt><dd>10000", "cancelled"]);
    whole(&over.text);
    for path in [
        "/runs/r1/live",
        "/runs/r1?show=all&from=900",
        "/runs/r1/tasks/step_number_0010",
        "/runs?workflow=wide",
        "/",
    ] {
        let page = site.get(path).await;
        assert!(page.status.is_success(), "{path}: {}", page.status);
        assert!(page.text.len() <= PAGE, "{path}: {}", page.text.len());
    }
    // As browsers ask for it.
    let asked = request("GET", "/runs/r1").header(ACCEPT_ENCODING, "gzip");
    let asked = asked.body(axum::body::Body::empty()).expect("a request");
    let (_, headers, bytes) = site.raw(asked).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(bytes.len() <= PAGE / 8, "{} bytes", bytes.len());
}
