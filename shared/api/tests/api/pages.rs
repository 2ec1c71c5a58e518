//! The pages, as a browser without JavaScript has them.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, ORIGIN};

use crate::site::{Answer, HERE, Site, request};

/// Sends a form as a page of the site does.
pub(crate) async fn send(site: &Site, path: &str, form: &str) -> Answer {
    let asked = request("POST", path)
        .header(ORIGIN, format!("http://{HERE}"))
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    site.ask(asked.body(Body::from(form.to_owned())).expect("a request"))
        .await
}

#[track_caller]
pub(crate) fn shows(answer: &Answer, texts: &[&str]) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    for text in texts {
        assert!(answer.text.contains(text), "no {text:?} in {}", answer.text);
    }
}

#[tokio::test]
async fn a_run_is_shown_from_its_start_to_its_end() {
    let mut site = Site::new().await;
    shows(
        &site.get("/").await,
        &["Nothing is running.", "nothing is overdue"],
    );
    shows(&site.get("/runs").await, &["No run yet"]);
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    shows(
        &site.get("/").await,
        &[r#"href="/runs/r1""#, r#"class="state works">running"#],
    );
    let page = site.get("/runs/r1").await;
    assert_eq!(page.status, StatusCode::OK);
    shows(
        &page,
        &[
            "waits for first (queued)",
            "waits for a free place of an executor",
            "day",
            "monday",
            r#"sse-connect="/runs/r1/events?seen="#,
            r#"action="/runs/r1/pause""#,
            "by hand",
        ],
    );
    site.drive("r1").await;
    let page = site.get("/runs/r1").await;
    shows(
        &page,
        &[
            r#"class="state bad">failed"#,
            "3/3",
            r#"<span class="why bad">`test` exited with code 1"#,
            r#"action="/runs/r1/retry""#,
            "100%",
        ],
    );
    assert!(!page.text.contains("sse-connect"), "it is over");
    let part = site.get("/runs/r1/live?show=failed").await;
    assert_eq!(part.status.as_u16(), 286, "nobody needs to ask again");
    shows(&part, &["last"]);
    assert!(!part.text.contains("/tasks/first"), "{}", part.text);
    assert!(!part.text.contains("<html"), "{}", part.text);
    shows(
        &site.get("/").await,
        &[
            "Failed in the last day",
            r#"href="/runs/r1""#,
            r#"<span class="why">last: `test` exited with code 1"#,
        ],
    );
    shows(
        &site.get("/runs").await,
        &[r#"<span class="why">last: `test` exited with code 1"#],
    );
    shows(&site.get("/runs?status=success").await, &["No run fits."]);
}

#[tokio::test]
async fn buttons_change_runs_and_lead_back() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let paused = send(&site, "/runs/r1/pause", "").await;
    assert_eq!(paused.status, StatusCode::SEE_OTHER);
    assert_eq!(paused.header("location"), "/runs/r1?done=pause");
    shows(
        &site.get("/runs/r1?done=pause").await,
        &["The run is paused", r#"action="/runs/r1/resume""#],
    );
    shows(
        &send(&site, "/runs/r1/pause", "").await,
        &["Conflict", "is paused already"],
    );
    let ask = site.get("/runs/r1/cancel").await;
    shows(
        &ask,
        &[
            "Cancel run r1?",
            r#"method="post" action="/runs/r1/cancel""#,
            r#"<a href="/runs">Runs</a> / <a href="/runs/r1">r1</a></p>"#,
        ],
    );
    send(&site, "/runs/r1/cancel", "reason=%3Cb%3Eenough%3C%2Fb%3E").await;
    let page = site.get("/runs/r1").await;
    shows(&page, &["cancelled", "&#60;b&#62;enough&#60;/b&#62;"]);
    shows(
        &site.get("/runs/r1/recover").await,
        &["3 of 3 recoveries", "task last"],
    );
    let recovered = send(&site, "/runs/r1/recover", "from=").await;
    assert_eq!(recovered.header("location"), "/runs/r1?done=recover");
    shows(&site.get("/runs/r1").await, &["recovering", "1 of 3 times"]);

    // With htmx a button is answered by where to go.
    let asked = request("POST", "/runs/r1/pause")
        .header("sec-fetch-site", "same-origin")
        .header("hx-request", "true");
    let said = site
        .ask(asked.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(said.status, StatusCode::NO_CONTENT);
    assert_eq!(said.header("hx-redirect"), "/runs/r1?done=pause");
}

#[tokio::test]
async fn nothing_is_changed_by_a_page_of_somebody_else() {
    let site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    for (name, value) in [
        ("x-nothing", "said"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        let asked = request("POST", "/runs/r1/cancel").header(name, value);
        let said = site
            .ask(asked.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(said.status, StatusCode::FORBIDDEN, "{name}: {value}");
        shows(&said, &["<h1>Forbidden</h1>"]);
    }
    let run = site.get("/api/runs/r1").await.json();
    assert_eq!(run["status"], "running");
}

#[tokio::test]
async fn what_is_wrong_is_a_page_too() {
    let site = Site::new().await;
    for (path, status, text) in [
        ("/nothing", 404, "there is no page"),
        ("/runs/nobody", 404, "there is no run nobody"),
        ("/runs/no%20body", 400, "is not a run id"),
        ("/runs?status=%3Cscript%3E", 400, "&#60;script&#62;"),
        ("/runs?colour=red", 400, "colour"),
        ("/runs?cursor=nonsense", 400, ""),
        ("/assets/ork-000000000000.css", 404, "another version"),
    ] {
        let said = site.get(path).await;
        assert_eq!(said.status.as_u16(), status, "{path}");
        shows(&said, &[text, "Home"]);
        assert!(!said.text.contains("<script>"), "{path}");
    }
    let said = site
        .ask(
            request("PUT", "/runs")
                .header(ORIGIN, format!("http://{HERE}"))
                .body(Body::empty())
                .expect("a request"),
        )
        .await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
    shows(&said, &["Method Not Allowed"]);
}

#[tokio::test]
async fn pages_come_with_their_headers_and_what_they_need_is_kept() {
    let site = Site::new().await;
    let page = site.get("/").await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(!policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), value);
    }
    let mut bytes = page.text.len();
    for part in page
        .text
        .split('"')
        .filter(|part| part.starts_with("/assets/"))
    {
        let plain = site.get(part).await;
        assert_eq!(plain.status, StatusCode::OK, "{part}");
        assert_eq!(
            plain.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(plain.header("x-content-type-options"), "nosniff");
        let packed = request("GET", part).header(ACCEPT_ENCODING, "br, gzip;q=0.5");
        let packed = site
            .raw(packed.body(Body::empty()).expect("a request"))
            .await;
        assert_eq!(packed.1["content-encoding"], "gzip");
        bytes += packed.2.len();
    }
    assert!(bytes < 60 << 10, "the first page has {bytes} bytes");
}

#[tokio::test]
async fn a_task_shows_what_it_got_gave_and_printed() {
    let mut site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let before = site.get("/runs/r1/tasks/first").await;
    shows(
        &before,
        &[
            "No attempt yet",
            "waits for a free place",
            "says hello",
            "log",
            "/at/0/more?",
        ],
    );
    site.drive("r1").await;
    let first = site.get("/runs/r1/tasks/first").await;
    shows(
        &first,
        &[
            "Attempt 1 of 1",
            "hello",
            "&#34;n&#34;: 7",
            "Clear and run again",
            "Recover from here",
        ],
    );
    let each = site.get("/runs/r1/tasks/each").await;
    shows(
        &each,
        &["each[2]", "3 of 3", r#"href="/runs/r1/tasks/each/at/1""#],
    );
    shows(
        &site.get("/runs/r1/tasks/each?status=failed").await,
        &["There is none yet."],
    );
    shows(
        &site.get("/runs/r1/tasks/each/at/2").await,
        &["each[2]", "ORK_OUTPUT:2"],
    );
    shows(&site.get("/runs/r1/tasks/first/at/0/inputs").await, &["{}"]);
    let log = site.get("/runs/r1/tasks/first/at/0/log?q=HELL").await;
    shows(&log, &["<mark>hell</mark>o", "1 line"]);
    let file = site.get("/runs/r1/tasks/first/at/0/log.txt").await;
    assert!(file.text.starts_with("hello\n"), "{file:?}");
    assert_eq!(
        file.header("content-disposition"),
        r#"attachment; filename="r1.first.0.1.log.txt""#
    );
    let more = site
        .get("/runs/r1/tasks/first/at/0/more?attempt=1&from=3")
        .await;
    assert!(more.text.starts_with("lo\n"), "{more:?}");
    assert!(!more.text.contains("hx-get"), "it is over");
    for path in [
        "/runs/r1/tasks/nobody",
        "/runs/r1/tasks/each/at/3",
        "/runs/r1/tasks/first/at/0/log?attempt=2",
        "/runs/r1/tasks/first/dance",
    ] {
        assert_eq!(site.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let cleared = send(&site, "/runs/r1/tasks/each/retry", "").await;
    assert_eq!(cleared.header("location"), "/runs/r1?done=task_retry");
    shows(
        &site.get("/runs/r1?done=task_retry").await,
        &["run again", "running"],
    );
    let paused = send(&site, "/runs/r1/tasks/last/pause", "").await;
    assert_eq!(paused.status, StatusCode::SEE_OTHER);
    shows(
        &site.get("/runs/r1/tasks/last").await,
        &["the task is paused", "Resume task"],
    );
}

#[tokio::test]
async fn pages_are_told_of_changes_and_of_the_end() {
    let mut site = Site::new().await;
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    site.drive("r1").await;
    let told = site.get("/runs/r1/events").await;
    assert_eq!(told.header("content-type"), "text/event-stream");
    assert!(
        told.text.starts_with("event: over\ndata: failed\nid: "),
        "{told:?}"
    );
    let id = told.text.trim_end().rsplit(' ').next().expect("an id");
    let seen = site.get(&format!("/runs/r1/events?seen={id}")).await;
    assert_eq!(seen.status, StatusCode::NO_CONTENT);
    let asked = request("GET", "/runs/r1/events?seen=0").header("last-event-id", id);
    let again = site
        .ask(asked.body(Body::empty()).expect("a request"))
        .await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "the header counts");
}

#[tokio::test]
async fn pages_are_packed_for_who_can_unpack_them() {
    let site = Site::new().await;
    for (takes, packed) in [("gzip", true), ("br, gzip;q=0", false), ("", false)] {
        let asked = request("GET", "/workflows/flow").header(ACCEPT_ENCODING, takes);
        let said = site
            .raw(asked.body(Body::empty()).expect("a request"))
            .await;
        let is_packed = said
            .1
            .get("content-encoding")
            .is_some_and(|kind| kind == "gzip");
        assert_eq!(is_packed, packed, "{takes}");
        assert_eq!(said.2.starts_with(&[0x1f, 0x8b]), packed, "{takes}");
    }
}
