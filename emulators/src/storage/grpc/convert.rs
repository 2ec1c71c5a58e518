//! Between the messages of the gRPC API and what the store keeps.

use gcloud_sdk::google::storage::v2 as proto;
use jiff::Timestamp;

use crate::storage::bucket::Bucket;
use crate::storage::checksum::Stated;
use crate::storage::object::Object;
use crate::storage::refusal::Refusal;
use crate::storage::settings::Settings;

const BUCKETS: &str = "projects/_/buckets/";

/// The bucket's own name from its full one.
pub(super) fn bucket_name(full: &str) -> Result<&str, Refusal> {
    full.strip_prefix(BUCKETS)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| {
            Refusal::invalid(format!(
                "Invalid bucket name {full:?}: it must be {BUCKETS}BUCKET"
            ))
        })
}

/// gRPC writes "no generation asked for" as 0.
pub(super) fn generation(number: i64) -> Option<i64> {
    (number != 0).then_some(number)
}

pub(super) fn object(object: &Object) -> proto::Object {
    let settings = &object.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let created = Some(timestamp(object.created));
    proto::Object {
        name: object.name.clone(),
        bucket: format!("{BUCKETS}{}", object.bucket),
        etag: object.etag(),
        generation: object.generation,
        metageneration: object.metageneration,
        storage_class: settings.storage_class().to_owned(),
        size: object.content.data.len() as i64,
        content_encoding: text(&settings.content_encoding),
        content_disposition: text(&settings.content_disposition),
        cache_control: text(&settings.cache_control),
        content_language: text(&settings.content_language),
        content_type: text(&settings.content_type),
        create_time: created,
        finalize_time: created,
        update_storage_class_time: created,
        update_time: Some(timestamp(object.updated)),
        component_count: object.content.components.unwrap_or_default(),
        checksums: Some(proto::ObjectChecksums {
            crc32c: Some(object.content.crc32c),
            md5_hash: object
                .content
                .md5
                .map(|md5| md5.to_vec())
                .unwrap_or_default(),
        }),
        temporary_hold: settings.temporary_hold,
        event_based_hold: settings.event_based_hold.then_some(true),
        metadata: settings.metadata.clone().into_iter().collect(),
        custom_time: settings.custom_time.map(timestamp),
        ..proto::Object::default()
    }
}

pub(super) fn bucket(bucket: &Bucket) -> proto::Bucket {
    let labels = bucket
        .settings
        .get("labels")
        .and_then(|labels| labels.as_object());
    let labels = labels.into_iter().flatten();
    proto::Bucket {
        name: format!("{BUCKETS}{}", bucket.name),
        bucket_id: bucket.name.clone(),
        project: format!("projects/{}", bucket.project),
        metageneration: bucket.metageneration,
        location: bucket.text("location", "US").to_uppercase(),
        location_type: "region".to_owned(),
        storage_class: bucket.text("storageClass", "STANDARD"),
        create_time: Some(timestamp(bucket.created)),
        update_time: Some(timestamp(bucket.updated)),
        labels: labels
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        ..proto::Bucket::default()
    }
}

/// The settable fields of a message.
pub(super) fn settings(object: &proto::Object) -> Result<Settings, Refusal> {
    let mut settings = Settings::default();
    for field in FIELDS {
        take(&mut settings, object, field)?;
    }
    Ok(settings)
}

/// The settable fields, by their name in a mask.
pub(super) const FIELDS: [&str; 10] = [
    "content_type",
    "content_encoding",
    "content_disposition",
    "content_language",
    "cache_control",
    "storage_class",
    "custom_time",
    "temporary_hold",
    "event_based_hold",
    "metadata",
];

/// Takes over one field of a mask.
pub(super) fn take(
    settings: &mut Settings,
    object: &proto::Object,
    field: &str,
) -> Result<(), Refusal> {
    let text = |value: &String| Some(value.clone()).filter(|value| !value.is_empty());
    match field {
        "content_type" => settings.content_type = text(&object.content_type),
        "content_encoding" => settings.content_encoding = text(&object.content_encoding),
        "content_disposition" => settings.content_disposition = text(&object.content_disposition),
        "content_language" => settings.content_language = text(&object.content_language),
        "cache_control" => settings.cache_control = text(&object.cache_control),
        "storage_class" => settings.storage_class = text(&object.storage_class),
        "custom_time" => {
            settings.custom_time = object.custom_time.as_ref().map(instant).transpose()?
        }
        "temporary_hold" => settings.temporary_hold = object.temporary_hold,
        "event_based_hold" => settings.event_based_hold = object.event_based_hold == Some(true),
        "metadata" => settings.metadata = object.metadata.clone().into_iter().collect(),
        _ => match field.strip_prefix("metadata.") {
            Some(key) => match object.metadata.get(key) {
                Some(value) => {
                    settings.metadata.insert(key.to_owned(), value.clone());
                }
                None => {
                    settings.metadata.remove(key);
                }
            },
            None => {
                return Err(Refusal::invalid(format!(
                    "Invalid field in the update mask: {field}"
                )));
            }
        },
    }
    Ok(())
}

pub(super) fn stated(checksums: Option<&proto::ObjectChecksums>) -> Result<Stated, Refusal> {
    let Some(checksums) = checksums else {
        return Ok(Stated::default());
    };
    let md5 = match &checksums.md5_hash[..] {
        [] => None,
        bytes => Some(
            bytes
                .try_into()
                .map_err(|_| Refusal::invalid("An MD5 hash has 16 bytes."))?,
        ),
    };
    Ok(Stated {
        crc32c: checksums.crc32c,
        md5,
    })
}

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.as_second(),
        nanos: at.subsec_nanosecond(),
    }
}

fn instant(time: &prost_types::Timestamp) -> Result<Timestamp, Refusal> {
    Timestamp::new(time.seconds, time.nanos)
        .map_err(|error| Refusal::invalid(format!("Invalid time: {error}")))
}
