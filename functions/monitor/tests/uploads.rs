//! Uploaded definitions over HTTP.

use axum::http::StatusCode;
use ork_core::ids::{VersionHash, WorkflowName};
use ork_engine::{AuditFilter, AuditRecord};
use ork_host::Role;
use ork_host::testing::{World, post, settings, written};
use serde_json::{Value, json};

const FILE: &str = "workflows/etl/workflow.yaml";
const STATUS: &str = "workflows/etl/workflow.status.json";
const GOOD: &str = "name: etl\ntasks:\n  a: {command: work}\n";

async fn notify(world: &World) -> StatusCode {
    let routes = ork_monitor::router(world.engine(), &settings(Role::Monitor));
    let answer = post(&routes, "/push", written(FILE)).await;
    assert!(answer.body.is_empty() || answer.status != StatusCode::NO_CONTENT);
    answer.status
}

async fn status(world: &World) -> Value {
    let bytes = world.object(STATUS).await.expect("there is a status file");
    serde_json::from_slice(&bytes).expect("it is JSON")
}

async fn current(world: &World) -> Option<VersionHash> {
    let all = world.engine().workflows().await.expect("workflows");
    let found = all.into_iter().find(|one| one.name.as_str() == "etl");
    found.map(|one| one.current)
}

async fn audit(world: &World) -> Vec<AuditRecord> {
    let all = AuditFilter::default();
    let found = world.engine().audit(&all, None, 50).await;
    found.expect("records").0
}

#[tokio::test]
async fn a_right_file_becomes_the_current_version() {
    let world = World::default();
    let generation = world.put(FILE, GOOD.as_bytes()).await;
    assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
    let version = current(&world).await.expect("it is deployed");
    assert_eq!(
        status(&world).await,
        json!({
            "format": 1, "accepted": true, "version": version.as_str(), "generation": generation,
            "errors": [], "warnings": [], "at": "2026-06-01T00:00:00Z",
        })
    );
    let audit = audit(&world).await;
    let [record] = audit.as_slice() else {
        panic!("one record: {audit:?}")
    };
    assert_eq!(
        json!([record.action, record.actor, record.detail]),
        json!(["workflow.deploy", {"kind": "upload", "id": FILE}, {"generation": generation, "version": version.short()}]),
        "it is known which upload it was"
    );
    // The same notice again changes nothing, not even the instant in the status file.
    world.pass(std::time::Duration::from_secs(9));
    let (_, commits, _) = world.calls();
    assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
    assert_eq!(world.calls().1, commits);
    assert_eq!(status(&world).await["at"], "2026-06-01T00:00:00Z");
}

#[tokio::test]
async fn a_wrong_file_is_answered_with_everything_that_is_wrong_and_changes_nothing() {
    let world = World::default();
    world.put(FILE, GOOD.as_bytes()).await;
    notify(&world).await;
    let before = current(&world).await;
    let wrong = "name: etl\ntasks:\n  a: {command: work, depends_on: [nobody]}\n  b: {command: work, depends_on: [nowhere]}\n";
    let generation = world.put(FILE, wrong.as_bytes()).await;
    assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
    let said = status(&world).await;
    assert_eq!(
        (&said["accepted"], &said["version"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(said["generation"], generation);
    let errors = said["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), 2, "{errors:?}");
    for (error, line) in errors.iter().zip([3, 4]) {
        assert_eq!(
            (&error["line"], &error["code"]),
            (&json!(line), &json!("ORK040"))
        );
        assert!(error["column"].is_u64() && error["message"].is_string());
    }
    assert_eq!(current(&world).await, before);
    assert_eq!(
        audit(&world).await.len(),
        1,
        "what was refused changed nothing"
    );
}

#[tokio::test]
async fn files_that_are_wrong_as_a_whole_are_answered_too() {
    let large = format!("{GOOD}# {}\n", "x".repeat(1 << 20));
    let hash = "0".repeat(64);
    for (what, file, line, code, word) in [
        ("empty", String::new(), 1, json!("ORK004"), "holds nothing"),
        ("too large", large, 1, json!("ORK001"), "1048576"),
        (
            "another name",
            format!("# hello\n{}", GOOD.replace("etl", "other")),
            2,
            json!("ORK025"),
            "`other`",
        ),
        (
            "no hash",
            format!("# bundle: sha256:abc\n{GOOD}"),
            1,
            json!("ORK022"),
            "not a SHA-256",
        ),
        (
            "no algorithm",
            format!("# bundle: {hash}\n{GOOD}"),
            1,
            json!("ORK022"),
            "not a SHA-256",
        ),
        (
            "no bundle",
            format!("# bundle: sha256:{hash}\n{GOOD}"),
            1,
            Value::Null,
            "there is no bundle",
        ),
    ] {
        let world = World::default();
        world.put(FILE, file.as_bytes()).await;
        assert_eq!(notify(&world).await, StatusCode::NO_CONTENT, "{what}");
        let said = status(&world).await;
        assert_eq!(said["accepted"], false, "{what}");
        let errors = said["errors"].as_array().expect("a list");
        assert_eq!(errors.len(), 1, "{what}: {errors:?}");
        assert_eq!(
            (&errors[0]["line"], &errors[0]["code"]),
            (&json!(line), &code),
            "{what}"
        );
        let message = errors[0]["message"].as_str().expect("a message");
        assert!(message.contains(word), "{what}: {message}");
        assert_eq!(current(&world).await, None, "{what}");
        assert_eq!(
            notify(&world).await,
            StatusCode::NO_CONTENT,
            "{what}, again"
        );
    }
}

#[tokio::test]
async fn the_bundle_that_the_first_line_names_belongs_to_the_version() {
    let world = World::default();
    let hash = VersionHash::of(b"a bundle");
    world
        .put(
            &format!("workflows/etl/bundles/{hash}.tar.zst"),
            b"a bundle",
        )
        .await;
    world
        .put(
            FILE,
            format!("# bundle: sha256:{hash}\r\n{GOOD}").as_bytes(),
        )
        .await;
    notify(&world).await;
    let with = current(&world).await.expect("it is deployed");
    let name = WorkflowName::new("etl").expect("a name");
    let graph = world
        .engine()
        .definition(&name, &with)
        .await
        .expect("stored");
    assert_eq!(graph.workflow.bundle, Some(hash));
    world.put(FILE, GOOD.as_bytes()).await;
    notify(&world).await;
    assert_ne!(
        current(&world).await,
        Some(with),
        "other code is another version"
    );
}

#[tokio::test]
async fn the_settings_of_a_project_lie_beside_its_definition() {
    const PROJECT: &str = "workflows/etl/ork.yaml";
    let world = World::default();
    let custom = "name: etl\ntasks:\n  a: {executor: spark, pool: db}\n";
    world.put(FILE, custom.as_bytes()).await;
    notify(&world).await;
    assert_eq!(status(&world).await["accepted"], false, "what is spark?");
    let project = "pools: {db: 3}\nexecutors:\n  spark: {command: [spark-run]}\n";
    world.put(PROJECT, project.as_bytes()).await;
    notify(&world).await;
    let said = status(&world).await;
    assert_eq!(said["accepted"], true, "{said:#}");
    assert_eq!(world.pool("db").await["size"], 3);
    world.put(PROJECT, b"pools: {db: many}\n").await;
    notify(&world).await;
    let said = status(&world).await;
    assert_eq!(
        (&said["accepted"], &said["errors"][0]["file"]),
        (&json!(false), &json!("ork.yaml")),
        "{said:#}"
    );
    world.put(PROJECT, &vec![b'#'; (1 << 20) + 1]).await;
    notify(&world).await;
    let said = status(&world).await;
    assert_eq!(said["errors"][0]["code"], "ORK001", "{said:#}");
}

#[tokio::test]
async fn a_query_in_a_file_of_its_own_lies_beside_the_definition() {
    const QUERY: &str = "workflows/etl/sql/day.sql";
    let world = World::default();
    let text = "name: etl\ntasks:\n  a: {executor: bigquery, file: sql/day.sql}\n";
    world.put(FILE, text.as_bytes()).await;
    notify(&world).await;
    let said = status(&world).await;
    let error = &said["errors"][0];
    assert_eq!(
        (&error["code"], &error["line"], &error["column"]),
        (&json!("ORK093"), &json!(3), &json!(33)),
        "{said:#}"
    );
    let hint = error["hint"].as_str().expect("a hint");
    assert!(
        hint.contains("ork workflow deploy") && hint.contains(QUERY),
        "{hint}"
    );
    world.put(QUERY, b"SELECT 1").await;
    notify(&world).await;
    let first = current(&world).await.expect("it is deployed");
    let name = WorkflowName::new("etl").expect("a name");
    let graph = world.engine().definition(&name, &first).await;
    let stored = graph.expect("stored").workflow.encode();
    assert!(String::from_utf8_lossy(&stored).contains("SELECT 1"));
    // Other SQL is another version.
    world.put(QUERY, b"SELECT 2").await;
    notify(&world).await;
    assert_ne!(current(&world).await, Some(first));
    world.put(QUERY, &vec![b'x'; (128 << 10) + 1]).await;
    notify(&world).await;
    let said = status(&world).await;
    assert_eq!(said["errors"][0]["code"], "ORK093", "{said:#}");
}

#[tokio::test]
async fn fun_blocks_are_known_by_what_stands_in_the_file() {
    let world = World::default();
    let text =
        "# Two blocks.\nfun a():\n    print(1)\n\nfun b(x:a):\n    print(open(\"x\").read())\n";
    world.put(FILE, text.as_bytes()).await;
    notify(&world).await;
    let version = current(&world).await.expect("it is deployed");
    let expected = ork_core::parse::parse_workflow("etl.workflow", text.as_bytes());
    assert_eq!(expected.expect("it is right").workflow.version(), version);
    world.put(FILE, b"fun a()\n    print(1)\n").await;
    notify(&world).await;
    let said = status(&world).await;
    assert_eq!(
        (&said["accepted"], &said["errors"][0]["file"]),
        (&json!(false), &json!("etl.workflow")),
        "{said:#}"
    );
}

#[tokio::test]
async fn a_late_notice_of_an_older_upload_finds_the_newer_one() {
    let world = World::default();
    world.put(FILE, GOOD.as_bytes()).await;
    let newer = GOOD.replace("work", "play");
    let generation = world.put(FILE, newer.as_bytes()).await;
    // The notices of both uploads, the older one last.
    for _ in 0..2 {
        assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
        assert_eq!(status(&world).await["generation"], generation);
    }
    let expected = ork_core::parse::parse_workflow("workflow.yaml", newer.as_bytes());
    let expected = expected.expect("it is right").workflow.version();
    assert_eq!(current(&world).await, Some(expected));
}

#[tokio::test]
async fn who_is_overtaken_while_at_work_looks_again() {
    let world = World::default();
    world.put(FILE, GOOD.as_bytes()).await;
    let gate = world.hold_commits();
    let slow = tokio::spawn({
        let world = world.clone();
        async move { notify(&world).await }
    });
    while world.at_gate() < 1 {
        tokio::task::yield_now().await;
    }
    // Another process deploys the newer upload while this one stands still, and then it goes on.
    let newer = GOOD.replace("work", "play");
    let generation = world.put(FILE, newer.as_bytes()).await;
    gate.add_permits(100);
    assert_eq!(slow.await.expect("no panic"), StatusCode::NO_CONTENT);
    let expected = ork_core::parse::parse_workflow("workflow.yaml", newer.as_bytes());
    let expected = expected.expect("it is right").workflow.version();
    assert_eq!(current(&world).await, Some(expected));
    assert_eq!(status(&world).await["generation"], generation);
}

#[tokio::test]
async fn a_file_that_was_removed_removes_nothing() {
    let world = World::default();
    assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
    assert_eq!(world.object(STATUS).await, None);
    assert_eq!(world.calls().1, 0);
}

#[tokio::test]
async fn a_store_or_bucket_that_is_down_is_worth_another_try() {
    let world = World::default();
    world.put(FILE, GOOD.as_bytes()).await;
    world.store_down(true);
    assert_eq!(notify(&world).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(world.object(STATUS).await, None, "nobody can tell yet");
    world.store_down(false);
    world.objects_down(true);
    assert_eq!(notify(&world).await, StatusCode::SERVICE_UNAVAILABLE);
    world.objects_down(false);
    assert_eq!(notify(&world).await, StatusCode::NO_CONTENT);
    assert_eq!(status(&world).await["accepted"], true);
}
