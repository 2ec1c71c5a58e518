//! Jobs and batches of Dataproc that are started, and found again.

use ork_core::deferred::DataprocJob;
use ork_gcp::trackers::StartTrouble;
use ork_gcp::trackers::request::DataprocRequest;
use serde_json::{Value, json};

use super::dataproc::tracker;
use super::server::{Answer, Server};

fn request(json: Value) -> DataprocRequest {
    let mut whole = json!({"project": "p", "region": "us-central1"});
    for (name, value) in json.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("a request")
}

/// A job as Google's documentation writes one.
fn pyspark() -> Value {
    json!({
        "placement": {"clusterName": "c"}, "labels": {"team": "a"},
        "pysparkJob": {"mainPythonFileUri": "gs://b/m.py", "args": ["--day", "1"], "properties": {"spark.executor.memory": "4g"}},
        "scheduling": {"maxFailuresPerHour": 1, "ttl": "86400s"}, "newlyInvented": {"a": 1}
    })
}

fn batch() -> Value {
    json!({
        "sparkBatch": {"mainClass": "org.example.Main", "jarFileUris": ["gs://b/m.jar"]},
        "runtimeConfig": {"version": "2.2", "properties": {"spark.executor.instances": "2"}},
        "environmentConfig": {"executionConfig": {"serviceAccount": "s@p.iam.gserviceaccount.com", "ttl": "3600s"}}
    })
}

fn job(cluster: Option<&str>, id: &str) -> DataprocJob {
    DataprocJob {
        project: "p".into(),
        region: "us-central1".into(),
        cluster_name: cluster.map(str::to_owned),
        job_id: id.into(),
    }
}

#[tokio::test]
async fn a_job_is_submitted_as_google_writes_it_under_the_id_it_was_given() {
    let server = Server::with([Answer::ok(json!({"reference": {"jobId": "Run_1"}}))]).await;
    let said = tracker(&server)
        .start(&request(json!({"job": pyspark()})), "Run_1")
        .await;
    assert_eq!(said, Ok(job(Some("c"), "Run_1")));
    let asked = server.asked();
    assert_eq!(
        asked[0].line,
        "POST /v1/projects/p/regions/us-central1/jobs:submit"
    );
    let mut expected = pyspark();
    expected["reference"] = json!({"projectId": "p", "jobId": "Run_1"});
    assert_eq!(asked[0].body["job"], expected);
}

#[tokio::test]
async fn the_cluster_is_named_in_one_of_two_places() {
    let mut unplaced = pyspark();
    unplaced["placement"].take();
    for with in [
        json!({"cluster": "c", "job": unplaced}),
        json!({"cluster": "c", "job": pyspark()}),
    ] {
        let server = Server::with([Answer::ok(json!({}))]).await;
        let said = tracker(&server).start(&request(with), "run-1").await;
        assert_eq!(said, Ok(job(Some("c"), "run-1")));
        assert_eq!(
            server.asked()[0].body["job"]["placement"],
            json!({"clusterName": "c"})
        );
    }
}

#[tokio::test]
async fn a_batch_is_created_as_google_writes_it_under_the_id_it_was_given() {
    let server = Server::with([Answer::ok(
        json!({"name": "projects/p/regions/r/operations/o"}),
    )])
    .await;
    let said = tracker(&server)
        .start(&request(json!({"batch": batch()})), "run-1")
        .await;
    assert_eq!(said, Ok(job(None, "run-1")));
    let asked = server.asked();
    assert_eq!(
        asked[0].line,
        "POST /v1/projects/p/locations/us-central1/batches"
    );
    assert!(
        asked[0].query.contains("batchId=run-1"),
        "{}",
        asked[0].query
    );
    assert_eq!(asked[0].body, batch());
    // Batches are narrower about ids than jobs.
    let server = Server::with([Answer::ok(json!({"name": "o"}))]).await;
    let said = tracker(&server)
        .start(&request(json!({"batch": batch()})), "Run_1")
        .await;
    let id = said.expect("started").job_id;
    assert!(id.starts_with("ork-") && id.len() <= 63, "{id}");
    assert!(server.asked()[0].query.contains(&format!("batchId={id}")));
}

#[tokio::test]
async fn what_is_there_already_is_the_same_job() {
    for (what, cluster) in [
        (json!({"job": pyspark()}), Some("c")),
        (json!({"batch": batch()}), None),
    ] {
        let server = Server::with([
            Answer::error(503, "UNAVAILABLE", "later"),
            Answer::error(409, "ALREADY_EXISTS", "Already exists: run-1"),
        ])
        .await;
        let (tracker, request) = (tracker(&server), request(what));
        let said = tracker.start(&request, "run-1").await;
        assert!(
            matches!(said, Err(StartTrouble::Transient { .. })),
            "{said:?}"
        );
        assert_eq!(
            tracker.start(&request, "run-1").await,
            Ok(job(cluster, "run-1"))
        );
        assert_eq!(server.asked().len(), 2);
    }
}

#[tokio::test]
async fn a_refusal_has_dataprocs_words_and_what_to_do() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    for (answer, expected) in [
        (
            Answer::error(400, "INVALID_ARGUMENT", "Unknown name \"newlyInvented\""),
            "permanent: newlyInvented",
        ),
        (
            Answer::error(404, "NOT_FOUND", "Not found: Cluster c"),
            "permanent: Not found: Cluster c",
        ),
        (
            Answer::error(403, "PERMISSION_DENIED", "no"),
            "denied: roles/dataproc.editor on project p, and roles/iam.serviceAccountUser",
        ),
        (Answer::error(409, "ABORTED", "again"), "transient: again"),
    ] {
        server.then([answer]);
        let said = tracker
            .start(&request(json!({"job": pyspark()})), "run-1")
            .await;
        let (kind, text) = match said.expect_err("refused") {
            StartTrouble::Permanent(text) => ("permanent", text),
            StartTrouble::Denied(text) => ("denied", text),
            StartTrouble::Transient { message, .. } => ("transient", message),
        };
        let (expected, word) = expected.split_once(": ").expect("two parts");
        assert!(
            kind == expected && text.contains(word) && text.contains("run-1"),
            "{kind}: {text}"
        );
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_used_is_never_sent() {
    let server = Server::start().await;
    let tracker = tracker(&server);
    let with = |field: &str, value: Value| {
        let mut job = pyspark();
        job[field] = value;
        job.as_object_mut()
            .expect("an object")
            .retain(|_, value| !value.is_null());
        json!({ "job": job })
    };
    for (wrong, word) in [
        (json!({}), "nothing to run"),
        (
            json!({"job": pyspark(), "batch": batch()}),
            "write one of them",
        ),
        (json!({"cluster": "c", "batch": batch()}), "no cluster"),
        (
            json!({"cluster": "d", "job": pyspark()}),
            "write one of them",
        ),
        (with("placement", json!({})), "`cluster`"),
        (with("pysparkJob", Value::Null), "pysparkJob"),
        (with("pysparkJob", json!(7)), "not what Dataproc takes"),
        (
            with("sparkJob", json!({"mainClass": "M"})),
            "not what Dataproc takes",
        ),
        (
            with("reference", json!({"jobId": "mine"})),
            "job.reference.jobId",
        ),
        (json!({"batch": {}}), "pysparkBatch"),
        (json!({"batch": []}), "not what Dataproc takes"),
        (
            json!({"region": "evil.example/", "batch": batch()}),
            "no region",
        ),
        (json!({"project": "", "batch": batch()}), "no project"),
    ] {
        let said = tracker.start(&request(wrong.clone()), "run-1").await;
        assert!(
            matches!(&said, Err(StartTrouble::Permanent(why)) if why.contains(word)),
            "{wrong}: {said:?}"
        );
    }
    assert_eq!(server.lines(), [""; 0]);
}
