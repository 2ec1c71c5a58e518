//! A deployment as planned, by what the checks ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::plan::{Plan, Resource, values};

/// What would be made of one configuration.
pub(crate) struct Deployment {
    pub(crate) plan: Plan,
}

/// A Cloud Run service or job.
pub(crate) struct Program<'a> {
    pub(crate) resource: &'a Resource,
    /// The argument of ork-service.
    pub(crate) role: String,
    /// Its variables; those that a secret fills have its name.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) account: String,
    pub(crate) is_job: bool,
}

/// Somebody who calls a service with a token.
pub(crate) struct Caller<'a> {
    pub(crate) resource: &'a Resource,
    pub(crate) url: String,
    /// Empty where there is no token.
    pub(crate) email: String,
    pub(crate) audience: String,
}

/// A role that somebody has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) member: String,
    pub(crate) role: String,
    /// The kind of the resource that gives it.
    pub(crate) kind: String,
    /// On what: the topic, the bucket, the account, …
    pub(crate) on: String,
    /// The condition's expression, if there is one.
    pub(crate) condition: String,
    pub(crate) address: String,
}

impl Deployment {
    /// The plan of a folder with the values of its `offline.tfvars`.
    pub(crate) fn of(folder: &Path) -> Result<Self, String> {
        Self::with(folder, "offline.tfvars")
    }

    /// The same with the values of another file.
    pub(crate) fn with(folder: &Path, file: &str) -> Result<Self, String> {
        let given = values(&folder.join(file))?;
        Ok(Self {
            plan: Plan::of(folder, given)?,
        })
    }

    pub(crate) fn programs(&self) -> Vec<Program<'_>> {
        let services = self.plan.all("google_cloud_run_v2_service");
        let services = services.map(|one| program(one, "/template/0", false));
        let jobs = self.plan.all("google_cloud_run_v2_job");
        let jobs = jobs.map(|one| program(one, "/template/0/template/0", true));
        services.chain(jobs).collect()
    }

    pub(crate) fn callers(&self) -> Vec<Caller<'_>> {
        let pushes = self.plan.all("google_pubsub_subscription");
        let pushes = pushes
            .filter(|one| one.values.get("push_config").is_some())
            .map(|one| caller(one, "/push_config/0", "push_endpoint"));
        let ticks = self.plan.all("google_cloud_scheduler_job");
        let ticks = ticks.map(|one| caller(one, "/http_target/0", "uri"));
        pushes.chain(ticks).collect()
    }

    /// Every role of everybody.
    pub(crate) fn grants(&self) -> Vec<Grant> {
        const ON: &[(&str, &str)] = &[
            ("google_project_iam_member", "/project"),
            ("google_storage_bucket_iam_member", "/bucket"),
            ("google_pubsub_topic_iam_member", "/topic"),
            ("google_pubsub_subscription_iam_member", "/subscription"),
            ("google_cloud_tasks_queue_iam_member", "/name"),
            ("google_cloud_run_v2_service_iam_member", "/name"),
            ("google_cloud_run_v2_job_iam_member", "/name"),
            ("google_service_account_iam_member", "/service_account_id"),
            ("google_secret_manager_secret_iam_member", "/secret_id"),
            ("google_kms_crypto_key_iam_member", "/crypto_key_id"),
            (
                "google_iap_web_backend_service_iam_member",
                "/web_backend_service",
            ),
        ];
        let given = self
            .plan
            .resources
            .iter()
            .filter(|one| one.kind.contains("_iam_"));
        given
            .map(|one| {
                let on = ON.iter().find(|(kind, _)| *kind == one.kind);
                let (_, on) =
                    on.unwrap_or_else(|| panic!("roles are given by {}, too", one.address));
                Grant {
                    member: one.text("/member").to_owned(),
                    role: one.text("/role").to_owned(),
                    kind: one.kind.clone(),
                    on: one.text(on).to_owned(),
                    condition: one.text("/condition/0/expression").to_owned(),
                    address: one.address.clone(),
                }
            })
            .collect()
    }

    /// Full names of what there is of a kind.
    pub(crate) fn names(&self, kind: &str) -> BTreeSet<String> {
        let named = self.plan.all(kind).map(|one| {
            let (project, name) = (one.text("/project"), one.text("/name"));
            let region = one.text("/location");
            match kind {
                "google_pubsub_topic" => format!("projects/{project}/topics/{name}"),
                "google_pubsub_subscription" => format!("projects/{project}/subscriptions/{name}"),
                "google_cloud_run_v2_job" => {
                    format!("projects/{project}/locations/{region}/jobs/{name}")
                }
                "google_cloud_tasks_queue" => {
                    format!("projects/{project}/locations/{region}/queues/{name}")
                }
                _ => name.to_owned(),
            }
        });
        named.collect()
    }
}

fn program<'a>(resource: &'a Resource, template: &str, is_job: bool) -> Program<'a> {
    let container = format!("{template}/containers/0");
    let env = resource.values.pointer(&format!("{container}/env"));
    let env = env.and_then(Value::as_array).into_iter().flatten();
    let of = |one: &Value, at: &str| {
        let text = one.pointer(at).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    let env = env.map(|one| {
        let value =
            of(one, "/value").or_else(|| of(one, "/value_source/0/secret_key_ref/0/secret"));
        (
            of(one, "/name").unwrap_or_default(),
            value.unwrap_or_default(),
        )
    });
    Program {
        role: resource.text(&format!("{container}/args/0")).to_owned(),
        env: env.collect(),
        account: resource
            .text(&format!("{template}/service_account"))
            .to_owned(),
        is_job,
        resource,
    }
}

fn caller<'a>(resource: &'a Resource, within: &str, url: &str) -> Caller<'a> {
    let text = |at: &str| resource.text(&format!("{within}/{at}")).to_owned();
    Caller {
        resource,
        url: text(url),
        email: text("oidc_token/0/service_account_email"),
        audience: text("oidc_token/0/audience"),
    }
}
