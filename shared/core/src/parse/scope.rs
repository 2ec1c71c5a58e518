//! What paths, expressions and templates in one task may refer to.

use crate::definition::{Expression, Reference, Root, Segment, TaskIndex, TemplateValue};
use crate::diagnostic::{Diagnostics, Position};
use crate::expr::{self, DottedPath, ExprError};

use super::beside::Folder;
use super::codes;
use super::fields::Field;
use super::graph::Graph;
use super::node::{Kind, Node, Plain};
use super::suggest;

/// When a value is computed decides what it can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// For the task as a whole, before it has instances: `when`, `foreach`, `parallel`.
    Task,
    /// For each instance: inputs, env, commands.
    Instance,
}

/// A reference and where it stands, for the checks that need all tasks read.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub(super) at: Position,
    pub(super) reference: Reference,
    pub(super) label: String,
}

/// Resolves the references of one task.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    graph: &'a Graph,
    params: &'a [String],
    task: TaskIndex,
    has_foreach: bool,
    /// Where files lie that belong into the definition.
    pub(super) folder: &'a Folder<'a>,
    /// Everything resolved so far.
    pub(super) uses: Vec<Use>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        params: &'a [String],
        folder: &'a Folder<'a>,
        task: TaskIndex,
        has_foreach: bool,
    ) -> Self {
        Self {
            graph,
            params,
            task,
            has_foreach,
            folder,
            uses: Vec::new(),
        }
    }

    /// A plain path, as in `{ref: …}`.
    pub(super) fn path(
        &mut self,
        field: &Field<'_>,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Reference> {
        let text = field.text(found)?;
        if let Some(inner) = expr::whole_template(text) {
            let at = field.node.inside(0, text.len());
            return self.segments(inner.trim(), &field.label, at, moment, found);
        }
        let skipped = text.len() - text.trim_start().len();
        let at = field.node.inside(skipped, skipped + text.trim().len());
        self.segments(text, &field.label, at, moment, found)
    }

    fn segments(
        &mut self,
        text: &str,
        label: &str,
        at: Position,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Reference> {
        match expr::parse_path(text) {
            Ok(segments) => self.resolve(&segments, label, at, moment, found),
            Err(error) => {
                found
                    .error(codes::BAD_PATH, at, format!("{label}: {}", error.message))
                    .maybe_hint(error.hint);
                None
            }
        }
    }

    /// A bare expression, as in `when`.
    pub(super) fn expression(
        &mut self,
        field: &Field<'_>,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Expression> {
        if let Some(Plain::Bool(value)) = field.node.plain() {
            return Some(Expression {
                source: value.to_string(),
                references: Vec::new(),
            });
        }
        let text = field.text(found)?;
        // `{{ x }}` around the whole is the habit of templates and means the same.
        let (source, offset) = match expr::whole_template(text) {
            Some(inner) => (inner, text.find(inner).unwrap_or(0)),
            None => (text, 0),
        };
        let paths = compiled(
            field,
            expr::compile(source).map(|found| found.paths),
            offset,
            found,
        )?;
        let references = self.all(field.node, &field.label, &paths, offset, moment, found)?;
        Some(Expression {
            source: source.to_owned(),
            references,
        })
    }

    /// A text with `{{ }}` in it.
    pub(super) fn template(
        &mut self,
        field: &Field<'_>,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Expression> {
        let source = field.text(found)?;
        let references = self.template_references(field, source, moment, found)?;
        Some(Expression {
            source: source.to_owned(),
            references,
        })
    }

    fn template_references(
        &mut self,
        field: &Field<'_>,
        source: &str,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Vec<Reference>> {
        let paths = compiled(
            field,
            expr::compile_template(source).map(|found| found.paths),
            0,
            found,
        )?;
        self.all(field.node, &field.label, &paths, 0, moment, found)
    }

    /// Data whose texts may hold `{{ }}`.
    pub(super) fn data(
        &mut self,
        field: &Field<'_>,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<TemplateValue> {
        let value = field.node.value(found);
        let mut references = Vec::new();
        let good = self.walk(field.node, &field.label, moment, &mut references, found);
        good.then_some(TemplateValue { value, references })
    }

    fn walk(
        &mut self,
        node: &Node,
        label: &str,
        moment: Moment,
        into: &mut Vec<Reference>,
        found: &mut Diagnostics,
    ) -> bool {
        match &node.kind {
            // Every item is looked at, also behind one that is wrong.
            Kind::List(items) => {
                items
                    .iter()
                    .filter(|item| !self.walk(item, label, moment, into, found))
                    .count()
                    == 0
            }
            Kind::Map(entries) => {
                entries
                    .iter()
                    .filter(|(_, item)| !self.walk(item, label, moment, into, found))
                    .count()
                    == 0
            }
            Kind::Scalar(_) => {
                let Some(text) = node.text().filter(|text| expr::has_template(text)) else {
                    return true;
                };
                let field = Field::new(label.to_owned(), node);
                let Some(more) = self.template_references(&field, text, moment, found) else {
                    return false;
                };
                for one in more {
                    if !into.contains(&one) {
                        into.push(one);
                    }
                }
                true
            }
        }
    }

    fn all(
        &mut self,
        node: &Node,
        label: &str,
        paths: &[DottedPath],
        offset: usize,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Vec<Reference>> {
        let mut references = Vec::new();
        let mut good = true;
        for path in paths {
            let at = node.inside(offset + path.start, offset + path.end);
            match self.resolve(&path.segments, label, at, moment, found) {
                Some(one) if !references.contains(&one) => references.push(one),
                Some(_) => {}
                None => good = false,
            }
        }
        good.then_some(references)
    }

    /// What a path refers to, when it may refer to it here.
    pub(super) fn resolve(
        &mut self,
        segments: &[Segment],
        label: &str,
        at: Position,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> Option<Reference> {
        let reference = match expr::resolve_path(segments, &|name| self.graph.index(name)) {
            Ok(reference) => reference,
            Err(error) => {
                match unknown_task(segments, self.graph) {
                    Some(name) => self.graph.unknown(name, label, at, found),
                    None => {
                        found
                            .error(codes::BAD_PATH, at, format!("{label}: {}", error.message))
                            .maybe_hint(error.hint);
                    }
                }
                return None;
            }
        };
        if !self.allowed(&reference.root, label, at, moment, found) {
            return None;
        }
        self.uses.push(Use {
            at,
            reference: reference.clone(),
            label: label.to_owned(),
        });
        Some(reference)
    }

    fn allowed(
        &self,
        root: &Root,
        label: &str,
        at: Position,
        moment: Moment,
        found: &mut Diagnostics,
    ) -> bool {
        match root {
            Root::Output(upstream) | Root::Status(upstream) => {
                let (task, name) = (self.graph.name(self.task), self.graph.name(*upstream));
                if *upstream == self.task {
                    found
                        .error(
                            codes::NOT_ANCESTOR,
                            at,
                            format!("{label} refers to task `{task}` itself"),
                        )
                        .hint("a task cannot see its own output");
                    return false;
                }
                if self.graph.is_ancestor(*upstream, self.task) {
                    return true;
                }
                let message =
                    format!("{label} refers to `{name}`, and `{task}` does not wait for it");
                found
                    .error(codes::NOT_ANCESTOR, at, message)
                    .hint(format!("add `{name}` to the `depends_on` of `{task}`"));
                false
            }
            Root::Param(name) => {
                let known = self.params.iter().any(|known| known == name);
                if !known {
                    let hint = suggest::hint(name, self.params.iter().map(String::as_str), found)
                        .unwrap_or_else(|| {
                            format!("declare it: `params: {{{name}: {{type: str}}}}`")
                        });
                    found
                        .error(
                            codes::UNKNOWN_PARAM,
                            at,
                            format!("{label} refers to the unknown param `{name}`"),
                        )
                        .hint(hint);
                }
                known
            }
            Root::Item | Root::ItemIndex if !self.has_foreach => {
                let message = format!("{label} refers to `item`, and the task has no `foreach`");
                found
                    .error(codes::ITEM_OUTSIDE_FOREACH, at, message)
                    .hint("add `foreach`, or use `parallel_index` with `parallel`");
                false
            }
            Root::Item | Root::ItemIndex if moment == Moment::Task => {
                not_yet(label, "item", at, found)
            }
            Root::Run(field)
                if moment == Moment::Task
                    && matches!(field.as_str(), "index" | "count" | "attempt") =>
            {
                not_yet(label, field, at, found)
            }
            Root::Notice(field) => {
                let message = format!(
                    "{label} refers to `notice.{field}`, which only the templates of a notification see"
                );
                found.error(codes::NOT_HERE, at, message);
                false
            }
            Root::Item | Root::ItemIndex | Root::Run(_) => true,
        }
    }
}

fn not_yet(label: &str, what: &str, at: Position, found: &mut Diagnostics) -> bool {
    let message =
        format!("{label} refers to `{what}`, which only exists once the task has instances");
    found
        .error(codes::NOT_HERE, at, message)
        .hint("use it in the task's inputs, env or command");
    false
}

/// The paths of a text that compiles; what is wrong with it otherwise.
fn compiled(
    field: &Field<'_>,
    result: Result<Vec<DottedPath>, ExprError>,
    offset: usize,
    found: &mut Diagnostics,
) -> Option<Vec<DottedPath>> {
    match result {
        Ok(paths) => Some(paths),
        Err(error) => {
            let at = field.node.inside(offset + error.start, offset + error.end);
            found
                .error(
                    codes::BAD_EXPRESSION,
                    at,
                    format!("{}: {}", field.label, error.message),
                )
                .maybe_hint(error.hint);
            None
        }
    }
}

/// The name in a path that should be a task's and is not.
fn unknown_task<'s>(segments: &'s [Segment], graph: &Graph) -> Option<&'s str> {
    match segments {
        [Segment::Field(root), Segment::Field(name), ..]
            if root == "tasks" && graph.index(name).is_none() =>
        {
            Some(name)
        }
        [Segment::Field(root), ..]
            if !matches!(
                root.as_str(),
                "tasks" | "params" | "run" | "item" | "slot" | "parallel_index" | "parallel_count"
            ) && graph.index(root).is_none() =>
        {
            Some(root)
        }
        _ => None,
    }
}

/// The template of a param's default: it is rendered before anything has run and sees the slot and the run only.
pub(super) fn param_default(
    field: &Field<'_>,
    source: &str,
    found: &mut Diagnostics,
) -> Option<Expression> {
    let paths = compiled(
        field,
        expr::compile_template(source).map(|found| found.paths),
        0,
        found,
    )?;
    let mut references = Vec::new();
    let mut good = true;
    for path in &paths {
        let at = field.node.inside(path.start, path.end);
        match expr::resolve_path(&path.segments, &|_| None) {
            Ok(reference) if matches!(&reference.root, Root::Run(name) if !matches!(name.as_str(), "index" | "count" | "attempt")) => {
                if !references.contains(&reference) {
                    references.push(reference);
                }
            }
            Err(error) if matches!(path.segments.first(), Some(Segment::Field(root)) if root == "run") =>
            {
                found
                    .error(
                        codes::BAD_PATH,
                        at,
                        format!("{}: {}", field.label, error.message),
                    )
                    .maybe_hint(error.hint);
                good = false;
            }
            _ => {
                let message = format!(
                    "{} sees only `slot` and `run`, not `{}`",
                    field.label,
                    expr::path_text(&path.segments)
                );
                found
                    .error(codes::NOT_HERE, at, message)
                    .hint("compute it in a task instead");
                good = false;
            }
        }
    }
    good.then(|| Expression {
        source: source.to_owned(),
        references,
    })
}

/// A template of a notification: it sees the notice, the run and the slot, and these params.
pub(super) fn notification(
    field: &Field<'_>,
    params: &[String],
    found: &mut Diagnostics,
) -> Option<Expression> {
    let source = field.text(found)?;
    let paths = compiled(
        field,
        expr::compile_template(source).map(|found| found.paths),
        0,
        found,
    )?;
    let mut references = Vec::new();
    let mut good = true;
    for path in &paths {
        let at = field.node.inside(path.start, path.end);
        let root = match path.segments.first() {
            Some(Segment::Field(root)) => root.as_str(),
            _ => "",
        };
        let refused = match expr::resolve_path(&path.segments, &|_| None) {
            Ok(reference) => match &reference.root {
                Root::Notice(_) => Ok(reference),
                Root::Run(name) if !matches!(name.as_str(), "index" | "count" | "attempt") => {
                    Ok(reference)
                }
                Root::Param(name) if params.contains(name) => Ok(reference),
                Root::Param(name) => Err((
                    codes::UNKNOWN_PARAM,
                    format!("{} refers to the unknown param `{name}`", field.label),
                    suggest::hint(name, params.iter().map(String::as_str), found),
                )),
                _ => Err(unseen(field, path)),
            },
            Err(error) if matches!(root, "run" | "notice" | "params") => Err((
                codes::BAD_PATH,
                format!("{}: {}", field.label, error.message),
                error.hint,
            )),
            Err(_) => Err(unseen(field, path)),
        };
        match refused {
            Ok(reference) if !references.contains(&reference) => references.push(reference),
            Ok(_) => {}
            Err((code, message, hint)) => {
                found.error(code, at, message).maybe_hint(hint);
                good = false;
            }
        }
    }
    good.then(|| Expression {
        source: source.to_owned(),
        references,
    })
}

fn unseen(field: &Field<'_>, path: &DottedPath) -> (codes::Code, String, Option<String>) {
    let message = format!(
        "{} sees only `notice`, `run`, `slot` and `params`, not `{}`",
        field.label,
        expr::path_text(&path.segments)
    );
    let hint = "`notice.error` and `notice.failed_tasks` say what became of its tasks";
    (codes::NOT_HERE, message, Some(hint.to_owned()))
}
