//! How a document lies in Firestore's fields, and back.

use std::collections::HashMap;

use ork_core::ids::WorkflowName;
use ork_core::run::RunStatus;
use ork_core::time::Time;
use ork_engine::ports::{Document, Index, Key, StoreError, StoreErrorKind, Version};

use super::proto;
use super::proto::value::ValueType;
use super::version::version;

/// The layout that this Ork writes, and the newest it reads.
pub(super) const FORMAT: i64 = 1;

/// The map of what is not searched by.
pub(super) const ORK: &str = "ork";
pub(super) const WAKE_AT: &str = "wake_at";
pub(super) const STATUS: &str = "status";
pub(super) const WORKFLOW: &str = "workflow";
pub(super) const CREATED_AT: &str = "created_at";

const BODY: &str = "body";
const FORMAT_FIELD: &str = "format";
const REPLACES: &str = "replaces";

type Fields = HashMap<String, proto::Value>;

pub(super) fn value(value_type: ValueType) -> proto::Value {
    proto::Value {
        value_type: Some(value_type),
    }
}

pub(super) fn text(text: &str) -> proto::Value {
    value(ValueType::StringValue(text.to_owned()))
}

pub(super) fn integer(number: i64) -> proto::Value {
    value(ValueType::IntegerValue(number))
}

/// What stands in `created_at` of a run: null sorts before all instants.
pub(super) fn created_at(at: Option<Time>) -> proto::Value {
    at.map_or_else(|| value(ValueType::NullValue(0)), |Time(at)| integer(at))
}

/// All fields of a document that replaces `replaced`.
pub(super) fn fields(key: &Key, body: &[u8], index: &Index, replaced: Option<Version>) -> Fields {
    let Version(replaced) = replaced.unwrap_or(Version(0));
    let ork = Fields::from([
        (FORMAT_FIELD.to_owned(), integer(FORMAT)),
        (BODY.to_owned(), value(ValueType::BytesValue(body.to_vec()))),
        // Versions end long before the numbers do.
        (
            REPLACES.to_owned(),
            integer(i64::try_from(replaced).unwrap_or(i64::MAX)),
        ),
    ]);
    let mut fields = Fields::from([(
        ORK.to_owned(),
        value(ValueType::MapValue(proto::MapValue { fields: ork })),
    )]);
    if let Some(Time(at)) = index.wake_at {
        fields.insert(WAKE_AT.to_owned(), integer(at));
    }
    if let Some(status) = index.status {
        fields.insert(STATUS.to_owned(), text(status.as_str()));
    }
    if let Some(workflow) = &index.workflow {
        fields.insert(WORKFLOW.to_owned(), text(workflow.as_str()));
    }
    if index.created_at.is_some() || matches!(key, Key::Run(_)) {
        fields.insert(CREATED_AT.to_owned(), created_at(index.created_at));
    }
    fields
}

fn corrupt(key: &Key, what: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Corrupt,
        format!(
            "the Firestore document `{key}` {what}; nothing was changed: restore it from a backup, or remove it"
        ),
    )
}

/// The document that was read.
pub(super) fn document(key: &Key, found: proto::Document) -> Result<Document, StoreError> {
    let version = found
        .update_time
        .as_ref()
        .and_then(version)
        .ok_or_else(|| corrupt(key, "came without a usable update_time"))?;
    let mut fields = found.fields;
    let mut ork = match fields.remove(ORK).and_then(|value| value.value_type) {
        Some(ValueType::MapValue(map)) => map.fields,
        other => return Err(foreign(key, ORK, "a map", other.as_ref())),
    };
    match ork.remove(FORMAT_FIELD).and_then(|value| value.value_type) {
        Some(ValueType::IntegerValue(FORMAT)) => {}
        Some(ValueType::IntegerValue(newer)) if newer > FORMAT => {
            return Err(StoreError::new(
                StoreErrorKind::Corrupt,
                format!(
                    "the Firestore document `{key}` has format {newer}, and this Ork knows formats up to {FORMAT}: a newer Ork wrote it; update this one"
                ),
            ));
        }
        other => return Err(foreign(key, "ork.format", "a known format", other.as_ref())),
    }
    let body = match ork.remove(BODY).and_then(|value| value.value_type) {
        Some(ValueType::BytesValue(body)) => body,
        other => return Err(foreign(key, "ork.body", "bytes", other.as_ref())),
    };
    let status = string(key, &mut fields, STATUS)?
        .map(|word| word.parse::<RunStatus>())
        .transpose()
        .map_err(|error| corrupt(key, &format!("has a status that no run has ({error})")))?;
    let workflow = string(key, &mut fields, WORKFLOW)?
        .map(|name| WorkflowName::new(&name))
        .transpose()
        .map_err(|error| corrupt(key, &format!("has a workflow that cannot be ({error})")))?;
    Ok(Document {
        version,
        body,
        index: Index {
            wake_at: instant(key, &fields, WAKE_AT)?,
            status,
            workflow,
            created_at: instant(key, &fields, CREATED_AT)?,
        },
    })
}

/// An instant that may be missing or null.
pub(super) fn instant(key: &Key, fields: &Fields, field: &str) -> Result<Option<Time>, StoreError> {
    match fields
        .get(field)
        .and_then(|value| value.value_type.as_ref())
    {
        None | Some(ValueType::NullValue(_)) => Ok(None),
        Some(ValueType::IntegerValue(at)) => Ok(Some(Time(*at))),
        other => Err(foreign(key, field, "a whole number", other)),
    }
}

fn string(key: &Key, fields: &mut Fields, field: &str) -> Result<Option<String>, StoreError> {
    match fields.remove(field).and_then(|value| value.value_type) {
        None => Ok(None),
        Some(ValueType::StringValue(text)) => Ok(Some(text)),
        other => Err(foreign(key, field, "text", other.as_ref())),
    }
}

fn foreign(key: &Key, field: &str, wanted: &str, found: Option<&ValueType>) -> StoreError {
    let found = match found {
        None => "nothing".to_owned(),
        Some(ValueType::IntegerValue(number)) => format!("the number {number}"),
        Some(ValueType::DoubleValue(number)) => format!("the number {number}"),
        Some(ValueType::StringValue(_)) => "text".to_owned(),
        Some(ValueType::BytesValue(_)) => "bytes".to_owned(),
        Some(ValueType::MapValue(_)) => "a map".to_owned(),
        Some(_) => "something else".to_owned(),
    };
    corrupt(
        key,
        &format!("is not as Ork writes it: `{field}` must be {wanted} and is {found}"),
    )
}

#[cfg(test)]
mod tests {
    use ::firestore::gcloud_sdk::prost_types::Timestamp;
    use ork_core::ids::RunId;

    use super::*;

    fn run() -> Key {
        Key::Run(RunId::new("r").expect("valid"))
    }

    fn stored(fields: Fields) -> proto::Document {
        proto::Document {
            fields,
            update_time: Some(Timestamp {
                seconds: 1,
                nanos: 2_000,
            }),
            ..Default::default()
        }
    }

    fn changed(change: impl FnOnce(&mut Fields)) -> StoreError {
        let mut fields = fields(&run(), b"body", &Index::default(), None);
        change(&mut fields);
        document(&run(), stored(fields)).expect_err("this is not what Ork writes")
    }

    fn inner(fields: &mut Fields) -> &mut Fields {
        match fields.get_mut(ORK).and_then(|ork| ork.value_type.as_mut()) {
            Some(ValueType::MapValue(map)) => &mut map.fields,
            other => panic!("the map must be there, not {other:?}"),
        }
    }

    #[test]
    fn a_document_comes_back_whole() {
        let index = Index {
            wake_at: Some(Time(-5)),
            status: Some(RunStatus::Recovering),
            workflow: Some(WorkflowName::new("nightly").expect("valid")),
            created_at: Some(Time(i64::MAX)),
        };
        for index in [index, Index::default()] {
            let back = document(
                &run(),
                stored(fields(&run(), b"b", &index, Some(Version(7)))),
            );
            let expected = Document {
                version: Version(1_000_002),
                body: b"b".to_vec(),
                index,
            };
            assert_eq!(back.expect("a document"), expected);
        }
    }

    #[test]
    fn a_newer_format_is_told_and_not_guessed_at() {
        let error = changed(|fields| {
            inner(fields).insert(FORMAT_FIELD.to_owned(), integer(FORMAT + 1));
        });
        assert_eq!(error.kind, StoreErrorKind::Corrupt);
        assert!(
            error.message.contains("format 2") && error.message.contains("update"),
            "{error}"
        );
    }

    #[test]
    fn what_ork_does_not_write_is_corrupt_and_named() {
        let cases: [(&str, StoreError); 6] = [
            (
                "`ork`",
                changed(|fields| {
                    fields.remove(ORK);
                }),
            ),
            (
                "`ork.format`",
                changed(|fields| {
                    inner(fields).insert(FORMAT_FIELD.to_owned(), integer(0));
                }),
            ),
            (
                "`ork.body`",
                changed(|fields| {
                    inner(fields).insert(BODY.to_owned(), text("b"));
                }),
            ),
            (
                "status",
                changed(|fields| {
                    fields.insert(STATUS.to_owned(), text("asleep"));
                }),
            ),
            (
                "workflow",
                changed(|fields| {
                    fields.insert(WORKFLOW.to_owned(), text("9 9"));
                }),
            ),
            (
                "`wake_at`",
                changed(|fields| {
                    fields.insert(WAKE_AT.to_owned(), text("soon"));
                }),
            ),
        ];
        for (field, error) in cases {
            assert_eq!(error.kind, StoreErrorKind::Corrupt, "{error}");
            assert!(
                error.message.contains(field) && error.message.contains("runs/r"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_field_that_somebody_else_added_is_ignored() {
        let mut fields = fields(&run(), b"b", &Index::default(), None);
        fields.insert("note".to_owned(), text("mine"));
        assert_eq!(
            document(&run(), stored(fields)).expect("a document").body,
            b"b"
        );
    }

    #[test]
    fn a_replacement_always_differs_from_what_it_replaces() {
        let of = |replaced| fields(&run(), b"same", &Index::default(), replaced);
        assert_ne!(of(None), of(Some(Version(1))));
        assert_ne!(of(Some(Version(1))), of(Some(Version(2))));
    }
}
