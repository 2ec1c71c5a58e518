//! Serving over real sockets: limits, and leaving in order.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::post;
use ork_host::testing::settings;
use ork_host::{BODY_BYTES, Budget, Host, Payload, Role, Served, Serving, listen, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A server with a route that waits to be let go, one that answers at once and one that says how large the body was.
struct Server {
    url: String,
    address: std::net::SocketAddr,
    began: Arc<Notify>,
    go: Arc<Notify>,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Served>,
}

fn serving() -> Serving {
    settings(Role::Tick).serving
}

async fn server(serving: Serving) -> Server {
    let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (in_began, in_go) = (began.clone(), go.clone());
    let host = Host::new(Role::Tick, &serving);
    let routes = Router::new()
        .route(
            "/slow",
            post(move || async move {
                in_began.notify_one();
                in_go.notified().await;
                "slow"
            }),
        )
        .route("/fast", post(|| async { "fast" }))
        .route(
            "/left",
            post(|budget: Budget| async move { budget.left().as_millis().to_string() }),
        )
        .route(
            "/size",
            post(|body: Payload| async move {
                match body {
                    Payload::Whole(bytes) => format!("whole {}", bytes.len()),
                    Payload::TooLarge(size) => format!("too large {size}"),
                }
            }),
        );
    let routes = host.around(host.guarded(routes));
    let listener = listen(&serving).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(async move {
        serve(listener, routes, &serving, async {
            // A sender that is gone means the same.
            let _ = stopped.await;
            "the test said so"
        })
        .await
    });
    Server {
        url: format!("http://{address}"),
        address,
        began,
        go,
        stop: Some(stop),
        served,
    }
}

impl Server {
    fn request(&self, path: &str) -> JoinHandle<reqwest::Result<String>> {
        let url = format!("{}{path}", self.url);
        tokio::spawn(async move { reqwest::Client::new().post(url).send().await?.text().await })
    }
    async fn answer(&self, path: &str) -> String {
        self.request(path)
            .await
            .expect("no panic")
            .expect("an answer")
    }
    fn stop(&mut self) {
        let stop = self.stop.take().expect("it was not stopped before");
        stop.send(()).expect("it is running");
    }
}

#[tokio::test]
async fn what_is_open_is_finished_and_nobody_else_is_let_in() {
    let mut server = server(serving()).await;
    let open = server.request("/slow");
    server.began.notified().await;
    server.stop();
    // From when on nobody is let in any more is seen from outside only by trying.
    while let Ok(mut stream) = TcpStream::connect(server.address).await {
        let mut rest = Vec::new();
        let _ = stream
            .write_all(b"POST /fast HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        let _ = stream.read_to_end(&mut rest).await;
    }
    assert!(!server.served.is_finished(), "it waits for what is open");
    server.go.notify_one();
    assert_eq!(open.await.expect("no panic").expect("an answer"), "slow");
    let served = server.served.await.expect("no panic");
    assert_eq!((served.why, served.left_open), ("the test said so", 0));
}

#[tokio::test]
async fn what_does_not_end_is_left_after_its_time() {
    let drain = Duration::from_millis(300);
    let mut server = server(Serving { drain, ..serving() }).await;
    let open = server.request("/slow");
    server.began.notified().await;
    let told = std::time::Instant::now();
    server.stop();
    let served = server.served.await.expect("no panic");
    assert_eq!(served.left_open, 1);
    assert!(told.elapsed() >= drain);
    open.abort();
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_keep_it() {
    let mut server = server(serving()).await;
    let mut idle = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    assert_eq!(server.answer("/fast").await, "fast");
    server.stop();
    let served = server.served.await.expect("no panic");
    assert_eq!(served.left_open, 0);
    let mut rest = Vec::new();
    let read = idle.read_to_end(&mut rest).await;
    assert!(read.is_err() || rest.is_empty(), "it was closed: {rest:?}");
}

#[tokio::test]
async fn one_request_is_served_and_no_other() {
    let server = server(Serving {
        one_request: true,
        ..serving()
    })
    .await;
    for _ in 0..3 {
        let health = reqwest::get(format!("{}/healthz", server.url))
            .await
            .expect("an answer");
        assert_eq!(
            health.status(),
            200,
            "looking whether it is there does not count"
        );
    }
    let first = server.request("/slow");
    server.began.notified().await;
    let second = reqwest::Client::new()
        .post(format!("{}/fast", server.url))
        .send()
        .await
        .expect("an answer");
    assert_eq!(second.status(), 503);
    assert_eq!(second.headers()["retry-after"], "5");
    server.go.notify_one();
    assert_eq!(first.await.expect("no panic").expect("an answer"), "slow");
    let served = server.served.await.expect("no panic");
    assert_eq!(
        (served.why, served.left_open),
        ("its one request was served", 0)
    );
}

#[tokio::test]
async fn bodies_are_read_within_limits() {
    let server = server(serving()).await;
    for (bytes, said) in [
        (0, "whole 0".to_owned()),
        (BODY_BYTES, format!("whole {BODY_BYTES}")),
        (BODY_BYTES + 1, format!("too large {}", BODY_BYTES + 1)),
        (10 << 20, format!("too large {}", 10 << 20)),
    ] {
        let request = reqwest::Client::new()
            .post(format!("{}/size", server.url))
            .body(vec![b'x'; bytes]);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.text().await.expect("a body"), said);
    }
    let request = reqwest::Client::new()
        .post(format!("{}/size", server.url))
        .body(vec![b'x'; 17 << 20]);
    // The rest is not read, so the sender may find the connection closed before he hears the answer.
    if let Ok(answer) = request.send().await {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(server.answer("/fast").await, "fast", "it lives");
}

#[tokio::test]
async fn a_head_or_a_body_that_does_not_come_is_given_up() {
    let server = server(Serving {
        head: Duration::from_millis(300),
        deadline: Duration::from_millis(300),
        ..serving()
    })
    .await;
    let mut half_a_head = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    half_a_head
        .write_all(b"POST /size HTTP/1.1\r\nhost:")
        .await
        .expect("sent");
    let mut rest = Vec::new();
    half_a_head.read_to_end(&mut rest).await.expect("closed");
    let mut half_a_body = TcpStream::connect(server.address)
        .await
        .expect("a connection");
    half_a_body
        .write_all(b"POST /size HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
        .await
        .expect("sent");
    let mut answer = vec![0; 12];
    half_a_body
        .read_exact(&mut answer)
        .await
        .expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn so_many_are_worked_on_at_once_and_no_more() {
    let server = server(Serving {
        concurrency: 1,
        ..serving()
    })
    .await;
    let first = server.request("/slow");
    server.began.notified().await;
    let second = server.request("/fast");
    let health = reqwest::get(format!("{}/healthz", server.url))
        .await
        .expect("an answer");
    assert_eq!(
        health.status(),
        200,
        "whether it is there can be asked at any time"
    );
    assert!(!second.is_finished());
    server.go.notify_one();
    assert_eq!(first.await.expect("no panic").expect("an answer"), "slow");
    assert_eq!(second.await.expect("no panic").expect("an answer"), "fast");
}

#[tokio::test]
async fn work_that_takes_too_long_is_dropped() {
    let server = server(Serving {
        deadline: Duration::from_millis(300),
        ..serving()
    })
    .await;
    let left: u128 = server.answer("/left").await.parse().expect("a number");
    assert!((0..=300).contains(&left), "{left}");
    let answer = reqwest::Client::new()
        .post(format!("{}/slow", server.url))
        .send()
        .await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn unknown_routes_and_methods_are_said_to_be_unknown() {
    let server = server(serving()).await;
    let nowhere = reqwest::get(format!("{}/nowhere", server.url))
        .await
        .expect("an answer");
    assert_eq!(nowhere.status(), 404);
    let get = reqwest::get(format!("{}/fast", server.url))
        .await
        .expect("an answer");
    assert_eq!(get.status(), 405);
}
