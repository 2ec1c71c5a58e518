//! Fields of JSON answers, and texts of others cut to what may be shown.

use std::borrow::Cow;

use ork_core::Value;
use ork_core::run::Category;

/// The longest text of a service that goes into a message.
pub(crate) const LONGEST: usize = 1024;

/// The value at a path with dots between its parts; a number counts in a list, from 0. None when there is nothing, or null.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, part| match value {
            Value::Object(map) => map.get(part),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
        .filter(|found| !found.is_null())
}

/// Whether a value is one that was stated, or in the list that was. Texts are compared letter by letter, and numbers and
/// truth values also by how they are written: `1`, `1.0` and `"1"` are the same.
pub(crate) fn is_stated(found: &Value, stated: &Value) -> bool {
    match stated {
        _ if found == stated => true,
        Value::Array(several) => several.iter().any(|one| is_same(found, one)),
        one => is_same(found, one),
    }
}

fn is_same(found: &Value, stated: &Value) -> bool {
    if found == stated {
        return true;
    }
    if let (Some(found), Some(stated)) = (found.as_f64(), stated.as_f64()) {
        return found == stated;
    }
    let (text, other) = match (found, stated) {
        (Value::String(text), other) | (other, Value::String(text)) => (text, other),
        _ => return false,
    };
    let written = other.to_string();
    (other.is_number() || other.is_boolean()) && *text == written
}

/// Whether a text is one of some words, in whatever case.
pub(crate) fn is_word(found: &Value, words: &[&str]) -> bool {
    found
        .as_str()
        .is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
}

/// The kind of failure that a value names, if it is one of Ork's words for them.
pub(crate) fn category(found: &Value) -> Category {
    let word = found.as_str().map(str::to_ascii_lowercase);
    word.and_then(|word| word.parse().ok())
        .unwrap_or(Category::Unknown)
}

/// A value as text for people, at most [`LONGEST`] bytes.
pub(crate) fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        other => Cow::Owned(other.to_string()),
    };
    cut(&text, LONGEST).into_owned()
}

/// At most so many bytes of a text, the mark of the cut included.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    const MARK: &str = " …";
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let end = text.floor_char_boundary(most.saturating_sub(MARK.len()));
    Cow::Owned(format!("{}{MARK}", &text[..end]))
}

/// A text without what moves a terminal's cursor.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_goes_through_objects_and_lists() {
        let value = json!({"a": {"b": [{"c": 1}, {"c": "x"}]}, "0": true, "n": null});
        let cases = [
            ("a.b.1.c", Some(json!("x"))),
            ("a.b.0.c", Some(json!(1))),
            ("0", Some(json!(true))),
            ("a.b.2.c", None),
            ("a.b.-1", None),
            ("a.b.c", None),
            ("n", None),
            ("n.x", None),
            ("", None),
        ];
        for (path, expected) in cases {
            assert_eq!(at(&value, path), expected.as_ref(), "{path}");
        }
    }

    #[test]
    fn stated_values_are_compared_by_what_they_say() {
        let cases = [
            (json!("done"), json!("done"), true),
            (json!("DONE"), json!("done"), false),
            (json!(1), json!(1.0), true),
            (json!(1), json!("1"), true),
            (json!("true"), json!(true), true),
            (json!(true), json!(false), false),
            (json!("a"), json!(["b", "a"]), true),
            (json!("c"), json!(["b", "a"]), false),
            (json!(["a"]), json!(["a"]), true),
            (json!({"x": 1}), json!({"x": 1}), true),
            (json!("0x1"), json!(1), false),
        ];
        for (found, stated, expected) in cases {
            assert_eq!(is_stated(&found, &stated), expected, "{found} {stated}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        let long = "ä".repeat(2000);
        let short = cut(&long, LONGEST);
        assert!(short.len() <= LONGEST && short.ends_with(" …"));
        assert_eq!(cut("short", LONGEST), "short");
    }
}
