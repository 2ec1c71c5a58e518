//! Jobs of type `custom_http`: what answers mean.

use std::sync::atomic::{AtomicU32, Ordering};

use ork_core::deferred::HttpJob;
use ork_core::run::Category;
use ork_core::time::Millis;
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_outgoing::HttpTracker;
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::{Names, client, local};

fn job(url: &str, more: Value) -> HttpJob {
    let mut job = json!({"url": url});
    let all = job.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    serde_json::from_value(job).unwrap()
}

async fn poll(more: Value, status: u16, body: Value) -> Result<JobStatus, TrackerError> {
    let server = Server::start(move |_| Reply::json(status, &body)).await;
    let job = job(&server.url("/jobs/7?canary"), more);
    let result = HttpTracker::new(local()).poll(&job).await;
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    result
}

#[tokio::test]
async fn a_job_stands_where_its_field_says() {
    let f = |more: Value| {
        let mut with = json!({"completion_field": "status"});
        with.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with
    };
    let (done, failed, running) = ("done", "failed", "running");
    let cases = [
        // Without a field, being answered for is being done.
        (json!({}), json!({"status": "failed"}), done),
        (json!({}), json!("whatever"), done),
        // The usual words.
        (f(json!({})), json!({"status": "done"}), done),
        (f(json!({})), json!({"status": "SUCCESS"}), done),
        (f(json!({})), json!({"status": "Succeeded"}), done),
        (f(json!({})), json!({"status": "COMPLETED"}), done),
        (f(json!({})), json!({"status": true}), done),
        (f(json!({})), json!({"status": "true"}), done),
        (f(json!({})), json!({"status": "failed"}), failed),
        (f(json!({})), json!({"status": "FAILURE"}), failed),
        (f(json!({})), json!({"status": "Error"}), failed),
        (f(json!({})), json!({"status": "cancelled"}), failed),
        (f(json!({})), json!({"status": "CANCELED"}), failed),
        (f(json!({})), json!({"status": "queued"}), running),
        (f(json!({})), json!({"status": false}), running),
        (f(json!({})), json!({"status": 1}), running),
        (f(json!({})), json!({"status": null}), running),
        (f(json!({})), json!({}), running),
        (f(json!({})), json!([]), running),
        // What is stated counts before the usual words.
        (
            f(json!({"completion_value": "OK"})),
            json!({"status": "OK"}),
            done,
        ),
        (
            f(json!({"completion_value": "OK"})),
            json!({"status": "ok"}),
            running,
        ),
        (
            f(json!({"completion_value": "OK"})),
            json!({"status": "done"}),
            running,
        ),
        (
            f(json!({"completion_value": "OK"})),
            json!({"status": "failed"}),
            failed,
        ),
        (
            f(json!({"completion_value": "cancelled"})),
            json!({"status": "cancelled"}),
            done,
        ),
        (
            f(json!({"success_value": 100})),
            json!({"status": 100.0}),
            done,
        ),
        (
            f(json!({"completion_value": ["a", "b"]})),
            json!({"status": "b"}),
            done,
        ),
        (
            f(json!({"failure_value": "DEAD"})),
            json!({"status": "DEAD"}),
            failed,
        ),
        (
            f(json!({"failure_value": ["DEAD", "done"]})),
            json!({"status": "done"}),
            failed,
        ),
        (
            f(json!({"failure_value": "DEAD"})),
            json!({"status": "failed"}),
            running,
        ),
        (
            f(json!({"failure_value": "DEAD"})),
            json!({"status": "done"}),
            done,
        ),
        // Paths.
        (
            json!({"status_field": "a.0.b"}),
            json!({"a": [{"b": "done"}]}),
            done,
        ),
        (
            json!({"completion_field": "a.1.b"}),
            json!({"a": [{"b": "done"}]}),
            running,
        ),
    ];
    for (more, body, expected) in cases {
        let said = format!("{more} {body}");
        let found = match poll(more, 200, body).await.expect(&said) {
            JobStatus::Succeeded => done,
            JobStatus::Running => running,
            JobStatus::Failed { .. } => failed,
            other => panic!("{said}: {other:?}"),
        };
        assert_eq!(found, expected, "{said}");
    }
}

#[tokio::test]
async fn a_failure_says_why_in_the_words_of_the_service() {
    let more = json!({"completion_field": "state", "error_field": "error.message"});
    let failed = |text: &str| Ok(JobStatus::failed(text));
    let body = json!({"state": "failed", "error": {"message": "out of quota"}});
    assert_eq!(
        poll(more.clone(), 200, body).await,
        failed("out of quota; `state` is \"failed\"")
    );
    let body = json!({"state": "failed", "error": {"message": {"code": 7}}});
    assert_eq!(
        poll(more.clone(), 200, body).await,
        failed("{\"code\":7}; `state` is \"failed\"")
    );
    let body = json!({"state": "failed"});
    assert_eq!(
        poll(more.clone(), 200, body).await,
        failed("`state` is \"failed\"")
    );
    let body = json!({"state": "failed", "error": {"message": "ü".repeat(5000)}});
    // A kind of failure is told by Ork's own words only.
    for (state, category) in [
        ("permanent", Category::Permanent),
        ("Transient", Category::Transient),
        ("odd", Category::Unknown),
    ] {
        let values = json!({"completion_field": "state", "failure_value": ["permanent", "Transient", "odd"]});
        let why = format!("`state` is \"{state}\"");
        assert_eq!(
            poll(values, 200, json!({"state": state})).await,
            Ok(JobStatus::Failed { category, why })
        );
    }
    let Ok(JobStatus::Failed { why: long, .. }) = poll(more, 200, body).await else {
        panic!("not failed")
    };
    assert!(
        long.len() <= 1024 && long.ends_with("`state` is \"failed\""),
        "{}",
        long.len()
    );
}

#[tokio::test]
async fn status_codes_are_classified() {
    let kind = |result: Result<JobStatus, TrackerError>| match result {
        Ok(status) => format!("{status:?}"),
        Err(TrackerError::Transient { .. }) => "transient".into(),
        Err(TrackerError::Elsewhere(_)) => "elsewhere".into(),
        Err(TrackerError::Missing(_)) => "missing".into(),
        Err(TrackerError::Denied(_)) => "denied".into(),
        Err(TrackerError::Permanent(_)) => "permanent".into(),
    };
    let listed = json!({"success_status_codes": [200, 404]});
    let cases = [
        (json!({}), 200, "Succeeded"),
        (listed.clone(), 404, "Succeeded"),
        (listed, 410, "missing"),
        (json!({}), 404, "missing"),
        (json!({}), 410, "missing"),
        (json!({}), 401, "denied"),
        (json!({}), 403, "denied"),
        (json!({}), 408, "transient"),
        (json!({}), 425, "transient"),
        (json!({}), 429, "transient"),
        (json!({}), 500, "transient"),
        (json!({}), 503, "transient"),
        (json!({}), 599, "transient"),
        // Somebody else in the service's place, perhaps: believed when it is said several times, as a denial is.
        (json!({}), 202, "denied"),
        (json!({}), 304, "denied"),
        (json!({}), 302, "denied"),
        (json!({}), 400, "denied"),
        (json!({}), 422, "denied"),
        (json!({}), 600, "denied"),
    ];
    for (more, status, expected) in cases {
        let found = kind(poll(more, status, json!({"note": "x"})).await);
        assert_eq!(found, expected, "{status}");
    }
    let Err(TrackerError::Denied(why)) = poll(json!({}), 202, json!({"note": "x"})).await else {
        panic!("not counted")
    };
    assert!(
        why.contains("the answer 202 is not one of success_status_codes [200]: `{\"note\":\"x\"}`"),
        "{why}"
    );
}

#[tokio::test]
async fn a_service_may_say_when_to_come_back() {
    let cases = [
        ("7", Some(7_000)),
        ("99999", Some(3_600_000)),
        ("soon", None),
    ];
    for (header, expected) in cases {
        let server =
            Server::start(move |_| Reply::text(503, "busy").header("Retry-After", header)).await;
        let result = HttpTracker::new(local())
            .poll(&job(&server.url("/"), json!({})))
            .await;
        let Err(TrackerError::Transient {
            retry_after,
            message,
        }) = result
        else {
            panic!("{result:?}")
        };
        assert_eq!(retry_after, expected.map(Millis));
        assert!(message.contains("not now (503): `busy`"), "{message}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked_is_permanent_and_what_cannot_be_read_is_counted() {
    let tracker = HttpTracker::new(local());
    let more = json!({"completion_field": "status"});
    for body in ["<html>\u{1b}[31mcanary?</html>", ""] {
        let server = Server::start(move |_| Reply::text(200, body)).await;
        let result = tracker.poll(&job(&server.url("/"), more.clone())).await;
        let Err(TrackerError::Denied(why)) = result else {
            panic!("{result:?}")
        };
        assert!(
            why.contains("has the completion_field `status`, but the answer is"),
            "{why}"
        );
        assert!(!why.contains('\u{1b}'), "{why}");
        assert_eq!(why.contains("<html>"), !body.is_empty(), "{why}");
    }
    for url in [
        "https://10.0.0.1/?canary",
        "nonsense?canary",
        "https://u:canary@x.example/",
    ] {
        let result = tracker.poll(&job(url, json!({}))).await;
        let Err(TrackerError::Permanent(why)) = result else {
            panic!("{result:?}")
        };
        assert!(!why.contains("canary"), "{why}");
    }
    let server = Server::start(|_| Reply::endless()).await;
    let result = tracker.poll(&job(&server.url("/"), json!({}))).await;
    assert!(matches!(result, Err(TrackerError::Denied(_))), "{result:?}");
    // Sent elsewhere and elsewhere again, to a page where somebody is to log in.
    let server = Server::start(|_| Reply::redirect(302, "/login")).await;
    let result = tracker.poll(&job(&server.url("/"), json!({}))).await;
    assert!(matches!(result, Err(TrackerError::Denied(_))), "{result:?}");
}

#[tokio::test]
async fn a_page_of_maintenance_says_nothing_of_a_job_which_goes_on_after_it() {
    let asked = AtomicU32::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::text(200, "<html>back soon</html>"),
        1 => Reply::json(202, &json!({"status": "accepted"})),
        2 => Reply::json(200, &json!({"status": "running"})),
        _ => Reply::json(200, &json!({"status": "failed"})),
    })
    .await;
    let tracker = HttpTracker::new(local());
    let job = job(&server.url("/"), json!({"completion_field": "status"}));
    for _ in 0..2 {
        let said = tracker.poll(&job).await;
        assert!(matches!(said, Err(TrackerError::Denied(_))), "{said:?}");
    }
    assert_eq!(tracker.poll(&job).await, Ok(JobStatus::Running));
    // What a service says of a job is believed at once.
    let said = tracker.poll(&job).await;
    assert!(matches!(said, Ok(JobStatus::Failed { .. })), "{said:?}");
}

#[tokio::test]
async fn nobody_there_is_transient() {
    let (client, _) = client("", Names::default());
    let result = HttpTracker::new(client)
        .poll(&job("https://nobody.example/", json!({})))
        .await;
    assert!(
        matches!(result, Err(TrackerError::Transient { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn a_question_is_made_as_the_job_describes_it() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let more = json!({"method": "POST", "headers": {"X-A": "1"}, "body": {"id": 7}});
    let result = HttpTracker::new(local())
        .poll(&job(&server.url("/status"), more))
        .await;
    assert_eq!(result, Ok(JobStatus::Succeeded));
    let seen = server.seen().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/status")
    );
    assert_eq!(seen.headers["x-a"], "1");
    assert_eq!(seen.body, r#"{"id":7}"#);
}

/// What becomes of a cancel: its status code, the poll's status code and answer.
async fn cancel(asked: u16, polled: u16, state: &str) -> Result<Stopping, TrackerError> {
    let body = json!({"state": state});
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/cancel" => Reply::json(asked, &json!({})),
        _ => Reply::json(polled, &body),
    })
    .await;
    let more = json!({"completion_field": "state", "cancel_url": server.url("/cancel"), "headers": {"X-A": "1"}});
    let result = HttpTracker::new(local())
        .cancel(&job(&server.url("/"), more))
        .await;
    let first = server.seen().remove(0);
    assert_eq!(
        (first.method.as_str(), first.path.as_str()),
        ("POST", "/cancel")
    );
    assert_eq!(first.headers["x-a"], "1");
    result
}

#[tokio::test]
async fn a_job_is_over_only_when_a_poll_says_so() {
    let kind = |result| match result {
        Ok(Stopping::Over) => "over",
        Ok(Stopping::Asked) => "asked",
        Err(TrackerError::Transient { .. }) => "transient",
        Err(TrackerError::Elsewhere(_)) => "elsewhere",
        Err(TrackerError::Missing(_)) => "missing",
        Err(TrackerError::Denied(_)) => "denied",
        Err(TrackerError::Permanent(_)) => "permanent",
    };
    let cases = [
        (200, 200, "cancelled", "over"),
        (202, 200, "done", "over"),
        // Whoever has it stopped decides when to believe that.
        (204, 404, "", "missing"),
        (200, 200, "running", "asked"),
        (202, 503, "", "asked"),
        (200, 403, "", "denied"),
        (200, 400, "", "denied"),
        (503, 200, "cancelled", "transient"),
        (403, 200, "cancelled", "denied"),
        // Refused because there is nothing to stop any more.
        (404, 404, "", "missing"),
        (409, 200, "done", "over"),
        (400, 200, "failed", "over"),
        // Refused, and still at work.
        (409, 200, "cancelling", "asked"),
        (400, 200, "running", "denied"),
        (404, 200, "running", "denied"),
        (302, 302, "", "denied"),
        (404, 500, "", "transient"),
        (404, 403, "", "missing"),
    ];
    for (asked, polled, state, expected) in cases {
        let found = kind(cancel(asked, polled, state).await);
        assert_eq!(found, expected, "cancel {asked}, poll {polled} {state}");
    }
}

#[tokio::test]
async fn a_job_without_a_cancel_url_cannot_be_stopped() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let job = job(&server.url("/jobs/7"), json!({}));
    let result = HttpTracker::new(local()).cancel(&job).await;
    let expected = format!(
        "job at {} has no cancel_url: it cannot be stopped by Ork",
        server.url("/jobs/7")
    );
    assert_eq!(result, Err(TrackerError::Permanent(expected)));
    assert_eq!(server.seen().len(), 0);
}
