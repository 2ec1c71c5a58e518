//! Who may do what: the policies of the project and of each resource against what the code needs (`ork_gcp::permissions`).
//!
//! A role that is given further up, in a folder or by the organisation, is not seen, and neither is what a role of somebody's own allows:
//! where one of those might matter, it is said that it is not known.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::Value;
use ork_gcp::permissions::{Need, On, allows, needs};
use serde_json::json;

use super::{Finding, PUSHED, Project, Several, account};

/// What is done where somebody lacks something.
const GIVE: &str = "terraform apply gives every role that is needed; `terraform output members` lists them. Roles of folders and of the organisation were not looked at";
/// Said where nobody is refused anything.
const NO_ACCESS: &str = "emulators let everybody do everything";
/// Members that are everybody.
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];
/// Roles on a whole project that allow for everything of which there is a need.
const WIDE: [&str; 2] = ["roles/owner", "roles/editor"];

/// What policies give somebody.
#[derive(Debug, Default, PartialEq, Eq)]
struct Given {
    permissions: BTreeSet<&'static str>,
    /// Roles of which it is not known here what they allow, or whether their condition holds; with the latter in words.
    unclear: Vec<(String, &'static str)>,
}

/// Whether a binding's condition lets it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
    Unclear,
}

/// What `policies` give to `member`, of which `counts` says by their conditions.
fn given(policies: &[Value], member: &str, counts: &dyn Fn(&str) -> Counts) -> Given {
    let mut given = Given::default();
    let bindings = policies.iter().filter_map(|one| one["bindings"].as_array());
    for binding in bindings.flatten() {
        let members = binding["members"].as_array().map_or(&[][..], Vec::as_slice);
        if !members.iter().any(|one| one == member) {
            continue;
        }
        let role = binding["role"].as_str().unwrap_or_default();
        let condition = binding["condition"]["expression"].as_str();
        match condition.map_or(Counts::Yes, counts) {
            Counts::No => continue,
            Counts::Unclear => {
                given.unclear.push((role.to_owned(), " under a condition"));
                continue;
            }
            Counts::Yes => {}
        }
        match allows(role) {
            Some(permissions) => given.permissions.extend(permissions),
            None => given.unclear.push((role.to_owned(), "")),
        }
    }
    given
}

/// Whether a role that is unclear might allow for one of these.
fn may_matter(role: &str, missing: &[&str]) -> bool {
    if let Some(permissions) = allows(role) {
        return missing.iter().any(|one| permissions.contains(one));
    }
    match role.strip_prefix("roles/") {
        // Of a service: its roles allow for nothing of others. Those without a dot are on everything; a viewer changes nothing.
        Some(known) => match known.split_once('.') {
            Some((service, _)) => missing
                .iter()
                .any(|one| one.split('.').next() == Some(service)),
            None => known != "viewer",
        },
        // Somebody's own may allow for anything.
        None => true,
    }
}

/// What somebody needs and does not have, and which roles might have it.
fn lacks(need: &[&'static str], given: &Given) -> (Vec<&'static str>, Vec<String>) {
    let missing = need.iter().filter(|one| !given.permissions.contains(*one));
    let missing: Vec<&str> = missing.copied().collect();
    let is_wide =
        |(role, condition): &(String, &str)| WIDE.contains(&role.as_str()) && condition.is_empty();
    if given.unclear.iter().any(is_wide) {
        return Default::default();
    }
    let unclear = given
        .unclear
        .iter()
        .filter(|(role, _)| may_matter(role, &missing));
    let unclear = unclear
        .map(|(role, condition)| format!("{role}{condition}"))
        .collect();
    (missing, unclear)
}

impl Project {
    /// The policy of the project, by which roles on everything in it are given.
    async fn project_policy(&self) -> Result<Value, Finding> {
        if !self.is_real() {
            return Err(Finding::skipped(NO_ACCESS));
        }
        let project = &self.at.project;
        let path = format!("/v1/projects/{project}:getIamPolicy");
        let body = json!({ "options": { "requestedPolicyVersion": 3 } });
        let heard = self
            .asked("cloudresourcemanager.googleapis.com", &path, Some(body))
            .await;
        let what = format!("the policy of project {project}");
        self.value(
            &heard.looked.seen,
            &what,
            "resourcemanager.projects.getIamPolicy",
        )
    }

    /// The policies that count for a resource: its own and the project's.
    async fn policies(
        &self,
        host: &str,
        path: &str,
        what: &str,
        permission: &str,
    ) -> Result<Vec<Value>, Finding> {
        if !self.is_real() {
            return Err(Finding::skipped(NO_ACCESS));
        }
        let what = format!("the policy of {what}");
        // Some are asked by `POST`, with nothing in it.
        let body = ["iam.googleapis.com", "cloudtasks.googleapis.com"]
            .contains(&host)
            .then(|| json!({}));
        let heard = self.asked(host, path, body).await;
        let own = self.value(&heard.looked.seen, &what, permission)?;
        Ok(vec![own, self.project_policy().await?])
    }

    /// Which account each service runs as.
    async fn accounts(&self, roles: &BTreeSet<&str>) -> Result<BTreeMap<String, String>, Finding> {
        let mut accounts = BTreeMap::new();
        for role in roles {
            let told = self.service(role).await?;
            let email = account(&told).ok_or_else(|| {
                Finding::unknown(
                    format!("{}-{role} names no account", self.name),
                    "run.services says more",
                )
            })?;
            accounts.insert((*role).to_owned(), email.to_owned());
        }
        Ok(accounts)
    }

    /// Compares what is needed on something with what its policies give.
    async fn judge(
        &self,
        on: On,
        what: &str,
        policies: &[Value],
        counts: &dyn Fn(&Need, &str) -> Counts,
        several: &mut Several,
    ) -> Result<(), Finding> {
        let all = needs();
        let those: Vec<&Need> = all
            .iter()
            .filter(|need| need.on == on && super::SERVICES.contains(&need.who))
            .collect();
        let accounts = self
            .accounts(&those.iter().map(|need| need.who).collect())
            .await?;
        for need in those {
            let email = &accounts[need.who];
            let member = format!("serviceAccount:{email}");
            let given = given(policies, &member, &|condition| counts(need, condition));
            let (missing, unclear) = lacks(need.permissions, &given);
            let below = match need.prefix {
                "" => String::new(),
                prefix => format!(" below {prefix}"),
            };
            match (missing.as_slice(), unclear.as_slice()) {
                ([], _) => several.fine(need.who),
                (missing, []) => several.failed(
                    format!(
                        "{} ({email}) may not {} on {what}{below}",
                        need.who,
                        missing.join(", ")
                    ),
                    GIVE,
                ),
                (missing, unclear) => several.wrong(Finding::unknown(
                    format!(
                        "whether {} ({email}) may {} on {what}{below} is up to {}",
                        need.who,
                        missing.join(", "),
                        unclear.join(", ")
                    ),
                    GIVE,
                )),
            }
        }
        Ok(())
    }

    /// Who may call the services: whoever has to, and not everybody.
    pub(super) async fn invokers(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        let mut callers = vec![(
            "tick",
            self.tick_job()
                .await
                .map(|job| token_of(&job["httpTarget"])),
        )];
        for role in PUSHED {
            let told = self.subscription(role).await;
            callers.push((role, told.map(|one| token_of(&one["pushConfig"]))));
        }
        let wake = self.variable("dispatch", "ORK_WAKE_IDENTITY").await;
        callers.push(("poll", wake));
        callers.push(("api", Ok(None)));
        for (role, caller) in callers {
            let path = match self.service_path(role).await {
                Ok(path) => format!("{path}:getIamPolicy?options.requestedPolicyVersion=3"),
                Err(told) => return Err(told),
            };
            let name = format!("{}-{role}", self.name);
            let told = self.policies(
                "run.googleapis.com",
                &path,
                &name,
                "run.services.getIamPolicy",
            );
            let policies = match told.await {
                Ok(policies) => policies,
                Err(told) => {
                    several.wrong(told);
                    continue;
                }
            };
            let is_open = |binding: &Value| {
                let members = binding["members"].as_array().into_iter().flatten();
                let mut all = members.filter_map(Value::as_str);
                all.any(|member| EVERYBODY.contains(&member))
            };
            let bindings = policies[0]["bindings"].as_array().into_iter().flatten();
            if let Some(open) = bindings.into_iter().find(|one| is_open(one)) {
                let role = open["role"].as_str().unwrap_or_default();
                several.failed(
                    format!("everybody has {role} on {name}"),
                    format!("take allUsers and allAuthenticatedUsers out of its policy: gcloud run services remove-iam-policy-binding {name} --member=allUsers --role={role}"),
                );
            }
            match caller {
                Ok(Some(email)) => {
                    let member = format!("serviceAccount:{email}");
                    let is_let_in = has_role(&policies, &member, "roles/run.invoker");
                    match is_let_in {
                        true => several.fine(name),
                        false => several.failed(format!("{email} may not call {name}"), GIVE),
                    }
                }
                // Its caller is another check's, or there is none.
                Ok(None) => several.fine(name),
                Err(told) => several.wrong(told),
            }
        }
        Ok(several
            .told(|_| "those who have to may call the services, and not everybody".to_owned()))
    }

    pub(super) async fn on_database(&self) -> Result<Finding, Finding> {
        let policies = [self.project_policy().await?];
        let database = &self.at.database;
        let wanted = format!("/databases/{database}\"");
        let counts = |_: &Need, condition: &str| match condition.contains("/databases/") {
            true if condition.contains(&wanted) => Counts::Yes,
            true => Counts::No,
            false => Counts::Unclear,
        };
        let mut several = Several::default();
        let what = format!("database {database}");
        self.judge(On::Database, &what, &policies, &counts, &mut several)
            .await?;
        Ok(several.told(|all| format!("{} may use it", all.join(", "))))
    }

    pub(super) async fn on_bucket(&self) -> Result<Finding, Finding> {
        let bucket = &self.at.bucket;
        let path = format!("/storage/v1/b/{bucket}/iam?optionsRequestedPolicyVersion=3");
        let what = format!("bucket {bucket}");
        let needs = "storage.buckets.getIamPolicy";
        let policies = self
            .policies("storage.googleapis.com", &path, &what, needs)
            .await?;
        let counts = |need: &Need, condition: &str| match condition.split_once("/objects/") {
            None => Counts::Unclear,
            Some((_, rest)) => {
                let prefix = rest.split('"').next().unwrap_or_default();
                match !need.prefix.is_empty() && need.prefix.starts_with(prefix) {
                    true => Counts::Yes,
                    false => Counts::No,
                }
            }
        };
        let mut several = Several::default();
        self.judge(On::Objects, &what, &policies, &counts, &mut several)
            .await?;
        Ok(several.told(|_| "all services may do what they have to".to_owned()))
    }

    pub(super) async fn on_topics(&self) -> Result<Finding, Finding> {
        let mut several = Several::default();
        for what in ["dispatch", "poll"] {
            let topic = self.topic_name(what);
            let path = format!("/v1/{topic}:getIamPolicy?options.requestedPolicyVersion=3");
            let needs = "pubsub.topics.getIamPolicy";
            let named = format!("topic {}", topic.rsplit('/').next().unwrap_or_default());
            let policies = self
                .policies("pubsub.googleapis.com", &path, &named, needs)
                .await?;
            self.judge(On::Hints, &named, &policies, &unclear, &mut several)
                .await?;
        }
        Ok(several.told(|_| "all services may publish".to_owned()))
    }

    pub(super) async fn on_queue(&self) -> Result<Finding, Finding> {
        let told = self.variable("dispatch", "ORK_WAKE_QUEUE").await?;
        let Some(queue) = told.filter(|queue| queue != "off") else {
            return Ok(Finding::skipped("off: what is due is found by the tick"));
        };
        let path = format!("/v2/{queue}:getIamPolicy");
        let named = format!("queue {}", queue.rsplit('/').next().unwrap_or_default());
        let needs = "cloudtasks.queues.getIamPolicy";
        let host = "cloudtasks.googleapis.com";
        let policies = self.policies(host, &path, &named, needs).await?;
        let mut several = Several::default();
        self.judge(On::Queue, &named, &policies, &unclear, &mut several)
            .await?;
        Ok(several.told(|all| format!("{} may ask for wakes", all.join(", "))))
    }

    pub(super) async fn on_wake(&self) -> Result<Finding, Finding> {
        let told = self.variable("dispatch", "ORK_WAKE_IDENTITY").await?;
        let Some(email) = told else {
            return Ok(Finding::skipped("wakes carry no identity"));
        };
        let path = format!(
            "/v1/projects/{}/serviceAccounts/{email}:getIamPolicy?options.requestedPolicyVersion=3",
            self.at.project
        );
        let needs = "iam.serviceAccounts.getIamPolicy";
        let policies = self
            .policies("iam.googleapis.com", &path, &email, needs)
            .await?;
        let mut several = Several::default();
        self.judge(On::WakeAccount, &email, &policies, &unclear, &mut several)
            .await?;
        Ok(several.told(|all| {
            format!(
                "{} may have wakes carry the identity of {email}",
                all.join(", ")
            )
        }))
    }

    pub(super) async fn on_jobs(&self) -> Result<Finding, Finding> {
        let told = self.variable("dispatch", "ORK_WORKER_JOBS").await?;
        let jobs: BTreeMap<String, String> =
            serde_json::from_str(&told.unwrap_or_default()).unwrap_or_default();
        if jobs.is_empty() {
            return Ok(Finding::skipped("there are no worker jobs"));
        }
        let mut several = Several::default();
        for (profile, job) in &jobs {
            let path = format!("/v2/{job}:getIamPolicy?options.requestedPolicyVersion=3");
            let named = format!("the job of {profile}");
            let needs = "run.jobs.getIamPolicy";
            let policies = self
                .policies("run.googleapis.com", &path, &named, needs)
                .await?;
            self.judge(On::Jobs, &named, &policies, &unclear, &mut several)
                .await?;
        }
        Ok(several.told(|_| "those who start and stop workers may".to_owned()))
    }
}

/// Nobody gives roles on these under a condition.
fn unclear(_: &Need, _: &str) -> Counts {
    Counts::Unclear
}

/// The account whose token a caller shows.
fn token_of(caller: &Value) -> Option<String> {
    let email = caller["oidcToken"]["serviceAccountEmail"].as_str();
    email.map(str::to_owned)
}

fn has_role(policies: &[Value], member: &str, role: &str) -> bool {
    let bindings = policies.iter().filter_map(|one| one["bindings"].as_array());
    bindings.flatten().any(|one| {
        let members = one["members"].as_array().map_or(&[][..], Vec::as_slice);
        one["role"] == role && members.iter().any(|one| one == member)
    })
}

#[cfg(test)]
mod tests {
    use ork_gcp::permissions::LOOKED_AT;

    use super::*;

    #[test]
    fn what_a_condition_says_decides_whether_a_role_counts() {
        let policy = json!({"bindings": [
            {"role": "roles/pubsub.publisher", "members": ["serviceAccount:a", "serviceAccount:b"]},
            {"role": "roles/storage.objectUser", "members": ["serviceAccount:a"], "condition": {"expression": "yes"}},
            {"role": "roles/datastore.user", "members": ["serviceAccount:a"], "condition": {"expression": "no"}},
            {"role": "roles/run.viewer", "members": ["serviceAccount:a"], "condition": {"expression": "perhaps"}},
            {"role": "projects/p/roles/own", "members": ["serviceAccount:a"]},
        ]});
        let counts = |condition: &str| match condition {
            "yes" => Counts::Yes,
            "no" => Counts::No,
            _ => Counts::Unclear,
        };
        let policies = [policy, json!({})];
        let found = given(&policies, "serviceAccount:a", &counts);
        assert!(found.permissions.contains("storage.objects.create"));
        assert!(!found.permissions.contains("datastore.entities.get"));
        let nothing = (Vec::<&str>::new(), Vec::<String>::new());
        assert_eq!(lacks(&["pubsub.topics.publish"], &found).0, nothing.0);
        let (missing, unclear) = lacks(&["run.jobs.get", "run.jobs.run"], &found);
        assert_eq!(missing, ["run.jobs.get", "run.jobs.run"]);
        assert_eq!(
            unclear,
            ["roles/run.viewer under a condition", "projects/p/roles/own"]
        );
        let other = given(&policies, "serviceAccount:b", &counts);
        assert_eq!((other.unclear.len(), other.permissions.len()), (0, 1));
        let with = |role: &str| Given {
            unclear: vec![(role.to_owned(), "")],
            ..Given::default()
        };
        assert_eq!(lacks(&["run.jobs.run"], &with("roles/owner")), nothing);
        for (role, matters) in [
            ("roles/logging.logWriter", false),
            ("roles/viewer", false),
            ("roles/run.admin", true),
            ("organizations/1/roles/own", true),
        ] {
            let (_, unclear) = lacks(&["run.jobs.run"], &with(role));
            assert_eq!(!unclear.is_empty(), matters, "{role}");
        }
    }

    #[test]
    fn every_permission_that_looking_needs_is_declared_and_none_for_nothing() {
        let text = [
            include_str!("access.rs"),
            include_str!("apis.rs"),
            include_str!("messages.rs"),
            include_str!("services.rs"),
            include_str!("storage.rs"),
            include_str!("../project.rs"),
        ];
        let code = text.map(|text| text.split("#[cfg(test)]").next().unwrap_or_default());
        let text = code.concat();
        for permission in LOOKED_AT {
            assert!(text.contains(&format!("\"{permission}\"")), "{permission}");
        }
        let page = include_str!("../../../../../docs/doctor.md");
        for permission in LOOKED_AT {
            assert!(
                page.contains(&format!("`{permission}`")),
                "{permission} in docs/doctor.md"
            );
        }
        // What is asked for is said where it is asked: by a text that ends in a word of Google's.
        let words = text.split('"').filter(|text| {
            let ends = [".get", ".list", ".getIamPolicy", ".getMetadata"];
            ends.iter().any(|end| text.ends_with(end))
                && !text.contains(' ')
                && !text.starts_with('.')
        });
        for word in words {
            assert!(LOOKED_AT.contains(&word), "{word} is not declared");
        }
    }
}
