//! What programs are told: read by their own readers, and held against what there is.

use std::collections::BTreeMap;

use ork_host::Role;
use ork_host::settings::{ApiSettings, Auth, Settings, VARIABLES};
use ork_worker::{WorkerServiceSettings, WorkerSettings};
use serde_json::Value;

use crate::deployment::{Deployment, Program};

/// What is wrong with it.
pub(crate) fn check(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let programs = deployment.programs();
    for program in &programs {
        let of = &program.resource.address;
        let Some(role) = Role::ALL
            .into_iter()
            .find(|role| role.as_str() == program.role)
        else {
            wrong.push(format!(
                "{of}: `{}` is no role of ork-service",
                program.role
            ));
            continue;
        };
        if program.is_job != (role == Role::Worker) {
            wrong.push(format!("{of}: {} is run as the wrong kind", program.role));
        }
        for name in program.env.keys() {
            let known = VARIABLES.iter().find(|known| known.name == name);
            if known.is_some_and(|known| !known.roles.contains(&role)) {
                wrong.push(format!("{of}: {} does not read {name}", program.role));
            }
        }
        wrong.extend(
            read(role, program)
                .into_iter()
                .map(|what| format!("{of}: {what}")),
        );
        wrong.extend(
            held_against(role, program, deployment)
                .into_iter()
                .map(|what| format!("{of}: {what}")),
        );
        wrong.extend(
            runs(program)
                .into_iter()
                .map(|what| format!("{of}: {what}")),
        );
    }
    for role in [
        Role::Tick,
        Role::Dispatch,
        Role::Monitor,
        Role::Poll,
        Role::Api,
    ] {
        let count = (programs.iter())
            .filter(|one| one.role == role.as_str())
            .count();
        if count != 1 {
            wrong.push(format!("there are {count} services of {}", role.as_str()));
        }
    }
    wrong
}

/// What its own reader says, given what Cloud Run and dispatch add.
fn read(role: Role, program: &Program<'_>) -> Vec<String> {
    let mut env = program.env.clone();
    // It comes from a secret, of which only the name is known here.
    if let Some(headers) = env.get_mut("OTEL_EXPORTER_OTLP_HEADERS") {
        *headers = "api-key=secret".into();
    }
    let lines = |text: String| vec![text];
    if role == Role::Worker {
        let by_url = !env.contains_key("ORK_BUCKET");
        let batch = format!("runs/r/batches/{}.json", "0".repeat(64));
        let (name, value) = match by_url {
            true => (
                "ORK_BATCH_URL",
                format!("https://storage.googleapis.com/b/{batch}?X-Goog-Signature=0"),
            ),
            false => ("ORK_BATCH", batch),
        };
        env.extend(
            [
                (name, value.as_str()),
                ("CLOUD_RUN_TASK_INDEX", "0"),
                ("CLOUD_RUN_TASK_COUNT", "1"),
                ("CLOUD_RUN_EXECUTION", "e"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let unknown = ork_host::settings::unknown(&env);
        let unknown = unknown
            .iter()
            .map(|one| format!("{} {}", one.variable, one.what));
        let read = WorkerSettings::from_map(&env);
        return unknown.chain(read.err().into_iter().flatten()).collect();
    }
    env.insert("K_SERVICE".into(), "it".into());
    env.insert("PORT".into(), "8080".into());
    match role {
        Role::WorkerService => WorkerServiceSettings::from_map(&env)
            .err()
            .map_or_else(Vec::new, |error| lines(error.to_string())),
        Role::Api => ApiSettings::read(&env)
            .err()
            .map_or_else(Vec::new, |error| lines(error.to_string())),
        _ => match Settings::read(role, &env) {
            Err(error) => lines(error.to_string()),
            Ok(settings) => match settings.serving.auth {
                Auth::Iam(_) => Vec::new(),
                other => lines(format!("it lets in by {other:?}")),
            },
        },
    }
}

/// Whether what it is told is there.
fn held_against(role: Role, program: &Program<'_>, deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut must = |name: &str, kind: &str| {
        let told = program.env.get(name);
        let there = deployment.names(kind);
        if let Some(told) = told.filter(|told| !there.contains(*told)) {
            wrong.push(format!("{name} is {told}, and there are only {there:?}"));
        }
    };
    must("ORK_DATABASE", "google_firestore_database");
    must("ORK_BUCKET", "google_storage_bucket");
    must("ORK_TOPIC_DISPATCH", "google_pubsub_topic");
    must("ORK_TOPIC_POLL", "google_pubsub_topic");
    must("ORK_SUBSCRIPTION", "google_pubsub_subscription");
    must("ORK_WAKE_QUEUE", "google_cloud_tasks_queue");
    for (name, kind) in [
        ("ORK_WORKER_JOBS", "google_cloud_run_v2_job"),
        ("ORK_WORKER_SERVICES", "google_pubsub_topic"),
    ] {
        let told: BTreeMap<String, String> = program
            .env
            .get(name)
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        let there = deployment.names(kind);
        for (profile, one) in told.iter().filter(|(_, one)| !there.contains(*one)) {
            wrong.push(format!(
                "{name} has {one} for {profile}, and there are only {there:?}"
            ));
        }
        let made = match name {
            "ORK_WORKER_JOBS" => there.len(),
            _ => there.iter().filter(|one| one.contains("-worker-")).count(),
        };
        let is_told = matches!(
            role,
            Role::Tick | Role::Dispatch | Role::Monitor | Role::Poll
        );
        if is_told && told.len() != made {
            wrong.push(format!("{name} has {} of {made} profiles", told.len()));
        }
    }
    // A topic of hints must be the one that its function listens to.
    for (name, to) in [
        ("ORK_TOPIC_DISPATCH", "dispatch"),
        ("ORK_TOPIC_POLL", "poll"),
    ] {
        let topic = program.env.get(name).map_or("", String::as_str);
        let heard = (deployment.programs().iter())
            .filter(|one| one.role == to)
            .any(|one| {
                let subscription = one.env.get("ORK_SUBSCRIPTION").map_or("", String::as_str);
                let name = subscription.rsplit('/').next().unwrap_or_default();
                let mut all = deployment.plan.all("google_pubsub_subscription");
                all.any(|made| made.text("/name") == name && made.text("/topic") == topic)
            });
        if program.env.contains_key(name) && !heard {
            wrong.push(format!("{name} is {topic}, which {to} does not hear"));
        }
    }
    wrong
}

/// How it runs.
fn runs(program: &Program<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    let values = &program.resource.values;
    let number = |at: &str| values.pointer(at).and_then(Value::as_f64);
    let seconds = |at: &str| {
        let text = program.resource.text(at);
        text.strip_suffix('s').and_then(|text| text.parse().ok())
    };
    let told = |name: &str| {
        program
            .env
            .get(name)
            .and_then(|text| text.parse::<f64>().ok())
    };
    if program.is_job {
        if number("/template/0/template/0/max_retries") != Some(0.0) {
            wrong.push("Cloud Run tries again by itself, and not the engine".into());
        }
        return wrong;
    }
    if number("/template/0/scaling/0/min_instance_count") != Some(0.0) {
        wrong.push("instances stay while nothing happens".into());
    }
    let concurrency = number("/template/0/max_instance_request_concurrency");
    if concurrency != told("ORK_CONCURRENCY") || concurrency.is_none() {
        wrong.push(format!(
            "Cloud Run sends {concurrency:?} requests at a time, and ORK_CONCURRENCY is {:?}",
            told("ORK_CONCURRENCY")
        ));
    }
    let (timeout, deadline) = (
        seconds("/template/0/timeout").unwrap_or(0.0),
        told("ORK_DEADLINE_SECONDS").unwrap_or(f64::MAX),
    );
    // The work ends by itself, or is dropped a tenth of its time later.
    if timeout < deadline * 1.1 - 0.001 {
        wrong.push(format!(
            "Cloud Run waits for {timeout} s, and the work may take {deadline} s and a tenth"
        ));
    }
    let probe = "/template/0/containers/0/startup_probe/0/http_get/0/path";
    if program.resource.text(probe) != "/healthz" {
        wrong.push("it is not asked whether it serves".into());
    }
    wrong
}
