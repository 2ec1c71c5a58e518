//! BigQuery: jobs from their insertion to their deletion, and the rows of queries.

use serde_json::{Value, json};

use crate::services::{JOBS, World};

#[tokio::test]
async fn a_job_waits_runs_and_is_done_with_its_statistics() {
    let world = World::new().await;
    let made = world
        .query(
            "a",
            "-- ork: {\"pending_seconds\": 2, \"seconds\": 3, \"bytes\": 1000}\nSELECT 1",
        )
        .await;
    assert_eq!(made["kind"], "bigquery#job");
    assert_eq!(made["id"], "p:US.a");
    assert_eq!(made["status"], json!({"state": "PENDING"}));
    assert_eq!(
        made["jobReference"],
        json!({"projectId": "p", "jobId": "a", "location": "US"})
    );
    world.pass(2.0);
    let running = world
        .good("GET", &format!("{JOBS}/a?location=US"), Value::Null)
        .await;
    assert_eq!(running["status"], json!({"state": "RUNNING"}));
    assert!(running["statistics"]["endTime"].is_null());
    world.pass(3.0);
    let done = world.good("GET", &format!("{JOBS}/a"), Value::Null).await;
    assert_eq!(done["status"], json!({"state": "DONE"}));
    let statistics = &done["statistics"];
    let time = |name: &str| statistics[name].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(time("startTime") - time("creationTime"), 2000);
    assert_eq!(time("endTime") - time("startTime"), 3000);
    assert_eq!(statistics["totalBytesProcessed"], "1000");
    assert_eq!(statistics["query"]["totalBytesBilled"], "1000");
    assert_eq!(statistics["query"]["statementType"], "SELECT");
    assert_eq!(world.stand_in.jobs()[0].asked, 2);
}

#[tokio::test]
async fn an_id_is_used_once_in_its_location_and_found_there_only() {
    let world = World::new().await;
    let insert = |id: Option<&str>, location: &str| {
        let mut reference = json!({"location": location});
        if let Some(id) = id {
            reference["jobId"] = json!(id);
        }
        json!({"jobReference": reference, "configuration": {"query": {"query": "SELECT 1"}}})
    };
    let first = insert(Some("a"), "europe-west3");
    world.good("POST", JOBS, first.clone()).await;
    let (status, again) = world.ask("POST", JOBS, first).await;
    assert_eq!(status, 409);
    assert_eq!(again["error"]["status"], "ALREADY_EXISTS");
    assert_eq!(again["error"]["errors"][0]["reason"], "duplicate");
    assert_eq!(
        again["error"]["message"],
        "Already Exists: Job p:europe-west3.a"
    );
    world.good("POST", JOBS, insert(Some("a"), "eu")).await;
    for (location, status) in [
        ("?location=europe-west3", 200),
        ("?location=EU", 200),
        ("", 200),
        ("?location=US", 404),
        ("?location=europe-west1", 404),
    ] {
        let (answered, body) = world.get(&format!("{JOBS}/a{location}")).await;
        assert_eq!(answered, status, "{location}");
        if status == 404 {
            assert_eq!(body["error"]["errors"][0]["reason"], "notFound");
        }
    }
    let made = world.good("POST", JOBS, insert(None, "us")).await;
    assert!(
        made["jobReference"]["jobId"]
            .as_str()
            .unwrap()
            .starts_with("job_")
    );
    // Regional jobs are not found without their location.
    world
        .good("POST", JOBS, insert(Some("far"), "asia-east1"))
        .await;
    assert_eq!(world.get(&format!("{JOBS}/far")).await.0, 404);
    for verb in ["cancel", "delete"] {
        let method = if verb == "cancel" { "POST" } else { "DELETE" };
        let path = format!("{JOBS}/far/{verb}?location=US");
        assert_eq!(world.ask(method, &path, Value::Null).await.0, 404);
    }
    assert_eq!(
        world
            .get("/bigquery/v2/projects/p/queries/far?location=US")
            .await
            .0,
        404
    );
}

#[tokio::test]
async fn every_kind_of_job_is_taken_and_nonsense_is_not() {
    let world = World::new().await;
    let table = json!({"projectId": "p", "datasetId": "d", "tableId": "t"});
    for (kind, part) in [
        ("query", json!({"query": "SELECT 1"})),
        (
            "load",
            json!({"destinationTable": table, "sourceUris": ["gs://b/a", "gs://b/b"]}),
        ),
        (
            "extract",
            json!({"sourceTable": table, "destinationUris": ["gs://b/o"]}),
        ),
        (
            "copy",
            json!({"sourceTable": table, "destinationTable": table}),
        ),
    ] {
        let body = json!({"jobReference": {"jobId": kind}, "configuration": {kind: part, "labels": {"ork-bytes": "5", "ork-seconds": "500ms"}}});
        world.good("POST", JOBS, body).await;
        world.pass(0.5);
        let done = world
            .good("GET", &format!("{JOBS}/{kind}"), Value::Null)
            .await;
        assert_eq!(done["status"]["state"], "DONE");
        assert_eq!(done["configuration"]["jobType"], kind.to_uppercase());
        assert!(done["statistics"][kind].is_object(), "{done}");
    }
    let query = |query: &str| json!({"configuration": {"query": {"query": query}}});
    for (body, reason) in [
        (json!({}), "required"),
        (json!({"configuration": {}}), "invalid"),
        (query(""), "required"),
        (query("-- ork: {\"speed\": 1}"), "invalid"),
        (
            json!({"configuration": {"query": {"query": "x"}, "copy": {}}}),
            "invalid",
        ),
        (
            json!({"configuration": {"load": {"sourceUris": ["gs://b/a"]}}}),
            "required",
        ),
        (
            json!({"configuration": {"query": {"query": "x"}, "labels": {"ork-seconds": "soon"}}}),
            "invalid",
        ),
        (
            json!({"jobReference": {"projectId": "q"}, "configuration": {"query": {"query": "x"}}}),
            "invalid",
        ),
        (
            json!({"jobReference": {"jobId": "a b"}, "configuration": {"query": {"query": "x"}}}),
            "invalid",
        ),
    ] {
        let (status, answer) = world.ask("POST", JOBS, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(answer["error"]["errors"][0]["reason"], reason, "{body}");
    }
    assert_eq!(world.get("/bigquery/v2/projects/p/datasets").await.0, 501);
}

#[tokio::test]
async fn a_failed_job_is_done_with_an_error_and_costs_are_limited() {
    let world = World::new().await;
    world
        .query(
            "a",
            "-- ork: {\"fail\": \"resourcesExceeded: too big\"}\nSELECT 1",
        )
        .await;
    world.pass(1.0);
    let done = world.good("GET", &format!("{JOBS}/a"), Value::Null).await;
    let error = json!({"reason": "resourcesExceeded", "message": "too big"});
    assert_eq!(
        done["status"],
        json!({"state": "DONE", "errorResult": error, "errors": [error]})
    );
    let (status, results) = world
        .get("/bigquery/v2/projects/p/queries/a?timeoutMs=0")
        .await;
    assert_eq!(
        (status, &results["error"]["message"]),
        (400, &json!("too big"))
    );
    let body = json!({
        "jobReference": {"jobId": "dear"},
        "configuration": {"query": {"query": "-- ork: {\"bytes\": 11, \"seconds\": 60}\nSELECT 1", "maximumBytesBilled": "10"}},
    });
    let made = world.good("POST", JOBS, body).await;
    assert_eq!(made["status"]["state"], "DONE");
    assert_eq!(
        made["status"]["errorResult"]["reason"],
        "bytesBilledLimitExceeded"
    );
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_cost_and_leaves_no_job() {
    let world = World::new().await;
    let dry = |query: &str| json!({"jobReference": {"jobId": "dry"}, "configuration": {"dryRun": true, "query": {"query": query}}});
    let answer = world
        .good(
            "POST",
            JOBS,
            dry("-- ork: {\"bytes\": 99, \"seconds\": 60, \"rows\": [{\"n\": 1}]}\nSELECT 1 AS n"),
        )
        .await;
    assert_eq!(answer["status"]["state"], "DONE");
    assert_eq!(answer["statistics"]["totalBytesProcessed"], "99");
    assert_eq!(
        answer["statistics"]["query"]["schema"]["fields"][0]["name"],
        "n"
    );
    assert!(answer["jobReference"]["jobId"].is_null());
    assert_eq!(world.get(&format!("{JOBS}/dry")).await.0, 404);
    let (status, error) = world
        .ask(
            "POST",
            JOBS,
            dry("-- ork: {\"fail\": \"invalidQuery: no\"}\nSELEC 1"),
        )
        .await;
    assert_eq!((status, &error["error"]["message"]), (400, &json!("no")));
    assert!(world.stand_in.jobs().is_empty());
}

#[tokio::test]
async fn a_cancelled_job_stops_at_once_later_or_only_when_asked_again() {
    let world = World::new().await;
    let cancel = |id: &'static str| {
        let world = &world;
        async move {
            world
                .good(
                    "POST",
                    &format!("{JOBS}/{id}/cancel?location=US"),
                    Value::Null,
                )
                .await
        }
    };
    world
        .query("now", "-- ork: {\"forever\": true}\nSELECT 1")
        .await;
    let answer = cancel("now").await;
    assert_eq!(answer["kind"], "bigquery#jobCancelResponse");
    assert_eq!(answer["job"]["status"]["state"], "DONE");
    assert_eq!(answer["job"]["status"]["errorResult"]["reason"], "stopped");
    assert_eq!(
        world.get("/bigquery/v2/projects/p/queries/now").await.0,
        499
    );

    world
        .query(
            "later",
            "-- ork: {\"seconds\": 60, \"cancel_seconds\": 5}\nSELECT 1",
        )
        .await;
    assert_eq!(cancel("later").await["job"]["status"]["state"], "RUNNING");
    world.pass(4.0);
    assert_eq!(world.state("later").await, "RUNNING");
    world.pass(1.0);
    assert_eq!(world.state("later").await, "DONE");

    world
        .query(
            "deaf",
            "-- ork: {\"forever\": true, \"ignore_cancels\": 2}\nSELECT 1",
        )
        .await;
    for state in ["RUNNING", "RUNNING", "DONE"] {
        assert_eq!(cancel("deaf").await["job"]["status"]["state"], state);
    }
    // What is over stays as it ended.
    world.query("over", "SELECT 1").await;
    world.pass(1.0);
    let answer = cancel("over").await;
    assert!(answer["job"]["status"]["errorResult"].is_null());
    let cancels: Vec<u32> = world
        .stand_in
        .jobs()
        .iter()
        .map(|job| job.cancels)
        .collect();
    assert_eq!(cancels, [1, 1, 3, 1]);
}

#[tokio::test]
async fn a_job_is_deleted_when_it_is_over() {
    let world = World::new().await;
    world.query("a", "SELECT 1").await;
    let path = format!("{JOBS}/a/delete?location=US");
    assert_eq!(world.ask("DELETE", &path, Value::Null).await.0, 400);
    world.pass(1.0);
    assert_eq!(world.ask("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(world.ask("DELETE", &path, Value::Null).await.0, 404);
}
