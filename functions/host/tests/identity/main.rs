//! Who is let in: tables of tokens that are wrong in one way each.

mod mint;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::get;
use ork_host::identity::{Guard, Refusal};
use ork_host::settings::{Auth, Caller};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use mint::{Mint, REMOVED, encoded};

const AUDIENCE: &str = "https://tick.example";
const EMAIL: &str = "push@p.iam.gserviceaccount.com";

fn caller() -> Caller {
    Caller {
        audience: AUDIENCE.into(),
        email: EMAIL.into(),
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn claims() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "email": EMAIL, "email_verified": true,
        "sub": "1", "iat": now() - 10, "exp": now() + 3_590,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    claims
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "one"})
}

fn bearer(token: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = format!("Bearer {token}");
    headers.insert(
        AUTHORIZATION,
        HeaderValue::from_str(&value).expect("a header"),
    );
    headers
}

/// What the claims of a token may be, and in which way it is refused.
fn wrong_claims() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        (
            "wrong audience",
            with("aud", json!("https://poll.example")),
            "audience",
        ),
        (
            "a longer audience",
            with("aud", json!("https://tick.example/")),
            "audience",
        ),
        (
            "another account",
            with("email", json!("x@p.iam.gserviceaccount.com")),
            "is of",
        ),
        (
            "an account in capitals",
            with("email", json!(EMAIL.to_uppercase())),
            "is of",
        ),
        (
            "an unverified account",
            with("email_verified", json!(false)),
            "not verified",
        ),
        (
            "another issuer",
            with("iss", json!("https://evil.example")),
            "issuer",
        ),
        ("it ended", with("exp", json!(now() - 61)), "ended"),
        ("it begins later", with("iat", json!(now() + 120)), "begins"),
    ]
}

/// Claims that have not the shape of a service's token.
fn misshapen() -> Vec<(&'static str, Value)> {
    vec![
        ("several audiences", with("aud", json!([AUDIENCE, "x"]))),
        ("a list of one audience", with("aud", json!([AUDIENCE]))),
        ("no audience", without("aud")),
        ("no account", without("email")),
        ("no word on the account", without("email_verified")),
        ("a word that is text", with("email_verified", json!("true"))),
        ("no issuer", without("iss")),
        ("no end", without("exp")),
        ("no beginning", without("iat")),
        ("an end that is text", with("exp", json!("tomorrow"))),
        ("no object", json!("claims")),
    ]
}

async fn refused(guard: &Guard, headers: &HeaderMap, what: &str) -> Refusal {
    match guard.admit(headers, now()).await {
        Ok(()) => panic!("{what} was let in"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn behind_iam_claims_are_compared() {
    let guard = Guard::new(&Auth::Iam(caller()), Some("http://127.0.0.1:1/nobody"));
    let token = |claims: &Value| format!("{}.{}.{REMOVED}", encoded(&header()), encoded(claims));
    let good = bearer(&token(&claims()));
    assert_eq!(guard.admit(&good, now()).await, Ok(()));
    let just_ended = with("exp", json!(now() - 30));
    assert_eq!(
        guard.admit(&bearer(&token(&just_ended)), now()).await,
        Ok(())
    );
    for (what, claims, why) in wrong_claims() {
        let refusal = refused(&guard, &bearer(&token(&claims)), what).await;
        assert!(matches!(refusal, Refusal::Wrong(_)), "{what}: {refusal}");
        assert!(refusal.to_string().contains(why), "{what}: {refusal}");
    }
    for (what, claims) in misshapen() {
        let refusal = refused(&guard, &bearer(&token(&claims)), what).await;
        assert!(matches!(refusal, Refusal::Unknown(_)), "{what}: {refusal}");
    }
}

#[tokio::test]
async fn a_signature_that_was_taken_out_is_believed_behind_iam_only() {
    let token = format!("{}.{}.{REMOVED}", encoded(&header()), encoded(&claims()));
    let verify = Guard::new(&Auth::Verify(caller()), Some("http://127.0.0.1:1/nobody"));
    let refusal = refused(&verify, &bearer(&token), "a removed signature").await;
    assert!(matches!(refusal, Refusal::Unknown(_)), "{refusal}");
    // Behind IAM, a signature that is still there was not checked by anybody: keys are asked for.
    let mint = Mint::new("one");
    let iam = Guard::new(&Auth::Iam(caller()), Some("http://127.0.0.1:1/nobody"));
    let refusal = refused(&iam, &bearer(&mint.sign(&header(), &claims())), "unchecked").await;
    assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
}

#[tokio::test]
async fn headers_that_are_no_single_bearer_token_are_refused() {
    let guard = Guard::new(&Auth::Iam(caller()), None);
    let token = format!("{}.{}.{REMOVED}", encoded(&header()), encoded(&claims()));
    let mut twice = bearer(&token);
    let again = twice[AUTHORIZATION].clone();
    twice.append(AUTHORIZATION, again);
    let (one, two, four) = (
        encoded(&claims()),
        format!("{}.{}", encoded(&header()), encoded(&claims())),
        format!("{token}.more"),
    );
    let long = format!("{}.{}.{}", encoded(&header()), "a".repeat(9_000), REMOVED);
    let mut basic = HeaderMap::new();
    basic.insert(
        AUTHORIZATION,
        HeaderValue::from_static("Basic dXNlcjpwYXNz"),
    );
    let mut bare = HeaderMap::new();
    bare.insert(
        AUTHORIZATION,
        HeaderValue::from_str(&token).expect("a header"),
    );
    for (what, headers) in [
        ("no header", HeaderMap::new()),
        ("two headers", twice),
        ("another scheme", basic),
        ("no scheme", bare),
        ("nothing", bearer("")),
        ("one part", bearer(&one)),
        ("two parts", bearer(&two)),
        ("four parts", bearer(&four)),
        ("no base64", bearer("{}.{}.x")),
        ("too long", bearer(&long)),
        ("no signature", bearer(&format!("{two}."))),
    ] {
        let refusal = refused(&guard, &headers, what).await;
        assert!(matches!(refusal, Refusal::Unknown(_)), "{what}: {refusal}");
    }
    let mut lower = HeaderMap::new();
    let value = HeaderValue::from_str(&format!("bearer {token}")).expect("a header");
    lower.insert(AUTHORIZATION, value);
    assert_eq!(
        guard.admit(&lower, now()).await,
        Ok(()),
        "schemes have no case"
    );
}

#[tokio::test]
async fn no_other_algorithm_gets_any_further() {
    let mint = Mint::new("one");
    for auth in [Auth::Iam(caller()), Auth::Verify(caller())] {
        let guard = Guard::new(&auth, Some("http://127.0.0.1:1/nobody"));
        for alg in [
            "none", "None", "HS256", "ES256", "RS512", "PS256", "rs256", "",
        ] {
            let header = json!({"alg": alg, "typ": "JWT", "kid": "one"});
            for token in [
                mint.sign(&header, &claims()),
                format!("{}.{}.{REMOVED}", encoded(&header), encoded(&claims())),
            ] {
                let refusal = refused(&guard, &bearer(&token), alg).await;
                assert!(matches!(refusal, Refusal::Unknown(_)), "{alg}: {refusal}");
                assert!(
                    refusal.to_string().contains("algorithm"),
                    "{alg}: {refusal}"
                );
            }
        }
    }
}

/// Publishes the keys of `mints`; counts how often they are fetched.
async fn publish(mints: &[&Mint]) -> (String, Arc<AtomicUsize>) {
    let keys: Vec<Value> = mints.iter().map(|mint| mint.jwk()).collect();
    let fetched = Arc::new(AtomicUsize::new(0));
    let count = fetched.clone();
    let routes = Router::new().route(
        "/certs",
        get(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let keys = json!({"keys": keys});
            async move { axum::Json(keys) }
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}/certs"), fetched)
}

#[tokio::test]
async fn signatures_are_checked_with_published_keys() {
    let (mint, other) = (Mint::new("one"), Mint::new("one"));
    let (url, fetched) = publish(&[&mint]).await;
    let guard = Guard::new(&Auth::Verify(caller()), Some(&url));
    for _ in 0..3 {
        let good = bearer(&mint.sign(&header(), &claims()));
        assert_eq!(guard.admit(&good, now()).await, Ok(()));
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1, "keys are kept");
    for (what, claims, why) in wrong_claims() {
        let refusal = refused(&guard, &bearer(&mint.sign(&header(), &claims)), what).await;
        assert!(refusal.to_string().contains(why), "{what}: {refusal}");
    }
    for (what, claims) in misshapen() {
        let refusal = refused(&guard, &bearer(&mint.sign(&header(), &claims)), what).await;
        assert!(matches!(refusal, Refusal::Unknown(_)), "{what}: {refusal}");
    }
    let forged = bearer(&other.sign(&header(), &claims()));
    let refusal = refused(&guard, &forged, "another's signature").await;
    assert!(matches!(refusal, Refusal::Unknown(_)), "{refusal}");
    let (head, rest) = mint
        .sign(&header(), &claims())
        .split_once('.')
        .map(owned)
        .expect("parts");
    let (_, signature) = rest.split_once('.').expect("parts");
    let tampered = format!("{head}.{}.{signature}", encoded(&with("sub", json!("2"))));
    let refusal = refused(&guard, &bearer(&tampered), "another body").await;
    assert!(matches!(refusal, Refusal::Unknown(_)), "{refusal}");
    let no_key = json!({"alg": "RS256"});
    let refusal = refused(&guard, &bearer(&mint.sign(&no_key, &claims())), "no key").await;
    assert!(matches!(refusal, Refusal::Unknown(_)), "{refusal}");
    assert_eq!(
        fetched.load(Ordering::SeqCst),
        1,
        "none of it had keys fetched"
    );
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[tokio::test]
async fn made_up_keys_are_not_fetched_again_and_again() {
    let mint = Mint::new("one");
    let (url, fetched) = publish(&[&mint]).await;
    let guard = Guard::new(&Auth::Verify(caller()), Some(&url));
    for n in 0..50 {
        let header = json!({"alg": "RS256", "kid": format!("made up {n}")});
        let refusal = refused(&guard, &bearer(&mint.sign(&header, &claims())), "made up").await;
        assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    // Nobody is let in meanwhile whose key is not known, and he may try again.
    let good = bearer(&mint.sign(&header(), &claims()));
    let refusal = refused(&guard, &good, "a key that is not known yet").await;
    assert!(matches!(refusal, Refusal::Unavailable(_)), "{refusal}");
}

#[tokio::test]
async fn wakes_have_a_caller_of_their_own() {
    let wake = "wake@p.iam.gserviceaccount.com";
    let guard = Guard::new(&Auth::Iam(caller()), None).of(wake, "https://poll.example");
    let token = |claims: &Value| format!("{}.{}.{REMOVED}", encoded(&header()), encoded(claims));
    let mut of_wake = with("email", json!(wake));
    assert_eq!(guard.admit(&bearer(&token(&of_wake)), now()).await, Ok(()));
    of_wake["aud"] = json!("https://poll.example");
    assert_eq!(guard.admit(&bearer(&token(&of_wake)), now()).await, Ok(()));
    refused(&guard, &bearer(&token(&claims())), "the caller of pushes").await;
}

#[tokio::test]
async fn nobody_is_checked_where_everything_is_emulated() {
    let guard = Guard::new(&Auth::Off, None);
    assert_eq!(guard.admit(&HeaderMap::new(), now()).await, Ok(()));
}
