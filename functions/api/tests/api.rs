//! Who is let in: tokens and assertions that are wrong in one way each, over HTTP and with keys of one's own.

#[path = "../../host/tests/identity/mint.rs"]
mod mint;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ork_api::{Caller, Identify, Log, LogError, Logs, Stranger};
use ork_api_function::{ByGoogle, ByIap};
use ork_core::names::ObjectName;
use ork_engine::{Act, Actor, NewKey, Role};
use ork_host::Role as Function;
use ork_host::identity::People;
use ork_host::settings::{ApiAuth, ApiSettings, GoogleAuth};
use ork_host::testing::{World, send, settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use mint::{Mint, REMOVED, encoded};

const AUDIENCE: &str = "https://api.example";
const IAP_AUDIENCE: &str = "/projects/7/locations/r/services/ork-api";

/// Made once: it takes a while.
static MINT: LazyLock<Mint> = LazyLock::new(|| Mint::new("one"));
/// Signs under another name; whose claim to be `one` is in the head of what it signs.
static OTHER: LazyLock<Mint> = LazyLock::new(|| Mint::new("rsa"));

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn people() -> Arc<People> {
    let text = r#"{"admin": ["ada@example.com"], "viewer": ["@example.com"], "operator": ["bot@p.iam.gserviceaccount.com"]}"#;
    Arc::new(People::parse(text).expect("it is right"))
}

/// Keys as they are published, and how often they were asked for.
async fn published(keys: Vec<Value>) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let routes = Router::new().route(
        "/keys",
        get(move || async move {
            count.fetch_add(1, Ordering::SeqCst);
            axum::Json(json!({ "keys": keys }))
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let at = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{at}/keys"), asked)
}

fn heads(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::try_from(*name).expect("a name"),
            HeaderValue::from_str(value).expect("a value"),
        );
    }
    headers
}

fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn of_google() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "email": "ada@example.com", "email_verified": true,
        "hd": "example.com", "sub": "1", "iat": now() - 10, "exp": now() + 3_590,
    })
}

fn rs256() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "one"})
}

async fn asked(way: &dyn Identify, pairs: &[(&str, &str)]) -> Result<Option<Caller>, Stranger> {
    way.identify(&heads(pairs)).await
}

async fn with_token(way: &dyn Identify, token: &str) -> Result<Option<Caller>, Stranger> {
    asked(way, &[("authorization", &format!("Bearer {token}"))]).await
}

#[tokio::test]
async fn people_are_known_by_tokens_of_google_that_are_right_in_every_way() {
    let (mint, other) = (&*MINT, &*OTHER);
    let (url, _) = published(vec![mint.jwk()]).await;
    let google = GoogleAuth {
        audiences: vec!["https://other.example".into(), AUDIENCE.into()],
        behind_iam: false,
    };
    let way = ByGoogle::new(&google, people(), Some(&url));
    let claims = of_google();
    let good = mint.sign(&rs256(), &claims);
    let ada = with_token(&way, &good).await.expect("it is good");
    let ada = ada.expect("it was looked at");
    assert_eq!(ada.actor, Actor::new("google", "ada@example.com"));
    assert_eq!((ada.role, ada.ambient), (Role::Admin, false));
    for (email, hd, role) in [
        ("ADA@example.com", json!(null), Some(Role::Admin)),
        ("bob@example.com", json!("example.com"), Some(Role::Viewer)),
        ("bob@example.com", json!(null), None),
        ("bob@example.com", json!("evil.example"), None),
        ("eve@evil.example", json!("evil.example"), None),
        (
            "bot@p.iam.gserviceaccount.com",
            json!(null),
            Some(Role::Operator),
        ),
    ] {
        let claims = changed(&changed(&claims, "email", json!(email)), "hd", hd.clone());
        let said = with_token(&way, &mint.sign(&rs256(), &claims)).await;
        match role {
            Some(role) => assert_eq!(said.expect(email).expect("looked at").role, role),
            None => assert!(matches!(said, Err(Stranger::Nobody(_))), "{email} {hd}"),
        }
    }
    let [head, body, signature] =
        <[&str; 3]>::try_from(good.split('.').collect::<Vec<_>>()).expect("three parts");
    let none = encoded(&json!({"alg": "none", "kid": "one"}));
    let hs256 = encoded(&json!({"alg": "HS256", "kid": "one"}));
    let es256 = encoded(&json!({"alg": "ES256", "kid": "one"}));
    let admin = encoded(&changed(&claims, "email", json!("ada@example.com")));
    let wrong = vec![
        ("signed by somebody else", other.sign(&rs256(), &claims)),
        ("nothing signed", format!("{none}.{body}.")),
        (
            "none, with a signature",
            format!("{none}.{body}.{signature}"),
        ),
        (
            "a symmetric algorithm",
            format!("{hs256}.{body}.{signature}"),
        ),
        ("another algorithm", format!("{es256}.{body}.{signature}")),
        (
            "a signature that was taken out",
            format!("{head}.{admin}.{REMOVED}"),
        ),
        ("no signature", format!("{head}.{body}.")),
        ("two parts", format!("{head}.{body}")),
        ("no parts", "x".into()),
        ("nothing", String::new()),
        (
            "another's audience",
            mint.sign(
                &rs256(),
                &changed(&claims, "aud", json!("https://a.example")),
            ),
        ),
        (
            "a list of audiences",
            mint.sign(&rs256(), &changed(&claims, "aud", json!([AUDIENCE]))),
        ),
        (
            "another issuer",
            mint.sign(
                &rs256(),
                &changed(&claims, "iss", json!("https://evil.example")),
            ),
        ),
        (
            "over",
            mint.sign(&rs256(), &changed(&claims, "exp", json!(now() - 61))),
        ),
        (
            "over long since",
            mint.sign(&rs256(), &changed(&claims, "exp", json!(i64::MIN))),
        ),
        (
            "not yet",
            mint.sign(&rs256(), &changed(&claims, "iat", json!(now() + 120))),
        ),
        (
            "never",
            mint.sign(&rs256(), &changed(&claims, "iat", json!(i64::MAX))),
        ),
        (
            "an address nobody has checked",
            mint.sign(&rs256(), &changed(&claims, "email_verified", json!(false))),
        ),
        (
            "an unknown key",
            mint.sign(&json!({"alg": "RS256"}), &claims),
        ),
        ("far too long", "x".repeat(100_000)),
    ];
    for (what, token) in wrong {
        let said = with_token(&way, &token).await;
        let Err(Stranger::Unproven(why)) = said else {
            panic!("{what}: {said:?}");
        };
        assert!(why.len() < 1_300, "{what}: {why}");
    }
    // No token is none, and somebody else's business.
    assert_eq!(asked(&way, &[]).await, Ok(None));
    let twice = format!("Bearer {good}");
    let said = asked(
        &way,
        &[("authorization", &twice), ("authorization", &twice)],
    )
    .await;
    assert!(matches!(said, Err(Stranger::Unproven(_))), "{said:?}");
}

#[tokio::test]
async fn behind_iam_only_the_token_that_was_checked_is_believed() {
    let (url, fetched) = published(Vec::new()).await;
    let google = GoogleAuth {
        audiences: vec![AUDIENCE.into()],
        behind_iam: true,
    };
    let way = ByGoogle::new(&google, people(), Some(&url));
    let head = encoded(&rs256());
    let bearer = |email: &str| {
        let claims = changed(&of_google(), "email", json!(email));
        format!("Bearer {head}.{}.{REMOVED}", encoded(&claims))
    };
    let (ada, bob) = (bearer("ada@example.com"), bearer("bob@example.com"));
    let role = |said: Result<Option<Caller>, Stranger>| said.expect("known").map(|one| one.role);
    let said = asked(&way, &[("authorization", &bob)]).await;
    assert_eq!(role(said), Some(Role::Viewer));
    let said = asked(&way, &[("x-serverless-authorization", &bob)]).await;
    assert_eq!(role(said), Some(Role::Viewer));
    // Cloud Run has looked at bob's; whatever stands beside it comes through as he sent it.
    let both = [
        ("x-serverless-authorization", bob.as_str()),
        ("authorization", ada.as_str()),
    ];
    assert_eq!(role(asked(&way, &both).await), Some(Role::Viewer));
    let twice = [
        ("x-serverless-authorization", bob.as_str()),
        ("x-serverless-authorization", ada.as_str()),
    ];
    assert!(asked(&way, &twice).await.is_err());
    assert_eq!(fetched.load(Ordering::SeqCst), 0);
}

/// A key of the proxy's.
struct Curve {
    name: &'static str,
    key: EcdsaKeyPair,
}

impl Curve {
    fn new(name: &'static str) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { name, key }
    }
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.key.sign(&SystemRandom::new(), text.as_bytes());
        let signature = signature.expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
    fn jwk(&self) -> Value {
        // 4, x, y
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

fn of_iap() -> Value {
    json!({
        "iss": "https://cloud.google.com/iap", "aud": IAP_AUDIENCE, "email": "ada@example.com", "hd": "example.com",
        "sub": "accounts.google.com:1", "iat": now() - 10, "exp": now() + 590,
    })
}

fn es256() -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": "one"})
}

#[tokio::test]
async fn people_are_known_by_assertions_of_the_proxy_that_are_right_in_every_way() {
    let (curve, other, rsa) = (Curve::new("one"), Curve::new("one"), &*OTHER);
    let (url, fetched) = published(vec![curve.jwk(), rsa.jwk()]).await;
    let way = ByIap::new(IAP_AUDIENCE, people(), Some(&url)).expect("a client");
    let assertion = async |token: &str| asked(&way, &[("x-goog-iap-jwt-assertion", token)]).await;
    let claims = of_iap();
    let good = curve.sign(&es256(), &claims);
    let ada = assertion(&good)
        .await
        .expect("it is good")
        .expect("looked at");
    assert_eq!(ada.actor, Actor::new("iap", "ada@example.com"));
    assert_eq!((ada.role, ada.ambient), (Role::Admin, true));
    let [head, body, signature] =
        <[&str; 3]>::try_from(good.split('.').collect::<Vec<_>>()).expect("three parts");
    let none = encoded(&json!({"alg": "none", "kid": "one"}));
    let hs256 = encoded(&json!({"alg": "HS256", "kid": "one"}));
    let with = |name: &str, value: Value| curve.sign(&es256(), &changed(&claims, name, value));
    let wrong = vec![
        ("signed by somebody else", other.sign(&es256(), &claims)),
        ("nothing signed", format!("{none}.{body}.")),
        (
            "none, with a signature",
            format!("{none}.{body}.{signature}"),
        ),
        (
            "a symmetric algorithm",
            format!("{hs256}.{body}.{signature}"),
        ),
        (
            "the other kind of key",
            rsa.sign(&json!({"alg": "RS256", "kid": "rsa"}), &claims),
        ),
        (
            "a key that is of another kind",
            curve.sign(&json!({"alg": "ES256", "kid": "rsa"}), &claims),
        ),
        (
            "a signature that was taken out",
            format!("{head}.{body}.{REMOVED}"),
        ),
        ("no signature", format!("{head}.{body}.")),
        (
            "other claims",
            format!(
                "{head}.{}.{signature}",
                encoded(&changed(&claims, "email", json!("bob@example.com")))
            ),
        ),
        ("two parts", format!("{head}.{body}")),
        ("nothing", String::new()),
        (
            "no key named",
            curve.sign(&json!({"alg": "ES256"}), &claims),
        ),
        (
            "another's audience",
            with("aud", json!("/projects/8/locations/r/services/ork-api")),
        ),
        (
            "a longer audience",
            with("aud", json!(format!("{IAP_AUDIENCE}2"))),
        ),
        ("a list of audiences", with("aud", json!([IAP_AUDIENCE]))),
        (
            "another issuer",
            with("iss", json!("https://accounts.google.com")),
        ),
        ("over", with("exp", json!(now() - 61))),
        ("over long since", with("exp", json!(i64::MIN))),
        ("not yet", with("iat", json!(now() + 120))),
        ("nobody", with("email", json!(""))),
        ("no address", with("email", json!(null))),
        ("far too long", "x".repeat(100_000)),
    ];
    for (what, token) in wrong {
        let said = assertion(&token).await;
        assert!(
            matches!(said, Err(Stranger::Unproven(_))),
            "{what}: {said:?}"
        );
    }
    let eve = changed(&claims, "email", json!("eve@evil.example"));
    let stranger = curve.sign(&es256(), &changed(&eve, "hd", json!("evil.example")));
    let said = assertion(&stranger).await;
    assert!(matches!(said, Err(Stranger::Nobody(_))), "{said:?}");
    assert_eq!(fetched.load(Ordering::SeqCst), 1, "one look for all");
    // A stranger who makes up keys has them looked for once in a while.
    let made_up = |kid: &str| curve.sign(&json!({"alg": "ES256", "kid": kid}), &claims);
    let said = assertion(&made_up("two")).await;
    assert!(matches!(said, Err(Stranger::Unproven(_))), "{said:?}");
    let said = assertion(&made_up("three")).await;
    assert!(matches!(said, Err(Stranger::Unavailable(_))), "{said:?}");
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    assert!(assertion(&good).await.is_ok(), "and keeps nobody out");
    // Without the assertion nothing is proven, whatever other headers say.
    let forged = [
        (
            "x-goog-authenticated-user-email",
            "accounts.google.com:ada@example.com",
        ),
        ("x-goog-authenticated-user-id", "accounts.google.com:1"),
    ];
    assert_eq!(asked(&way, &forged).await, Ok(None));
    let twice = [
        ("x-goog-iap-jwt-assertion", good.as_str()),
        ("x-goog-iap-jwt-assertion", good.as_str()),
    ];
    assert!(asked(&way, &twice).await.is_err());
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_said_to_be_so() {
    let way = ByIap::new(IAP_AUDIENCE, people(), Some("http://127.0.0.1:1/keys"));
    let way = way.expect("a client");
    let good = Curve::new("one").sign(&es256(), &of_iap());
    let said = asked(&way, &[("x-goog-iap-jwt-assertion", &good)]).await;
    assert!(matches!(said, Err(Stranger::Unavailable(_))), "{said:?}");
}

/// No logs at all.
struct NoLogs;

impl Logs for NoLogs {
    fn read<'a>(
        &'a self,
        _: &'a ObjectName,
        _: u64,
        _: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Log>, LogError>> + Send + 'a>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

fn served(world: &World, auth: ApiAuth, rate: Option<(u32, u32)>) -> Router {
    let usual = settings(Function::Api);
    let mut serving = usual.serving;
    serving.loopback = auth == ApiAuth::Off;
    serving.concurrency = 2;
    serving.deadline = Duration::from_secs(5);
    let settings = ApiSettings {
        project: usual.project,
        bucket: usual.bucket,
        database: usual.cloud.database,
        topic_dispatch: usual.cloud.topic_dispatch,
        topic_poll: usual.cloud.topic_poll,
        emulators: usual.emulators,
        log: usual.log,
        auth,
        rate,
        serving,
    };
    let at: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
    let engine = Arc::new(world.engine());
    let prices = ork_api::Prices {
        of: "2026-11",
        nanos: |_| 0,
    };
    ork_api_function::router(engine, Arc::new(NoLogs), &settings, at, prices).expect("routes")
}

fn request(method: &str, path: &str, pairs: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in pairs {
        request = request.header(*name, *value);
    }
    let body = if method == "POST" { "{}" } else { "" };
    request.body(Body::from(body)).expect("a request")
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_run_is_started_with_a_key_and_dispatch_is_told() {
    let world = World::default();
    world
        .deploy("name: w\ntasks:\n  a: {command: work}\n")
        .await;
    let shown = ApiAuth::Shown {
        google: None,
        iap: None,
        keys: true,
        people: People::default(),
    };
    let routes = served(&world, shown, Some((5, 3)));
    let host = ("host", "api.example");
    let start = "/api/workflows/w/runs";
    let stranger = send(&routes, request("POST", start, &[host, JSON])).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert!(stranger.body.contains("ork_"), "{stranger:?}");
    let engine = world.engine();
    let wish = NewKey {
        name: "ci".into(),
        role: Role::Operator,
        workflows: Vec::new(),
        lasts: None,
    };
    let by = engine.by(Act::of(Actor::local(None)));
    let (_, key) = by.create_key(wish, [3; 32]).await.expect("a key");
    let bearer = format!("Bearer {key}");
    let pairs = [host, JSON, ("authorization", bearer.as_str())];
    let started = send(&routes, request("POST", start, &pairs)).await;
    assert_eq!(started.status, StatusCode::CREATED, "{started:?}");
    assert_eq!(world.started().len(), 0, "that is dispatch's business");
    let run = started.json()["run_id"].as_str().expect("an id").to_owned();
    let hints = world.hints();
    assert!(
        hints.iter().any(|hint| hint.run.as_str() == run),
        "{hints:?}"
    );
    let path = format!("/api/runs/{run}");
    let seen = send(&routes, request("GET", &path, &pairs)).await;
    assert_eq!(seen.json()["status"], "running");
    let keys = send(&routes, request("GET", "/api/keys", &pairs)).await;
    assert_eq!(keys.status, StatusCode::FORBIDDEN);
    let often = send(&routes, request("GET", &path, &pairs)).await;
    assert_eq!(often.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(often.retry_after.as_deref(), Some("1"));
    world.store_down(true);
    let healthy = send(&routes, request("GET", "/healthz", &[host])).await;
    assert_eq!(healthy.status, StatusCode::OK, "the process serves");
    let down = send(&routes, request("GET", "/api/health", &[host])).await;
    assert_eq!(down.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn where_everything_is_emulated_whoever_names_this_address_is_let_in() {
    let world = World::default();
    let routes = served(&world, ApiAuth::Off, None);
    for (host, status) in [
        ("127.0.0.1:8080", StatusCode::OK),
        ("localhost:8080", StatusCode::OK),
        ("evil.example", StatusCode::FORBIDDEN),
    ] {
        let said = send(&routes, request("GET", "/api/me", &[("host", host)])).await;
        assert_eq!(said.status, status, "{host}");
    }
}
