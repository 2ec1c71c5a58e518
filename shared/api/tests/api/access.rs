//! Who may do what: every route by every role, keys that are wrong in one way each, limits, hostile heads.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use ork_api::{Access, Caller, Identify, Rate, Stranger};
use ork_core::ids::WorkflowName;
use ork_core::time::Millis;
use ork_engine::{Act, Actor, NewKey, Role};
use serde_json::{Value, json};

use crate::site::{Answer, FLOW, HERE, Site, request};

/// People whom a proxy names in a header, as Identity-Aware Proxy does: `ada=admin`.
#[derive(Debug)]
struct Proxy;

impl Identify for Proxy {
    fn identify<'a>(
        &'a self,
        headers: &'a HeaderMap,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Caller>, Stranger>> + Send + 'a>> {
        Box::pin(async move {
            let Some(said) = headers.get("x-proxy") else {
                return Ok(None);
            };
            match said.to_str().ok().and_then(|said| said.split_once('=')) {
                Some((name, role)) => Ok(Some(Caller {
                    actor: Actor::new("iap", name),
                    role: role.parse().map_err(Stranger::Nobody)?,
                    workflows: Vec::new(),
                    ambient: true,
                })),
                None if said == "down" => Err(Stranger::Unavailable("no keys now".into())),
                None => Err(Stranger::Unproven("the proxy's word is not good".into())),
            }
        })
    }
    fn wanted(&self) -> &'static str {
        "the proxy's word"
    }
}

/// A site that knows keys and whoever the proxy names.
async fn guarded() -> Site {
    Site::with(|settings| {
        settings.access = Access::Identified {
            ways: vec![Arc::new(Proxy)],
            keys: true,
            at: None,
        };
    })
    .await
}

impl Site {
    async fn key(&self, role: Role, workflows: &[&str]) -> String {
        self.key_for(role, workflows, None).await
    }

    async fn key_for(&self, role: Role, workflows: &[&str], lasts: Option<Millis>) -> String {
        let wish = NewKey {
            name: format!("{role}'s"),
            role,
            workflows: workflows
                .iter()
                .map(|name| WorkflowName::new(name).expect("a name"))
                .collect(),
            lasts,
        };
        let engine = self.embedded.engine();
        let by = engine.by(Act::of(Actor::local(Some("test"))));
        let (_, text) = by.create_key(wish, [0xab; 32]).await.expect("a key");
        text
    }

    async fn asks(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut asked = request(method, path).header("content-type", "application/json");
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        let body = if method == "GET" { "" } else { "{}" };
        self.ask(asked.body(Body::from(body)).expect("a request"))
            .await
    }

    async fn with_key(&self, method: &str, path: &str, key: &str) -> Answer {
        let value = format!("Bearer {key}");
        self.asks(method, path, &[(AUTHORIZATION.as_str(), &value)])
            .await
    }
}

/// Every operation of the document, with what it needs.
fn operations() -> Vec<(String, String, Option<Role>)> {
    let document: Value = serde_json::from_str(&ork_api::openapi()).expect("JSON");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let word = operation["x-ork-role"].as_str().expect("a role");
            let need = match word {
                "anyone" => None,
                word => Some(word.parse().expect("a role")),
            };
            all.push((method.to_uppercase(), path.clone(), need));
        }
    }
    all
}

fn filled(path: &str) -> String {
    path.replace("{name}", "nobody")
        .replace("{run}", "nobody")
        .replace("{task}", "a")
        .replace("{key}", "nobody")
}

#[tokio::test]
async fn every_route_is_for_its_role_and_higher_ones() {
    let site = guarded().await;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, site.key(role, &[]).await));
    }
    let all = operations();
    assert!(all.len() >= 28, "{}", all.len());
    for (method, path, need) in all {
        let path = filled(&path);
        let stranger = site.asks(&method, &path, &[]).await;
        match need {
            None => assert_ne!(stranger.status, StatusCode::UNAUTHORIZED, "{path}"),
            Some(_) => {
                assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{method} {path}");
                assert_eq!(stranger.header("www-authenticate"), "Bearer realm=\"ork\"");
                assert_eq!(stranger.header("content-type"), "application/problem+json");
            }
        }
        for (role, key) in &keys {
            let said = site.with_key(&method, &path, key).await;
            let is_let_in = need.is_none_or(|need| *role >= need);
            let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
            assert_eq!(
                !refused.contains(&said.status),
                is_let_in,
                "{method} {path} by {role}: {said:?}"
            );
            assert!(said.status.as_u16() < 500, "{method} {path}: {said:?}");
            if let (false, Some(need)) = (is_let_in, need) {
                assert_eq!(said.status, StatusCode::FORBIDDEN);
                let detail = said.json()["detail"].to_string();
                let names = [need.as_str(), role.as_str()];
                assert!(names.iter().all(|word| detail.contains(word)), "{detail}");
            }
        }
    }
    // Nothing that is not there, and nothing that was done.
    let admin = &keys[3].1;
    for path in ["/api/nothing", "/nothing", "/api/", "/workflow"] {
        let stranger = site.asks("GET", path, &[]).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
        let known = site.with_key("GET", path, admin).await;
        assert_eq!(known.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_with_those_it_has() {
    let site = guarded().await;
    let said = site.asks("PUT", "/api/workflows/flow", &[]).await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(said.header("allow"), "GET, HEAD, DELETE");
    let said = site.asks("OPTIONS", "/api/runs", &[]).await;
    assert_eq!(said.status, StatusCode::METHOD_NOT_ALLOWED);
    let key = site.key(Role::Viewer, &[]).await;
    let head = site.with_key("HEAD", "/api/runs", &key).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn wrong_keys_are_refused_and_never_passed_over() {
    let site = guarded().await;
    let good = site.key(Role::Admin, &[]).await;
    let (_, secret) = good.rsplit_once('_').expect("a secret");
    let expired = site.key_for(Role::Admin, &[], Some(Millis(0))).await;
    let zeros = "0".repeat(64);
    // Somebody whom the proxy knows, too: a wrong key is not made good by that.
    let proxy = ("x-proxy", "ada=admin");
    for wrong in [
        good.replace(secret, &zeros),
        good.replace(secret, &secret.to_uppercase()),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        format!("ork_nobody_{secret}"),
        format!("ork_../keys_{secret}"),
        format!("ork__{secret}"),
        "ork_".to_owned(),
        expired,
    ] {
        let value = format!("Bearer {wrong}");
        let said = site
            .asks("GET", "/api/runs", &[("authorization", &value), proxy])
            .await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{wrong}: {said:?}");
        assert!(!said.text.contains(&secret[..16]), "{said:?}");
    }
    let twice = format!("Bearer {good}");
    let said = site
        .asks(
            "GET",
            "/api/runs",
            &[("authorization", &twice), ("authorization", &twice)],
        )
        .await;
    assert_eq!(said.status, StatusCode::UNAUTHORIZED);
    for odd in [format!("Basic {good}"), good.clone(), "Bearer".to_owned()] {
        let said = site
            .asks("GET", "/api/runs", &[("authorization", &odd), proxy])
            .await;
        assert_eq!(said.status, StatusCode::UNAUTHORIZED, "{odd}");
    }
    assert_eq!(
        site.with_key("GET", "/api/runs", &good).await.status,
        StatusCode::OK
    );
    let lower = format!("bearer  {good} ");
    let said = site
        .asks("GET", "/api/runs", &[("authorization", &lower)])
        .await;
    assert_eq!(said.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_proxy_says_is_taken_by_its_word() {
    let site = guarded().await;
    for (said, status) in [
        ("ada=viewer", StatusCode::OK),
        ("ada=king", StatusCode::FORBIDDEN),
        ("rubbish", StatusCode::UNAUTHORIZED),
        ("down", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let answer = site.asks("GET", "/api/me", &[("x-proxy", said)]).await;
        assert_eq!(answer.status, status, "{said}");
    }
    let me = site
        .asks("GET", "/api/me", &[("x-proxy", "ada=viewer")])
        .await;
    assert_eq!(
        me.json(),
        json!({"actor": {"kind": "iap", "id": "ada"}, "role": "viewer", "workflows": []})
    );
    // Other headers prove nothing.
    let forged = [
        ("x-goog-authenticated-user-email", "accounts.google.com:ada"),
        ("x-forwarded-user", "ada"),
    ];
    let answer = site.asks("GET", "/api/me", &forged).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_browser_that_is_known_by_itself_changes_something_from_a_page_of_this_place_only() {
    let site = guarded().await;
    let path = "/api/workflows/flow/runs";
    let ada = ("x-proxy", "ada=operator");
    let here = format!("https://{HERE}");
    let started = StatusCode::CREATED;
    for (more, status) in [
        (&[][..], StatusCode::FORBIDDEN),
        (
            &[(ORIGIN.as_str(), "https://evil.example")],
            StatusCode::FORBIDDEN,
        ),
        (&[(ORIGIN.as_str(), "null")], StatusCode::FORBIDDEN),
        (&[("sec-fetch-site", "cross-site")], StatusCode::FORBIDDEN),
        (
            &[
                (ORIGIN.as_str(), here.as_str()),
                ("sec-fetch-site", "same-site"),
            ],
            StatusCode::FORBIDDEN,
        ),
        (&[("sec-fetch-site", "same-origin")], started),
        (&[(ORIGIN.as_str(), here.as_str())], started),
    ] {
        let mut headers = vec![ada];
        headers.extend(more);
        let said = site.asks("POST", path, &headers).await;
        assert_eq!(said.status, status, "{more:?}: {said:?}");
        // Looking is harmless: nobody else's page can read the answer.
        let looked = site.asks("GET", "/api/runs", &headers).await;
        assert_eq!(looked.status, StatusCode::OK, "{more:?}");
    }
    let key = site.key(Role::Operator, &[]).await;
    let value = format!("Bearer {key}");
    let evil = [
        ("authorization", value.as_str()),
        (ORIGIN.as_str(), "https://evil.example"),
    ];
    // No page has a key that it was not given.
    assert_eq!(site.asks("POST", path, &evil).await.status, started);
}

#[tokio::test]
async fn a_limited_key_knows_of_nothing_else() {
    let site = guarded().await;
    site.deploy(&FLOW.replace("name: flow", "name: other"))
        .await;
    let admin = site.key(Role::Admin, &[]).await;
    let key = site.key(Role::Author, &["flow"]).await;
    for name in ["flow", "other"] {
        let body = json!({"idempotency_key": format!("{name}-1")}).to_string();
        let said = site
            .send_with(
                "POST",
                &format!("/api/workflows/{name}/runs"),
                &body,
                &admin,
            )
            .await;
        assert_eq!(said.status, StatusCode::CREATED, "{said:?}");
    }
    let status = async |method: &str, path: &str| site.with_key(method, path, &key).await.status;
    for (method, path, expected) in [
        ("GET", "/api/workflows/flow", StatusCode::OK),
        ("GET", "/api/workflows/%66low", StatusCode::OK),
        ("GET", "/api/workflows/other", StatusCode::FORBIDDEN),
        ("GET", "/api/workflows/%6fther", StatusCode::FORBIDDEN),
        ("GET", "/api/workflows/absent", StatusCode::FORBIDDEN),
        ("DELETE", "/api/workflows/other", StatusCode::FORBIDDEN),
        ("POST", "/api/workflows/other/runs", StatusCode::FORBIDDEN),
        ("GET", "/api/runs/flow-1", StatusCode::OK),
        ("GET", "/api/runs/other-1", StatusCode::NOT_FOUND),
        ("GET", "/api/runs/%6fther-1", StatusCode::NOT_FOUND),
        ("GET", "/api/runs/other-1/events", StatusCode::NOT_FOUND),
        (
            "GET",
            "/api/runs/other-1/tasks/first/logs",
            StatusCode::NOT_FOUND,
        ),
        ("POST", "/api/runs/other-1/cancel", StatusCode::NOT_FOUND),
        ("POST", "/api/runs/flow-1/pause", StatusCode::OK),
        ("GET", "/api/runs", StatusCode::FORBIDDEN),
        ("GET", "/api/runs?workflow=flow", StatusCode::OK),
        ("GET", "/api/runs?workflow=other", StatusCode::FORBIDDEN),
        (
            "GET",
            "/api/runs?workflow=flow&workflow=other",
            StatusCode::FORBIDDEN,
        ),
        ("GET", "/api/keys", StatusCode::FORBIDDEN),
    ] {
        assert_eq!(status(method, path).await, expected, "{method} {path}");
    }
    // What is not theirs looks like what is not there.
    let absent = site.with_key("GET", "/api/runs/absent", &key).await;
    let hidden = site.with_key("GET", "/api/runs/other-1", &key).await;
    assert_eq!(
        hidden.text.replace("other-1", "absent"),
        absent.text,
        "{hidden:?}"
    );
    let names = |answer: &Answer| -> Vec<Value> {
        let all = answer.json()["items"].as_array().expect("a page").clone();
        all.into_iter().map(|one| one["workflow"].clone()).collect()
    };
    let seen = site.with_key("GET", "/api/workflows", &key).await;
    assert_eq!(names(&seen), ["flow"]);
    let audit = site.with_key("GET", "/api/audit", &key).await.json();
    let all = audit["items"].as_array().expect("a page");
    assert_eq!(all.len(), 2, "{audit}");
    assert!(all.iter().all(|one| one["target"]["workflow"] == "flow"));
    // A run of somebody else's under the same key tells nothing but that it is taken.
    let taken = site
        .send_with(
            "POST",
            "/api/workflows/flow/runs",
            r#"{"idempotency_key": "other-1"}"#,
            &key,
        )
        .await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
    assert!(!taken.text.contains("workflow other"), "{taken:?}");
}

#[tokio::test]
async fn changes_are_told_with_who_made_them() {
    let site = guarded().await;
    let admin = site.key(Role::Admin, &[]).await;
    let made = site
        .send_with(
            "POST",
            "/api/keys",
            r#"{"name": "ci", "role": "operator", "workflows": ["flow"], "expires_in_seconds": 3600}"#,
            &admin,
        )
        .await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    assert_eq!(made.header("cache-control"), "no-store");
    let made = made.json();
    let (token, id) = (
        made["token"].as_str().expect("a token"),
        made["id"].as_str().expect("an id"),
    );
    assert_eq!(made["status"], "good");
    let listed = site.with_key("GET", "/api/keys", &admin).await;
    assert!(!listed.text.contains(token) && !listed.text.contains("hash"));
    let me = site.with_key("GET", "/api/me", token).await.json();
    assert_eq!(me["actor"], json!({"kind": "key", "id": id, "name": "ci"}));
    assert_eq!(me["workflows"], json!(["flow"]));
    let value = format!("Bearer {token}");
    let headers = [
        ("authorization", value.as_str()),
        ("x-request-id", "build-4711"),
    ];
    let started = site
        .asks("POST", "/api/workflows/flow/runs", &headers)
        .await;
    assert_eq!(started.header("x-request-id"), "build-4711");
    let run = started.json()["run_id"].as_str().expect("a run").to_owned();
    let cancel = format!("/api/runs/{run}/cancel");
    assert_eq!(
        site.with_key("POST", &cancel, token).await.status,
        StatusCode::OK
    );
    let revoke = format!("/api/keys/{id}/revoke");
    let revoked = site.with_key("POST", &revoke, &admin).await;
    assert_eq!(revoked.json()["status"], "revoked");
    let late = site.with_key("GET", "/api/me", token).await;
    assert_eq!(late.status, StatusCode::UNAUTHORIZED, "from now on");
    assert!(late.text.contains("revoked"), "{late:?}");

    let by = format!("/api/audit?actor=key:{id}");
    let told = site.with_key("GET", &by, &admin).await.json();
    // The newest first; records of one millisecond stand in any order.
    let mut told = told["items"].as_array().expect("a page").clone();
    told.sort_by_key(|one| one["action"].to_string());
    let actions: Vec<_> = told.iter().map(|one| one["action"].clone()).collect();
    assert_eq!(actions, ["run.cancel", "run.start"]);
    assert_eq!(told[1]["request"], "build-4711");
    assert_eq!(told[1]["target"]["run"], run.as_str());
    let keys = site
        .with_key("GET", "/api/audit?action=key", &admin)
        .await
        .json();
    let actions: Vec<_> = keys["items"]
        .as_array()
        .expect("a page")
        .iter()
        .map(|one| one["action"].clone())
        .collect();
    assert_eq!(actions, ["key.revoke", "key.create", "key.create"]);
    let secret = token.rsplit_once('_').expect("a secret").1;
    assert!(!keys.to_string().contains(secret));
    for wrong in [
        "/api/audit?since=yesterday",
        "/api/audit?cursor=A",
        "/api/audit?workflow=9",
        "/api/audit?who=ada",
        "/api/keys?cursor=%00",
    ] {
        let said = site.with_key("GET", wrong, &admin).await;
        assert_eq!(said.status, StatusCode::BAD_REQUEST, "{wrong}: {said:?}");
    }
    for (wrong, status) in [
        (r#"{"name": "ci"}"#, StatusCode::BAD_REQUEST),
        (r#"{"name": "ci", "role": "king"}"#, StatusCode::BAD_REQUEST),
        (
            r#"{"name": "", "role": "viewer"}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            r#"{"name": "ci", "role": "admin", "workflows": ["flow"]}"#,
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            r#"{"name": "ci", "role": "viewer", "workflows": ["9"]}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            r#"{"name": "ci", "role": "viewer", "expires_in_seconds": 1}"#,
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let said = site.send_with("POST", "/api/keys", wrong, &admin).await;
        assert_eq!(said.status, status, "{wrong}: {said:?}");
    }
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let site = Site::with(|settings| {
        settings.access = Access::Identified {
            ways: Vec::new(),
            keys: true,
            at: None,
        };
        settings.rate = Some(Rate {
            per_second: 1,
            burst: 2,
        });
    })
    .await;
    let (one, other) = (
        site.key(Role::Viewer, &[]).await,
        site.key(Role::Viewer, &[]).await,
    );
    let mut last = None;
    for _ in 0..3 {
        last = Some(site.with_key("GET", "/api/me", &one).await);
    }
    let last = last.expect("three answers");
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(last.header("retry-after"), "1");
    let said = site.with_key("GET", "/api/me", &other).await;
    assert_eq!(said.status, StatusCode::OK, "another one's is another's");
}

#[tokio::test]
async fn hostile_heads_are_refused_calmly() {
    let site = guarded().await;
    let long = "a".repeat(20_000);
    let key = format!("Bearer ork_{long}_{long}");
    for (name, value) in [
        ("authorization", key.as_bytes()),
        ("authorization", b"Bearer \xff\xfe".as_slice()),
        ("authorization", b"Bearer ork_\xc3\xa9_"),
        ("authorization", b"Bearer\t"),
        ("authorization", b""),
        ("x-proxy", b"\xff"),
        ("origin", b"\xff"),
        ("host", b"\xff"),
        ("x-request-id", b"<script>alert(1)</script>"),
        ("x-request-id", b"\xff"),
        ("x-request-id", long.as_bytes()),
    ] {
        for method in [Method::GET, Method::POST] {
            let asked = axum::http::Request::builder()
                .method(method.clone())
                .uri("/api/workflows/flow/runs")
                .header(HOST, HERE)
                .header(name, value)
                .body(Body::empty())
                .expect("a request");
            let said = site.ask(asked).await;
            assert!(said.status.is_client_error(), "{name} {value:?}: {said:?}");
            let id = said.header("x-request-id");
            assert!(
                id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit()),
                "{id}"
            );
        }
    }
}

#[tokio::test]
async fn on_loopback_everybody_is_an_admin_called_after_the_account() {
    let site = Site::with(|settings| {
        settings.access = Access::Loopback {
            at: HERE.parse().expect("an address"),
            user: Some("ada".into()),
        };
    })
    .await;
    let me = site.get("/api/me").await.json();
    assert_eq!(me["actor"], json!({"kind": "local", "id": "ada"}));
    assert_eq!(me["role"], "admin");
    let elsewhere = axum::http::Request::builder()
        .uri("/api/me")
        .header(HOST, "evil.example")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(site.ask(elsewhere).await.status, StatusCode::FORBIDDEN);
}
