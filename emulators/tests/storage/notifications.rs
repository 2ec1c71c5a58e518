//! Notifications, told to a small server that takes Pub/Sub's publish requests.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ork_emulators::storage::StorageOptions;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{BUCKET, World, until};

const TOPIC: &str = "projects/p/topics/uploads";

/// A message's topic, attributes and data.
type Message = (String, BTreeMap<String, String>, String);

/// What was published, and the sizes of the batches.
#[derive(Clone, Default)]
struct PubSub {
    messages: Arc<Mutex<Vec<Message>>>,
    batches: Arc<Mutex<Vec<usize>>>,
    /// Statuses to answer with before it takes anything.
    refusals: Arc<Mutex<Vec<u16>>>,
}

impl PubSub {
    async fn start(&self, address: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/v1/projects/{project}/topics/{topic}", post(publish))
            .with_state(self.clone());
        tokio::spawn(axum::serve(listener, app).into_future());
        address
    }

    fn count(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    fn attributes(&self, at: usize) -> BTreeMap<String, String> {
        self.messages.lock().unwrap()[at].1.clone()
    }
}

async fn publish(
    State(pubsub): State<PubSub>,
    Path((project, topic)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    if let Some(status) = pubsub.refusals.lock().unwrap().pop() {
        return (
            StatusCode::from_u16(status).unwrap(),
            Json(json!({"error": {"code": status}})),
        );
    }
    let topic = topic.strip_suffix(":publish").unwrap();
    let messages = body["messages"].as_array().unwrap();
    pubsub.batches.lock().unwrap().push(messages.len());
    for message in messages {
        pubsub.messages.lock().unwrap().push((
            format!("projects/{project}/topics/{topic}"),
            serde_json::from_value(message["attributes"].clone()).unwrap(),
            message["data"].as_str().unwrap().to_owned(),
        ));
    }
    (StatusCode::OK, Json(json!({"messageIds": []})))
}

fn local() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn world(pubsub: SocketAddr) -> World {
    World::with(StorageOptions {
        pubsub: Some(pubsub.to_string()),
        ..StorageOptions::default()
    })
    .await
}

#[tokio::test]
async fn a_written_object_is_told_as_google_tells_it() {
    let pubsub = PubSub::default();
    let world = world(pubsub.start(local()).await).await;
    world.storage.notify("bkt", TOPIC, Some("runs/")).unwrap();
    world.write("elsewhere", "x").await;
    let generation = world.write("runs/ä", "hello").await;
    until("one message", || pubsub.count() == 1).await;
    let (topic, attributes, data) = pubsub.messages.lock().unwrap()[0].clone();
    assert_eq!(topic, TOPIC);
    let time = &attributes["eventTime"];
    assert!(
        time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000000Z".len(),
        "{time}"
    );
    let mut named = attributes.clone();
    named.remove("eventTime");
    let expected = [
        ("bucketId", "bkt"),
        ("eventType", "OBJECT_FINALIZE"),
        (
            "notificationConfig",
            "projects/_/buckets/bkt/notificationConfigs/1",
        ),
        ("objectGeneration", &generation.to_string()),
        ("objectId", "runs/ä"),
        ("payloadFormat", "JSON_API_V1"),
    ];
    assert_eq!(
        named,
        expected
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    );
    let resource: Value = serde_json::from_slice(&BASE64_STANDARD.decode(data).unwrap()).unwrap();
    assert_eq!(resource["name"], "runs/ä");
    assert_eq!(resource["generation"], generation.to_string());
}

#[tokio::test]
async fn overwriting_changing_and_deleting_are_told_too() {
    let pubsub = PubSub::default();
    let world = world(pubsub.start(local()).await).await;
    let config = json!({
        "topic": format!("//pubsub.googleapis.com/{TOPIC}"),
        "payload_format": "NONE",
        "custom_attributes": {"who": "me"},
    });
    let path = "/storage/v1/b/bkt/notificationConfigs";
    let made: Value = world
        .ask("POST", path)
        .json(&config)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(made["kind"], "storage#notification");
    let first = world.write("a", "1").await.to_string();
    let second = world.write("a", "2").await.to_string();
    let patch = world
        .ask("PATCH", "/storage/v1/b/bkt/o/a")
        .json(&json!({"contentType": "a/b"}));
    assert_eq!(patch.send().await.unwrap().status(), 200);
    let delete = world
        .control
        .delete_object()
        .set_bucket(BUCKET)
        .set_object("a");
    delete.send().await.unwrap();
    until("five messages", || pubsub.count() == 5).await;
    let told = (0..5)
        .map(|at| {
            let mut attributes = pubsub.attributes(at);
            assert_eq!(attributes["who"], "me");
            assert_eq!(pubsub.messages.lock().unwrap()[at].2, "");
            let other = attributes
                .remove("overwroteGeneration")
                .map(|other| format!("overwrote {other}"));
            let by = attributes
                .remove("overwrittenByGeneration")
                .map(|by| format!("overwritten by {by}"));
            let other = other.or(by).unwrap_or_default();
            format!(
                "{} {} {other}",
                attributes["eventType"], attributes["objectGeneration"]
            )
        })
        .collect::<Vec<_>>();
    let expected = [
        format!("OBJECT_FINALIZE {first} "),
        format!("OBJECT_FINALIZE {second} overwrote {first}"),
        format!("OBJECT_DELETE {first} overwritten by {second}"),
        format!("OBJECT_METADATA_UPDATE {second} "),
        format!("OBJECT_DELETE {second} "),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn configurations_are_listed_and_deleted_and_wrong_ones_refused() {
    let pubsub = PubSub::default();
    let world = world(pubsub.start(local()).await).await;
    let path = "/storage/v1/b/bkt/notificationConfigs";
    let good = json!({"topic": format!("//pubsub.googleapis.com/{TOPIC}"), "payload_format": "JSON_API_V1", "event_types": ["OBJECT_DELETE"]});
    for (field, value) in [
        ("topic", "uploads"),
        ("payload_format", "XML"),
        ("event_types", "OBJECT_FINALIZE"),
    ] {
        let mut wrong = good.clone();
        wrong[field] = value.into();
        let refused = world.ask("POST", path).json(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{wrong}");
    }
    let made: Value = world
        .ask("POST", path)
        .json(&good)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    let read: Value = world
        .ask("GET", &one)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(read, made);
    let listed: Value = world
        .ask("GET", path)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["items"], json!([made]));
    assert_eq!(
        world.ask("DELETE", &one).send().await.unwrap().status(),
        204
    );
    assert_eq!(world.ask("GET", &one).send().await.unwrap().status(), 404);
    assert!(world.storage.notify("none", TOPIC, None).is_err());
    let without = World::new().await;
    assert!(
        without.storage.notify("bkt", TOPIC, None).is_err(),
        "there is no Pub/Sub to tell"
    );
}

#[tokio::test]
async fn uploads_do_not_wait_for_a_pubsub_that_is_not_there() {
    // A port that was just free: nobody listens on it yet.
    let free = TcpListener::bind(local())
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let world = world(free).await;
    world.storage.notify("bkt", TOPIC, None).unwrap();
    let started = Instant::now();
    world.write("a", "x").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    until("a first try", || world.storage.notifications().retries > 0).await;
    assert_eq!(world.storage.notifications().waiting, 1);
    let pubsub = PubSub::default();
    pubsub.refusals.lock().unwrap().extend([503, 404]);
    pubsub.start(free).await;
    until("the message", || pubsub.count() == 1).await;
    until("nothing waits", || {
        world.storage.notifications().waiting == 0
    })
    .await;
    assert_eq!(world.storage.notifications().published, 1);
}

#[tokio::test]
async fn what_pubsub_refuses_for_good_is_given_up() {
    let pubsub = PubSub::default();
    pubsub.refusals.lock().unwrap().push(400);
    let world = world(pubsub.start(local()).await).await;
    world.storage.notify("bkt", TOPIC, None).unwrap();
    world.write("a", "x").await;
    until("one failure", || world.storage.notifications().failed == 1).await;
    assert!(
        world
            .storage
            .notifications()
            .last_error
            .unwrap()
            .contains("400")
    );
}

#[tokio::test]
async fn notifications_are_lost_doubled_and_late_if_a_test_wants_it() {
    let pubsub = PubSub::default();
    let world = world(pubsub.start(local()).await).await;
    world.storage.notify("bkt", TOPIC, None).unwrap();
    let set = |times: u32, delay: u64| {
        let body = json!({"times": times, "delay_ms": delay});
        world
            .ask("PUT", "/emulator/v1/faults/notifications")
            .json(&body)
            .send()
    };
    assert_eq!(set(0, 0).await.unwrap().status(), 204);
    world.write("lost", "x").await;
    assert_eq!(world.storage.notifications().dropped, 1);
    set(3, 0).await.unwrap();
    world.write("thrice", "x").await;
    until("three messages", || pubsub.count() == 3).await;
    assert!((0..3).all(|at| pubsub.attributes(at)["objectId"] == "thrice"));
    set(1, 300).await.unwrap();
    let started = Instant::now();
    world.write("late", "x").await;
    until("a fourth", || pubsub.count() == 4).await;
    assert!(started.elapsed() >= Duration::from_millis(300));
    world
        .ask("DELETE", "/emulator/v1/faults")
        .send()
        .await
        .unwrap();
    world.write("again", "x").await;
    until("a fifth", || pubsub.count() == 5).await;
}

#[tokio::test]
async fn a_burst_is_told_in_batches_and_in_order() {
    const COUNT: usize = 10_000;
    let pubsub = PubSub::default();
    let world = world(pubsub.start(local()).await).await;
    world.storage.notify("bkt", TOPIC, None).unwrap();
    let started = Instant::now();
    for from in (0..COUNT).step_by(100) {
        let writes = (from..from + 100).map(|number| {
            let path = format!("/upload/storage/v1/b/bkt/o?uploadType=media&name=o/{number}");
            world.ask("POST", &path).body("x").send()
        });
        for answer in futures_util::future::join_all(writes).await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }
    let written = started.elapsed();
    until("all messages", || pubsub.count() == COUNT).await;
    let told = started.elapsed();
    assert!(
        told - written < Duration::from_secs(5),
        "written in {written:?}, told in {told:?}"
    );
    let batches = pubsub.batches.lock().unwrap();
    assert!(batches.iter().all(|batch| *batch <= 100));
    let generations = (0..COUNT).map(|at| {
        pubsub.attributes(at)["objectGeneration"]
            .parse::<i64>()
            .unwrap()
    });
    assert!(generations.is_sorted());
}
