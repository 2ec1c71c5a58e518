//! Where things are kept, and what tells of them: database, bucket, notices, log lines that alerts are made from.

use std::collections::BTreeSet;

use ork_core::names::{AttemptFile, ObjectName};
use ork_gcp::firestore::indexes_json;
use ork_telemetry::names::{Kind, METRICS};
use serde_json::{Value, json};

use crate::deployment::Deployment;

/// What is wrong with it.
pub(crate) fn check(deployment: &Deployment) -> Vec<String> {
    let mut wrong = indexes(deployment);
    wrong.extend(bucket(deployment));
    wrong.extend(notices(deployment));
    wrong.extend(accounts(deployment));
    wrong.extend(logs(deployment));
    wrong.extend(dashboard(deployment));
    wrong
}

/// The indexes are those of the code: no more, because each costs something with every write, and no fewer.
fn indexes(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let code: Value = serde_json::from_str(&indexes_json()).expect("it is JSON");
    let ours: BTreeSet<String> = deployment
        .plan
        .all("google_firestore_index")
        .map(|one| {
            let fields = one.values["fields"].as_array().into_iter().flatten();
            let fields: Vec<Value> = fields
                .map(|one| json!({"fieldPath": one["field_path"], "order": one["order"]}))
                .collect();
            json!({"collectionGroup": one.values["collection"], "fields": fields, "queryScope": one.values["query_scope"]})
                .to_string()
        })
        .chain(deployment.plan.all("google_firestore_field").map(|one| {
            let indexes = one.values.pointer("/index_config/0/indexes");
            let indexes = indexes.and_then(Value::as_array).into_iter().flatten();
            let indexes: Vec<Value> = indexes
                .map(|one| json!({"order": one["order"], "queryScope": one["query_scope"]}))
                .collect();
            json!({"collectionGroup": one.values["collection"], "fieldPath": one.values["field"], "indexes": indexes})
                .to_string()
        }))
        .collect();
    let all = |of: &str| code[of].as_array().cloned().unwrap_or_default();
    let needed: BTreeSet<String> = all("indexes")
        .into_iter()
        .chain(all("fieldOverrides"))
        .map(|one| one.to_string())
        .collect();
    for one in needed.difference(&ours) {
        wrong.push(format!("the code's queries need the index {one}"));
    }
    for one in ours.difference(&needed) {
        wrong.push(format!("no query of the code needs the index {one}"));
    }
    for one in deployment.plan.all("google_firestore_field") {
        if one.values.get("ttl_config").is_some() {
            wrong.push(format!("{}: Ork writes no field for a TTL", one.address));
        }
    }
    for one in deployment.plan.all("google_firestore_database") {
        if one.text("/type") != "FIRESTORE_NATIVE" {
            wrong.push(format!("{}: not in native mode", one.address));
        }
    }
    wrong
}

fn bucket(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in deployment.plan.all("google_storage_bucket") {
        if one.values["uniform_bucket_level_access"] != true {
            wrong.push(format!("{}: objects may have access lists", one.address));
        }
        if one.text("/public_access_prevention") != "enforced" {
            wrong.push(format!("{}: objects may become public", one.address));
        }
        let rules = one.values["lifecycle_rule"].as_array();
        for rule in rules.into_iter().flatten() {
            let deletes = rule["action"][0]["type"] == "Delete";
            if deletes && rule["condition"][0]["matches_prefix"] != json!(["runs/"]) {
                wrong.push(format!(
                    "{}: a rule removes more than objects of runs",
                    one.address
                ));
            }
        }
    }
    wrong
}

/// Monitor hears of verdicts and uploads, and of nothing that it does not know.
fn notices(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let monitor = deployment
        .programs()
        .into_iter()
        .find(|one| one.role == "monitor");
    let hears = monitor
        .and_then(|one| one.env.get("ORK_SUBSCRIPTION").cloned())
        .unwrap_or_default();
    let name = hears.rsplit('/').next().unwrap_or_default();
    let mut pushes = deployment.plan.all("google_pubsub_subscription");
    let topic = pushes.find(|one| one.text("/name") == name);
    let topic = topic.map_or("", |one| one.text("/topic"));
    let told: Vec<&str> = deployment
        .plan
        .all("google_storage_notification")
        .filter(|one| {
            one.values["event_types"] == json!(["OBJECT_FINALIZE"]) && one.text("/topic") == topic
        })
        .map(|one| one.text("/object_name_prefix"))
        .collect();
    for object in [
        format!("runs/r/a/1/{}", AttemptFile::Result.as_str()),
        format!("runs/r/a.7/1/{}", AttemptFile::Late.as_str()),
        "workflows/w/workflow.yaml".to_owned(),
    ] {
        assert!(ObjectName::parse(&object).is_some(), "{object}");
        let times = told
            .iter()
            .filter(|prefix| object.starts_with(*prefix))
            .count();
        if times != 1 {
            wrong.push(format!("monitor is told {times} times of {object}"));
        }
    }
    let agent = deployment.grants().into_iter().any(|grant| {
        grant.member.contains("@gs-project-accounts.")
            && grant.role == "roles/pubsub.publisher"
            && topic.ends_with(grant.on.rsplit('/').next().unwrap_or_default())
    });
    if !agent {
        wrong.push("Cloud Storage may not publish its notices".into());
    }
    wrong
}

/// Each program has an account of its own, made here or named.
fn accounts(deployment: &Deployment) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for program in deployment.programs() {
        let account = &program.account;
        let made = deployment.plan.all("google_service_account");
        let made = made
            .map(|one| one.text("/email"))
            .any(|email| email == account);
        // Somebody else's is named by whoever has leave to use it.
        let ours = format!(
            "@{}.iam.gserviceaccount.com",
            program.resource.text("/project")
        );
        let known = made || (account.contains('@') && !account.ends_with(&ours));
        if !known || !seen.insert(account.clone()) {
            wrong.push(format!(
                "{}: it runs as `{account}`, which is not an account of its own",
                program.resource.address
            ));
        }
    }
    wrong
}

/// The charts of Ork's own metrics are of those that the code sends, by attributes that they have; there are some if any are sent.
fn dashboard(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_sent = deployment
        .programs()
        .iter()
        .any(|one| one.env.contains_key("OTEL_EXPORTER_OTLP_ENDPOINT"));
    for one in deployment.plan.all("google_monitoring_dashboard") {
        let json: Value = match serde_json::from_str(one.text("/dashboard_json")) {
            Ok(json) => json,
            Err(error) => {
                wrong.push(format!("{}: it is no JSON: {error}", one.address));
                continue;
            }
        };
        let tiles = json.pointer("/mosaicLayout/tiles");
        let mut charts = 0;
        for tile in tiles.and_then(Value::as_array).into_iter().flatten() {
            let query = "/widget/xyChart/dataSets/0/timeSeriesQuery/timeSeriesFilter";
            let query = tile.pointer(query).cloned().unwrap_or_default();
            let filter = query["filter"].as_str().unwrap_or_default();
            let Some((_, named)) = filter.split_once("metric.type=\"") else {
                wrong.push(format!("{}: a chart of no metric", one.address));
                continue;
            };
            let named = named.split('"').next().unwrap_or_default();
            let name = named.rsplit('/').next().unwrap_or_default();
            if !name.starts_with("ork.") {
                continue;
            }
            charts += 1;
            let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else {
                wrong.push(format!("{}: nobody sends {name}", one.address));
                continue;
            };
            let aggregation = &query["aggregation"];
            let reducer = aggregation["crossSeriesReducer"]
                .as_str()
                .unwrap_or_default();
            let of_buckets = reducer.starts_with("REDUCE_PERCENTILE");
            if of_buckets != matches!(metric.kind, Kind::Histogram(_)) {
                wrong.push(format!("{}: {name} is not for {reducer}", one.address));
            }
            let by = aggregation["groupByFields"].as_array();
            for label in by.into_iter().flatten().filter_map(Value::as_str) {
                let known = metric
                    .attributes
                    .iter()
                    .any(|name| label == format!("metric.labels.{}", name.replace('.', "_")));
                if !known {
                    wrong.push(format!("{}: {name} has no {label}", one.address));
                }
            }
        }
        if (charts > 0) != is_sent {
            wrong.push(format!(
                "{}: {charts} charts of metrics that are {}sent",
                one.address,
                if is_sent { "" } else { "not " }
            ));
        }
    }
    wrong
}

/// Metrics are made from lines that the code writes.
fn logs(deployment: &Deployment) -> Vec<String> {
    const TICK: &str = include_str!("../../../tick/src/lib.rs");
    const HOST: &str = include_str!("../../../host/src/host.rs");
    let mut wrong = Vec::new();
    for one in deployment.plan.all("google_logging_metric") {
        let filter = one.text("/filter");
        let message = filter
            .split("jsonPayload.message")
            .nth(1)
            .unwrap_or_default();
        let message = message.split('"').nth(1).unwrap_or_default();
        let written = |source: &str| {
            source.contains(&format!("\"{message}\""))
                || source.contains(&format!("\"{message}: {{"))
        };
        if message.is_empty() || !(written(TICK) || written(HOST)) {
            wrong.push(format!("{}: nobody logs `{message}`", one.address));
        }
        let field = one.text("/value_extractor");
        let field = field
            .trim_start_matches("EXTRACT(jsonPayload.")
            .trim_end_matches(')');
        if !field.is_empty() && !TICK.contains(&format!("{field} = ")) {
            wrong.push(format!("{}: the line has no `{field}`", one.address));
        }
    }
    wrong
}
