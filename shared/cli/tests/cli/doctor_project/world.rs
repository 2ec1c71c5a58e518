//! What Google would answer of a deployment.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::server_trouble::{Between, Fate, answer};

pub(super) const RUN: &str = "/run.googleapis.com/v2/projects/p/locations/europe-west1";
pub(super) const BUCKET: &str = "/storage.googleapis.com/storage/v1/b/p-ork";
pub(super) const DATABASE: &str = "/firestore.googleapis.com/v1/projects/p/databases/ork-state";
pub(super) const SUBSCRIPTIONS: &str = "/pubsub.googleapis.com/v1/projects/p/subscriptions";
pub(super) const TOPICS: &str = "/pubsub.googleapis.com/v1/projects/p/topics";
const TICK: &str =
    "/cloudscheduler.googleapis.com/v1/projects/p/locations/europe-west1/jobs/ork-tick";
const QUEUE: &str =
    "/cloudtasks.googleapis.com/v2/projects/p/locations/europe-west1/queues/ork-wake";
pub(super) const POLICY: &str = "/cloudresourcemanager.googleapis.com/v1/projects/p:getIamPolicy";
const APIS: &str = "/serviceusage.googleapis.com/v1/projects/p/services:batchGet";
const WAKE: &str = "/iam.googleapis.com/v1/projects/p/serviceAccounts/ork-wake@p.iam.gserviceaccount.com:getIamPolicy";

pub(super) const ROLES: [&str; 5] = ["tick", "dispatch", "monitor", "poll", "api"];

fn email(of: &str) -> String {
    format!("ork-{of}@p.iam.gserviceaccount.com")
}

fn url(role: &str) -> String {
    format!("https://ork-{role}-123.europe-west1.run.app")
}

fn members(of: &[&str]) -> Vec<String> {
    of.iter()
        .map(|one| format!("serviceAccount:{}", email(one)))
        .collect()
}

pub(super) fn binding(role: &str, of: &[&str]) -> Value {
    json!({"role": role, "members": members(of)})
}

fn under(role: &str, of: &[&str], condition: &str) -> Value {
    json!({"role": role, "members": members(of), "condition": {"title": "t", "expression": condition}})
}

/// The path of something by one of the names above, which stands at its beginning.
pub(super) fn path_of(short: &str) -> String {
    let all = [
        ("SUBSCRIPTIONS", SUBSCRIPTIONS),
        ("DATABASE", DATABASE),
        ("BUCKET", BUCKET),
        ("POLICY", POLICY),
        ("TOPICS", TOPICS),
        ("QUEUE", QUEUE),
        ("APIS", APIS),
        ("TICK", TICK),
        ("WAKE", WAKE),
        ("RUN", RUN),
    ];
    let found = all
        .iter()
        .find_map(|(name, path)| Some(format!("{path}{}", short.strip_prefix(name)?)));
    found.unwrap_or_else(|| panic!("no name: {short}"))
}

/// What Google would answer, by path; what is not there is not there.
pub(super) struct World(pub(super) BTreeMap<String, (u16, Value)>);

impl World {
    /// A deployment as terraform makes it.
    pub(super) fn whole() -> Self {
        let mut all = Self(BTreeMap::new());
        let apis = [
            "cloudscheduler",
            "cloudtasks",
            "firestore",
            "iam",
            "logging",
            "monitoring",
            "pubsub",
            "run",
            "storage",
        ];
        let state = |api: &str, state: &str| json!({"name": format!("projects/123/services/{api}.googleapis.com"), "state": state});
        let mut services: Vec<Value> = apis.iter().map(|api| state(api, "ENABLED")).collect();
        services.push(state("iamcredentials", "DISABLED"));
        all.set(APIS, json!({ "services": services }));
        all.set(DATABASE, json!({"name": "projects/p/databases/ork-state", "type": "FIRESTORE_NATIVE", "locationId": "europe-west1", "deleteProtectionState": "DELETE_PROTECTION_ENABLED"}));
        all.indexes();
        all.set(BUCKET, json!({"name": "p-ork", "location": "EUROPE-WEST1", "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": true}, "publicAccessPrevention": "enforced"}}));
        let notice = |prefix: &str| json!({"id": "1", "topic": "//pubsub.googleapis.com/projects/p/topics/ork-objects", "event_types": ["OBJECT_FINALIZE"], "object_name_prefix": prefix, "payload_format": "NONE"});
        all.set(
            &format!("{BUCKET}/notificationConfigs"),
            json!({"items": [notice("runs/"), notice("workflows/")]}),
        );
        for topic in ["dispatch", "poll", "objects", "dead-letters"] {
            all.set(
                &format!("{TOPICS}/ork-{topic}"),
                json!({"name": format!("projects/p/topics/ork-{topic}")}),
            );
        }
        for (role, topic) in [
            ("dispatch", "dispatch"),
            ("monitor", "objects"),
            ("poll", "poll"),
        ] {
            all.set(&format!("{SUBSCRIPTIONS}/ork-{role}"), json!({
                "topic": format!("projects/p/topics/ork-{topic}"), "state": "ACTIVE", "ackDeadlineSeconds": 60, "expirationPolicy": {},
                "pushConfig": {"pushEndpoint": format!("{}/push", url(role)), "oidcToken": {"serviceAccountEmail": email(&format!("push-{role}")), "audience": url(role)}},
                "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/ork-dead-letters", "maxDeliveryAttempts": 10},
            }));
        }
        all.set(
            &format!("{SUBSCRIPTIONS}/ork-dead-letters"),
            json!({"topic": "projects/p/topics/ork-dead-letters"}),
        );
        all.set(TICK, json!({
            "state": "ENABLED", "schedule": "* * * * *", "lastAttemptTime": "2026-11-22T18:10:00Z", "status": {},
            "httpTarget": {"uri": format!("{}/tick", url("tick")), "httpMethod": "POST", "oidcToken": {"serviceAccountEmail": email("schedule"), "audience": url("tick")}},
        }));
        all.set(QUEUE, json!({"name": "projects/p/locations/europe-west1/queues/ork-wake", "state": "RUNNING"}));
        for role in ROLES {
            all.service(role);
        }
        all.access();
        all
    }

    fn service(&mut self, role: &str) {
        let caller = match role {
            "tick" => "schedule".to_owned(),
            other => format!("push-{other}"),
        };
        let mut env = vec![
            ("ORK_PROJECT", "p".to_owned()),
            ("ORK_BUCKET", "p-ork".to_owned()),
            ("ORK_DATABASE", "ork-state".to_owned()),
            ("ORK_AUTH", "iam".to_owned()),
            ("ORK_AUTH_AUDIENCE", url(role)),
            ("ORK_AUTH_EMAIL", email(&caller)),
            (
                "ORK_SUBSCRIPTION",
                format!("projects/p/subscriptions/ork-{role}"),
            ),
            (
                "ORK_WORKER_JOBS",
                r#"{"default": "projects/p/locations/europe-west1/jobs/ork-worker-default"}"#
                    .to_owned(),
            ),
            (
                "ORK_WAKE_QUEUE",
                "projects/p/locations/europe-west1/queues/ork-wake".to_owned(),
            ),
            ("ORK_WAKE_IDENTITY", email("wake")),
        ];
        env.retain(|(name, _)| {
            *name != "ORK_SUBSCRIPTION" || ["dispatch", "monitor", "poll"].contains(&role)
        });
        let env: Vec<Value> = env
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        let image = concat!(
            "europe-west1-docker.pkg.dev/p/ork/service:",
            env!("CARGO_PKG_VERSION")
        );
        self.set(&format!("{RUN}/services/ork-{role}"), json!({
            "uri": url(role),
            "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
            "template": {"serviceAccount": email(role), "containers": [{"image": image, "args": [role], "env": env}]},
        }));
        let host = url(role).replace("https://", "/");
        self.refuse(&format!("{host}/healthz"), 403, Value::Null);
        let callers = match role {
            "tick" => vec!["schedule"],
            "dispatch" => vec!["push-dispatch"],
            "monitor" => vec!["push-monitor"],
            "poll" => vec!["push-poll", "wake"],
            _ => vec![],
        };
        self.set(
            &format!("{RUN}/services/ork-{role}:getIamPolicy"),
            json!({"bindings": [binding("roles/run.invoker", &callers)]}),
        );
    }

    /// The indexes that the code declares, as Google lists them.
    fn indexes(&mut self) {
        let declared: Value =
            serde_json::from_str(include_str!("../../../../gcp/src/firestore/indexes.json"))
                .expect("JSON");
        let name = |collection: &Value, rest: &str| {
            format!(
                "projects/p/databases/ork-state/collectionGroups/{}/{rest}",
                collection.as_str().expect("a name")
            )
        };
        let of = |list: &str| declared[list].as_array().expect("a list").clone();
        let indexes: Vec<Value> = of("indexes")
            .iter()
            .enumerate()
            .map(|(n, one)| json!({"name": name(&one["collectionGroup"], &format!("indexes/{n}")), "queryScope": "COLLECTION", "fields": one["fields"], "state": "READY"}))
            .collect();
        let fields: Vec<Value> = of("fieldOverrides")
            .iter()
            .map(|one| {
                let path = one["fieldPath"].as_str().expect("a path");
                let own: Vec<Value> = one["indexes"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .map(|index| json!({"queryScope": "COLLECTION", "fields": [{"fieldPath": path, "order": index["order"]}], "state": "READY"}))
                    .collect();
                json!({"name": name(&one["collectionGroup"], &format!("fields/{path}")), "indexConfig": {"indexes": own}})
            })
            .collect();
        self.set(
            &format!("{DATABASE}/collectionGroups/-/indexes"),
            json!({ "indexes": indexes }),
        );
        self.set(
            &format!("{DATABASE}/collectionGroups/-/fields"),
            json!({ "fields": fields }),
        );
    }

    /// The policies, as in terraform/access.tf.
    fn access(&mut self) {
        let starts = ["tick", "dispatch", "poll"];
        let waking = ["tick", "dispatch", "poll", "monitor"];
        let database = "resource.type == \"firestore.googleapis.com/Database\" && resource.name == \"projects/p/databases/ork-state\"";
        self.set(
            POLICY,
            json!({"bindings": [under("roles/datastore.user", &ROLES, database)]}),
        );
        let below = |prefix: &str| {
            format!("resource.name.startsWith(\"projects/_/buckets/p-ork/objects/{prefix}\")")
        };
        self.set(&format!("{BUCKET}/iam"), json!({"bindings": [
            binding("roles/storage.legacyBucketReader", &ROLES),
            under("roles/storage.objectUser", &waking, &below("runs/")),
            under("roles/storage.objectViewer", &["api"], &below("runs/")),
            under("roles/storage.objectViewer", &["tick", "dispatch", "poll", "api"], &below("workflows/")),
            under("roles/storage.objectUser", &["monitor"], &below("workflows/")),
        ]}));
        for topic in ["dispatch", "poll"] {
            self.set(
                &format!("{TOPICS}/ork-{topic}:getIamPolicy"),
                json!({"bindings": [binding("roles/pubsub.publisher", &ROLES)]}),
            );
        }
        self.set(
            &format!("{QUEUE}:getIamPolicy"),
            json!({"bindings": [binding("roles/cloudtasks.enqueuer", &waking)]}),
        );
        self.set(
            WAKE,
            json!({"bindings": [binding("roles/iam.serviceAccountUser", &waking)]}),
        );
        let job = format!("{RUN}/jobs/ork-worker-default");
        self.set(&job, json!({
            "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
            "template": {"template": {"maxRetries": 0, "serviceAccount": email("w-default"), "containers": [{"image": "worker"}]}},
        }));
        self.set(
            &format!("{job}:getIamPolicy"),
            json!({"bindings": [
                binding("roles/run.jobsExecutorWithOverrides", &starts),
                binding("roles/run.jobsExecutor", &["monitor"]),
                binding("roles/run.viewer", &waking),
            ]}),
        );
    }

    pub(super) fn set(&mut self, path: &str, value: Value) {
        self.0.insert(path.to_owned(), (200, value));
    }
    pub(super) fn refuse(&mut self, path: &str, status: u16, value: Value) {
        self.0.insert(path.to_owned(), (status, value));
    }
    /// Changes what is at a pointer of an answer.
    #[track_caller]
    pub(super) fn plant(&mut self, path: &str, pointer: &str, value: Value) {
        let (_, answer) = self.0.get_mut(path).expect("a path");
        let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
        let parent = answer.pointer_mut(parent).expect("its parent");
        match parent {
            Value::Array(all) => all[key.parse::<usize>().expect("a number")] = value,
            other => other[key] = value,
        }
    }
    /// Changes what a variable of a service says; nothing takes it away.
    pub(super) fn tell(&mut self, role: &str, name: &str, value: Option<&str>) {
        let path = format!("{RUN}/services/ork-{role}");
        let (_, answer) = self.0.get_mut(&path).expect("a service");
        let env = answer["template"]["containers"][0]["env"]
            .as_array_mut()
            .expect("variables");
        env.retain(|one| one["name"] != name);
        env.extend(value.map(|value| json!({"name": name, "value": value})));
    }

    /// Answers with this for as long as it lives.
    pub(super) fn serve(self, date: &'static str) -> Between {
        Between::new("", move |head, _| {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            let (status, body) = match self.0.get(path) {
                Some((status, body)) => (*status, body.to_string()),
                None => (
                    404,
                    json!({"error": {"code": 404, "message": "not found", "status": "NOT_FOUND"}})
                        .to_string(),
                ),
            };
            let date = match date {
                "" => String::new(),
                "now" => format!("date: {}\r\n", http_date()),
                date => format!("date: {date}\r\n"),
            };
            Fate::Say(answer(&format!("{status} X"), &date, &body))
        })
    }
}

/// The instant as HTTP writes it.
fn http_date() -> String {
    let mut date = Command::new("date");
    let date = date
        .args(["-u", "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C");
    let said = date.output().expect("date is there").stdout;
    String::from_utf8_lossy(&said).trim().to_owned()
}
