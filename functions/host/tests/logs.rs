//! Log lines as Cloud Logging reads them.

use std::io;
use std::panic;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use ork_host::logs::{Style, TraceContext, report_panic, subscriber};
use ork_host::settings::LogLevel;
use ork_host::testing::{Lines, send, settings};
use ork_host::{Host, Role};
use serde_json::json;

fn json_style() -> Style {
    Style::Json {
        project: "my-project".into(),
    }
}

fn logged(style: Style, level: LogLevel, work: impl FnOnce()) -> Lines {
    let kept = Lines::default();
    let sink = Arc::new(Mutex::new(kept.clone()));
    tracing::subscriber::with_default(subscriber(style, level, sink), work);
    kept
}

#[test]
fn an_event_is_one_json_line() {
    let kept = logged(json_style(), LogLevel::Debug, || {
        let span = tracing::error_span!(target: "ork_test", "request", run = "r-1", task = tracing::field::Empty, ms = 1);
        let _inside = span.enter();
        span.record("task", "load");
        tracing::warn!(target: "ork_test", ms = 2, ok = true, share = 0.5, error = %io::Error::other("boom"), "line\n\"two\"");
        tracing::error!(target: "ork_test", "e");
        tracing::info!(target: "ork_test", "i");
        tracing::debug!(target: "ork_test", "d");
        tracing::trace!(target: "ork_test", "not at this level");
    });
    let lines = kept.all();
    let severities: Vec<_> = lines.iter().map(|line| line["severity"].clone()).collect();
    assert_eq!(severities, ["WARNING", "ERROR", "INFO", "DEBUG"]);
    let first = &lines[0];
    assert_eq!(first["message"], "line\n\"two\"");
    assert_eq!(
        first["logging.googleapis.com/labels"],
        json!({"run": "r-1", "task": "load"})
    );
    assert_eq!(first["ms"], 2, "what is nearer counts");
    assert_eq!((&first["ok"], &first["share"]), (&json!(true), &json!(0.5)));
    assert_eq!(first["error"], "boom");
    assert_eq!(first["target"], "ork_test");
    let place = &first["logging.googleapis.com/sourceLocation"];
    assert!(
        place["file"]
            .as_str()
            .is_some_and(|file| file.ends_with("logs.rs"))
    );
    assert!(place["line"].is_string());
    let time = first["time"].as_str().expect("a time");
    let time: jiff::Timestamp = time.parse().expect("an instant");
    assert!(jiff::Timestamp::now().duration_since(time).as_secs() < 60);
}

#[test]
fn other_crates_are_heard_when_they_warn() {
    let kept = logged(json_style(), LogLevel::Debug, || {
        tracing::info!(target: "hyper::proto", "chatter");
        tracing::warn!(target: "hyper::proto", "a warning");
        tracing::debug!(target: "ork_monitor::gather", "ours");
    });
    let said: Vec<_> = kept
        .all()
        .iter()
        .map(|line| line["message"].clone())
        .collect();
    assert_eq!(said, ["a warning", "ours"]);
}

#[test]
fn people_get_lines_they_can_read() {
    let kept = logged(Style::Plain, LogLevel::Info, || {
        let span =
            tracing::error_span!(target: "ork_test", "request", trace_id = "abc", run = "r-1");
        let _inside = span.enter();
        tracing::info!(target: "ork_test", why = "two words", n = 3, "settled");
    });
    let text = kept.text();
    let (time, rest) = text.split_once(' ').expect("a time first");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    assert_eq!(rest, "INFO     settled n=3 run=r-1 why=\"two words\"\n");
}

#[test]
fn a_panic_is_a_critical_line() {
    let before = panic::take_hook();
    let kept = logged(json_style(), LogLevel::Info, || {
        panic::set_hook(Box::new(report_panic));
        let panicked = panic::catch_unwind(|| panic!("nobody expected {}", "this"));
        assert!(panicked.is_err());
    });
    panic::set_hook(before);
    let lines = kept.all();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["severity"], "CRITICAL");
    assert_eq!(lines[0]["message"], "panic: nobody expected this");
    assert!(
        lines[0]["place"]
            .as_str()
            .is_some_and(|place| place.contains("logs.rs"))
    );
}

fn trace(name: &'static str, value: &'static str) -> Option<(String, String, bool)> {
    let request = Request::get("/")
        .header(name, value)
        .body(())
        .expect("a request");
    TraceContext::of(request.headers()).map(|found| (found.trace, found.span, found.sampled))
}

#[test]
fn traces_are_read_from_both_headers() {
    let ids = |trace: &str, span: &str, sampled| Some((trace.to_owned(), span.to_owned(), sampled));
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (value, found) in [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            ids(id, "00f067aa0ba902b7", true),
        ),
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            ids(id, "00f067aa0ba902b7", false),
        ),
        (
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            ids(id, "00f067aa0ba902b7", true),
        ),
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            None,
        ),
        (
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            None,
        ),
        (
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            None,
        ),
        (
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            None,
        ),
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            None,
        ),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", None),
        ("00-4bf92f35-00f067aa0ba902b7-01", None),
        ("hello", None),
    ] {
        assert_eq!(trace("traceparent", value), found, "{value}");
    }
    let id = "105445aa7843bc8bf206b12000100000";
    for (value, found) in [
        (
            "105445aa7843bc8bf206b12000100000/1234;o=1",
            ids(id, "00000000000004d2", true),
        ),
        (
            "105445aa7843bc8bf206b12000100000/1234;o=0",
            ids(id, "00000000000004d2", false),
        ),
        (
            "105445aa7843bc8bf206b12000100000/1234",
            ids(id, "00000000000004d2", false),
        ),
        ("105445aa7843bc8bf206b12000100000", None),
        ("105445aa7843bc8bf206b12000100000/x;o=1", None),
        ("1054/1234;o=1", None),
    ] {
        assert_eq!(trace("x-cloud-trace-context", value), found, "{value}");
    }
}

#[test]
fn a_request_is_one_line_with_its_trace_and_without_its_query() {
    let kept = logged(json_style(), LogLevel::Info, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            let host = Host::new(Role::Tick, &settings(Role::Tick).serving);
            let route = get(|| async {
                tracing::info!(target: "ork_test", "at work");
                "done"
            });
            let routes = host.around(host.guarded(Router::new().route("/look", route)));
            let request = Request::get("/look?token=CANARY&x=1")
                .header(
                    "traceparent",
                    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                )
                .header("authorization", "Bearer CANARY")
                .body(Body::from("CANARY"));
            let answer = send(&routes, request.expect("a request")).await;
            assert_eq!(
                (answer.status.as_u16(), answer.body.as_str()),
                (200, "done")
            );
            let health = Request::get("/healthz").body(Body::empty());
            send(&routes, health.expect("a request")).await;
        });
    });
    assert!(!kept.text().contains("CANARY"), "{}", kept.text());
    let lines = kept.all();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        assert_eq!(
            line["logging.googleapis.com/trace"],
            "projects/my-project/traces/4bf92f3577b34da6a3ce929d0e0e4736"
        );
        assert_eq!(line["logging.googleapis.com/spanId"], "00f067aa0ba902b7");
        assert_eq!(line["logging.googleapis.com/trace_sampled"], true);
        assert_eq!(
            (&line["method"], &line["path"]),
            (&json!("GET"), &json!("/look"))
        );
    }
    assert_eq!(lines[1]["message"], "answered");
    assert_eq!(lines[1]["status"], 200);
    assert!(lines[1]["ms"].is_u64());
}
