//! Labels of jobs, as Google Cloud takes them.

use crate::diagnostic::Diagnostics;
use crate::expr;

use super::codes;
use super::fields::Field;
use super::node::Kind;

/// Characters of a key, and of a value.
const LONGEST: usize = 63;

/// Whether the service of a job takes labels: `most` of them at most, their values templates or as they stand. Says which it does not.
pub(super) fn check(field: &Field<'_>, most: usize, found: &mut Diagnostics) -> bool {
    if field.node.text().is_some_and(expr::has_template) {
        return true;
    }
    let Kind::Map(entries) = &field.node.kind else {
        field.wrong_kind("a map", found);
        return false;
    };
    let mut good = true;
    if let Some((first, _)) = entries.get(most) {
        let message = format!(
            "{} are {}, and a job has {most} at most",
            field.label,
            entries.len()
        );
        found
            .error(codes::OUT_OF_RANGE, first.at, message)
            .hint("remove some");
        good = false;
    }
    for (key, node) in entries {
        if !is_key(&key.text) {
            let message = format!("{}: `{}` is not the key of a label", field.label, key.text);
            found.error(codes::BAD_NAME, key.at, message).hint(hint(
                &key.text,
                is_key,
                "a letter first",
            ));
            good = false;
        }
        let value = Field::new(format!("`{}` in {}", key.text, field.label), node);
        match node.text() {
            Some(text) if is_value(text) || expr::has_template(text) => {}
            Some(text) => {
                let message = format!("{}: `{text}` is not the value of a label", value.label);
                found.error(codes::BAD_NAME, node.at, message).hint(hint(
                    text,
                    is_value,
                    "or nothing at all",
                ));
                good = false;
            }
            // Says what it is instead.
            None => good &= value.text(found).is_some(),
        }
    }
    good
}

fn hint(text: &str, fits: fn(&str) -> bool, more: &str) -> String {
    let small = text.to_lowercase();
    if fits(&small) {
        return format!("labels know no capitals: write `{small}`");
    }
    format!("write up to {LONGEST} small letters, digits, `_` and `-`, {more}")
}

fn is_key(text: &str) -> bool {
    is_value(text) && text.starts_with(char::is_alphabetic)
}

/// Letters of every script will do, those without capitals too.
fn is_value(text: &str) -> bool {
    let legal = |c: char| c == '_' || c == '-' || (c.is_alphanumeric() && !c.is_uppercase());
    text.chars().count() <= LONGEST && text.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_small_letters_digits_and_two_signs() {
        for (text, key, value) in [
            ("team", true, true),
            ("ork-run_2", true, true),
            ("büro", true, true),
            ("会社", true, true),
            ("2nd", false, true),
            ("_x", false, true),
            ("", false, true),
            ("Team", false, false),
            ("a b", false, false),
            ("a.b", false, false),
            ("2026-06-01", false, true),
        ] {
            assert_eq!((is_key(text), is_value(text)), (key, value), "{text}");
        }
        assert!(is_value(&"ä".repeat(63)) && !is_value(&"ä".repeat(64)));
    }
}
