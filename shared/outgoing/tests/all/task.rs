//! A request as a task of its own.

use ork_core::time::Millis;
use ork_outgoing::{Condition, Request, SendError, send};
use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::{headers, local};

async fn ask(
    reply: impl Fn() -> Reply + Send + Sync + 'static,
    condition: Condition,
) -> Result<Value, SendError> {
    let server = Server::start(move |_| reply()).await;
    let request = Request {
        method: "POST".into(),
        url: server.url("/hook?canary"),
        headers: headers(&[("X-Key", "canary")]),
        secrets: headers(&[]),
        body: Some(json!({"run": 7})),
    };
    let result = send(&local(), &request, &condition).await;
    assert_eq!(server.seen()[0].body, r#"{"run":7}"#);
    assert_eq!(server.seen()[0].headers["x-key"], "canary");
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    result
}

#[tokio::test]
async fn the_output_is_what_was_answered() {
    let cases: [(fn() -> Reply, Value); 7] = [
        (|| Reply::json(200, &json!({"a": 1})), json!({"a": 1})),
        (|| Reply::json(201, &json!(7)), json!(7)),
        (|| Reply::text(200, "{\"a\": [1]}"), json!({"a": [1]})),
        (|| Reply::text(200, "{not json"), json!("{not json")),
        (|| Reply::text(200, "7"), json!("7")),
        (|| Reply::text(204, ""), Value::Null),
        (
            || {
                Reply::text(200, "[]")
                    .header("Content-Type", "application/problem+json; charset=utf-8")
            },
            json!([]),
        ),
    ];
    for (reply, expected) in cases {
        assert_eq!(ask(reply, Condition::default()).await, Ok(expected));
    }
}

#[tokio::test]
async fn what_claims_to_be_json_or_text_and_is_not_is_an_error() {
    for reply in [
        || Reply::text(200, "<html>").header("Content-Type", "application/json"),
        || Reply::text(200, [0xff, 0xfe, 0x00]),
    ] {
        let result = ask(reply, Condition::default()).await;
        assert!(
            matches!(result, Err(SendError::Unexpected(_))),
            "{result:?}"
        );
    }
}

#[tokio::test]
async fn status_codes_decide_first() {
    let only = |codes: &[u16]| Condition {
        status: codes.into(),
        ..Condition::default()
    };
    assert!(
        ask(|| Reply::text(404, ""), only(&[200, 404]))
            .await
            .is_ok()
    );
    let unexpected = ask(|| Reply::text(202, "later"), only(&[200])).await;
    let Err(SendError::Unexpected(why)) = unexpected else {
        panic!("{unexpected:?}")
    };
    assert!(
        why.contains("the answer 202 is not one of [200]: `later`"),
        "{why}"
    );
    for status in [400, 401, 403, 404, 418] {
        let result = ask(move || Reply::text(status, ""), Condition::default()).await;
        assert!(
            matches!(result, Err(SendError::Unexpected(_))),
            "{result:?}"
        );
    }
    for status in [408, 425, 429, 500, 503] {
        let reply = move || Reply::text(status, "").header("Retry-After", "3");
        let result = ask(reply, Condition::default()).await;
        let Err(SendError::Transient { retry_after, .. }) = result else {
            panic!("{result:?}")
        };
        assert_eq!(retry_after, Some(Millis(3000)));
    }
}

#[tokio::test]
async fn a_field_decides_next() {
    let met = "met";
    let cases = [
        ("ready", None, json!({"ready": true}), met),
        ("ready", None, json!({"ready": 0}), met),
        ("ready", None, json!({"ready": false}), "is false"),
        ("ready", None, json!({}), "is not in the answer"),
        (
            "a.1.b",
            Some(json!("x")),
            json!({"a": [{}, {"b": "x"}]}),
            met,
        ),
        (
            "a.1.b",
            Some(json!("x")),
            json!({"a": [{"b": "x"}]}),
            "is not in the answer",
        ),
        (
            "s",
            Some(json!("x")),
            json!({"s": "y"}),
            "is \"y\", not \"x\"",
        ),
        ("s", Some(json!(["x", "y"])), json!({"s": "y"}), met),
        ("s", Some(json!(false)), json!({"s": false}), met),
    ];
    for (field, value, body, expected) in cases {
        let condition = Condition {
            field: Some(field.into()),
            value,
            ..Condition::default()
        };
        let answer = body.clone();
        let result = ask(move || Reply::json(200, &answer), condition).await;
        match result {
            Ok(output) => assert_eq!((output, met), (body, expected)),
            Err(SendError::Unmet(why)) => assert!(why.contains(expected), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let condition = Condition {
        field: Some("s".into()),
        ..Condition::default()
    };
    let result = ask(|| Reply::text(200, "<html>"), condition).await;
    assert!(
        matches!(result, Err(SendError::Unexpected(_))),
        "{result:?}"
    );
}

#[tokio::test]
async fn what_the_guard_refuses_is_permanent_and_trouble_is_transient() {
    let request = |url: &str| Request {
        method: "GET".into(),
        url: url.into(),
        headers: headers(&[]),
        secrets: headers(&[]),
        body: None,
    };
    let condition = Condition::default();
    let refused = send(&local(), &request("https://10.0.0.1/"), &condition).await;
    assert!(
        matches!(refused, Err(SendError::Permanent(_))),
        "{refused:?}"
    );
    let nobody = send(&local(), &request("https://nobody.example/"), &condition).await;
    assert!(
        matches!(nobody, Err(SendError::Transient { .. })),
        "{nobody:?}"
    );
}
