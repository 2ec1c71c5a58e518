//! BigQuery: the rows of queries, and lists of jobs.

use serde_json::{Value, json};

use crate::services::{JOBS, World};

#[tokio::test]
async fn rows_come_in_pages_once_the_query_is_done() {
    let world = World::new().await;
    let rows = json!({"rows": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 5}], "bytes": 8});
    world
        .query("a", &format!("-- ork: {rows}\nSELECT n FROM t"))
        .await;
    let results = |query: &str| format!("/bigquery/v2/projects/p/queries/a?timeoutMs=0&{query}");
    let early = world.good("GET", &results(""), Value::Null).await;
    assert_eq!(early["jobComplete"], false);
    assert!(early["rows"].is_null());
    world.pass(1.0);
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = world
            .good(
                "GET",
                &results(&format!("maxResults=2&pageToken={token}")),
                Value::Null,
            )
            .await;
        assert_eq!(
            (&page["jobComplete"], &page["totalRows"]),
            (&json!(true), &json!("5"))
        );
        assert_eq!(
            page["schema"]["fields"][0],
            json!({"name": "n", "type": "INTEGER", "mode": "NULLABLE"})
        );
        found.extend(
            page["rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["f"][0]["v"].clone()),
        );
        match page["pageToken"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(found, ["1", "2", "3", "4", "5"]);
    let from = world
        .good("GET", &results("startIndex=3&maxResults=1"), Value::Null)
        .await;
    assert_eq!(from["rows"], json!([{"f": [{"v": "4"}]}]));
    assert_eq!(from["pageToken"], "4");
    assert_eq!(world.get(&results("pageToken=99")).await.0, 400);
}

#[tokio::test]
async fn a_query_waits_for_its_job_and_one_request_is_one_job() {
    let world = World::at_speed(1.0).await;
    let queries = "/bigquery/v2/projects/p/queries";
    let quick = json!({"query": "-- ork: {\"seconds\": 0.05, \"rows\": [{\"n\": 1}]}\nSELECT 1 AS n", "requestId": "r1", "location": "EU"});
    let first = world.good("POST", queries, quick.clone()).await;
    assert_eq!(first["kind"], "bigquery#queryResponse");
    assert_eq!(
        (&first["jobComplete"], &first["totalRows"]),
        (&json!(true), &json!("1"))
    );
    assert_eq!(first["jobReference"]["location"], "EU");
    let again = world.good("POST", queries, quick).await;
    assert_eq!(again["jobReference"], first["jobReference"]);
    assert_eq!(world.stand_in.jobs().len(), 1);
    let slow = json!({"query": "-- ork: {\"forever\": true}\nSELECT 1", "timeoutMs": 20});
    let slow = world.good("POST", queries, slow).await;
    assert_eq!(slow["jobComplete"], false);
    let wrong = json!({"query": "-- ork: {\"seconds\": 0, \"fail\": \"invalidQuery: no\"}\nSELEC"});
    assert_eq!(world.ask("POST", queries, wrong).await.0, 400);
    let dry = json!({"query": "-- ork: {\"bytes\": 3}\nSELECT 1", "dryRun": true});
    let dry = world.good("POST", queries, dry).await;
    assert_eq!(
        (&dry["jobComplete"], &dry["totalBytesProcessed"]),
        (&json!(true), &json!("3"))
    );
    assert_eq!(world.ask("POST", queries, json!({})).await.0, 400);
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_in_pages_the_newest_first() {
    let world = World::new().await;
    for (id, seconds) in [("a", 1), ("b", 100), ("c", 100)] {
        let query = format!("-- ork: {{\"seconds\": {seconds}}}\nSELECT 1");
        world.query(id, &query).await;
    }
    world.pass(2.0);
    let ids = |list: &Value| {
        let jobs = list["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["jobReference"]["jobId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (_, all) = world.get(JOBS).await;
    assert_eq!(ids(&all), ["c", "b", "a"]);
    assert!(all["jobs"][0]["configuration"].is_null());
    let (_, done) = world
        .get(&format!("{JOBS}?stateFilter=done&projection=full"))
        .await;
    assert_eq!(ids(&done), ["a"]);
    assert_eq!(done["jobs"][0]["state"], "DONE");
    assert!(done["jobs"][0]["configuration"].is_object());
    let (_, open) = world
        .get(&format!("{JOBS}?stateFilter=running&stateFilter=pending"))
        .await;
    assert_eq!(ids(&open), ["c", "b"]);
    let (_, first) = world.get(&format!("{JOBS}?maxResults=2")).await;
    let token = first["nextPageToken"].as_str().unwrap();
    let (_, second) = world
        .get(&format!("{JOBS}?maxResults=2&pageToken={token}"))
        .await;
    assert_eq!(
        (ids(&second), &second["nextPageToken"]),
        (vec!["a".to_owned()], &Value::Null)
    );
    assert_eq!(world.get(&format!("{JOBS}?stateFilter=lost")).await.0, 400);
}
