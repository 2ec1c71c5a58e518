//! Who may do what: enough for what the code calls, nothing wider, and nothing for others.

use std::collections::{BTreeMap, BTreeSet};

use ork_gcp::permissions::{Need, On, ROLES, allows, needs};

use crate::deployment::{Deployment, Grant};

/// What a grant is on, as the code names it; the second is the prefix of the objects.
fn place(grant: &Grant, deployment: &Deployment) -> Option<(On, String)> {
    let end = grant.on.rsplit('/').next().unwrap_or_default();
    let on = match grant.kind.as_str() {
        "google_project_iam_member" => On::Database,
        "google_storage_bucket_iam_member" => {
            let prefix = grant.condition.split("/objects/").nth(1);
            let prefix = prefix.and_then(|rest| rest.split('"').next());
            return Some((On::Objects, prefix.unwrap_or_default().to_owned()));
        }
        "google_pubsub_topic_iam_member" if end.contains("-worker-") => On::WorkerTopics,
        "google_pubsub_topic_iam_member" => On::Hints,
        "google_cloud_tasks_queue_iam_member" => On::Queue,
        "google_cloud_run_v2_job_iam_member" => On::Jobs,
        "google_service_account_iam_member" => {
            let signs = deployment.programs().into_iter().any(|one| {
                one.env
                    .get("ORK_SIGN_ACCOUNT")
                    .is_some_and(|sign| sign == end)
            });
            if signs {
                On::SignAccount
            } else {
                On::WakeAccount
            }
        }
        _ => return None,
    };
    Some((on, String::new()))
}

/// Who somebody is to the code.
fn who(deployment: &Deployment) -> BTreeMap<String, &'static str> {
    let mut found = BTreeMap::new();
    for program in deployment.programs() {
        let by_urls = program.is_job && !program.env.contains_key("ORK_BUCKET");
        let name = match program.role.as_str() {
            "tick" => "tick",
            "dispatch" => "dispatch",
            "monitor" => "monitor",
            "poll" => "poll",
            "api" => "api",
            _ if by_urls => "nobody",
            _ => "worker",
        };
        found.insert(program.account.clone(), name);
        if let Some(sign) = program.env.get("ORK_SIGN_ACCOUNT") {
            found.insert(sign.clone(), "sign");
        }
    }
    found
}

/// Whether a deployment has that at all.
fn is_there(on: On, deployment: &Deployment) -> bool {
    let programs = deployment.programs();
    match on {
        On::Jobs => programs.iter().any(|one| one.is_job),
        On::WorkerTopics => programs.iter().any(|one| one.role == "worker-service"),
        On::SignAccount => programs
            .iter()
            .any(|one| one.env.contains_key("ORK_SIGN_ACCOUNT")),
        _ => true,
    }
}

/// What is wrong with it.
pub(crate) fn check(deployment: &Deployment) -> Vec<String> {
    let mut wrong = Vec::new();
    let who = who(deployment);
    let needs = needs();
    let grants = deployment.grants();
    for grant in &grants {
        wrong.extend(by_itself(grant));
        let email = grant.member.trim_start_matches("serviceAccount:");
        let name = who.get(email).copied();
        let secret = grant.kind == "google_secret_manager_secret_iam_member";
        let elsewhere = is_elsewhere(grant, deployment);
        if name == Some("nobody") {
            wrong.push(format!(
                "{}: {email} runs a worker without credentials and has {}",
                grant.address, grant.role
            ));
        } else if let Some(name) = name
            && !secret
            && !elsewhere
            && grant.kind != "google_cloud_run_v2_service_iam_member"
        {
            match place(grant, deployment) {
                None => wrong.push(format!("{}: nobody needs a role there", grant.address)),
                Some((on, prefix)) => {
                    let needed = needed(&needs, name, on, &prefix);
                    wrong.extend(
                        too_wide(grant, &needed)
                            .into_iter()
                            .map(|what| format!("{} ({name}): {what}", grant.address)),
                    );
                }
            }
        }
    }
    for (email, name) in &who {
        for need in needs
            .iter()
            .filter(|need| need.who == *name && is_there(need.on, deployment))
        {
            wrong.extend(missing(email, need, &grants, deployment));
        }
    }
    wrong
}

/// Topics of somebody else and roles of other services: whoever states them knows why.
fn is_elsewhere(grant: &Grant, deployment: &Deployment) -> bool {
    let topic = grant.on.rsplit('/').next().unwrap_or_default();
    let known = (deployment.names("google_pubsub_topic").iter())
        .any(|name| name.rsplit('/').next() == Some(topic));
    (grant.kind == "google_pubsub_topic_iam_member" && !known)
        || (grant.kind == "google_project_iam_member"
            && !grant.role.starts_with("roles/datastore."))
}

/// What no grant may be, whoever has it.
fn by_itself(grant: &Grant) -> Vec<String> {
    let mut wrong = Vec::new();
    let Grant {
        member,
        role,
        address,
        ..
    } = grant;
    if member.contains("allUsers") || member.contains("allAuthenticatedUsers") {
        wrong.push(format!("{address}: {role} is everybody's"));
    }
    if ["roles/owner", "roles/editor", "roles/viewer"].contains(&role.as_str()) {
        wrong.push(format!("{address}: {member} has {role}"));
    }
    if role.starts_with("roles/datastore.") && !grant.condition.contains("/databases/") {
        wrong.push(format!(
            "{address}: {role} counts for every database of the project"
        ));
    }
    wrong
}

fn needed(needs: &[Need], who: &str, on: On, prefix: &str) -> BTreeSet<&'static str> {
    needs
        .iter()
        .filter(|need| need.who == who && need.on == on && need.prefix == prefix)
        .flat_map(|need| need.permissions)
        .copied()
        .collect()
}

/// A role is too wide when it gives nothing that is needed there, or when another one gives as much of that and less of the rest.
fn too_wide(grant: &Grant, needed: &BTreeSet<&'static str>) -> Option<String> {
    let Some(gives) = allows(&grant.role) else {
        return Some(format!("{} is not in the table of roles", grant.role));
    };
    if gives.contains("*") {
        return Some(format!("{} is too wide for any call of Ork's", grant.role));
    }
    let used: BTreeSet<_> = gives.intersection(needed).copied().collect();
    if used.is_empty() {
        return Some(format!("{} is of no use there", grant.role));
    }
    let narrower = ROLES.iter().find(|(other, permissions)| {
        let other_gives: BTreeSet<_> = permissions.iter().copied().collect();
        *other != grant.role
            && other_gives.is_superset(&used)
            && other_gives.is_subset(&gives)
            && other_gives.len() < gives.len()
    });
    narrower.map(|(other, _)| format!("{} is too wide: {other} is enough", grant.role))
}

/// Permissions that somebody needs and does not have; of topics and jobs on each of them.
fn missing(email: &str, need: &Need, grants: &[Grant], deployment: &Deployment) -> Vec<String> {
    let member = format!("serviceAccount:{email}");
    let of = |on: &str| {
        let given: BTreeSet<&str> = grants
            .iter()
            .filter(|grant| grant.member == member && (on.is_empty() || same(&grant.on, on)))
            .filter(|grant| place(grant, deployment) == Some((need.on, need.prefix.to_owned())))
            .filter_map(|grant| allows(&grant.role))
            .flatten()
            .collect();
        let lacks: Vec<_> = need
            .permissions
            .iter()
            .filter(|permission| !given.contains(**permission))
            .collect();
        (!lacks.is_empty()).then(|| {
            format!(
                "{} ({email}) lacks {lacks:?} on {:?} {on}{}",
                need.who, need.on, need.prefix
            )
        })
    };
    let places: Vec<String> = match need.on {
        On::Jobs => deployment
            .names("google_cloud_run_v2_job")
            .into_iter()
            .collect(),
        On::Hints | On::WorkerTopics => {
            let workers = need.on == On::WorkerTopics;
            let topics = deployment.names("google_pubsub_topic").into_iter();
            let hints = ["-dispatch", "-poll"];
            topics
                .filter(|topic| match workers {
                    true => topic.contains("-worker-"),
                    false => hints.iter().any(|end| topic.ends_with(end)),
                })
                .collect()
        }
        _ => vec![String::new()],
    };
    places.iter().filter_map(|on| of(on)).collect()
}

fn same(one: &str, other: &str) -> bool {
    one.rsplit('/').next() == other.rsplit('/').next()
}
