//! Roles of Google, and what they allow.

use std::collections::BTreeSet;

/// Roles of Google and what they allow, of what Ork's calls need; `*` stands for more than that. From the public definitions of 2026-11.
pub const ROLES: &[(&str, &[&str])] = &[
    (
        "roles/datastore.user",
        &[
            "datastore.entities.create",
            "datastore.entities.delete",
            "datastore.entities.get",
            "datastore.entities.list",
            "datastore.entities.update",
        ],
    ),
    (
        "roles/datastore.viewer",
        &["datastore.entities.get", "datastore.entities.list"],
    ),
    (
        "roles/datastore.owner",
        &[
            "*",
            "datastore.entities.create",
            "datastore.entities.delete",
            "datastore.entities.get",
            "datastore.entities.list",
            "datastore.entities.update",
        ],
    ),
    (
        "roles/storage.legacyBucketReader",
        &["storage.buckets.get", "storage.objects.list"],
    ),
    (
        "roles/storage.objectViewer",
        &["storage.objects.get", "storage.objects.list"],
    ),
    ("roles/storage.objectCreator", &["storage.objects.create"]),
    (
        "roles/storage.objectUser",
        &[
            "storage.objects.create",
            "storage.objects.delete",
            "storage.objects.get",
            "storage.objects.list",
            "storage.objects.update",
        ],
    ),
    (
        "roles/storage.objectAdmin",
        &[
            "*",
            "storage.objects.create",
            "storage.objects.delete",
            "storage.objects.get",
            "storage.objects.list",
            "storage.objects.update",
        ],
    ),
    ("roles/pubsub.publisher", &["pubsub.topics.publish"]),
    (
        "roles/pubsub.editor",
        &["*", "pubsub.topics.publish", "pubsub.subscriptions.consume"],
    ),
    (
        "roles/cloudtasks.enqueuer",
        &["cloudtasks.tasks.create", "cloudtasks.tasks.fullView"],
    ),
    (
        "roles/cloudtasks.admin",
        &["*", "cloudtasks.tasks.create", "cloudtasks.tasks.fullView"],
    ),
    (
        "roles/iam.serviceAccountUser",
        &["iam.serviceAccounts.actAs"],
    ),
    (
        "roles/iam.serviceAccountTokenCreator",
        &[
            "iam.serviceAccounts.getAccessToken",
            "iam.serviceAccounts.signBlob",
        ],
    ),
    (
        "roles/run.viewer",
        &["run.executions.get", "run.executions.list", "run.jobs.get"],
    ),
    (
        "roles/run.jobsExecutor",
        &["run.executions.cancel", "run.jobs.run"],
    ),
    (
        "roles/run.jobsExecutorWithOverrides",
        &[
            "run.executions.cancel",
            "run.jobs.run",
            "run.jobs.runWithOverrides",
        ],
    ),
    (
        "roles/run.developer",
        &[
            "*",
            "run.executions.cancel",
            "run.executions.get",
            "run.executions.list",
            "run.jobs.get",
            "run.jobs.run",
            "run.jobs.runWithOverrides",
        ],
    ),
];

/// What a role allows, of what Ork's calls need; `*` among it where it is more than that. `None` for a role that is not known here.
pub fn allows(role: &str) -> Option<BTreeSet<&'static str>> {
    let (_, permissions) = ROLES.iter().find(|(name, _)| *name == role)?;
    Some(permissions.iter().copied().collect())
}
