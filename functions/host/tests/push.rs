//! Envelopes: what can never be understood is answered with 2xx all the same, and says why in the log.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post as on_post;
use ork_host::push::{Broken, Envelope, Notice, hint, notice};
use ork_host::testing::{BUCKET, SUBSCRIPTION, envelope, post, settings, written};
use ork_host::{Host, Payload, Role, answer};
use serde_json::json;

/// A role that only opens envelopes.
fn routes() -> Router {
    async fn push(State(host): State<Host>, body: Payload) -> Response {
        match host.open(&body) {
            Ok(_) => answer::problem(StatusCode::IM_A_TEAPOT, "opened"),
            Err(answer) => *answer,
        }
    }
    let host = Host::new(Role::Dispatch, &settings(Role::Dispatch).serving);
    let routes = Router::new()
        .route("/push", on_post(push))
        .with_state(host.clone());
    host.around(host.guarded(routes))
}

fn message(message: serde_json::Value) -> String {
    json!({"message": message, "subscription": SUBSCRIPTION}).to_string()
}

fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let many: serde_json::Map<_, _> = (0..101).map(|n| (n.to_string(), "x".into())).collect();
    let text = |text: &str| text.as_bytes().to_vec();
    let mut cases = vec![
        ("nothing", Vec::new()),
        ("no JSON", text("to=dispatch")),
        ("not UTF-8", vec![0xff, 0xfe, b'{']),
        ("half of one", text(&envelope(&[])[..40])),
        ("two of them", text(&envelope(&[]).repeat(2))),
        ("a list", text("[]")),
        ("a number", text("1e999")),
        ("null", text("null")),
        (
            "no message",
            text(&json!({"subscription": SUBSCRIPTION}).to_string()),
        ),
        (
            "no subscription",
            text(r#"{"message": {"messageId": "1"}}"#),
        ),
        ("a message that is text", text(&message(json!("hello")))),
        ("no id", text(&message(json!({"attributes": {}})))),
        ("an empty id", text(&message(json!({"messageId": ""})))),
        (
            "an endless id",
            text(&message(json!({"messageId": "1".repeat(300)}))),
        ),
        (
            "an id that is a number",
            text(&message(json!({"messageId": 1}))),
        ),
        (
            "attributes that are a list",
            text(&message(json!({"messageId": "1", "attributes": []}))),
        ),
        (
            "an attribute that is a number",
            text(&message(
                json!({"messageId": "1", "attributes": {"run": 7}}),
            )),
        ),
        (
            "an attribute that is null",
            text(&message(
                json!({"messageId": "1", "attributes": {"run": null}}),
            )),
        ),
        (
            "too many attributes",
            text(&message(json!({"messageId": "1", "attributes": many}))),
        ),
        (
            "an endless attribute",
            text(&message(
                json!({"messageId": "1", "attributes": {"run": "r".repeat(1_025)}}),
            )),
        ),
        (
            "an attribute without a name",
            text(&message(json!({"messageId": "1", "attributes": {"": "x"}}))),
        ),
        (
            "attributes given twice",
            text(&format!(
                r#"{{"message": {{"messageId": "1", "attributes": {{}}, "attributes": {{}}}}, "subscription": "{SUBSCRIPTION}"}}"#
            )),
        ),
        ("too deep", text(&"[".repeat(100_000))),
        ("too large", vec![b' '; (1 << 20) + 1]),
    ];
    cases.push((
        "a surrogate alone",
        text(&format!(
            r#"{{"message": {{"messageId": "\ud800"}}, "subscription": "{SUBSCRIPTION}"}}"#
        )),
    ));
    cases
}

#[tokio::test]
async fn what_can_never_be_understood_is_answered_and_never_sent_again() {
    let routes = routes();
    let cases = broken();
    let n = cases.len();
    for (what, body) in cases {
        let answer = post(&routes, "/push", body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{what}");
        assert_eq!(answer.body, "", "{what}");
    }
    let request = axum::http::Request::get("/healthz").body(axum::body::Body::empty());
    let health = ork_host::testing::send(&routes, request.expect("a request")).await;
    assert_eq!(
        health.json(),
        json!({"status": "ok", "role": "dispatch", "broken": n, "passed_over": 0})
    );
}

/// Every prefix of an envelope, and every envelope with one byte changed, is read or refused, and never anything else.
#[test]
fn no_damage_to_an_envelope_is_more_than_broken() {
    let whole = written("runs/r/t/1/result.json").into_bytes();
    for end in 0..whole.len() {
        assert!(Envelope::parse(&whole[..end]).is_err(), "{end} bytes");
    }
    for at in 0..whole.len() {
        for byte in [0, b'"', b'{', b'}', b'\\', b'0', 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = byte;
            if let Ok(envelope) = Envelope::parse(&damaged) {
                let _ = (hint(&envelope), notice(&envelope, BUCKET));
            }
        }
    }
}

#[tokio::test]
async fn another_subscription_is_refused() {
    let body = envelope(&[]).replace(SUBSCRIPTION, "projects/p/subscriptions/another");
    let answer = post(&routes(), "/push", body).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(
        answer.json(),
        json!({"title": "Forbidden", "status": 403, "detail": "messages of this subscription are not taken"})
    );
}

#[tokio::test]
async fn both_of_googles_spellings_are_read() {
    for id in ["messageId", "message_id"] {
        let body = message(json!({id: "7", "orderingKey": "k", "data": "aGVsbG8=", "new": [1]}));
        let read = Envelope::parse(body.as_bytes()).expect("an envelope");
        assert_eq!(read.message, "7");
        assert!(read.attributes.is_empty());
        let answer = post(&routes(), "/push", body).await;
        assert_eq!(answer.status, StatusCode::IM_A_TEAPOT, "{id}");
    }
}

fn read(attributes: &[(&str, &str)]) -> Envelope {
    Envelope::parse(envelope(attributes).as_bytes()).expect("an envelope")
}

#[test]
fn hints_name_a_function_and_a_run() {
    use ork_engine::ports::Function;
    for (word, to) in [
        ("dispatch", Function::Dispatch),
        ("monitor", Function::Monitor),
        ("poll", Function::Poll),
    ] {
        let found = hint(&read(&[("to", word), ("run", "r-1")])).expect("a hint");
        assert_eq!((found.to, found.run.as_str()), (to, "r-1"));
    }
    let long = "r".repeat(161);
    for (what, attributes) in [
        ("no `to`", &[("run", "r")][..]),
        ("no `run`", &[("to", "poll")]),
        ("no such function", &[("to", "Poll"), ("run", "r")]),
        ("an empty run", &[("to", "poll"), ("run", "")]),
        ("a path", &[("to", "poll"), ("run", "../r")]),
        ("too long", &[("to", "poll"), ("run", &long)]),
    ] {
        let Err(Broken(why)) = hint(&read(attributes)) else {
            panic!("{what} is no hint");
        };
        assert!(!why.is_empty());
    }
}

#[test]
fn notices_are_of_our_bucket_and_of_names_that_ork_writes() {
    let of = |bucket: &str, object: &str, event: &str| {
        notice(
            &read(&[
                ("bucketId", bucket),
                ("objectId", object),
                ("eventType", event),
            ]),
            BUCKET,
        )
    };
    let name = "runs/r/t.3/2/result.json";
    let Ok(Notice::Written(found)) = of(BUCKET, name, "OBJECT_FINALIZE") else {
        panic!("it was written");
    };
    assert_eq!(found.to_string(), name);
    for (bucket, object, event) in [
        ("another-bucket", name, "OBJECT_FINALIZE"),
        (BUCKET, name, "OBJECT_DELETE"),
        (BUCKET, name, "OBJECT_METADATA_UPDATE"),
        (BUCKET, "runs/r/t/01/result.json", "OBJECT_FINALIZE"),
        (BUCKET, "holiday.jpg", "OBJECT_FINALIZE"),
        (BUCKET, "", "OBJECT_FINALIZE"),
    ] {
        let passed = of(bucket, object, event);
        assert!(
            matches!(passed, Ok(Notice::PassedOver(_))),
            "{bucket} {object} {event}"
        );
    }
    let without = notice(
        &read(&[("bucketId", BUCKET), ("eventType", "OBJECT_FINALIZE")]),
        BUCKET,
    );
    assert!(without.is_err(), "a notice names its object");
}
