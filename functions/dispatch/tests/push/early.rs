//! What a worker service hears before everything is done that follows from its verdict.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use ork_core::Value;
use ork_core::ids::RunId;
use ork_core::run::RunStatus;
use ork_core::task::TaskSpec;
use ork_dispatch::{Work, chaining};
use ork_host::testing::{MONDAY, World, hint, post, send, settings};
use ork_host::{Role, Served, WAITS_UNTIL, listen, serve};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::CHAIN;

/// What becomes of somebody who asks for the service behind a topic.
#[derive(Clone)]
struct Fate {
    /// What is kept for him at once; `None`: nothing, which is known at once unless it is `silent`.
    next: Option<TaskSpec>,
    silent: bool,
    /// The work begins when there is a permit.
    go: Arc<Semaphore>,
}

/// By topic: a function pointer has no captures.
static FATES: Mutex<BTreeMap<String, Fate>> = Mutex::new(BTreeMap::new());

fn keep(
    _: RunId,
    topic: String,
    _: Instant,
    work: Work,
) -> (oneshot::Receiver<Box<TaskSpec>>, Work) {
    let fate = FATES.lock().expect("nobody panicked")[&topic].clone();
    let (answer, next) = oneshot::channel();
    let all = async move {
        let mut answer = Some(answer);
        match fate.next {
            Some(next) => {
                let answer = answer.take().expect("it is there");
                answer.send(Box::new(next)).expect("somebody waits");
            }
            None if !fate.silent => drop(answer.take()),
            None => {}
        }
        fate.go.acquire().await.expect("open").forget();
        if let Some(answer) = answer {
            assert!(answer.is_closed(), "whoever gave up takes nothing any more");
        }
        work.await;
    };
    (next, Box::pin(all))
}

/// A run whose first task has its verdict, and a dispatch on a port.
struct Scene {
    world: World,
    first: TaskSpec,
    verdict: String,
    address: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Served>,
}

/// The routes of dispatch, and a verdict that is there.
async fn ready(world: &World) -> (Router, TaskSpec, String) {
    world.deploy(CHAIN).await;
    world.start("w", "r").await;
    let routes = chaining(world.engine(), &settings(Role::Dispatch), Some(keep));
    post(&routes, "/push", hint("dispatch", "r")).await;
    let first = world.started().remove(0);
    let verdict = world.work(&first, "1").await;
    (routes, first, verdict)
}

impl Scene {
    async fn new() -> Self {
        let world = World::default();
        let (routes, first, verdict) = ready(&world).await;
        let serving = settings(Role::Dispatch).serving;
        let listener = listen(&serving).await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let stop = async {
                stopped.await.expect("it is told");
                "told to"
            };
            serve(listener, routes, &serving, stop).await
        });
        Self {
            world,
            first,
            verdict,
            address,
            stop,
            server,
        }
    }

    /// Tells of the verdict, and waits until the answer's line is there.
    async fn ask(&self, topic: &str, waits: &str) -> (Value, BufReader<TcpStream>) {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let body = json!({"verdict": self.verdict, "topic": topic}).to_string();
        let bytes = body.len();
        let request = format!(
            "POST /finished HTTP/1.1\r\nhost: x\r\ncontent-length: {bytes}\r\n{waits}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut reader = BufReader::new(stream);
        loop {
            let mut line = String::new();
            let read = reader.read_line(&mut line).await.expect("an answer");
            assert_ne!(read, 0, "it ended without a line of JSON");
            if line.starts_with('{') {
                return (serde_json::from_str(&line).expect("JSON"), reader);
            }
        }
    }

    /// Has the rest done while the process is told to end, which waits for it.
    async fn finish(self, go: &Semaphore, mut answer: BufReader<TcpStream>) -> Vec<TaskSpec> {
        self.stop.send(()).expect("it serves");
        let mut server = self.server;
        let ended = timeout(Duration::from_millis(100), &mut server).await;
        assert!(ended.is_err(), "the rest is waited for");
        assert!(self.world.started().is_empty(), "it is not done yet");
        go.add_permits(1);
        let mut end = String::new();
        answer.read_to_string(&mut end).await.expect("its end");
        assert_eq!(end, "\r\n0\r\n\r\n");
        server.await.expect("it serves to the end");
        self.world.started()
    }
}

fn fate(topic: &str, next: Option<TaskSpec>, silent: bool) -> Arc<Semaphore> {
    let go = Arc::new(Semaphore::new(0));
    let fate = Fate {
        next,
        silent,
        go: go.clone(),
    };
    let before = FATES
        .lock()
        .expect("nobody panicked")
        .insert(topic.into(), fate);
    assert!(before.is_none(), "each test has topics of its own");
    go
}

#[tokio::test]
async fn what_comes_next_is_handed_on_at_once_and_the_rest_is_done_behind_it() {
    let scene = Scene::new().await;
    let go = fate("handed on", Some(scene.first.clone()), false);
    let (said, answer) = scene.ask("handed on", "").await;
    assert_eq!(said["next"]["task_name"], "a");
    let started = scene.finish(&go, answer).await;
    assert_eq!(started.len(), 1, "what waited for the verdict");
}

#[tokio::test]
async fn that_nothing_comes_is_said_as_soon_as_it_is_known() {
    let scene = Scene::new().await;
    let go = fate("nothing", None, false);
    let (said, answer) = scene.ask("nothing", "").await;
    assert_eq!(said, json!({"next": null}));
    assert_eq!(scene.finish(&go, answer).await.len(), 1);
}

#[tokio::test]
async fn whoever_is_about_to_give_up_is_told_that_nothing_comes() {
    let scene = Scene::new().await;
    let go = fate("late", None, true);
    // Fifty milliseconds more than an answer may take.
    let waits = format!("{WAITS_UNTIL}: {}\r\n", MONDAY.0 + 2_050);
    let (said, answer) = scene.ask("late", &waits).await;
    assert_eq!(said, json!({"next": null}));
    assert_eq!(scene.finish(&go, answer).await.len(), 1);
}

#[tokio::test]
async fn what_was_told_of_is_settled_when_whoever_told_goes_away() {
    let scene = Scene::new().await;
    let go = fate("gone", Some(scene.first.clone()), false);
    drop(scene.ask("gone", "").await);
    go.add_permits(1);
    let until = Instant::now() + Duration::from_secs(20);
    let started = loop {
        let started = scene.world.started();
        if !started.is_empty() {
            break started;
        }
        assert!(Instant::now() < until, "it is never settled");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(started[0].task_name.as_str(), "b");
    assert_eq!(scene.world.status("r").await, RunStatus::Running);
}

/// How long something may be handed on to whoever asked.
static LEFT: Mutex<Vec<Duration>> = Mutex::new(Vec::new());

fn noting(
    _: RunId,
    _: String,
    until: Instant,
    work: Work,
) -> (oneshot::Receiver<Box<TaskSpec>>, Work) {
    let left = until.saturating_duration_since(Instant::now());
    LEFT.lock().expect("nobody panicked").push(left);
    let (answer, next) = oneshot::channel();
    let all = async {
        work.await;
        drop(answer);
    };
    (next, Box::pin(all))
}

#[tokio::test(start_paused = true)]
async fn a_worker_says_how_long_it_waits_and_is_answered_well_before() {
    let world = World::default();
    let (_, _, verdict) = ready(&world).await;
    let routes = chaining(world.engine(), &settings(Role::Dispatch), Some(noting));
    let ask = async |waits: Option<String>| {
        let body = json!({"verdict": verdict, "topic": "t"}).to_string();
        let mut request = Request::post("/finished");
        if let Some(waits) = waits {
            request = request.header(WAITS_UNTIL, waits);
        }
        let request = request.body(Body::from(body)).expect("a request");
        send(&routes, request).await.status
    };
    let until = |ms: i64| Some((MONDAY.0 + ms).to_string());
    for waits in [None, until(10_000), until(9_500), until(60_000)] {
        assert_eq!(ask(waits).await, StatusCode::OK);
    }
    // It has given up, or is about to.
    for waits in [until(1_900), until(-5_000), Some(i64::MIN.to_string())] {
        assert_eq!(ask(waits).await, StatusCode::OK);
    }
    let left = std::mem::take(&mut *LEFT.lock().expect("nobody panicked"));
    let ms: Vec<u128> = left.iter().map(Duration::as_millis).collect();
    assert_eq!(ms, [8_000, 8_000, 7_500, 8_000, 0, 0, 0]);
    for wrong in ["soon", "1.5", ""] {
        assert_eq!(ask(Some(wrong.into())).await, StatusCode::BAD_REQUEST);
    }
}
