//! The pages for those who look after Ork: who changed what, API keys, what runs cost; and the first page.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use ork_api::Prices;
use ork_core::time::{Millis, Time};
use ork_engine::TickRecord;
use ork_engine::ports::{Clock, Index, Key, Ports, Precondition, Store, Write};

use crate::pages::{send, shows};
use crate::site::{Site, request};

#[tokio::test]
async fn who_changed_what_is_listed_filtered_and_paged() {
    let site = Site::new().await;
    shows(&site.get("/audit").await, &["Nobody has changed anything"]);
    for n in 0..60 {
        let body = format!("{{\"idempotency_key\": \"r{n}\"}}");
        site.post("/api/workflows/flow/runs", &body).await;
    }
    send(&site, "/runs/r7/cancel", "reason=%3Cb%3E").await;
    let first = site.get("/audit").await;
    shows(
        &first,
        &[
            "<code>run.cancel</code>",
            r#"href="/runs/r7""#,
            "reason: &#60;b&#62;",
            "local:unknown",
            r#"aria-current="page">Audit"#,
            "Older",
        ],
    );
    let next = first
        .text
        .split('"')
        .find(|part| part.starts_with("/audit?cursor="))
        .expect("a next page");
    let older = site.get(next).await;
    shows(&older, &[r#"href="/runs/r0""#, "Newest"]);
    shows(
        &site.get("/audit?workflow=other").await,
        &["No record fits."],
    );
    shows(
        &site.get("/audit?actor=local%3Aunknown&workflow=flow").await,
        &["run.start", r#"value="local:unknown""#],
    );
    assert_eq!(
        site.get("/audit?workflow=no%20name").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_key_is_made_shown_once_used_and_revoked() {
    let site = Site::new().await;
    shows(
        &site.get("/keys").await,
        &["There is none.", "Make the key"],
    );
    for (form, text) in [
        ("name=ci&role=&days=9", "choose what its holder may do"),
        ("name=ci&role=viewer&days=0", "1 to 3650 days"),
        ("name=ci&role=viewer&workflows=no%2Fname", "no/name"),
        ("name=&role=viewer", ""),
        ("name=ci&role=admin&workflows=flow", ""),
    ] {
        let wrong = send(&site, "/keys", form).await;
        assert!(
            matches!(wrong.status.as_u16(), 400 | 422),
            "{form}: {wrong:?}"
        );
        shows(&wrong, &[text, r#"role="alert""#]);
    }
    let made = send(
        &site,
        "/keys",
        "name=%3Cci%3E&role=operator&workflows=flow%2C+other&days=90",
    )
    .await;
    assert_eq!(
        (made.status, made.header("cache-control")),
        (StatusCode::CREATED, "no-store")
    );
    shows(&made, &["“&#60;ci&#62;”", "only time that it is shown"]);
    let token = made
        .text
        .split(&['<', '>'][..])
        .find(|part| part.starts_with("ork_"))
        .expect("the key")
        .to_owned();
    let listed = site.get("/keys").await;
    shows(&listed, &["&#60;ci&#62;", "operator", "only flow, other"]);
    // Whether a moment of the first day has passed is up to the machine.
    let ends = ["in 89 days", "in 90 days"].map(|text| listed.text.contains(text));
    assert!(ends.contains(&true), "{}", listed.text);
    let secret = token.rsplit('_').next().expect("a part");
    assert!(!listed.text.contains(secret), "it is told once");
    let id = token.split('_').nth(1).expect("its id").to_owned();
    shows(
        &site.get(&format!("/keys/{id}/revoke")).await,
        &["Revoke key “&#60;ci&#62;”?"],
    );
    let revoked = send(&site, &format!("/keys/{id}/revoke"), "").await;
    assert_eq!(revoked.header("location"), "/keys?done=revoke");
    shows(
        &site.get("/keys?done=revoke").await,
        &["The key lets nobody in any more.", "revoked"],
    );
    shows(
        &site.get("/audit").await,
        &["<code>key.create</code>", "<code>key.revoke</code>"],
    );
    assert_eq!(
        site.get("/keys/nobody/revoke").await.status,
        StatusCode::NOT_FOUND
    );
    // A page of somebody else cannot do it.
    let foreign = request("POST", "/keys")
        .header("origin", "http://evil.example")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("name=x&role=admin"));
    let foreign = site.ask(foreign.expect("a request")).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pages_for_admins_are_for_nobody_else() {
    let site = Site::with(|settings| {
        settings.access = ork_api::Access::Identified {
            ways: Vec::new(),
            keys: true,
            at: None,
        };
    })
    .await;
    let engine = site.embedded.engine();
    let by = engine.by(ork_engine::Act::of(ork_engine::Actor::local(None)));
    for (n, role) in ork_engine::Role::ALL.into_iter().enumerate() {
        let wish = ork_engine::NewKey {
            name: role.to_string(),
            role,
            workflows: Vec::new(),
            lasts: None,
        };
        let secret = [n as u8; 32];
        let (_, token) = by.create_key(wish, secret).await.expect("a key");
        let get = async |path: &str| {
            let asked = request("GET", path).header(AUTHORIZATION, format!("Bearer {token}"));
            site.ask(asked.body(Body::empty()).expect("a request"))
                .await
        };
        let rules = role == ork_engine::Role::Admin;
        for path in ["/audit", "/keys"] {
            let said = get(path).await;
            let wanted = if rules { 200 } else { 403 };
            assert_eq!(said.status.as_u16(), wanted, "{role} {path}");
        }
        let home = get("/").await;
        assert_eq!(home.text.contains(r#"href="/keys""#), rules, "{role}");
    }
}

#[tokio::test]
async fn what_runs_cost_is_said_where_they_cost_something() {
    let free = Site::new().await;
    shows(&free.get("/cost").await, &["cost nothing"]);
    let home = free.get("/").await;
    assert!(!home.text.contains("/cost"), "{}", home.text);
    let site = Site::with(|settings| {
        settings.prices = Some(Prices {
            of: "2026-11",
            nanos: |used| used.store_writes * 900,
        });
    })
    .await;
    shows(&site.get("/").await, &[r#"href="/cost""#]);
    shows(&site.get("/cost").await, &["No run was made this month."]);
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    shows(
        &site.get("/cost").await,
        &[
            "<b>$0.000000</b> for 1 run made in 20",
            "list prices of 2026-11",
        ],
    );
    let run = site.get("/runs/r1").await;
    assert!(!run.text.contains("<dt>Cost"), "nothing was counted for it");
}

#[tokio::test]
async fn the_first_page_says_what_is_looked_at_next() {
    let site = Site::new().await;
    let idle = site.get("/").await;
    assert!(!idle.text.contains("Oldest wake"), "{}", idle.text);
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    shows(
        &site.get("/").await,
        &[r#"Oldest wake: <a id="wake" href="/runs/r1">r1</a> <time"#],
    );
}

#[tokio::test]
async fn the_first_page_shows_the_last_ticks_and_says_when_there_are_none_any_more() {
    let site = Site::new().await;
    let engine = site.embedded.engine();
    let none = site.get("/").await;
    assert!(
        !none.text.contains("Last ticks"),
        "nobody ticks on a laptop"
    );
    let now = engine.ports().clock().now();
    for (ago, fired, errors) in [(1_500, 0, 0), (900, 2, 1)] {
        let record = TickRecord {
            at: Time(now.0 - ago * 1_000),
            took: Millis(230),
            fired,
            runs: 1,
            removed: 0,
            errors,
            extra: BTreeMap::new(),
        };
        engine.note_tick(record).await.expect("it is noted");
    }
    shows(
        &site.get("/").await,
        &[
            "Last ticks",
            "2 slots, 1 run",
            r#"<td data-label="Took">230ms</td>"#,
            r#"<td data-label="Errors">1</td>"#,
            "No tick was noted for 15m",
        ],
    );
    let document = Write::Put {
        key: Key::Ticks,
        precondition: Precondition::At(
            engine
                .ports()
                .store()
                .read(&[Key::Ticks])
                .await
                .expect("it is read")[0]
                .as_ref()
                .expect("it is there")
                .version,
        ),
        body: b"not JSON".to_vec(),
        index: Index::default(),
    };
    let done = engine.ports().store().commit(&[document]).await;
    done.expect("it is overwritten");
    shows(&site.get("/").await, &["the list of ticks cannot be read"]);
}

#[tokio::test]
async fn how_the_system_stands_is_told_as_data() {
    let site = Site::new().await;
    let idle = site.get("/api/system").await.json();
    assert_eq!(idle["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(idle["is_ticked"], false, "{idle:#}");
    assert_eq!(idle["ticks"], serde_json::json!([]));
    assert!(idle["next_wake"].is_null(), "{idle:#}");
    let engine = site.embedded.engine();
    let now = engine.ports().clock().now();
    let record = TickRecord {
        at: Time(now.0 - 60_000),
        took: Millis(230),
        fired: 2,
        runs: 1,
        removed: 0,
        errors: 1,
        extra: BTreeMap::new(),
    };
    engine.note_tick(record).await.expect("it is noted");
    site.post("/api/workflows/flow/runs", r#"{"idempotency_key": "r1"}"#)
        .await;
    let told = site.get("/api/system").await.json();
    assert_eq!(told["ticks"][0]["at"], Time(now.0 - 60_000).rfc3339());
    assert_eq!(told["ticks"][0]["took_ms"], 230);
    assert_eq!(told["ticks"][0]["errors"], 1);
    assert_eq!(told["next_wake"]["run_id"], "r1");
    assert_eq!(told["set_aside"], 0);
    let priced = Site::with(|settings| {
        settings.prices = Some(Prices {
            of: "2026-11",
            nanos: |_| 0,
        });
    })
    .await;
    assert_eq!(priced.get("/api/system").await.json()["is_ticked"], true);
}
