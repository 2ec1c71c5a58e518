//! The methods on buckets.

use gcloud_sdk::google::storage::v2 as proto;
use serde_json::{Map, Value, json};

use super::convert;
use crate::storage::bucket::Bucket;
use crate::storage::buckets;
use crate::storage::conditions::Conditions;
use crate::storage::listing::page_size;
use crate::storage::refusal::Refusal;
use crate::storage::store::Store;

pub(super) fn create(
    store: &Store,
    asked: proto::CreateBucketRequest,
) -> Result<proto::Bucket, Refusal> {
    let resource = asked.bucket.unwrap_or_default();
    let project = match asked.parent.as_str() {
        "projects/_" | "" => &resource.project,
        parent => parent,
    };
    let project = project.strip_prefix("projects/").unwrap_or(project);
    if project.is_empty() {
        return Err(Refusal::required("bucket.project"));
    }
    let mut settings = Map::new();
    for (field, value) in [
        ("location", &resource.location),
        ("storageClass", &resource.storage_class),
    ] {
        if !value.is_empty() {
            settings.insert(field.to_owned(), value.clone().into());
        }
    }
    if !resource.labels.is_empty() {
        settings.insert("labels".to_owned(), json!(resource.labels));
    }
    if resource
        .versioning
        .is_some_and(|versioning| versioning.enabled)
    {
        settings.insert("versioning".to_owned(), json!({"enabled": true}));
    }
    let bucket = Bucket::new(&asked.bucket_id, project, &settings)?;
    let answer = convert::bucket(&bucket);
    buckets::insert(&mut store.state(), bucket)?;
    Ok(answer)
}

pub(super) fn get(store: &Store, asked: proto::GetBucketRequest) -> Result<proto::Bucket, Refusal> {
    let state = store.state();
    let bucket = state.bucket(convert::bucket_name(&asked.name)?)?;
    bucket.check(&conditions(
        asked.if_metageneration_match,
        asked.if_metageneration_not_match,
    ))?;
    Ok(convert::bucket(bucket))
}

pub(super) fn list(
    store: &Store,
    asked: proto::ListBucketsRequest,
) -> Result<proto::ListBucketsResponse, Refusal> {
    let project = asked.parent.strip_prefix("projects/");
    let project =
        project.ok_or_else(|| Refusal::invalid(format!("Invalid parent: {}", asked.parent)))?;
    let size = page_size(Some(asked.page_size.into()))?;
    let after = Some(asked.page_token.as_str()).filter(|token| !token.is_empty());
    let state = store.state();
    let (page, next) = buckets::page(&state, project, &asked.prefix, size, after);
    Ok(proto::ListBucketsResponse {
        buckets: page.into_iter().map(convert::bucket).collect(),
        next_page_token: next.unwrap_or_default(),
        unreachable: Vec::new(),
    })
}

pub(super) fn delete(store: &Store, asked: proto::DeleteBucketRequest) -> Result<(), Refusal> {
    let mut state = store.state();
    let name = convert::bucket_name(&asked.name)?;
    let conditions = conditions(
        asked.if_metageneration_match,
        asked.if_metageneration_not_match,
    );
    state.bucket(name)?.check(&conditions)?;
    buckets::remove(&mut state, name)
}

pub(super) fn update(
    store: &Store,
    asked: proto::UpdateBucketRequest,
) -> Result<proto::Bucket, Refusal> {
    let resource = asked.bucket.ok_or_else(|| Refusal::required("bucket"))?;
    let mask = asked.update_mask.map(|mask| mask.paths).unwrap_or_default();
    let mut changes = Map::new();
    for field in mask {
        match field.as_str() {
            "labels" => {
                // All labels are replaced: what is not named any more goes.
                let mut state = store.state();
                let bucket = state.bucket_mut(convert::bucket_name(&resource.name)?)?;
                let old = bucket.settings.get("labels").and_then(Value::as_object);
                let old = old
                    .into_iter()
                    .flatten()
                    .map(|(key, _)| (key.clone(), Value::Null));
                let mut labels = old.collect::<Map<_, _>>();
                let new = resource.labels.iter();
                labels.extend(new.map(|(key, value)| (key.clone(), Value::from(value.clone()))));
                changes.insert("labels".to_owned(), labels.into());
            }
            "storage_class" => {
                changes.insert(
                    "storageClass".to_owned(),
                    resource.storage_class.clone().into(),
                );
            }
            other => {
                return Err(Refusal::not_implemented(format!(
                    "changing {other} of a bucket over gRPC"
                )));
            }
        }
    }
    let mut state = store.state();
    let bucket = state.bucket_mut(convert::bucket_name(&resource.name)?)?;
    bucket.check(&conditions(
        asked.if_metageneration_match,
        asked.if_metageneration_not_match,
    ))?;
    bucket.change(&changes, false)?;
    Ok(convert::bucket(bucket))
}

fn conditions(metageneration: Option<i64>, not_metageneration: Option<i64>) -> Conditions {
    Conditions {
        metageneration,
        not_metageneration,
        ..Conditions::default()
    }
}
