//! Types: the first line is the spelling of one, the rest a value as text.

use ork_core::schema::type_schema;
use ork_core::types::Type;

use crate::Reading;

/// A type and a value.
///
/// Reading ends; an error stands inside the text. What is accepted is written so that it reads as the same, takes itself,
/// has a schema, and is stored and read back; a value made from text for it is one of its values.
pub fn kind(bytes: &[u8]) -> Reading {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Reading::Rejected;
    };
    let (spelling, value) = text.split_once('\n').unwrap_or((text, ""));
    let row = Type::parse_text("{id: int, tags: [str]?}", &|_| None).expect("a type");
    let alias = |name: &str| (name == "Row").then(|| row.clone());
    match Type::parse_text(spelling, &alias) {
        Ok(kind) => {
            let written = kind.to_string();
            let read = Type::parse_text(&written, &|_| None)
                .unwrap_or_else(|error| panic!("{written:?} was written: {error}"));
            assert_eq!(read, kind, "written as {written:?}");
            kind.accepts(&kind)
                .unwrap_or_else(|error| panic!("it does not take itself: {error}"));
            type_schema(&kind);
            let stored = serde_json::to_vec(&kind).expect("a type is plain data");
            let again: Type = serde_json::from_slice(&stored).expect("what was stored can be read");
            assert_eq!(again, kind, "stored and read back");
            if let Ok(found) = kind.coerce_text(value) {
                kind.check(&found)
                    .unwrap_or_else(|error| panic!("{found} was made for it: {error}"));
            }
            if let Ok(json) = serde_json::from_str(value) {
                let _ = kind.check(&json);
            }
            Reading::Accepted
        }
        Err(error) => {
            assert!(spelling.is_char_boundary(error.offset), "{error:?}");
            assert!(!error.message.is_empty());
            Reading::Rejected
        }
    }
}
