//! Redirects: followed by us, judged anew, credentials left behind.

use ork_outgoing::OutgoingError;
use serde_json::json;

use crate::server::{Reply, Server};
use crate::world::{Names, client, get, headers, local, refused};

#[tokio::test]
async fn a_redirect_to_what_is_inside_is_refused() {
    for to in [
        "https://10.0.0.1/",
        "http://169.254.169.254/computeMetadata/v1/",
        "//169.254.169.254/",
        "http://metadata.google.internal/",
        "http://127.0.0.2/",
        "http://[::1]/",
        "http://2130706434/",
        "http://example.com/",
        "https://user:canary@example.com/",
        "https://localhost/?canary",
        "file:///etc/passwd",
        "ftp://example.com/",
        "https://inside.example/",
    ] {
        let server = Server::start(move |_| Reply::redirect(302, to)).await;
        let names = Names::default()
            .with("inside.example", &[&["192.168.0.1"]])
            .with("example.com", &[&["1.1.1.1"]]);
        let (client, _) = client("127.0.0.1", names);
        let error = get(&client, &server.url("/")).await.unwrap_err();
        assert!(
            matches!(error, OutgoingError::Refused { .. }),
            "{to}: {error}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_chain_that_ends_inside_is_refused_at_its_end() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/1" => Reply::redirect(301, "/2"),
        "/2" => Reply::redirect(307, "3"),
        _ => Reply::redirect(302, "https://10.0.0.1/"),
    })
    .await;
    let why = refused(get(&local(), &server.url("/1")).await);
    assert!(why.contains("10.0.0.1 is private"), "{why}");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn three_redirects_are_followed_and_not_a_fourth() {
    let server = Server::start(|seen| {
        let left: u32 = seen.path.trim_start_matches('/').parse().unwrap();
        match left {
            0 => Reply::text(200, "there"),
            left => Reply::redirect(302, &format!("/{}", left - 1)),
        }
    })
    .await;
    let answer = get(&local(), &server.url("/3")).await.unwrap();
    assert_eq!(answer.body, b"there");
    assert_eq!(answer.from, server.url("/0"));
    let error = get(&local(), &server.url("/4")).await.unwrap_err();
    assert!(
        matches!(&error, OutgoingError::Redirected(why) if why.contains("more than 3 redirects")),
        "{error}"
    );
    assert_eq!(server.seen().len(), 4 + 4);
}

#[tokio::test]
async fn credentials_stay_with_the_origin_they_were_meant_for() {
    let stated = headers(&[
        ("Authorization", "Bearer canary"),
        ("Cookie", "canary"),
        ("Proxy-Authorization", "canary"),
        ("X-Api-Key", "canary"),
        ("X-Anything", "canary"),
        ("Accept", "application/json"),
    ]);
    let other = Server::start(|_| Reply::text(200, "")).await;
    let away = other.url("/away");
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/here" => Reply::redirect(302, "/end"),
        "/away" => Reply::redirect(302, &away),
        _ => Reply::text(200, ""),
    })
    .await;
    let go = async |path: &str| {
        let client = local();
        let url = server.url(path);
        client.request("GET", &url, &stated, None).await.unwrap();
    };
    go("/here").await;
    let here = server.seen().pop().unwrap();
    assert_eq!(here.path, "/end");
    assert_eq!(here.headers["authorization"], "Bearer canary");
    assert_eq!(here.headers["x-anything"], "canary");

    go("/away").await;
    let away = other.seen().pop().unwrap();
    assert_eq!(away.headers["accept"], "application/json");
    assert!(
        !format!("{:?}", away.headers).contains("canary"),
        "{away:?}"
    );
    // Nor does the client say where it comes from.
    assert!(!away.headers.contains_key("referer"));
}

#[tokio::test]
async fn credentials_do_not_come_back_with_the_way_back() {
    let back = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let to = std::sync::Arc::clone(&back);
    let other = Server::start(move |_| Reply::redirect(302, to.get().unwrap())).await;
    let away = other.url("/");
    let server = Server::start(move |seen| match seen.path.as_str() {
        "/end" => Reply::text(200, ""),
        _ => Reply::redirect(302, &away),
    })
    .await;
    back.set(server.url("/end")).unwrap();
    let stated = headers(&[("Authorization", "canary")]);
    let client = local();
    let answer = client.request("GET", &server.url("/"), &stated, None).await;
    assert_eq!(answer.unwrap().status, 200);
    let last = server.seen().pop().unwrap();
    assert_eq!(last.path, "/end");
    assert!(!last.headers.contains_key("authorization"));
}

#[tokio::test]
async fn methods_and_bodies_change_as_in_browsers() {
    // Status, method; then the method and whether the body is there after the redirect.
    let cases = [
        (301, "POST", "GET", false),
        (302, "POST", "GET", false),
        (303, "POST", "GET", false),
        (303, "PUT", "GET", false),
        (303, "DELETE", "GET", false),
        (301, "PUT", "PUT", true),
        (302, "PATCH", "PATCH", true),
        (307, "POST", "POST", true),
        (308, "POST", "POST", true),
    ];
    for (status, method, then, keeps) in cases {
        let server = Server::start(move |seen| match seen.path.as_str() {
            "/" => Reply::redirect(status, "/end"),
            _ => Reply::text(200, ""),
        })
        .await;
        let body = json!({"a": 1});
        let stated = headers(&[("Content-Language", "de")]);
        local()
            .request(method, &server.url("/"), &stated, Some(&body))
            .await
            .unwrap();
        let last = server.seen().pop().unwrap();
        assert_eq!(last.method, then, "{status} {method}");
        assert_eq!(!last.body.is_empty(), keeps, "{status} {method}");
        assert_eq!(
            last.headers.contains_key("content-type"),
            keeps,
            "{status} {method}"
        );
        assert_eq!(
            last.headers.contains_key("content-language"),
            keeps,
            "{status} {method}"
        );
    }
}

#[tokio::test]
async fn a_body_goes_to_no_other_origin() {
    let other = Server::start(|_| Reply::text(200, "")).await;
    for status in [307, 308] {
        let away = other.url("/?canary");
        let server = Server::start(move |_| Reply::redirect(status, &away)).await;
        let body = json!({"password": "canary"});
        let client = local();
        let error = client
            .request("POST", &server.url("/"), &headers(&[]), Some(&body))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("a body goes to no other host"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test]
async fn what_is_no_redirect_is_an_answer() {
    for reply in [
        || Reply::text(302, "without a place"),
        || Reply::text(304, "").header("Location", "https://10.0.0.1/"),
        || Reply::text(200, "").header("Location", "https://10.0.0.1/"),
        || Reply::text(201, "").header("Location", "https://10.0.0.1/"),
    ] {
        let server = Server::start(move |_| reply()).await;
        assert!(get(&local(), &server.url("/")).await.is_ok());
    }
    let server = Server::start(|_| Reply::redirect(302, "https://[::")).await;
    let error = get(&local(), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, OutgoingError::Redirected(_)), "{error}");
}
