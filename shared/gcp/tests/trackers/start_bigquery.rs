//! Queries that are started, and found again.

use ork_core::deferred::BigQueryJob;
use ork_gcp::trackers::request::BigQueryRequest;
use ork_gcp::trackers::{BigQueryStart, DryRun, StartTrouble};
use serde_json::{Value, json};

use super::bigquery::tracker;
use super::server::{Answer, Server};

fn request(json: Value) -> BigQueryRequest {
    let mut whole = json!({"project": "p", "query": "SELECT 1"});
    for (name, value) in json.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("a request")
}

fn inserted(location: &str) -> Answer {
    Answer::ok(json!({
        "jobReference": {"projectId": "p", "jobId": "run-1-t", "location": location}, "status": {"state": "RUNNING"}
    }))
}

fn duplicate(message: &str) -> Answer {
    Answer::error(409, "ALREADY_EXISTS", message)
}

fn job(location: Option<&str>) -> BigQueryJob {
    BigQueryJob {
        project: "p".into(),
        job_id: "run-1-t".into(),
        location: location.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_query_is_a_job_of_the_id_it_was_given() {
    let server = Server::with([inserted("EU")]).await;
    let request = request(json!({
        "location": "EU", "destination": "d.t", "write": "truncate", "params": {"day": {"type": "DATE", "value": "2026-01-31"}, "ids": [1, 2]},
        "maximum_bytes_billed": 10_000_000_000_u64, "labels": {"team": "a"}
    }));
    let said = tracker(&server).start(&request, "run-1-t").await;
    assert_eq!(said, Ok(BigQueryStart::Job(job(Some("EU")))));
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /bigquery/v2/projects/p/jobs");
    let expected = json!({
        "jobReference": {"projectId": "p", "jobId": "run-1-t", "location": "EU"},
        "configuration": {
            "labels": {"team": "a"},
            "query": {
                "query": "SELECT 1", "useLegacySql": false, "parameterMode": "NAMED",
                "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"}, "writeDisposition": "WRITE_TRUNCATE",
                "maximumBytesBilled": "10000000000",
                "queryParameters": [
                    {"name": "day", "parameterType": {"type": "DATE"}, "parameterValue": {"value": "2026-01-31"}},
                    {
                        "name": "ids", "parameterType": {"type": "ARRAY", "arrayType": {"type": "INT64"}},
                        "parameterValue": {"arrayValues": [{"value": "1"}, {"value": "2"}]}
                    }
                ]
            }
        }
    });
    assert_eq!(asked[0].body, expected);
}

#[tokio::test]
async fn a_job_that_is_there_already_is_the_same_job() {
    // Where it runs is in the refusal, or in the request, or the job says it.
    let get = || {
        Answer::ok(
            json!({"jobReference": {"projectId": "p", "jobId": "run-1-t", "location": "US"}, "status": {"state": "DONE"}}),
        )
    };
    for (wanted, answers, expected) in [
        (
            None,
            vec![duplicate("Already Exists: Job p:asia-east1.run-1-t")],
            "asia-east1",
        ),
        (Some("EU"), vec![duplicate("Already Exists")], "EU"),
        (None, vec![duplicate("Already Exists"), get()], "US"),
    ] {
        let server = Server::with(answers).await;
        let request = BigQueryRequest {
            location: wanted.map(str::to_owned),
            ..request(json!({}))
        };
        let said = tracker(&server).start(&request, "run-1-t").await;
        assert_eq!(said, Ok(BigQueryStart::Job(job(Some(expected)))));
        server.asked();
    }
    let gone = Answer::error(404, "NOT_FOUND", "Not found");
    let server = Server::with([duplicate("Already Exists"), gone]).await;
    let said = tracker(&server).start(&request(json!({})), "run-1-t").await;
    assert!(
        matches!(&said, Err(StartTrouble::Permanent(why)) if why.contains("`location`")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_start_whose_answer_was_lost_finds_its_job_when_repeated() {
    let server = Server::with([
        Answer::error(503, "UNAVAILABLE", "later"),
        duplicate("Already Exists: Job p:EU.run-1-t"),
    ])
    .await;
    let (tracker, request) = (tracker(&server), request(json!({})));
    let said = tracker.start(&request, "run-1-t").await;
    assert!(
        matches!(said, Err(StartTrouble::Transient { .. })),
        "{said:?}"
    );
    let said = tracker.start(&request, "run-1-t").await;
    assert_eq!(said, Ok(BigQueryStart::Job(job(Some("EU")))));
    let ids: Vec<Value> = server
        .asked()
        .iter()
        .map(|asked| asked.body["jobReference"]["jobId"].clone())
        .collect();
    assert_eq!(ids, ["run-1-t", "run-1-t"]);
}

#[tokio::test]
async fn an_id_that_bigquery_would_not_take_becomes_one_that_is_always_the_same() {
    let server = Server::with([inserted("EU"), inserted("EU")]).await;
    let (tracker, request) = (tracker(&server), request(json!({})));
    for _ in 0..2 {
        tracker
            .start(&request, "run 1/täsk")
            .await
            .expect("started");
    }
    let asked = server.asked();
    let id = asked[0].body["jobReference"]["jobId"]
        .as_str()
        .expect("an id");
    assert!(id.starts_with("ork-") && id.is_ascii(), "{id}");
    assert_eq!(asked[1].body["jobReference"]["jobId"], id);
}

#[tokio::test]
async fn a_dry_run_leaves_no_job_and_says_how_much_it_would_read() {
    let looked_at = Answer::ok(json!({
        "configuration": {"dryRun": true}, "jobReference": {"projectId": "p", "location": "EU"},
        "statistics": {"totalBytesProcessed": "123456789012"}, "status": {"state": "DONE"}
    }));
    let server = Server::with([looked_at]).await;
    let request = request(json!({"dry_run": true}));
    let said = tracker(&server).start(&request, "run-1-t").await;
    let expected = DryRun {
        bytes_processed: 123_456_789_012,
    };
    assert_eq!(said, Ok(BigQueryStart::Checked(expected)));
    let asked = server.asked();
    assert_eq!(asked[0].body["configuration"]["dryRun"], true);
    assert_eq!(
        asked[0].body["jobReference"],
        json!({"projectId": "p"}),
        "its id stays free"
    );
}

#[tokio::test]
async fn a_refusal_has_bigquerys_words_and_what_to_do() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (answer, expected) in [
        (
            Answer::error(400, "INVALID_ARGUMENT", "Syntax error at [1:1]"),
            "permanent: Syntax error at [1:1]",
        ),
        (
            Answer::error(404, "NOT_FOUND", "Not found: Project p"),
            "permanent: Not found: Project p",
        ),
        (
            Answer::error(403, "PERMISSION_DENIED", "Access Denied: p"),
            "denied: roles/bigquery.jobUser on project p",
        ),
        (
            Answer::error(429, "RESOURCE_EXHAUSTED", "slowly"),
            "transient: slowly",
        ),
    ] {
        server.then([answer]);
        let said = tracker.start(&request(json!({})), "run-1-t").await;
        let (kind, text) = match said.expect_err("refused") {
            StartTrouble::Permanent(text) => ("permanent", text),
            StartTrouble::Denied(text) => ("denied", text),
            StartTrouble::Transient { message, .. } => ("transient", message),
        };
        let (expected, word) = expected.split_once(": ").expect("two parts");
        assert!(
            kind == expected && text.contains(word) && text.contains("run-1-t"),
            "{kind}: {text}"
        );
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_used_is_never_sent() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (wrong, word) in [
        (json!({"query": " "}), "query is empty"),
        (json!({"write": "append"}), "no `destination`"),
        (json!({"destination": "t"}), "dataset.table"),
        (json!({"params": {"x": null}}), "the parameter `x`"),
        (
            json!({"maximum_bytes_billed": u64::MAX}),
            "maximum_bytes_billed",
        ),
        (json!({"project": "p/q"}), "no project"),
        (json!({"location": "EU/"}), "no location"),
    ] {
        let said = tracker.start(&request(wrong), "run-1-t").await;
        assert!(
            matches!(&said, Err(StartTrouble::Permanent(why)) if why.contains(word)),
            "{said:?}"
        );
    }
    assert_eq!(server.lines(), [""; 0]);
    let unknown = json!({"project": "p", "query": "q", "quarry": 1});
    let error = serde_json::from_value::<BigQueryRequest>(unknown).expect_err("unknown");
    assert!(error.to_string().contains("quarry"), "{error}");
}
