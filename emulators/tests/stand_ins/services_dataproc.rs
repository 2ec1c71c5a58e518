//! Dataproc: jobs of clusters, batches, and the operations that stand for them.

use serde_json::{Value, json};

use crate::services::World;

const JOBS: &str = "/v1/projects/p/regions/r/jobs";
const BATCHES: &str = "/v1/projects/p/locations/r/batches";

fn job(id: &str, labels: &Value) -> Value {
    json!({
        "reference": {"jobId": id},
        "placement": {"clusterName": "c"},
        "pysparkJob": {"mainPythonFileUri": "gs://b/main.py"},
        "labels": labels,
    })
}

async fn submit(world: &World, id: &str, labels: Value) -> Value {
    let body = json!({"job": job(id, &labels)});
    world.good("POST", &format!("{JOBS}:submit"), body).await
}

async fn batch(world: &World, id: &str, labels: Value) -> Value {
    let body = json!({"pysparkBatch": {"mainPythonFileUri": "gs://b/main.py"}, "labels": labels});
    world
        .good("POST", &format!("{BATCHES}?batchId={id}"), body)
        .await
}

#[tokio::test]
async fn a_job_goes_through_its_states() {
    let world = World::new().await;
    let made = submit(
        &world,
        "a",
        json!({"ork-pending-seconds": "1", "ork-seconds": "2", "team": "x"}),
    )
    .await;
    assert_eq!(made["reference"], json!({"projectId": "p", "jobId": "a"}));
    assert_eq!(
        (&made["status"]["state"], &made["done"]),
        (&json!("PENDING"), &json!(false))
    );
    let get = || world.good("GET", "/v1/projects/p/regions/r/jobs/a", Value::Null);
    world.pass(1.0);
    assert_eq!(get().await["status"]["state"], "RUNNING");
    world.pass(2.0);
    let done = get().await;
    assert_eq!(
        (&done["status"]["state"], &done["done"]),
        (&json!("DONE"), &json!(true))
    );
    let history: Vec<&str> = done["statusHistory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|status| status["state"].as_str().unwrap())
        .collect();
    assert_eq!(history, ["PENDING", "SETUP_DONE", "RUNNING"]);
    assert_eq!(done["labels"]["team"], "x");
    assert_eq!(done["pysparkJob"]["mainPythonFileUri"], "gs://b/main.py");
    assert!(
        done["driverOutputResourceUri"]
            .as_str()
            .unwrap()
            .ends_with("jobs/a/driveroutput")
    );
    // A region knows its own jobs only.
    assert_eq!(
        world.get("/v1/projects/p/regions/other/jobs/a").await.0,
        404
    );
}

#[tokio::test]
async fn a_job_fails_with_its_details_is_cancelled_in_its_time_and_deleted_when_over() {
    let world = World::new().await;
    submit(&world, "bad", json!({"ork-seconds": "1"})).await;
    let fail =
        json!({"service": "dataproc", "job": "bad", "script": {"fail": "no: out of memory"}});
    world.control("scripts", fail).await;
    submit(
        &world,
        "slow",
        json!({"ork-forever": "true", "ork-cancel-seconds": "3", "ork-ignore-cancels": "1"}),
    )
    .await;
    world.pass(1.0);
    let (_, failed) = world.get(&format!("{JOBS}/bad")).await;
    assert_eq!(failed["status"]["state"], "ERROR");
    assert_eq!(failed["status"]["details"], "out of memory");
    let (status, late) = world
        .ask("POST", &format!("{JOBS}/bad:cancel"), json!({}))
        .await;
    assert_eq!(
        (status, &late["error"]["status"]),
        (400, &json!("FAILED_PRECONDITION"))
    );
    let cancel = || {
        world.good(
            "POST",
            "/v1/projects/p/regions/r/jobs/slow:cancel",
            json!({}),
        )
    };
    assert_eq!(cancel().await["status"]["state"], "RUNNING");
    assert_eq!(cancel().await["status"]["state"], "CANCEL_PENDING");
    assert_eq!(
        world
            .ask("DELETE", &format!("{JOBS}/slow"), Value::Null)
            .await
            .0,
        400
    );
    world.pass(3.0);
    let (_, cancelled) = world.get(&format!("{JOBS}/slow")).await;
    assert_eq!(
        (&cancelled["status"]["state"], &cancelled["done"]),
        (&json!("CANCELLED"), &json!(true))
    );
    assert_eq!(
        world
            .ask("DELETE", &format!("{JOBS}/slow"), Value::Null)
            .await,
        (200, json!({}))
    );
    assert_eq!(world.get(&format!("{JOBS}/slow")).await.0, 404);
}

#[tokio::test]
async fn one_id_and_one_request_make_one_job() {
    let world = World::new().await;
    submit(&world, "a", json!({})).await;
    let body = json!({"job": job("a", &json!({}))});
    let (status, again) = world.ask("POST", &format!("{JOBS}:submit"), body).await;
    assert_eq!(
        (status, &again["error"]["status"]),
        (409, &json!("ALREADY_EXISTS"))
    );
    let asked = json!({"requestId": "r1", "job": job("", &json!({}))});
    let first = world
        .good("POST", &format!("{JOBS}:submit"), asked.clone())
        .await;
    let second = world.good("POST", &format!("{JOBS}:submit"), asked).await;
    assert_eq!(first["reference"], second["reference"]);
    assert_eq!(world.stand_in.jobs().len(), 2);
    for wrong in [
        json!({}),
        json!({"job": {"pysparkJob": {}}}),
        json!({"job": {"placement": {"clusterName": "c"}}}),
        json!({"job": job("a b", &json!({}))}),
        json!({"job": job("x", &json!({"ork-seconds": "soon"}))}),
    ] {
        let (status, _) = world
            .ask("POST", &format!("{JOBS}:submit"), wrong.clone())
            .await;
        assert_eq!(status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn jobs_are_listed_by_cluster_and_state() {
    let world = World::new().await;
    submit(&world, "a", json!({"ork-seconds": "1"})).await;
    submit(&world, "b", json!({"ork-seconds": "9"})).await;
    world.pass(1.0);
    let ids = async |query: &str| {
        let (_, list) = world.get(&format!("{JOBS}?{query}")).await;
        let jobs = list["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["reference"]["jobId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("clusterName=c").await, ["b", "a"]);
    assert_eq!(ids("clusterName=d").await, [""; 0]);
    assert_eq!(ids("jobStateMatcher=ACTIVE").await, ["b"]);
    assert_eq!(ids("jobStateMatcher=2").await, ["a"]);
    assert_eq!(ids("pageSize=1&pageToken=1").await, ["a"]);
    assert_eq!(
        world.get(&format!("{JOBS}?jobStateMatcher=LOST")).await.0,
        400
    );
}

#[tokio::test]
async fn a_job_may_be_submitted_as_an_operation() {
    let world = World::new().await;
    let body = json!({"job": job("a", &json!({"ork-seconds": "1"}))});
    let operation = world
        .good("POST", &format!("{JOBS}:submitAsOperation"), body)
        .await;
    assert_eq!(
        (&operation["done"], &operation["metadata"]["jobId"]),
        (&json!(false), &json!("a"))
    );
    world.pass(1.0);
    let path = format!("/v1/{}", operation["name"].as_str().unwrap());
    let (_, done) = world.get(&path).await;
    assert_eq!(done["response"]["status"]["state"], "DONE");
    assert_eq!(
        done["response"]["@type"],
        "type.googleapis.com/google.cloud.dataproc.v1.Job"
    );
}

#[tokio::test]
async fn a_batch_goes_through_its_states_and_its_operation_with_it() {
    let world = World::new().await;
    let operation = batch(
        &world,
        "batch-a",
        json!({"ork-pending-seconds": "1", "ork-seconds": "2"}),
    )
    .await;
    assert_eq!(operation["done"], false);
    assert_eq!(
        operation["metadata"]["batch"],
        "projects/p/locations/r/batches/batch-a"
    );
    let path = format!("{BATCHES}/batch-a");
    let get = || world.good("GET", &path, Value::Null);
    let pending = get().await;
    assert_eq!(pending["state"], "PENDING");
    assert_eq!(pending["operation"], operation["name"]);
    world.pass(1.0);
    assert_eq!(get().await["state"], "RUNNING");
    assert_eq!(world.ask("DELETE", &path, Value::Null).await.0, 400);
    world.pass(2.0);
    let done = get().await;
    assert_eq!(done["state"], "SUCCEEDED");
    let history: Vec<&str> = done["stateHistory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|state| state["state"].as_str().unwrap())
        .collect();
    assert_eq!(history, ["PENDING", "RUNNING"]);
    let name = operation["name"].as_str().unwrap();
    for name in [name.to_owned(), name.replace("/regions/", "/locations/")] {
        let (_, over) = world.get(&format!("/v1/{name}")).await;
        assert_eq!(
            (&over["done"], &over["response"]["state"]),
            (&json!(true), &json!("SUCCEEDED"))
        );
    }
    assert_eq!(
        world.ask("DELETE", &path, Value::Null).await,
        (200, json!({}))
    );
    assert_eq!(world.get(&path).await.0, 404);
    assert_eq!(world.get(&format!("/v1/{name}")).await.0, 404);
}

#[tokio::test]
async fn a_batch_is_cancelled_through_its_operation_and_a_failed_one_says_why() {
    let world = World::new().await;
    let operation = batch(
        &world,
        "batch-a",
        json!({"ork-forever": "true", "ork-cancel-seconds": "2"}),
    )
    .await;
    let path = format!("/v1/{}", operation["name"].as_str().unwrap());
    assert_eq!(
        world
            .ask("POST", &format!("{path}:cancel"), json!({}))
            .await,
        (200, json!({}))
    );
    let (_, cancelling) = world.get(&format!("{BATCHES}/batch-a")).await;
    assert_eq!(cancelling["state"], "CANCELLING");
    world.pass(2.0);
    let (_, cancelled) = world.get(&format!("{BATCHES}/batch-a")).await;
    assert_eq!(cancelled["state"], "CANCELLED");
    assert_eq!(world.get(&path).await.1["error"]["code"], 1);
    let script = json!({"service": "batches", "script": {"seconds": 1, "fail": "no: it broke"}});
    world.control("scripts", script).await;
    batch(&world, "batch-b", json!({})).await;
    world.pass(1.0);
    let (_, failed) = world.get(&format!("{BATCHES}/batch-b")).await;
    assert_eq!(
        (&failed["state"], &failed["stateMessage"]),
        (&json!("FAILED"), &json!("it broke"))
    );
}

#[tokio::test]
async fn one_batch_id_and_one_request_make_one_batch() {
    let world = World::new().await;
    let path = format!("{BATCHES}?batchId=batch-a&requestId=r1");
    let body = json!({"sparkBatch": {"mainClass": "M"}});
    let first = world.good("POST", &path, body.clone()).await;
    assert_eq!(
        world.good("POST", &path, body.clone()).await["name"],
        first["name"]
    );
    let (status, _) = world
        .ask("POST", &format!("{BATCHES}?batchId=batch-a"), body.clone())
        .await;
    assert_eq!(status, 409);
    assert_eq!(
        world
            .ask("POST", &format!("{BATCHES}?batchId=A"), body.clone())
            .await
            .0,
        400
    );
    assert_eq!(world.ask("POST", BATCHES, json!({})).await.0, 400);
    world.good("POST", BATCHES, body).await;
    let (_, list) = world.get(&format!("{BATCHES}?pageSize=1")).await;
    assert_eq!(
        (
            list["batches"].as_array().unwrap().len(),
            &list["nextPageToken"]
        ),
        (1, &json!("1"))
    );
    assert_eq!(
        world
            .get(&format!("{BATCHES}?filter=state%3DRUNNING"))
            .await
            .0,
        501
    );
    assert_eq!(world.get("/v1/projects/p/regions/r/clusters").await.0, 501);
}

#[tokio::test]
async fn faults_meet_jobs_batches_and_operations_apart() {
    let world = World::new().await;
    submit(&world, "same", json!({})).await;
    let operation = batch(&world, "same", json!({})).await;
    let operation = format!("/v1/{}", operation["name"].as_str().unwrap());
    let paths = [format!("{JOBS}/same"), format!("{BATCHES}/same"), operation];
    for (at, fault) in [
        json!({"service": "dataproc", "on": "get", "job": "same"}),
        json!({"service": "batches", "on": "get", "job": "same"}),
        json!({"service": "batches", "on": "operation", "job": "same"}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut fault = fault;
        fault["status"] = json!(503);
        world.control("faults", fault).await;
        for (other, path) in paths.iter().enumerate() {
            let expected = if other == at { 503 } else { 200 };
            assert_eq!(world.get(path).await.0, expected, "{path}");
        }
        let error = world.get(&paths[at]).await.1;
        assert_eq!(error["error"]["status"], "UNAVAILABLE");
        assert!(
            error["error"]["errors"].is_null(),
            "only BigQuery has reasons"
        );
        world.stand_in.clear_faults();
    }
}
