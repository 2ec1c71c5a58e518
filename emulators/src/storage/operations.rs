//! Counts operations by the class that Google charges for.

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Serialize;

use super::query::Query;
use super::target::Target;

/// What an operation costs: class A is what writes and lists, class B what reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    A,
    B,
    Free,
}

/// Operations since the start or the last reset. Refused ones (status 300 and more, as 412 of a precondition) are counted apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operations {
    /// Inserts, lists, copies, composes and changes that were done.
    pub class_a: u64,
    /// Reads of objects and of metadata that were done.
    pub class_b: u64,
    /// Deletes, and the chunks of an upload whose start was counted.
    pub free: u64,
    /// Operations that were answered with an error or "not modified".
    pub refused: u64,
    /// Those done, by their name in the JSON API (`objects.insert`).
    pub methods: BTreeMap<String, u64>,
    /// Those refused, by name and status (`objects.insert 412`).
    pub refusals: BTreeMap<String, u64>,
    /// Bytes of objects that came in and went out.
    pub bytes_in: u64,
    /// Bytes of objects that went out.
    pub bytes_out: u64,
}

impl Operations {
    /// Counts an operation with the status it was answered with.
    pub(super) fn count(&mut self, name: &str, class: Class, status: u16) {
        if status >= 300 && status != 308 {
            self.refused += 1;
            *self.refusals.entry(format!("{name} {status}")).or_default() += 1;
            return;
        }
        *match class {
            Class::A => &mut self.class_a,
            Class::B => &mut self.class_b,
            Class::Free => &mut self.free,
        } += 1;
        *self.methods.entry(name.to_owned()).or_default() += 1;
    }
}

/// The operation that a request of the JSON API is.
pub(super) fn of_request(method: &Method, target: &Target, query: &Query) -> (&'static str, Class) {
    use Class::{A, B, Free};
    match (method.as_str(), target) {
        ("GET", Target::Buckets) => ("buckets.list", A),
        (_, Target::Buckets) => ("buckets.insert", A),
        ("GET", Target::Bucket(_)) => ("buckets.get", B),
        ("DELETE", Target::Bucket(_)) => ("buckets.delete", Free),
        (_, Target::Bucket(_)) => ("buckets.patch", A),
        (_, Target::BucketLayout(_)) => ("buckets.getStorageLayout", B),
        (_, Target::BucketPolicy(_)) => ("buckets.getIamPolicy", B),
        (_, Target::BucketPermissions(_)) => ("buckets.testIamPermissions", B),
        (_, Target::ServiceAccount(_)) => ("projects.serviceAccount.get", B),
        ("GET", Target::Notifications(_)) => ("notifications.list", B),
        (_, Target::Notifications(_)) => ("notifications.insert", A),
        ("DELETE", Target::Notification(..)) => ("notifications.delete", Free),
        (_, Target::Notification(..)) => ("notifications.get", B),
        (_, Target::Objects(_)) => ("objects.list", A),
        ("DELETE", Target::Object(_)) => ("objects.delete", Free),
        ("GET", Target::Object(_)) if query.text("alt") == Some("media") => {
            ("objects.get (media)", B)
        }
        ("GET", Target::Object(_)) => ("objects.get", B),
        (_, Target::Object(_)) => ("objects.patch", A),
        (_, Target::Download(_)) => ("objects.get (media)", B),
        // The start of an upload in chunks is the one operation that is charged.
        ("PUT" | "DELETE", Target::Upload(_)) => ("objects.insert (chunk)", Free),
        (_, Target::Upload(_)) => ("objects.insert", A),
        (_, Target::Compose(_)) => ("objects.compose", A),
        (_, Target::Move { .. }) => ("objects.move", A),
        (_, Target::Copy { .. }) => ("objects.copy", A),
        (_, Target::Rewrite { .. }) => ("objects.rewrite", A),
    }
}

/// The operation that a method of the gRPC API is; `None` where the stand-in does not know it.
pub(super) fn of_rpc(method: &str) -> Option<(&'static str, Class)> {
    use Class::{A, B, Free};
    Some(match method {
        "GetObject" => ("objects.get", B),
        "ListObjects" => ("objects.list", A),
        "DeleteObject" => ("objects.delete", Free),
        "UpdateObject" => ("objects.patch", A),
        "ComposeObject" => ("objects.compose", A),
        "RewriteObject" => ("objects.rewrite", A),
        "MoveObject" => ("objects.move", A),
        "CreateBucket" => ("buckets.insert", A),
        "GetBucket" => ("buckets.get", B),
        "ListBuckets" => ("buckets.list", A),
        "DeleteBucket" => ("buckets.delete", Free),
        "UpdateBucket" => ("buckets.patch", A),
        _ => return None,
    })
}
