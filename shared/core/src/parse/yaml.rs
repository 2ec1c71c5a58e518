//! YAML text to a tree with positions. The only file that knows the YAML parser.

use std::collections::{BTreeMap, BTreeSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::diagnostic::{Diagnostics, Position, lines};
use crate::limits::{NESTING, NODES};

use super::codes;
use super::node::{Key, Kind, Node, Scalar, Style};

/// Reads the one document of `source`; `None` when it cannot be read, and then `found` says why.
pub(super) fn load(source: &str, found: &mut Diagnostics) -> Option<Node> {
    let before = found.errors();
    let mut loader = Loader {
        source,
        found,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        root: None,
        documents: 0,
        fatal: false,
    };
    loader.run();
    let (root, fatal) = (loader.root.take(), loader.fatal);
    if fatal {
        return None;
    }
    match root {
        Some(root) if !root.is_null() => Some(root),
        _ if found.errors() > before => None,
        _ => {
            found
                .error(codes::EMPTY_FILE, Position::START, "the file holds nothing")
                .hint("a workflow needs at least `name` and `tasks`");
            None
        }
    }
}

/// A list or map whose end has not been read.
struct Open {
    at: Position,
    anchor: usize,
    size: usize,
    depth: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        entries: Vec<(Key, Node)>,
        seen: BTreeMap<String, Position>,
        merges: Vec<(Key, Node)>,
        key: Option<(Key, bool)>,
    },
}

/// What an anchor stands for, how many nodes it has and how deep it is.
struct Anchored {
    node: Node,
    size: usize,
    depth: usize,
}

struct Loader<'s, 'd> {
    source: &'s str,
    found: &'d mut Diagnostics,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    root: Option<Node>,
    documents: usize,
    fatal: bool,
}

impl Loader<'_, '_> {
    fn run(&mut self) {
        for event in Parser::new_from_str(self.source) {
            match event {
                Ok((event, span)) => self.event(event, span),
                Err(error) => self.syntax_error(*error.marker(), error.info()),
            }
            if self.fatal {
                return;
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: Span) {
        let at = position(span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents == 2 {
                    self.stop(
                        codes::SEVERAL_DOCUMENTS,
                        at,
                        "a second document starts here; a file holds one workflow".to_owned(),
                        "move it to a file of its own, or remove the `---`",
                    );
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                if let Some(tag) = tag {
                    self.refuse_tag(at, &tag);
                }
                self.count(at, 1);
                let style = self.style(&text, style, span);
                let node = Node {
                    at,
                    kind: Kind::Scalar(Scalar {
                        text: text.into_owned(),
                        style,
                    }),
                };
                self.finished(node, anchor, 1, 0);
            }
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag)
                if self.open.len() >= NESTING =>
            {
                let _ = (anchor, tag);
                self.stop(
                    codes::TOO_DEEP,
                    at,
                    format!("lists and maps are nested more than {NESTING} deep"),
                    "flatten the data, or move it to a file that the task reads",
                );
            }
            Event::SequenceStart(anchor, tag) => {
                if let Some(tag) = tag {
                    self.refuse_tag(at, &tag);
                }
                self.begin(at, anchor, OpenKind::List(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                if let Some(tag) = tag {
                    self.refuse_tag(at, &tag);
                }
                self.begin(
                    at,
                    anchor,
                    OpenKind::Map {
                        entries: Vec::new(),
                        seen: BTreeMap::new(),
                        merges: Vec::new(),
                        key: None,
                    },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(at, anchor),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, kind: OpenKind) {
        self.count(at, 1);
        self.open.push(Open {
            at,
            anchor,
            size: 1,
            depth: 1,
            kind,
        });
    }

    fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let kind = match open.kind {
            OpenKind::List(items) => Kind::List(items),
            OpenKind::Map {
                entries, merges, ..
            } => Kind::Map(self.merged(entries, merges)),
        };
        self.finished(
            Node { at: open.at, kind },
            open.anchor,
            open.size,
            open.depth,
        );
    }

    /// A whole node was read (or copied): remember it under its anchor and hand it to what surrounds it.
    fn finished(&mut self, node: Node, anchor: usize, size: usize, depth: usize) {
        if anchor > 0 {
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    size,
                    depth,
                },
            );
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.size += size;
        open.depth = open.depth.max(depth + 1);
        match &mut open.kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map {
                entries,
                seen,
                merges,
                key,
            } => match key.take() {
                None => *key = Some(as_key(node, self.found)),
                Some((name, keep)) => {
                    let node = settle(node, &name);
                    let merge = name.text == "<<";
                    let first = seen.get(&name.text).copied();
                    match first {
                        _ if !keep => {}
                        Some(first) if !merge => {
                            let message = format!(
                                "`{}` is written twice, first in line {}",
                                name.text, first.line
                            );
                            self.found
                                .error(codes::DUPLICATE_KEY, name.at, message)
                                .hint("remove one of them, or rename it");
                        }
                        _ => {
                            seen.insert(name.text.clone(), name.at);
                            if merge {
                                merges.push((name, node))
                            } else {
                                entries.push((name, node))
                            }
                        }
                    }
                }
            },
        }
    }
}

/// A key and whether its entry is kept.
fn as_key(node: Node, found: &mut Diagnostics) -> (Key, bool) {
    match node.kind {
        Kind::Scalar(scalar) => (
            Key {
                at: node.at,
                text: scalar.text,
            },
            true,
        ),
        Kind::List(_) | Kind::Map(_) => {
            found
                .error(
                    codes::KEY_NOT_TEXT,
                    node.at,
                    "a key must be text, not a list or a map",
                )
                .hint("put text that holds `{`, `[` or `? ` in quotes");
            (
                Key {
                    at: node.at,
                    text: String::new(),
                },
                false,
            )
        }
    }
}

/// A value that is not there has the place of its key.
fn settle(mut node: Node, key: &Key) -> Node {
    if let Kind::Scalar(Scalar {
        text,
        style: Style::Plain,
    }) = &node.kind
        && text.is_empty()
    {
        node.at = key.at;
    }
    node
}

impl Loader<'_, '_> {
    /// `<<` adds the entries of other maps; what the map says itself wins, then the earlier of several.
    fn merged(
        &mut self,
        mut entries: Vec<(Key, Node)>,
        merges: Vec<(Key, Node)>,
    ) -> Vec<(Key, Node)> {
        if merges.is_empty() {
            return entries;
        }
        let mut had: BTreeSet<String> = entries.iter().map(|(key, _)| key.text.clone()).collect();
        for (key, node) in merges {
            let sources = match node.kind {
                Kind::List(items) => items,
                _ => vec![node],
            };
            for source in sources {
                match source.kind {
                    Kind::Map(more) => {
                        for (name, value) in more {
                            if had.insert(name.text.clone()) {
                                entries.push((name, value));
                            }
                        }
                    }
                    _ => {
                        self.found
                            .error(
                                codes::BAD_MERGE,
                                key.at,
                                format!("`<<` merges maps, and this is {}", source.kind_name()),
                            )
                            .hint("write `<<: *name` with the anchor of a map, or a list of such");
                    }
                }
            }
        }
        entries
    }

    fn alias(&mut self, at: Position, anchor: usize) {
        let Some(known) = self.anchors.get(&anchor) else {
            self.stop(
                codes::BAD_ALIAS,
                at,
                "this alias stands inside the value it refers to".to_owned(),
                "a value cannot contain itself",
            );
            return;
        };
        let (size, depth) = (known.size, known.depth);
        if self.open.len() + depth > NESTING {
            self.stop(
                codes::TOO_DEEP,
                at,
                format!(
                    "with this alias expanded, lists and maps are nested more than {NESTING} deep"
                ),
                "flatten the data",
            );
            return;
        }
        self.count(at, size);
        if self.fatal {
            return;
        }
        let Some(known) = self.anchors.get(&anchor) else {
            return;
        };
        let mut node = known.node.clone();
        node.at = at;
        if let Kind::Scalar(scalar) = &mut node.kind {
            scalar.style = match scalar.style {
                Style::Plain | Style::WovenPlain => Style::WovenPlain,
                Style::Quoted | Style::Literal | Style::Woven => Style::Woven,
            };
        }
        self.finished(node, 0, size, depth);
    }

    fn count(&mut self, at: Position, more: usize) {
        self.nodes = self.nodes.saturating_add(more);
        if self.nodes > NODES {
            self.stop(
                codes::TOO_MANY_NODES,
                at,
                format!("with its aliases expanded the file has more than {NODES} values"),
                "use fewer aliases of aliases, or give the data to the task as a file",
            );
        }
    }

    fn stop(&mut self, code: codes::Code, at: Position, message: String, hint: &str) {
        self.found.error(code, at, message).hint(hint);
        self.fatal = true;
    }

    fn refuse_tag(&mut self, at: Position, tag: &Tag) {
        let whole = if tag.is_yaml_core_schema() {
            format!("!!{}", tag.suffix)
        } else {
            tag.to_string()
        };
        let shown: String = whole.chars().take(80).collect();
        self.found.error(codes::TAG, at, format!("the tag `{shown}` is not supported")).hint("remove it; quotes make text of a number, and types are stated with `types` and `input_type`");
    }

    /// Whether a scalar's characters can be found again in the file.
    fn style(&self, text: &str, style: ScalarStyle, span: Span) -> Style {
        let one_line = span.start.line() == span.end.line();
        match style {
            ScalarStyle::Plain if one_line => Style::Plain,
            ScalarStyle::Plain => Style::WovenPlain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted
                if one_line && span.len() == text.chars().count() + 2 =>
            {
                Style::Quoted
            }
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted | ScalarStyle::Folded => {
                Style::Woven
            }
        }
    }

    fn syntax_error(&mut self, marker: Marker, info: &str) {
        self.fatal = true;
        let at = position(Span::empty(marker));
        if let Some(tab) = self.tab_indent(at.line) {
            self.found
                .error(
                    codes::TAB_INDENT,
                    tab,
                    "YAML is indented with spaces, and this line starts with a tab",
                )
                .hint("replace the tab by spaces");
            return;
        }
        if info.contains("unknown anchor") {
            self.found.error(codes::BAD_ALIAS, at, "this alias refers to an anchor that no earlier value has").hint("write `&name` before the value that `*name` repeats; text that starts with `*` needs quotes");
            return;
        }
        if info.contains("recursion limit") {
            self.found
                .error(
                    codes::TOO_DEEP,
                    at,
                    format!("lists and maps are nested more than {NESTING} deep"),
                )
                .hint("flatten the data");
            return;
        }
        let hint = match info {
            info if info.contains("mapping values are not allowed") => Some(
                "text that holds `: ` needs quotes, and the keys of a map need the same indentation",
            ),
            info if info.contains("did not find expected key") => {
                Some("the keys of a map need the same indentation")
            }
            info if info.contains("did not find expected '-'") => {
                Some("the items of a list start with `- ` at the same indentation")
            }
            info if info.contains("simple key") => {
                Some("a key is followed by `: ` on the same line")
            }
            info if info.contains("cannot start any token")
                || info.contains("unexpected character") =>
            {
                Some("text that starts with `@`, `` ` `` or `%` needs quotes")
            }
            info if info.contains("quoted scalar") => {
                Some("the closing quote is missing, or a line inside the quotes is not indented")
            }
            info if info.contains("flow") => Some("a `[` or `{` is not closed"),
            _ => None,
        };
        self.found
            .error(codes::YAML_SYNTAX, at, format!("this is not YAML: {info}"))
            .maybe_hint(hint.map(str::to_owned));
    }

    /// The first tab in the indentation of the given line, or of the one before or after it.
    fn tab_indent(&self, line: u32) -> Option<Position> {
        let near = [line, line.saturating_sub(1), line + 1];
        let rows: Vec<(u32, &str)> = (1..)
            .zip(lines(self.source))
            .filter(|(number, _)| near.contains(number))
            .collect();
        near.iter().find_map(|wanted| {
            let (_, text) = rows.iter().find(|(number, _)| number == wanted)?;
            let indent: usize = text.chars().take_while(|c| *c == ' ').count();
            let tab = text.chars().nth(indent) == Some('\t') && !text.trim().is_empty();
            tab.then(|| Position::new(*wanted, small(indent + 1), 1))
        })
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn position(span: Span) -> Position {
    let one_line = span.start.line() == span.end.line();
    // A value over several lines is underlined to the end of its first; `Diagnostics` cuts it there.
    let width = if one_line {
        small(span.len()).max(1)
    } else {
        u32::MAX
    };
    Position::new(small(span.start.line()), small(span.start.col() + 1), width)
}
