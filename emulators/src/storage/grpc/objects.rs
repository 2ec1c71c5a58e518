//! The methods on objects.

use gcloud_sdk::google::storage::v2 as proto;

use super::convert;
use crate::storage::conditions::Conditions;
use crate::storage::glob::Glob;
use crate::storage::listing::{Entry, Listing, page_size};
use crate::storage::objects::{self, Source};
use crate::storage::refusal::Refusal;
use crate::storage::store::Store;
use crate::storage::target::Name;

/// The conditions of a request; all of Google's messages name them alike.
macro_rules! conditions {
    ($asked:expr) => {
        Conditions {
            generation: $asked.if_generation_match,
            not_generation: $asked.if_generation_not_match,
            metageneration: $asked.if_metageneration_match,
            not_metageneration: $asked.if_metageneration_not_match,
        }
    };
}

macro_rules! source_conditions {
    ($asked:expr) => {
        Conditions {
            generation: $asked.if_source_generation_match,
            not_generation: $asked.if_source_generation_not_match,
            metageneration: $asked.if_source_metageneration_match,
            not_metageneration: $asked.if_source_metageneration_not_match,
        }
    };
}

pub(super) fn get(store: &Store, asked: proto::GetObjectRequest) -> Result<proto::Object, Refusal> {
    if asked.soft_deleted == Some(true) {
        return Err(Refusal::not_implemented("soft-deleted objects"));
    }
    let bucket = convert::bucket_name(&asked.bucket)?;
    let generation = convert::generation(asked.generation);
    let object = store.get(bucket, &asked.object, generation, &conditions!(asked))?;
    Ok(convert::object(&object))
}

pub(super) fn list(
    store: &Store,
    asked: proto::ListObjectsRequest,
) -> Result<proto::ListObjectsResponse, Refusal> {
    if asked.soft_deleted {
        return Err(Refusal::not_implemented("listing soft-deleted objects"));
    }
    if !asked.filter.is_empty() {
        return Err(Refusal::not_implemented(
            "listing with a filter on contexts",
        ));
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let listing = Listing {
        prefix: asked.prefix,
        delimiter: asked.delimiter,
        include_trailing_delimiter: asked.include_trailing_delimiter,
        start: asked.lexicographic_start,
        end: asked.lexicographic_end,
        glob: given(asked.match_glob)
            .map(|glob| Glob::parse(&glob))
            .transpose()?,
        page_size: page_size(Some(asked.page_size.into()))?,
        after: given(asked.page_token)
            .map(|token| Entry::from_token(&token))
            .transpose()?,
    };
    let bucket = convert::bucket_name(&asked.parent)?;
    let page = listing.page(&store.state().bucket(bucket)?.objects);
    Ok(proto::ListObjectsResponse {
        objects: page
            .objects
            .iter()
            .map(|object| convert::object(object))
            .collect(),
        prefixes: page.prefixes,
        next_page_token: page.next.unwrap_or_default(),
    })
}

pub(super) fn delete(store: &Store, asked: proto::DeleteObjectRequest) -> Result<(), Refusal> {
    let bucket = convert::bucket_name(&asked.bucket)?;
    let generation = convert::generation(asked.generation);
    store.delete(bucket, &asked.object, generation, &conditions!(asked))
}

pub(super) fn update(
    store: &Store,
    asked: proto::UpdateObjectRequest,
) -> Result<proto::Object, Refusal> {
    let object = asked
        .object
        .as_ref()
        .ok_or_else(|| Refusal::required("object"))?;
    let mask = asked
        .update_mask
        .as_ref()
        .map(|mask| &mask.paths[..])
        .unwrap_or_default();
    if mask.is_empty() {
        return Err(Refusal::required("update_mask"));
    }
    let bucket = convert::bucket_name(&object.bucket)?;
    let generation = convert::generation(object.generation);
    let changed = store.change(
        bucket,
        &object.name,
        generation,
        &conditions!(asked),
        |settings| {
            for field in mask.iter().map(String::as_str) {
                if field == "*" {
                    *settings = convert::settings(object)?;
                } else {
                    convert::take(settings, object, field)?;
                }
            }
            Ok(())
        },
    )?;
    Ok(convert::object(&changed))
}

pub(super) fn compose(
    store: &Store,
    asked: proto::ComposeObjectRequest,
) -> Result<proto::Object, Refusal> {
    let destination = asked
        .destination
        .as_ref()
        .ok_or_else(|| Refusal::required("destination"))?;
    let to = name(&destination.bucket, &destination.name)?;
    let sources = asked
        .source_objects
        .iter()
        .map(|source| Source {
            name: source.name.clone(),
            generation: convert::generation(source.generation),
            conditions: Conditions {
                generation: source
                    .object_preconditions
                    .as_ref()
                    .and_then(|only| only.if_generation_match),
                ..Conditions::default()
            },
        })
        .collect::<Vec<_>>();
    let conditions = Conditions {
        generation: asked.if_generation_match,
        metageneration: asked.if_metageneration_match,
        ..Conditions::default()
    };
    let settings = convert::settings(destination)?;
    let stated = convert::stated(asked.object_checksums.as_ref())?;
    let object = objects::compose_as(store, &to, &sources, settings, stated, &conditions)?;
    if asked.delete_source_objects == Some(true) {
        objects::delete_all(store, &to.bucket, &sources)?;
    }
    Ok(convert::object(&object))
}

pub(super) fn rewrite(
    store: &Store,
    asked: proto::RewriteObjectRequest,
) -> Result<proto::RewriteResponse, Refusal> {
    let bucket = convert::bucket_name(&asked.source_bucket)?;
    let generation = convert::generation(asked.source_generation);
    let source = store.get(
        bucket,
        &asked.source_object,
        generation,
        &source_conditions!(asked),
    )?;
    let to = name(&asked.destination_bucket, &asked.destination_name)?;
    let settings = match &asked.destination {
        Some(destination) => convert::settings(destination)?,
        None => source.settings.clone(),
    };
    let object = objects::copy_as(store, &source, &to, settings, &conditions!(asked))?;
    let size = object.content.data.len() as i64;
    Ok(proto::RewriteResponse {
        total_bytes_rewritten: size,
        object_size: size,
        done: true,
        rewrite_token: String::new(),
        resource: Some(convert::object(&object)),
    })
}

pub(super) fn rename(
    store: &Store,
    asked: proto::MoveObjectRequest,
) -> Result<proto::Object, Refusal> {
    let bucket = convert::bucket_name(&asked.bucket)?;
    let source = (asked.source_object.as_str(), &source_conditions!(asked));
    let target = (asked.destination_object.as_str(), &conditions!(asked));
    let object = store.rename(bucket, source, target)?;
    Ok(convert::object(&object))
}

fn name(bucket: &str, object: &str) -> Result<Name, Refusal> {
    Ok(Name {
        bucket: convert::bucket_name(bucket)?.to_owned(),
        object: object.to_owned(),
    })
}
