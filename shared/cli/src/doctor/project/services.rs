//! The services and the workers: ready, of one image, closed to strangers, and told what the others are told.

use std::collections::BTreeMap;

use ork_core::Value;

use super::{APPLY, Finding, PUSHED, Project, SERVICES, Seen, Several, container, variable};
use crate::workflow_file::count;

impl Project {
    pub(super) async fn services(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        for role in SERVICES {
            match self.service(role).await {
                Ok(told) => ready(&format!("{}-{role}", self.name), &told, &mut several),
                Err(told) => several.wrong(told),
            }
        }
        Ok(several.told(|all| format!("{} ready", all.join(", "))))
    }

    /// Whether each is told to work on this very deployment, and expects whoever calls it.
    pub(super) async fn settings(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        for role in SERVICES {
            let told = match self.service(role).await {
                Ok(told) => told,
                Err(told) => {
                    several.wrong(told);
                    continue;
                }
            };
            let name = format!("{}-{role}", self.name);
            let before = several.wrong.len();
            let mut wanted = vec![
                ("ORK_PROJECT", self.at.project.clone()),
                ("ORK_BUCKET", self.at.bucket.clone()),
                ("ORK_DATABASE", self.at.database.clone()),
            ];
            if PUSHED.contains(&role) {
                wanted.push(("ORK_SUBSCRIPTION", self.subscription_name(role)));
            }
            if role != "api" {
                let caller = match role {
                    "tick" => self
                        .tick_job()
                        .await
                        .map(|mut job| job["httpTarget"].take()),
                    _ => self
                        .subscription(role)
                        .await
                        .map(|mut one| one["pushConfig"].take()),
                };
                let Ok(caller) = caller else { continue };
                for (variable, key) in [
                    ("ORK_AUTH_AUDIENCE", "audience"),
                    ("ORK_AUTH_EMAIL", "serviceAccountEmail"),
                ] {
                    let sent = caller["oidcToken"][key].as_str();
                    wanted.extend(sent.map(|sent| (variable, sent.to_owned())));
                }
            }
            for (key, wanted) in wanted {
                // A database that is not said is the usual one.
                let said = variable(&told, key);
                let said = said.or_else(|| (key == "ORK_DATABASE").then(|| "(default)".to_owned()));
                match said {
                    Some(said) if said == wanted => {}
                    Some(said) => several.failed(
                        format!("{name} has {key}={said}, and it should be {wanted}"),
                        "if this command names another deployment, say --project, --bucket, --database or --name; else terraform apply",
                    ),
                    None => several.failed(format!("{name} lacks {key}"), APPLY),
                }
            }
            if let Some("off") = variable(&told, "ORK_AUTH").as_deref() {
                several.failed(format!("{name} has ORK_AUTH=off and checks nobody"), APPLY);
            }
            let args = &container(&told)["args"];
            if args[0] != role {
                several.failed(format!("{name} is started as {args}, not as {role}"), APPLY);
            }
            if several.wrong.len() == before {
                several.fine(name);
            }
        }
        Ok(several.told(|_| "all services are told the same, and expect their callers".to_owned()))
    }

    /// Whether all services run the same image, and what it calls itself.
    pub(super) async fn images(&self) -> Result<Finding, Finding> {
        let mut images: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for role in SERVICES {
            let told = self.service(role).await?;
            let image = container(&told)["image"]
                .as_str()
                .unwrap_or("none that is told");
            images.entry(image.to_owned()).or_default().push(role);
        }
        if images.len() > 1 {
            let all = images
                .iter()
                .map(|(image, roles)| format!("{} of {image}", roles.join(", ")));
            return Err(Finding::warning(
                format!(
                    "they are of different images: {}",
                    all.collect::<Vec<_>>().join("; ")
                ),
                "terraform apply, with one `image`; while versions change both may be there for a moment",
            ));
        }
        let image = images.into_keys().next().unwrap_or_default();
        let own = env!("CARGO_PKG_VERSION");
        match version_of(&image) {
            Some(there) if there != own => Err(Finding::warning(
                format!("{image}, and this ork is {own}"),
                "use the same version at both ends: docs/deploy.md, Changing it",
            )),
            Some(_) => Ok(Finding::ok(image)),
            None => Ok(Finding::ok(format!(
                "all of {image}, which tells no version; `ork doctor --server URL` asks the API for it"
            ))),
        }
    }

    /// Whether each service answers, and turns away whoever shows nothing.
    pub(super) async fn doors(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        let google = match &self.google {
            Ok(google) => google,
            Err(why) => {
                return Err(Finding::unknown(
                    why.as_str(),
                    "google.credentials says more",
                ));
            }
        };
        for role in SERVICES {
            let told = match self.service(role).await {
                Ok(told) => told,
                Err(told) => {
                    several.wrong(told);
                    continue;
                }
            };
            let uri = told["uri"].as_str().unwrap_or_default();
            let Some(host) = uri.strip_prefix("https://") else {
                several.wrong(Finding::unknown(
                    format!("{}-{role} has no address yet", self.name),
                    "run.services says why",
                ));
                continue;
            };
            let name = format!("{}-{role}", self.name);
            let looked = google.ask_as_nobody(host, "/healthz").await;
            match (looked.status, looked.seen) {
                // 404: from outside, where only calls from inside are let in.
                (Some(401 | 403 | 404), _) => several.fine(name),
                (Some(200..300), _) => several.failed(
                    format!("{name} answers whoever shows nothing"),
                    format!("take allUsers out of its policy: iam.invokers; gcloud run services get-iam-policy {name}"),
                ),
                (Some(status), _) => several.failed(
                    format!("{name} answers {status} to whoever shows nothing"),
                    format!("look at the log of {name}"),
                ),
                (None, Seen::Unreachable(why)) => several.wrong(Finding::unknown(why, "is there a way to Google from here?")),
                (None, _) => several.wrong(Finding::skipped(super::NO_STAND_IN)),
            }
        }
        Ok(several.told(|all| {
            format!(
                "{} answer, and turn strangers away",
                count(all.len(), "service")
            )
        }))
    }

    /// The jobs and services that run tasks, as dispatch knows them.
    pub(super) async fn workers(&self) -> Result<Finding, Finding> {
        let dispatch = self.service("dispatch").await?;
        let profiles = |name: &str| -> BTreeMap<String, String> {
            let said = variable(&dispatch, name).unwrap_or_default();
            serde_json::from_str(&said).unwrap_or_default()
        };
        let (jobs, lanes) = (profiles("ORK_WORKER_JOBS"), profiles("ORK_WORKER_SERVICES"));
        if jobs.is_empty() && lanes.is_empty() {
            return Err(Finding::failed("dispatch knows no workers", APPLY));
        }
        let mut several = Several::default();
        for (profile, job) in &jobs {
            match self.job(job).await {
                Ok(told) => {
                    ready(&format!("job of {profile}"), &told, &mut several);
                    let tries = &told["template"]["template"]["maxRetries"];
                    if tries.as_u64().is_some_and(|tries| tries > 0) {
                        several.failed(
                            format!("the job of {profile} is tried again {tries} times by Cloud Run; only the engine may decide that"),
                            APPLY,
                        );
                    }
                }
                Err(told) => several.wrong(told),
            }
        }
        for profile in lanes.keys() {
            match self.service(&format!("worker-{profile}")).await {
                Ok(told) => ready(&format!("service of {profile}"), &told, &mut several),
                Err(told) => several.wrong(told),
            }
            match self.subscription(&format!("worker-{profile}")).await {
                Ok(told) => {
                    let push = &told["pushConfig"];
                    if push["oidcToken"]["serviceAccountEmail"].as_str().is_none() {
                        several.failed(
                            format!("messages for {profile} are pushed without a token"),
                            APPLY,
                        );
                    }
                }
                Err(told) => several.wrong(told),
            }
        }
        Ok(several.told(|all| format!("{} ready", all.join(", "))))
    }

    /// A worker's job by its full name.
    pub(super) async fn job(&self, job: &str) -> Result<Value, Finding> {
        let what = format!("job {job}");
        self.found(
            "run.googleapis.com",
            &format!("/v2/{job}"),
            &what,
            "run.jobs.get",
        )
        .await
    }
}

/// Whether Cloud Run says that it is.
fn ready(name: &str, told: &Value, several: &mut Several) {
    let condition = &told["terminalCondition"];
    match condition["state"].as_str() {
        Some("CONDITION_SUCCEEDED") => several.fine(name),
        Some("CONDITION_RECONCILING" | "CONDITION_PENDING") => several.warning(
            format!("{name} is being changed"),
            "wait a moment, and look again",
        ),
        state => several.failed(
            format!(
                "{name} is not ready: {}",
                condition["message"]
                    .as_str()
                    .or(state)
                    .unwrap_or("nobody says why")
            ),
            format!("look at the log of {name}; then terraform apply"),
        ),
    }
}

/// The version that an image's tag says, if it says one.
fn version_of(image: &str) -> Option<&str> {
    let name = image.split('@').next()?;
    let tag = name.rsplit('/').next()?.split_once(':')?.1;
    let tag = tag.strip_prefix('v').unwrap_or(tag);
    let numbers = tag.split('.').filter(|part| part.parse::<u32>().is_ok());
    (numbers.count() >= 3).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_say_a_version() {
        for (image, version) in [
            (
                "europe-west1-docker.pkg.dev/p/ork/service:0.1.0",
                Some("0.1.0"),
            ),
            ("localhost:5000/service:v1.2.3@sha256:abc", Some("1.2.3")),
            ("localhost:5000/service", None),
            ("gcr.io/p/service:latest", None),
            ("gcr.io/p/service@sha256:abc", None),
        ] {
            assert_eq!(version_of(image), version, "{image}");
        }
    }
}
