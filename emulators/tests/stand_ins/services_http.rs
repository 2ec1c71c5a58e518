//! Jobs of a service that is nobody's, as custom HTTP jobs ask about them.

use serde_json::{Value, json};

use crate::services::World;

const JOBS: &str = "/http/projects/p/jobs";

#[tokio::test]
async fn a_job_says_how_far_it_is_and_how_it_ended() {
    let world = World::new().await;
    let script = json!({"pending_seconds": 1, "seconds": 2, "rows": [{"n": 1}]});
    let made = world.good("POST", JOBS, script).await;
    let path = format!("{JOBS}/{}", made["id"].as_str().unwrap());
    for (status, done) in [
        ("pending", false),
        ("running", false),
        ("running", false),
        ("succeeded", true),
    ] {
        let (_, job) = world.get(&path).await;
        assert_eq!(
            (&job["status"], &job["done"]),
            (&json!(status), &json!(done))
        );
        assert_eq!(job["result"].is_null(), !done);
        world.pass(1.0);
    }
    let script = json!({"seconds": 0, "fail": "why: it broke"});
    let failed = world
        .good("PUT", &format!("{JOBS}/bad"), script.clone())
        .await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(
        failed["error"],
        json!({"reason": "why", "message": "it broke"})
    );
    assert_eq!(
        world.ask("PUT", &format!("{JOBS}/bad"), script).await.0,
        409
    );
    assert_eq!(world.ask("POST", JOBS, json!({"seconds": -1})).await.0, 400);
}

#[tokio::test]
async fn a_job_is_cancelled_deleted_and_met_by_faults() {
    let world = World::new().await;
    let path = format!("{JOBS}/a");
    let script = json!({"forever": true, "cancel_seconds": 2});
    world.good("PUT", &path, script).await;
    let fault = json!({"service": "http", "on": "get", "job": "a", "status": 503, "times": 1});
    world.control("faults", fault).await;
    assert_eq!(world.get(&path).await.0, 503);
    let asked = world
        .good("POST", &format!("{path}/cancel"), Value::Null)
        .await;
    assert_eq!(asked["status"], "cancelling");
    world.pass(2.0);
    assert_eq!(world.get(&path).await.1["status"], "cancelled");
    assert_eq!(world.ask("DELETE", &path, Value::Null).await.0, 204);
    for (method, path) in [
        ("GET", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/cancel")),
    ] {
        assert_eq!(world.ask(method, &path, Value::Null).await.0, 404);
    }
}
