//! Types as files write them: aliases under `types`, and the type of an input, an output or a param.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostics;
use crate::ids::TaskName;
use crate::limits::NESTING;
use crate::types::Type;

use super::codes;
use super::fields::{Field, Fields};
use super::node::{Key, Kind, Node};
use super::suggest;

/// Parts of one type once its aliases are spelled out.
const PARTS: usize = 2_000;
/// Parts of all types of a file together.
const ALL_PARTS: usize = 500_000;

/// The aliases of a file and the room that is left for types.
#[derive(Debug)]
pub(super) struct Aliases {
    known: BTreeMap<String, Option<Type>>,
    /// Parts and depth of each.
    sizes: BTreeMap<String, (usize, usize)>,
    room: Cell<usize>,
}

impl Aliases {
    /// No aliases.
    pub(super) fn none() -> Self {
        Self {
            known: BTreeMap::new(),
            sizes: BTreeMap::new(),
            room: Cell::new(ALL_PARTS),
        }
    }

    /// Reads the map under `types`.
    pub(super) fn read(field: &Field<'_>, found: &mut Diagnostics) -> Self {
        let mut aliases = Self::none();
        let Some(fields) = field.open(found) else {
            return aliases;
        };
        for (key, _) in fields.entries() {
            check_name(key, found);
        }
        let entries: BTreeMap<&str, (&Key, &Node)> = fields
            .entries()
            .iter()
            .map(|(key, node)| (key.text.as_str(), (key, node)))
            .collect();
        let (order, recursive) = in_order(&fields, &entries, found);
        // Known and without a type, so that nobody spells them out.
        aliases
            .known
            .extend(recursive.iter().map(|name| ((*name).to_owned(), None)));
        for name in order {
            let Some((key, node)) = entries.get(name).filter(|_| !recursive.contains(name)) else {
                continue;
            };
            let field = Field {
                label: format!("type `{name}`"),
                key_at: key.at,
                node,
            };
            let kind = aliases.kind(&field, found);
            if let Some(kind) = &kind {
                aliases.sizes.insert(name.to_owned(), measure(kind));
            }
            aliases.known.insert(name.to_owned(), kind);
        }
        aliases
    }

    /// The aliases that have a type.
    pub(super) fn into_types(self) -> BTreeMap<String, Type> {
        self.known
            .into_iter()
            .filter_map(|(name, kind)| Some((name, kind?)))
            .collect()
    }

    /// The type that a value of the file states.
    pub(super) fn kind(&self, field: &Field<'_>, found: &mut Diagnostics) -> Option<Type> {
        let room = RefCell::new(Room {
            parts: PARTS.min(self.room.get()),
            deepest: 0,
            full: false,
        });
        let kind = self.part(field, field.node, 0, &room, found)?;
        let used = measure(&kind).0;
        if room.borrow().full || used > PARTS || used > self.room.get() {
            let message = format!(
                "{} is too large once its aliases are spelled out",
                field.label
            );
            found
                .error(codes::BAD_TYPE, field.node.at, message)
                .hint("use `any` or `map[T]` for parts that need no check");
            return None;
        }
        self.room.set(self.room.get() - used);
        Some(kind)
    }

    fn part(
        &self,
        field: &Field<'_>,
        node: &Node,
        depth: usize,
        room: &RefCell<Room>,
        found: &mut Diagnostics,
    ) -> Option<Type> {
        match &node.kind {
            Kind::List(items) => match items.as_slice() {
                [item] => self
                    .part(field, item, depth + 1, room, found)
                    .map(|item| Type::List(Box::new(item))),
                _ => {
                    let message = format!(
                        "{}: a list type has exactly one element type, not {}",
                        field.label,
                        items.len()
                    );
                    found
                        .error(codes::BAD_TYPE, node.at, message)
                        .hint("write [T], as in [str]");
                    None
                }
            },
            Kind::Map(entries) => {
                let parts: Vec<Option<(String, Type)>> = entries
                    .iter()
                    .map(|(key, value)| {
                        Some((
                            key.text.clone(),
                            self.part(field, value, depth + 1, room, found)?,
                        ))
                    })
                    .collect();
                parts
                    .into_iter()
                    .collect::<Option<BTreeMap<_, _>>>()
                    .map(Type::Object)
            }
            Kind::Scalar(_) => self.word(field, node, depth, room, found),
        }
    }

    fn word(
        &self,
        field: &Field<'_>,
        node: &Node,
        depth: usize,
        room: &RefCell<Room>,
        found: &mut Diagnostics,
    ) -> Option<Type> {
        let Some(text) = node.text() else {
            let message = format!(
                "{}: a type is a name, [T] or a map of fields, not {}",
                field.label,
                node.kind_name()
            );
            found.error(codes::BAD_TYPE, node.at, message).maybe_hint(
                node.is_null()
                    .then(|| "for an optional value write T?".to_owned()),
            );
            return None;
        };
        let alias = |name: &str| match self.known.get(name)? {
            // What is wrong with it was said where it is declared.
            None => Some(Type::Any),
            Some(kind) => {
                let (parts, deep) = self.sizes.get(name).copied().unwrap_or((1, 1));
                room.borrow_mut()
                    .take(parts, depth + deep)
                    .then(|| kind.clone())
                    .or(Some(Type::Any))
            }
        };
        match Type::parse_text(text, &alias) {
            Ok(kind) => Some(kind),
            Err(error) => {
                let rest = &text[error.offset.min(text.len())..];
                let length = rest
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '-')))
                    .unwrap_or(rest.len())
                    .max(rest.chars().next().map_or(1, char::len_utf8));
                let at = node.inside(error.offset, (error.offset + length).min(text.len()));
                match rest[..length.min(rest.len())].strip_prefix("types.") {
                    Some(name) if !self.known.contains_key(name) => {
                        let hint =
                            suggest::hint(name, self.known.keys().map(String::as_str), found)
                                .unwrap_or_else(|| "declare it under `types`".to_owned());
                        found
                            .error(
                                codes::UNKNOWN_ALIAS,
                                at,
                                format!("{}: there is no type `{name}`", field.label),
                            )
                            .hint(hint);
                    }
                    _ => {
                        found
                            .error(
                                codes::BAD_TYPE,
                                at,
                                format!("{}: {}", field.label, error.message),
                            )
                            .maybe_hint(error.hint);
                    }
                }
                None
            }
        }
    }
}

/// What a type may still grow by.
struct Room {
    parts: usize,
    deepest: usize,
    full: bool,
}

impl Room {
    fn take(&mut self, parts: usize, depth: usize) -> bool {
        self.deepest = self.deepest.max(depth);
        self.full |= parts > self.parts || self.deepest > NESTING;
        self.parts = self.parts.saturating_sub(parts);
        !self.full
    }
}

fn check_name(key: &Key, found: &mut Diagnostics) {
    if Type::builtin(&key.text).is_some() {
        found
            .error(
                codes::ALIAS_IS_BUILTIN,
                key.at,
                format!("the alias `{}` has the name of a builtin type", key.text),
            )
            .hint("give it another name, such as one in capitals");
    } else if TaskName::new(&key.text).is_err() {
        found.error(codes::BAD_NAME, key.at, format!("`{}` is not a name for a type: a letter, then up to 62 letters, digits, `_` or `-`", key.text));
    }
}

/// Parts and depth of a type.
fn measure(kind: &Type) -> (usize, usize) {
    let inner: Vec<(usize, usize)> = match kind {
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) => vec![measure(inner)],
        Type::Object(fields) => fields.values().map(measure).collect(),
        Type::Enum(words) => return (1 + words.len(), 1),
        _ => return (1, 1),
    };
    (
        1 + inner.iter().map(|(parts, _)| parts).sum::<usize>(),
        1 + inner.iter().map(|(_, depth)| *depth).max().unwrap_or(0),
    )
}

/// The aliases so that each comes after those it uses, and those that contain themselves.
fn in_order<'n>(
    fields: &Fields<'n>,
    entries: &BTreeMap<&'n str, (&'n Key, &'n Node)>,
    found: &mut Diagnostics,
) -> (Vec<&'n str>, BTreeSet<&'n str>) {
    let uses: BTreeMap<&str, Vec<&'n str>> = entries
        .iter()
        .map(|(name, (_, node))| {
            let mut names = BTreeSet::new();
            mentioned(node, &mut names);
            (
                *name,
                names
                    .into_iter()
                    .filter(|used| entries.contains_key(used))
                    .collect(),
            )
        })
        .collect();
    let mut order: Vec<&'n str> = Vec::new();
    let mut done: BTreeSet<&'n str> = BTreeSet::new();
    let mut recursive: BTreeSet<&'n str> = BTreeSet::new();
    for (key, _) in fields.entries() {
        let start = key.text.as_str();
        let mut path: Vec<(&'n str, usize)> = if done.contains(start) {
            Vec::new()
        } else {
            vec![(start, 0)]
        };
        while let Some((name, next)) = path.last_mut() {
            let Some(used) = uses.get(name).and_then(|uses| uses.get(*next)).copied() else {
                done.insert(name);
                order.push(name);
                path.pop();
                continue;
            };
            *next += 1;
            if let Some(from) = path.iter().position(|(open, _)| *open == used) {
                let mut chain: Vec<&str> = path[from..].iter().map(|(name, _)| *name).collect();
                recursive.extend(path[from..].iter().map(|(name, _)| *name));
                chain.push(used);
                let at = entries.get(used).map_or(fields.at, |(key, _)| key.at);
                let message = format!("the type `{used}` contains itself: {}", chain.join(" → "));
                found
                    .error(codes::RECURSIVE_ALIAS, at, message)
                    .hint("use `any` at one of these places");
            } else if !done.contains(used) {
                path.push((used, 0));
            }
        }
    }
    (order, recursive)
}

/// The names after `types.` in all texts of a type.
fn mentioned<'n>(node: &'n Node, into: &mut BTreeSet<&'n str>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| mentioned(item, into)),
        Kind::Map(entries) => entries.iter().for_each(|(_, item)| mentioned(item, into)),
        Kind::Scalar(scalar) => {
            for (at, mark) in scalar.text.match_indices("types.") {
                let rest = &scalar.text[at + mark.len()..];
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
                    .unwrap_or(rest.len());
                into.insert(&rest[..end]);
            }
        }
    }
}
