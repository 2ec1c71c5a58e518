//! Who calls whom: with which token, by which path, and with whose leave.

use std::collections::{BTreeMap, BTreeSet};

use crate::deployment::{Caller, Deployment, Program};

/// The paths of each role, as its source spells them.
const ROUTES: &[(&str, &str)] = &[
    ("tick", include_str!("../../../tick/src/lib.rs")),
    ("dispatch", include_str!("../../../dispatch/src/lib.rs")),
    ("monitor", include_str!("../../../monitor/src/lib.rs")),
    ("poll", include_str!("../../../poll/src/lib.rs")),
    (
        "worker-service",
        include_str!("../../../worker/src/service/mod.rs"),
    ),
];

fn serves(role: &str, path: &str) -> bool {
    let route = format!(".route(\"{path}\", post(");
    ROUTES
        .iter()
        .any(|(one, source)| *one == role && source.contains(&route))
}

/// The address of a service, which it knows by its own audience.
fn address<'a>(program: &'a Program<'_>) -> &'a str {
    program.env.get("ORK_AUTH_AUDIENCE").map_or("", |audience| {
        audience.split(',').next().unwrap_or_default()
    })
}

/// What is wrong with it.
pub(crate) fn check(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let programs: Vec<Program<'_>> = deployment
        .programs()
        .into_iter()
        .filter(|one| !one.is_job)
        .collect();
    let mut callers: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for caller in deployment.callers() {
        let of = caller.resource.address.clone();
        match called(&caller, &programs) {
            Err(what) => wrong.push(format!("{of}: {what}")),
            Ok(program) => {
                let name = program.resource.text("/name").to_owned();
                callers
                    .entry(name)
                    .or_default()
                    .insert(caller.email.clone());
            }
        }
        if caller.resource.kind == "google_pubsub_subscription" {
            let what = pushed(&caller, &programs, deployment);
            wrong.extend(what.into_iter().map(|what| format!("{of}: {what}")));
        }
    }
    // Those who call by what the programs are told.
    for program in &programs {
        let told = |name: &str| program.env.get(name).cloned();
        let of = &program.resource.address;
        for (url, path, to, email) in [
            ("ORK_WAKE_URL", "/wake", "poll", told("ORK_WAKE_IDENTITY")),
            (
                "ORK_CHAIN_URL",
                "/finished",
                "dispatch",
                Some(program.account.clone()),
            ),
        ] {
            let Some(url) = told(url) else { continue };
            let target = programs
                .iter()
                .find(|one| one.role == to && url == format!("{}{path}", address(one)));
            match target {
                Some(target) if serves(to, path) => {
                    let name = target.resource.text("/name").to_owned();
                    callers
                        .entry(name)
                        .or_default()
                        .insert(email.unwrap_or_default());
                }
                _ => wrong.push(format!("{of}: {url} is not {path} of {to}")),
            }
        }
        if let Some(chains) = told("ORK_CHAIN_IDENTITY") {
            let chained = programs
                .iter()
                .filter(|one| one.env.contains_key("ORK_CHAIN_URL"));
            if !chained
                .map(|one| &one.account)
                .any(|account| *account == chains)
            {
                wrong.push(format!(
                    "{of}: ORK_CHAIN_IDENTITY is {chains}, who runs no worker that chains"
                ));
            }
        }
        let audiences = program.resource.values.get("custom_audiences");
        let taken = audiences.is_some_and(|all| {
            all.as_array()
                .is_some_and(|all| all.iter().any(|one| one == address(program)))
        });
        if program.role != "api" && !taken {
            wrong.push(format!(
                "{of}: Cloud Run does not take the audience that it compares with"
            ));
        }
    }
    wrong.extend(let_through(deployment, &programs, &callers));
    wrong
}

/// The service that is called, if all of it fits.
fn called<'a>(caller: &Caller<'_>, programs: &'a [Program<'a>]) -> Result<&'a Program<'a>, String> {
    if caller.email.is_empty() || caller.audience.is_empty() {
        return Err("it carries no token with an audience".into());
    }
    let program = programs
        .iter()
        .find(|one| {
            !address(one).is_empty() && caller.url.starts_with(&format!("{}/", address(one)))
        })
        .ok_or_else(|| format!("{} is no service's", caller.url))?;
    let path = &caller.url[address(program).len()..];
    if !serves(&program.role, path) {
        return Err(format!("{} does not serve {path}", program.role));
    }
    if caller.audience != address(program) {
        return Err(format!(
            "its audience is {}, and {} compares with {}",
            caller.audience,
            program.role,
            address(program)
        ));
    }
    let expected = program.env.get("ORK_AUTH_EMAIL");
    if expected != Some(&caller.email) {
        return Err(format!(
            "it comes as {}, and {} takes {expected:?}",
            caller.email, program.role
        ));
    }
    Ok(program)
}

/// What a push has beside its token.
fn pushed(caller: &Caller<'_>, programs: &[Program<'_>], deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let subscription = caller.resource;
    let number = |at: &str| {
        let value = subscription.values.pointer(at);
        value.and_then(serde_json::Value::as_f64)
    };
    let dead = subscription.text("/dead_letter_policy/0/dead_letter_topic");
    if !deployment.names("google_pubsub_topic").contains(dead) {
        wrong.push("it has no dead-letter policy".into());
    }
    let tries = number("/dead_letter_policy/0/max_delivery_attempts").unwrap_or(0.0);
    if !(5.0..=100.0).contains(&tries) {
        wrong.push(format!("it gives a message up after {tries} tries"));
    }
    for bound in ["minimum_backoff", "maximum_backoff"] {
        if subscription
            .text(&format!("/retry_policy/0/{bound}"))
            .is_empty()
        {
            wrong.push(format!("it has no retry policy with {bound}"));
        }
    }
    let name = subscription.text("/name");
    let target = programs
        .iter()
        .find(|one| caller.url.starts_with(&format!("{}/", address(one))));
    if let Some(target) = target {
        let told = target
            .env
            .get("ORK_SUBSCRIPTION")
            .map_or("", String::as_str);
        if told.rsplit('/').next() != Some(name) {
            wrong.push(format!("{} takes messages of {told}", target.role));
        }
        let deadline = target.env.get("ORK_DEADLINE_SECONDS");
        let deadline: f64 = deadline.and_then(|text| text.parse().ok()).unwrap_or(0.0);
        let patience = number("/ack_deadline_seconds").unwrap_or(0.0);
        if patience < deadline || patience > 600.0 {
            wrong.push(format!(
                "it sends again after {patience} s, and {} works for {deadline} s",
                target.role
            ));
        }
    }
    let agent = deployment.grants().into_iter().any(|grant| {
        grant.kind == "google_pubsub_subscription_iam_member"
            && grant.on == name
            && grant.role == "roles/pubsub.subscriber"
            && grant.member.contains("@gcp-sa-pubsub.")
    });
    if !agent {
        wrong.push("Pub/Sub may not take its dead letters".into());
    }
    wrong
}

/// Cloud Run lets through those who call, and nobody else.
fn let_through(
    deployment: &Deployment,
    programs: &[Program<'_>],
    callers: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let grants = deployment.grants();
    for program in programs.iter().filter(|one| one.role != "api") {
        let name = program.resource.text("/name");
        let through: BTreeSet<String> = grants
            .iter()
            .filter(|one| one.kind == "google_cloud_run_v2_service_iam_member" && one.on == name)
            .map(|one| one.member.trim_start_matches("serviceAccount:").to_owned())
            .collect();
        let expected = callers.get(name).cloned().unwrap_or_default();
        if through != expected {
            wrong.push(format!(
                "{}: Cloud Run lets {through:?} through, and those who call are {expected:?}",
                program.resource.address
            ));
        }
    }
    for grant in &grants {
        let known = grant.role == "roles/run.invoker";
        if grant.kind == "google_cloud_run_v2_service_iam_member" && !known {
            wrong.push(format!(
                "{}: {} is no role of a caller",
                grant.address, grant.role
            ));
        }
    }
    wrong
}
