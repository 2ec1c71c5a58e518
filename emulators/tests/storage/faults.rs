//! Faults on demand, the limit on writes of one name, and the counters.

use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::NeverRetry;
use ork_emulators::storage::{Fault, StorageOptions};
use serde_json::{Value, json};

use crate::support::{BUCKET, World};

fn fault(path: &str, status: u16) -> Fault {
    Fault {
        path: path.to_owned(),
        times: 1,
        status: Some(status),
        ..Fault::default()
    }
}

#[tokio::test]
async fn a_fault_meets_so_many_requests_and_no_more() {
    let world = World::new().await;
    let wanted = json!({"method": "POST", "path": "name=runs/a", "times": 2, "status": 503});
    let added = world
        .ask("POST", "/emulator/v1/faults")
        .json(&wanted)
        .send()
        .await
        .unwrap();
    assert_eq!(added.status(), 204);
    world.write("other", "x").await;
    let write = || {
        world
            .client
            .write_object(BUCKET, "runs/a", "x")
            .send_unbuffered()
    };
    for _ in 0..2 {
        // Without a precondition the client may not repeat a write.
        assert_eq!(write().await.unwrap_err().http_status_code(), Some(503));
    }
    write().await.unwrap();
    let unknown = world
        .ask("POST", "/emulator/v1/faults")
        .json(&json!({"times": 1, "state": 503}));
    assert_eq!(unknown.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn the_official_crate_repeats_what_it_may() {
    let world = World::new().await;
    world.storage.fault(fault("name=a", 503));
    let write = world
        .client
        .write_object(BUCKET, "a", "x")
        .set_if_generation_match(0_i64);
    write.send_unbuffered().await.unwrap();
    world.storage.fault(fault("Storage/GetObject", 503));
    let get = world
        .control
        .get_object()
        .set_bucket(BUCKET)
        .set_object("a");
    get.send().await.unwrap();
    let left = world
        .ask("GET", "/emulator/v1/faults")
        .send()
        .await
        .unwrap();
    assert_eq!(left.json::<Value>().await.unwrap(), json!({"faults": []}));
}

#[tokio::test]
async fn an_answer_is_lost_after_the_deed() {
    let world = World::new().await;
    world.storage.fault(Fault {
        after: true,
        ..fault("name=a", 503)
    });
    let write = world
        .client
        .write_object(BUCKET, "a", "x")
        .set_if_generation_match(0_i64);
    let error = write.send_unbuffered().await.unwrap_err();
    // The client repeats the write and meets its own object.
    assert_eq!(error.http_status_code(), Some(412));
    assert_eq!(world.read("a").await.unwrap(), "x");
}

#[tokio::test]
async fn a_fault_of_grpc_has_the_code_that_belongs_to_its_status() {
    let world = World::new().await;
    world.write("a", "x").await;
    for (status, code) in [
        (429, Code::ResourceExhausted),
        (503, Code::Unavailable),
        (403, Code::PermissionDenied),
    ] {
        world.storage.fault(fault("Storage/DeleteObject", status));
        let delete = world
            .control
            .delete_object()
            .set_bucket(BUCKET)
            .set_object("a");
        let error =
            google_cloud_gax::options::RequestOptionsBuilder::with_retry_policy(delete, NeverRetry);
        assert_eq!(error.send().await.unwrap_err().status().unwrap().code, code);
    }
    assert_eq!(world.read("a").await.unwrap(), "x");
    world.storage.fault(fault("", 500));
    world.storage.clear_faults();
    world.write("a", "y").await;
}

#[tokio::test]
async fn a_late_answer_is_late() {
    let world = World::new().await;
    world.write("a", "x").await;
    world.storage.fault(Fault {
        path: "/o/a".to_owned(),
        times: 1,
        delay_ms: 200,
        ..Fault::default()
    });
    let started = std::time::Instant::now();
    assert_eq!(world.read("a").await.unwrap(), "x");
    assert!(started.elapsed().as_millis() >= 200);
}

#[tokio::test]
async fn a_name_is_written_once_a_second_if_that_is_switched_on() {
    let world = World::with(StorageOptions {
        strict_rate: true,
        ..StorageOptions::default()
    })
    .await;
    world.write("a", "x").await;
    world.write("b", "x").await;
    let write = world
        .client
        .write_object(BUCKET, "a", "y")
        .send_unbuffered();
    assert_eq!(write.await.unwrap_err().http_status_code(), Some(429));
    assert_eq!(world.read("a").await.unwrap(), "x");
}

#[tokio::test]
async fn operations_are_counted_by_class() {
    let world = World::new().await;
    world.write("a", "hello").await;
    world.read("a").await.unwrap();
    let claim = world
        .client
        .write_object(BUCKET, "a", "x")
        .set_if_generation_match(0_i64);
    claim.send_unbuffered().await.unwrap_err();
    world
        .control
        .list_objects()
        .set_parent(BUCKET)
        .send()
        .await
        .unwrap();
    let get = || world.control.get_object().set_bucket(BUCKET);
    get().set_object("a").send().await.unwrap();
    get().set_object("b").send().await.unwrap_err();
    let delete = world
        .control
        .delete_object()
        .set_bucket(BUCKET)
        .set_object("a");
    delete.send().await.unwrap();
    let counted = world
        .ask("GET", "/emulator/v1/operations")
        .send()
        .await
        .unwrap();
    let counted: Value = counted.json().await.unwrap();
    assert_eq!(counted["classA"], 2, "{counted}");
    assert_eq!(counted["classB"], 2, "{counted}");
    assert_eq!(counted["free"], 1, "{counted}");
    assert_eq!(counted["refused"], 2, "{counted}");
    assert_eq!(
        counted["refusals"],
        json!({"objects.insert 412": 1, "objects.get 404": 1})
    );
    assert_eq!(counted["bytesOut"], 5, "{counted}");
    let reset = world
        .ask("DELETE", "/emulator/v1/operations")
        .send()
        .await
        .unwrap();
    assert_eq!(reset.status(), 204);
    assert_eq!(world.storage.operations(), Default::default());
}
