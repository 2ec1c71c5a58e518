//! How much is read and how long is waited; which requests cannot be made.

use std::sync::Arc;
use std::time::Duration;

use ork_outgoing::{Client, Guard, Limits, OutgoingError};
use serde_json::json;

use crate::server::{Reply, Server};
use crate::world::{Names, get, headers, limits, local};

fn with(limits: Limits) -> Client {
    let guard = Guard::parse("127.0.0.1").unwrap();
    Client::with_lookup(guard, limits, Arc::new(Names::default())).unwrap()
}

#[test]
fn the_usual_limits_are_those_of_the_design() {
    let usual = Limits::default();
    assert_eq!(usual.connect, Duration::from_secs(5));
    assert_eq!(usual.total, Duration::from_secs(30));
    assert_eq!((usual.body, usual.redirects), (1024 * 1024, 3));
    assert_eq!(usual.held, 16 * 1024 * 1024);
}

#[tokio::test]
async fn an_answer_is_read_up_to_the_cap_and_no_byte_more() {
    let server = Server::start(|seen| {
        let length = seen.path.trim_start_matches('/').parse().unwrap();
        Reply::text(200, vec![b'x'; length])
    })
    .await;
    let client = with(Limits {
        body: 1000,
        ..limits()
    });
    let answer = get(&client, &server.url("/1000")).await.unwrap();
    assert_eq!(answer.body.len(), 1000);
    let error = get(&client, &server.url("/1001")).await.unwrap_err();
    assert!(matches!(error, OutgoingError::TooLarge(_)), "{error}");
    assert!(error.to_string().contains("1000 bytes"), "{error}");
}

#[tokio::test]
async fn an_answer_without_a_length_or_an_end_is_cut_off() {
    let server = Server::start(|_| Reply::endless()).await;
    let error = get(&local(), &server.url("/")).await.unwrap_err();
    assert!(matches!(error, OutgoingError::TooLarge(_)), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_until_the_limit() {
    let server = Server::start(|_| Reply::silence()).await;
    let client = with(Limits {
        total: Duration::from_millis(100),
        ..limits()
    });
    let error = get(&client, &server.url("/?canary")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("within 100ms") && !text.contains("canary"),
        "{text}"
    );
    assert!(
        text.contains("a task's `timeout` does not change"),
        "{text}"
    );
}

#[tokio::test]
async fn bodies_are_held_within_the_room_there_is_and_the_next_waits_for_it() {
    let server = Server::start(|seen| {
        let length = seen.path.trim_start_matches('/').parse().unwrap();
        Reply::text(200, vec![b'x'; length])
    })
    .await;
    let client = with(Limits {
        body: 1000,
        held: 1000,
        ..limits()
    });
    let url = server.url("/600");
    let first = get(&client, &url).await.unwrap();
    let small = get(&client, &server.url("/400")).await.unwrap();
    let mut next = Box::pin(get(&client, &url));
    let early = tokio::time::timeout(Duration::from_millis(50), &mut next).await;
    assert!(
        early.is_err(),
        "1600 bytes are held, and there is room for 1000"
    );
    drop(small);
    drop(first);
    assert_eq!(next.await.unwrap().body.len(), 600);
}

#[tokio::test]
async fn the_limit_is_for_all_redirects_together() {
    let server = Server::start(|seen| match seen.path.as_str() {
        "/1" => Reply::redirect(302, "/2"),
        "/2" => Reply::redirect(302, "/3"),
        _ => Reply::silence(),
    })
    .await;
    let client = with(Limits {
        total: Duration::from_secs(1),
        ..limits()
    });
    let error = get(&client, &server.url("/1")).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_lookup_that_takes_too_long_is_trouble_that_may_pass() {
    struct Never;
    impl ork_outgoing::Lookup for Never {
        fn lookup(&self, _: &str) -> ork_outgoing::Looking {
            Box::pin(std::future::pending())
        }
    }
    let limits = Limits {
        connect: Duration::from_millis(50),
        ..limits()
    };
    let client = Client::with_lookup(Guard::strict(), limits, Arc::new(Never)).unwrap();
    let error = get(&client, "https://slow.example/?canary")
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_trouble_that_may_pass() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let url = server.url("/?canary");
    drop(server);
    // The listener goes with its task, which ends when it is run next.
    tokio::task::yield_now().await;
    let error = get(&local(), &url).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
}

#[tokio::test]
async fn requests_that_cannot_be_made_say_so_without_their_secrets() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    let url = server.url("/");
    let client = local();
    for method in ["CONNECT", "TRACE", "", "GET /x HTTP/1.1\r\nX", "PURGE"] {
        let error = client.request(method, &url, &headers(&[]), None).await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains("is none of GET"), "{text}");
    }
    for (name, value) in [
        ("Host", "metadata.google.internal"),
        ("content-length", "5"),
        ("Transfer-Encoding", "chunked"),
        ("Metadata-Flavor", "Google"),
        ("X-aws-ec2-metadata-token", "x"),
        ("X\r\nY", "canary"),
        ("", "canary"),
        ("X-A", "canary\r\nX-B: 1"),
        ("X-A", "cänary"),
    ] {
        let error = client
            .request("GET", &url, &headers(&[(name, value)]), None)
            .await;
        let error = error.unwrap_err();
        assert!(matches!(error, OutgoingError::Unusable(_)), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn a_request_carries_what_was_stated_and_nothing_of_ours() {
    let server =
        Server::start(|_| Reply::text(200, "").header("X-A", "1").header("X-A", "2")).await;
    let stated = headers(&[("X-Token", "abc"), ("Content-Type", "application/x+json")]);
    let body = json!({"a": [1, "ä"]});
    let client = local();
    let answer = client
        .request("post", &server.url("/p?q=1"), &stated, Some(&body))
        .await
        .unwrap();
    assert_eq!(answer.header("x-a"), Some("1, 2"));
    let seen = server.seen().pop().unwrap();
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/p?q=1")
    );
    assert_eq!(seen.body, body.to_string());
    let names: Vec<&str> = seen.headers.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "accept",
            "content-length",
            "content-type",
            "host",
            "user-agent",
            "x-token"
        ]
    );
    assert_eq!(seen.headers["content-type"], "application/x+json");
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    // The environment belongs to a process, so another one makes a request, with a proxy that nobody runs.
    let test = "limits::a_request_carries_what_was_stated_and_nothing_of_ours";
    let nobody = "http://127.0.0.1:1";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .envs(
            [
                "http_proxy",
                "HTTP_PROXY",
                "https_proxy",
                "ALL_PROXY",
                "all_proxy",
            ]
            .map(|name| (name, nobody)),
        )
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
