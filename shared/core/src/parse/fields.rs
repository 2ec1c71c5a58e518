//! Reading a map key by key: unknown keys, missing keys, wrong kinds of value, numbers out of range.

use std::ops::RangeInclusive;

use crate::diagnostic::{Diagnostics, Position};
use crate::time::Millis;

use super::amounts;
use super::codes;
use super::node::{Key, Kind, Node, Plain};
use super::suggest;

/// Keys people bring along from elsewhere, and what they are called here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("needs", "depends_on"),
    ("requires", "depends_on"),
    ("dependencies", "depends_on"),
    ("upstream", "depends_on"),
    ("cmd", "command"),
    ("script", "command"),
    ("run", "command"),
    ("args", "inputs"),
    ("arguments", "inputs"),
    ("parameters", "params"),
    ("with_items", "foreach"),
    ("loop", "foreach"),
    ("for_each", "foreach"),
    ("matrix", "foreach"),
    ("if", "when"),
    ("condition", "when"),
    ("trigger_rule", "trigger"),
    ("retry", "retries"),
    ("max_retries", "retries"),
    ("timeout_seconds", "timeout"),
    ("environment", "env"),
    ("queue", "topic"),
    ("cpu", "resources"),
    ("memory", "resources"),
    ("jobs", "tasks"),
    ("steps", "tasks"),
    ("cron", "schedule"),
    ("imports", "import"),
    // The descriptions of deferred jobs call them so.
    ("completion_field", "success_field"),
    ("status_field", "success_field"),
    ("completion_value", "success_value"),
    ("tz", "timezone"),
    ("timezone", "schedule"),
];

/// A map being read.
#[derive(Debug, Clone)]
pub(super) struct Fields<'n> {
    /// How messages call it, such as "task `clean`".
    pub(super) owner: String,
    /// Where it is named.
    pub(super) at: Position,
    entries: &'n [(Key, Node)],
}

/// One value being read.
#[derive(Debug, Clone)]
pub(super) struct Field<'n> {
    /// How messages call it, such as "`timeout` of task `clean`".
    pub(super) label: String,
    /// Where its key is.
    pub(super) key_at: Position,
    /// The value.
    pub(super) node: &'n Node,
}

impl<'n> Fields<'n> {
    /// The map `node`, whose keys must be among `known`.
    pub(super) fn read(
        node: &'n Node,
        owner: String,
        at: Position,
        known: &[&str],
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let fields = Self::open(node, owner, at, found)?;
        for (key, _) in fields.entries {
            if !known.contains(&key.text.as_str()) {
                fields.unknown(key, known, found);
            }
        }
        Some(fields)
    }

    /// The map `node`, whatever its keys are.
    pub(super) fn open(
        node: &'n Node,
        owner: String,
        at: Position,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { owner, at, entries }),
            _ => {
                found.error(
                    codes::WRONG_KIND,
                    node.at,
                    format!(
                        "{owner} must be a map of keys and values, not {}",
                        node.kind_name()
                    ),
                );
                None
            }
        }
    }

    /// A map without entries.
    pub(super) fn empty(owner: String, at: Position) -> Self {
        Self {
            owner,
            at,
            entries: &[],
        }
    }

    fn unknown(&self, key: &Key, known: &[&str], found: &mut Diagnostics) {
        let elsewhere = ELSEWHERE
            .iter()
            .find(|(theirs, ours)| *theirs == key.text && known.contains(ours));
        let hint = match elsewhere {
            Some((_, ours)) => Some(format!("Ork calls it `{ours}`")),
            None => suggest::hint(&key.text, known.iter().copied(), found),
        };
        found
            .error(
                codes::UNKNOWN_KEY,
                key.at,
                format!("{} has no key `{}`", self.owner, key.text),
            )
            .maybe_hint(hint);
    }

    /// The entries in the order of the file.
    pub(super) fn entries(&self) -> &'n [(Key, Node)] {
        self.entries
    }

    /// The value of `key`.
    pub(super) fn field(&self, key: &str) -> Option<Field<'n>> {
        let (found, node) = self.entries.iter().find(|(known, _)| known.text == key)?;
        Some(Field {
            label: format!("`{key}` of {}", self.owner),
            key_at: found.at,
            node,
        })
    }

    /// The value of a key that must be there.
    pub(super) fn need(&self, key: &str, hint: &str, found: &mut Diagnostics) -> Option<Field<'n>> {
        let field = self.field(key);
        if field.is_none() {
            found
                .error(
                    codes::MISSING_KEY,
                    self.at,
                    format!("{} lacks the key `{key}`", self.owner),
                )
                .hint(hint);
        }
        field
    }
}

impl<'n> Field<'n> {
    /// A value that is not under a key of its own.
    pub(super) fn new(label: String, node: &'n Node) -> Self {
        Self {
            label,
            key_at: node.at,
            node,
        }
    }

    /// Says that it should have been `wanted`.
    pub(super) fn wrong_kind(&self, wanted: &str, found: &mut Diagnostics) {
        if self.node.is_null() {
            let message = format!("{} has no value; it must be {wanted}", self.label);
            found
                .error(codes::WRONG_KIND, self.node.at, message)
                .hint("give it a value, or remove the key");
        } else {
            found.error(
                codes::WRONG_KIND,
                self.node.at,
                format!(
                    "{} must be {wanted}, not {}",
                    self.label,
                    self.node.kind_name()
                ),
            );
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, found: &mut Diagnostics) -> Option<&'n str> {
        match (self.node.text(), self.node.plain()) {
            (Some(""), _) => {
                found.error(
                    codes::WRONG_KIND,
                    self.node.at,
                    format!("{} must not be empty", self.label),
                );
                None
            }
            (Some(text), _) => Some(text),
            (
                None,
                Some(
                    Plain::Bool(_)
                    | Plain::Int(_)
                    | Plain::Large(_)
                    | Plain::Float(_)
                    | Plain::Unholdable,
                ),
            ) => {
                let message = format!("{} must be text, not {}", self.label, self.node.kind_name());
                found
                    .error(codes::WRONG_KIND, self.node.at, message)
                    .hint("put it in quotes");
                None
            }
            _ => {
                self.wrong_kind("text", found);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, found: &mut Diagnostics) -> Option<bool> {
        if let Some(Plain::Bool(value)) = self.node.plain() {
            return Some(value);
        }
        let message = format!(
            "{} must be true or false, not {}",
            self.label,
            self.node.kind_name()
        );
        let hint = match self.node.text().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "y" | "true") => Some("write `true`, without quotes".to_owned()),
            Some("no" | "off" | "n" | "false") => Some("write `false`, without quotes".to_owned()),
            _ => None,
        };
        found
            .error(codes::WRONG_KIND, self.node.at, message)
            .maybe_hint(hint);
        None
    }

    /// A whole number within `range`.
    pub(super) fn integer<T: TryFrom<i64>>(
        &self,
        range: RangeInclusive<i64>,
        found: &mut Diagnostics,
    ) -> Option<T> {
        match self.node.plain() {
            Some(Plain::Int(value)) => match T::try_from(value) {
                Ok(converted) if range.contains(&value) => Some(converted),
                _ => self.out_of_range(&value.to_string(), &range, found),
            },
            Some(Plain::Large(value)) => self.out_of_range(&value.to_string(), &range, found),
            _ => {
                let quoted = self
                    .node
                    .text()
                    .is_some_and(|text| text.trim().parse::<i64>().is_ok());
                let message = format!(
                    "{} must be an integer, not {}",
                    self.label,
                    self.node.kind_name()
                );
                found
                    .error(codes::WRONG_KIND, self.node.at, message)
                    .maybe_hint(quoted.then(|| "remove the quotes".to_owned()));
                None
            }
        }
    }

    fn out_of_range<T>(
        &self,
        value: &str,
        range: &RangeInclusive<i64>,
        found: &mut Diagnostics,
    ) -> Option<T> {
        let (low, high) = (range.start(), range.end());
        found.error(
            codes::OUT_OF_RANGE,
            self.node.at,
            format!(
                "{} must be between {low} and {high}, not {value}",
                self.label
            ),
        );
        None
    }

    /// A span of time, at least `least`.
    pub(super) fn duration(&self, least: Millis, found: &mut Diagnostics) -> Option<Millis> {
        self.duration_within([least, amounts::LONGEST], found)
    }

    /// A span of time between two, the longer of which is a number of days.
    pub(super) fn duration_within(
        &self,
        [least, most]: [Millis; 2],
        found: &mut Diagnostics,
    ) -> Option<Millis> {
        let span = match self.node.plain() {
            Some(Plain::Int(seconds)) if seconds >= 0 => {
                Some(Millis::from_secs(seconds.unsigned_abs()))
            }
            Some(Plain::Text(text)) => amounts::duration(text),
            Some(Plain::Int(_) | Plain::Large(_) | Plain::Float(_)) => None,
            _ => {
                self.wrong_kind("a duration", found);
                return None;
            }
        };
        let Kind::Scalar(scalar) = &self.node.kind else {
            return None;
        };
        let Some(span) = span else {
            let message = format!("{}: `{}` is not a duration", self.label, scalar.text);
            found
                .error(codes::BAD_DURATION, self.node.at, message)
                .hint("write whole seconds, or a number with a unit: 500ms, 90s, 5m, 1h30m, 2d");
            return None;
        };
        if span < least || span > most {
            let message = format!(
                "{} must be between {least} and {}d, not {}",
                self.label,
                most.0 / 86_400_000,
                scalar.text
            );
            found.error(codes::OUT_OF_RANGE, self.node.at, message);
            return None;
        }
        Some(span)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)], found: &mut Diagnostics) -> Option<T> {
        let text = self.text(found)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let message = format!("{} cannot be `{text}`", self.label);
        let hint = suggest::hint(text, words.iter().map(|(word, _)| *word), found);
        found
            .error(codes::UNKNOWN_WORD, self.node.at, message)
            .maybe_hint(hint);
        None
    }

    /// The items of a list; a single value stands for a list of one when `lone` allows it.
    pub(super) fn items(
        &self,
        lone: bool,
        what: &str,
        found: &mut Diagnostics,
    ) -> Option<Vec<Field<'n>>> {
        let item = |node| Field::new(format!("an item of {}", self.label), node);
        match &self.node.kind {
            Kind::List(items) => Some(items.iter().map(item).collect()),
            _ if lone && !self.node.is_null() => {
                Some(vec![Field::new(self.label.clone(), self.node)])
            }
            _ => {
                self.wrong_kind(what, found);
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self, found: &mut Diagnostics) -> Option<Vec<String>> {
        let items = self.items(false, "a list of texts", found)?;
        items
            .iter()
            .map(|item| item.text(found).map(str::to_owned))
            .collect()
    }

    /// The value as a map whose keys must be among `known`.
    pub(super) fn fields(&self, known: &[&str], found: &mut Diagnostics) -> Option<Fields<'n>> {
        Fields::read(self.node, self.label.clone(), self.key_at, known, found)
    }

    /// The value as a map with any keys.
    pub(super) fn open(&self, found: &mut Diagnostics) -> Option<Fields<'n>> {
        Fields::open(self.node, self.label.clone(), self.key_at, found)
    }
}
