//! What of Google's services is called, which permissions that needs, and who needs them: the one place where it is written down.
//!
//! The roles that a deployment gives are compared with this (`functions/service/tests/wiring`); `tests/permissions.rs` holds it against the source.

mod roles;

pub use roles::{ROLES, allows};

/// One kind of call, where it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The file, below `shared/gcp/src`.
    pub file: &'static str,
    /// How the source spells it.
    pub source: &'static str,
    /// How often it is sent off in that file.
    pub sites: usize,
    /// On what.
    pub on: On,
    /// What it needs there.
    pub permissions: &'static [&'static str],
}

/// On what something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum On {
    /// The database of the state.
    Database,
    /// Objects of the bucket.
    Objects,
    /// The topics of hints.
    Hints,
    /// The topics of worker services.
    WorkerTopics,
    /// The queue of wakes.
    Queue,
    /// The account whose identity wakes carry.
    WakeAccount,
    /// The worker jobs.
    Jobs,
    /// The account in whose name URLs are signed.
    SignAccount,
    /// Somebody else's: jobs that tasks hand over to, topics of notifications. Whoever wants that gives leave to it.
    Others,
    /// Whatever a signed URL allows, in the name of the account that signed it.
    SignedUrl,
    /// How the deployment is set up: what `ork doctor` looks at, with the permissions of whoever runs it.
    Deployment,
}

use On::{
    Database, Deployment, Hints, Jobs, Objects, Others, Queue, SignAccount, SignedUrl, WakeAccount,
    WorkerTopics,
};

const GET: &str = "storage.objects.get";
const LIST: &str = "storage.objects.list";
const CREATE: &str = "storage.objects.create";
/// Who writes an object anew removes the one before.
const DELETE: &str = "storage.objects.delete";
const PUBLISH: &str = "pubsub.topics.publish";
const STATE: &[&str] = &[
    "datastore.entities.create",
    "datastore.entities.delete",
    "datastore.entities.get",
    "datastore.entities.list",
    "datastore.entities.update",
];

/// What `ork doctor` needs to look at everything; what it lacks it says. `roles/viewer` and `roles/iam.securityReviewer` have all of them.
pub const LOOKED_AT: &[&str] = &[
    "cloudscheduler.jobs.get",
    "cloudtasks.queues.get",
    "cloudtasks.queues.getIamPolicy",
    "datastore.databases.getMetadata",
    "datastore.indexes.list",
    "iam.serviceAccounts.getIamPolicy",
    "pubsub.subscriptions.get",
    "pubsub.topics.get",
    "pubsub.topics.getIamPolicy",
    "resourcemanager.projects.getIamPolicy",
    "run.jobs.get",
    "run.jobs.getIamPolicy",
    "run.services.get",
    "run.services.getIamPolicy",
    "serviceusage.services.get",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
];

const fn call(
    file: &'static str,
    source: &'static str,
    sites: usize,
    on: On,
    permissions: &'static [&'static str],
) -> Call {
    Call {
        file,
        source,
        sites,
        on,
        permissions,
    }
}

/// Every call.
pub const CALLS: &[Call] = &[
    call(
        "firestore/commit.rs",
        ".commit(",
        1,
        Database,
        &[
            "datastore.entities.create",
            "datastore.entities.delete",
            "datastore.entities.update",
        ],
    ),
    call(
        "firestore/read.rs",
        ".batch_get_documents(",
        1,
        Database,
        &["datastore.entities.get"],
    ),
    call(
        "firestore/query.rs",
        ".run_query(",
        1,
        Database,
        &["datastore.entities.get", "datastore.entities.list"],
    ),
    call("objects/mod.rs", ".get_object()", 1, Objects, &[GET, LIST]),
    call("objects/mod.rs", ".read_object(", 1, Objects, &[GET, LIST]),
    call(
        "objects/mod.rs",
        ".write_object(",
        1,
        Objects,
        &[CREATE, DELETE],
    ),
    call("objects/port.rs", ".read_object(", 1, Objects, &[GET, LIST]),
    call("objects/port.rs", ".delete_object()", 1, Objects, &[DELETE]),
    call("objects/port.rs", ".list_objects()", 1, Objects, &[LIST]),
    call(
        "objects/files.rs",
        ".read_object(",
        1,
        Objects,
        &[GET, LIST],
    ),
    call(
        "objects/files.rs",
        ".write_object(",
        1,
        Objects,
        &[CREATE, DELETE],
    ),
    call("pubsub.rs", ".publish(", 1, Hints, &[PUBLISH]),
    call(
        "worker_services/mod.rs",
        "publisher.publish(",
        1,
        WorkerTopics,
        &[PUBLISH],
    ),
    call("notices.rs", "publisher.publish(", 1, Others, &[PUBLISH]),
    call(
        "tasks.rs",
        ".create_task()",
        1,
        Queue,
        &["cloudtasks.tasks.create"],
    ),
    // The same call: a task may carry the identity of an account only by leave to act as it.
    call(
        "tasks.rs",
        ".set_oidc_token(",
        0,
        WakeAccount,
        &["iam.serviceAccounts.actAs"],
    ),
    call(
        "run_jobs/start.rs",
        ".run_job()",
        1,
        Jobs,
        &["run.jobs.run", "run.jobs.runWithOverrides"],
    ),
    call(
        "run_jobs/executions.rs",
        ".get_execution()",
        1,
        Jobs,
        &["run.executions.get"],
    ),
    call(
        "run_jobs/executions.rs",
        ".cancel_execution()",
        1,
        Jobs,
        &["run.executions.cancel"],
    ),
    call(
        "signed/sign_blob.rs",
        ".post(&*self.url)",
        1,
        SignAccount,
        &["iam.serviceAccounts.signBlob"],
    ),
    call(
        "signed/http.rs",
        "client.get(url.reveal())",
        1,
        SignedUrl,
        &[GET, LIST],
    ),
    call(
        "signed/http.rs",
        "client.put(url.reveal())",
        0,
        SignedUrl,
        &[CREATE, DELETE],
    ),
    call("look.rs", "client.request(", 1, Deployment, LOOKED_AT),
    call("trackers/storage.rs", ".get_object()", 1, Others, &[GET]),
    call(
        "trackers/bigquery/start.rs",
        ".insert_job()",
        1,
        Others,
        &["bigquery.jobs.create"],
    ),
    call(
        "trackers/bigquery/mod.rs",
        ".get_job()",
        1,
        Others,
        &["bigquery.jobs.get"],
    ),
    call(
        "trackers/bigquery/mod.rs",
        ".cancel_job()",
        1,
        Others,
        &["bigquery.jobs.update"],
    ),
    call(
        "trackers/bigquery/looks.rs",
        ".get_query_results()",
        1,
        Others,
        &["bigquery.jobs.get"],
    ),
    call(
        "trackers/cloud_run/start.rs",
        ".run_job()",
        1,
        Others,
        &["run.jobs.run", "run.jobs.runWithOverrides"],
    ),
    call(
        "trackers/cloud_run/start.rs",
        ".list_executions()",
        1,
        Others,
        &["run.executions.list"],
    ),
    call(
        "trackers/cloud_run/mod.rs",
        ".get_execution()",
        1,
        Others,
        &["run.executions.get"],
    ),
    call(
        "trackers/cloud_run/mod.rs",
        ".cancel_execution()",
        1,
        Others,
        &["run.executions.cancel"],
    ),
    call(
        "trackers/cloud_run/image.rs",
        ".create_job()",
        1,
        Others,
        &["run.jobs.create"],
    ),
    call(
        "trackers/cloud_run/image.rs",
        ".get_job()",
        3,
        Others,
        &["run.jobs.get"],
    ),
    call(
        "trackers/cloud_run/image.rs",
        ".delete_job()",
        1,
        Others,
        &["run.jobs.delete"],
    ),
    call(
        "trackers/cloud_run/image.rs",
        ".list_executions()",
        1,
        Others,
        &["run.executions.list"],
    ),
    call(
        "trackers/dataproc/start.rs",
        ".submit_job()",
        1,
        Others,
        &["dataproc.jobs.create"],
    ),
    call(
        "trackers/dataproc/start.rs",
        ".create_batch()",
        1,
        Others,
        &["dataproc.batches.create"],
    ),
    call(
        "trackers/dataproc/mod.rs",
        ".get_job()",
        1,
        Others,
        &["dataproc.jobs.get"],
    ),
    call(
        "trackers/dataproc/mod.rs",
        ".get_batch()",
        1,
        Others,
        &["dataproc.batches.get"],
    ),
    call(
        "trackers/dataproc/mod.rs",
        ".cancel_job()",
        1,
        Others,
        &["dataproc.jobs.cancel"],
    ),
    call(
        "trackers/dataproc/mod.rs",
        ".cancel_operation()",
        1,
        Others,
        &["dataproc.operations.cancel"],
    ),
];

/// What somebody needs for what it does. Leave to list is needed wherever an object is read that may not be there: without it Cloud
/// Storage answers that it is forbidden, and not that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The role of `ork-service`; `worker` for all with credentials of their own, `sign` for the account that signs.
    pub who: &'static str,
    /// On what.
    pub on: On,
    /// Of objects: those whose names begin so.
    pub prefix: &'static str,
    /// What is needed.
    pub permissions: &'static [&'static str],
}

const fn need(
    who: &'static str,
    on: On,
    prefix: &'static str,
    permissions: &'static [&'static str],
) -> Need {
    Need {
        who,
        on,
        prefix,
        permissions,
    }
}

const WRITES: &[&str] = &[GET, CREATE, DELETE];
const STARTS: &[&str] = &[
    "run.executions.cancel",
    "run.executions.get",
    "run.jobs.run",
    "run.jobs.runWithOverrides",
];
const STOPS: &[&str] = &["run.executions.cancel", "run.executions.get"];

/// What tick, dispatch or poll needs: they do the same, for other reasons.
const fn starter(who: &'static str) -> [Need; 10] {
    [
        need(who, Database, "", STATE),
        need(who, Objects, "", &[LIST]),
        need(who, Objects, "runs/", WRITES),
        need(who, Objects, "workflows/", &[GET]),
        need(who, Hints, "", &[PUBLISH]),
        need(who, WorkerTopics, "", &[PUBLISH]),
        need(who, Queue, "", &["cloudtasks.tasks.create"]),
        need(who, WakeAccount, "", &["iam.serviceAccounts.actAs"]),
        need(who, Jobs, "", STARTS),
        need(who, SignAccount, "", &["iam.serviceAccounts.signBlob"]),
    ]
}

const OTHERS: &[Need] = &[
    // It settles and starts nothing; what a verdict makes superfluous it stops, and it stores what was uploaded.
    need("monitor", Database, "", STATE),
    need("monitor", Objects, "", &[LIST]),
    need("monitor", Objects, "runs/", WRITES),
    need("monitor", Objects, "workflows/", WRITES),
    need("monitor", Hints, "", &[PUBLISH]),
    need("monitor", Queue, "", &["cloudtasks.tasks.create"]),
    need("monitor", WakeAccount, "", &["iam.serviceAccounts.actAs"]),
    need("monitor", Jobs, "", STOPS),
    // It writes no objects, starts and stops nothing.
    need("api", Database, "", STATE),
    need("api", Objects, "", &[LIST]),
    need("api", Objects, "runs/", &[GET]),
    need("api", Objects, "workflows/", &[GET]),
    need("api", Hints, "", &[PUBLISH]),
    need("worker", Objects, "", &[LIST]),
    need("worker", Objects, "runs/", WRITES),
    need("worker", Objects, "workflows/", &[GET]),
    need("sign", Objects, "", &[LIST]),
    need("sign", Objects, "runs/", WRITES),
    need("sign", Objects, "workflows/", &[GET]),
];

/// Everything that somebody needs and a deployment gives. A worker without credentials is not among them.
pub fn needs() -> Vec<Need> {
    let starters = ["tick", "dispatch", "poll"].into_iter().flat_map(starter);
    starters.chain(OTHERS.iter().copied()).collect()
}
