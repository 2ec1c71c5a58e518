//! Paths such as `tasks.extract.output.rows[0]`: read, resolved to what they refer to, and written.

use crate::definition::{Reference, Root, Segment, TaskIndex};

/// A path as it stands in an expression; its first segment is the name it starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DottedPath {
    /// The name, then fields and positions.
    pub segments: Vec<Segment>,
    /// First byte in the source.
    pub start: usize,
    /// The byte after it.
    pub end: usize,
}

/// Why a path refers to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// One sentence.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PathError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

const ROOTS: &[&str] = &[
    "tasks",
    "params",
    "run",
    "item",
    "slot",
    "parallel_index",
    "parallel_count",
];
const RUN_FIELDS: &[&str] = &[
    "id",
    "slot",
    "workflow",
    "version",
    "attempt",
    "recovery_attempts",
    "index",
    "count",
];

/// What the templates of a notification see of what they tell.
pub const NOTICE_FIELDS: &[&str] = &[
    "id",
    "on",
    "at",
    "status",
    "error",
    "failed_tasks",
    "started_at",
    "seconds",
    "late_seconds",
];

/// Reads a plain path, as in `{ref: tasks.load-all.output.rows[0].id}`. Names may hold `-`; positions are `[0]` or `.0`.
pub fn parse_path(text: &str) -> Result<Vec<Segment>, PathError> {
    let trimmed = text.trim();
    let bad = |why: String| {
        PathError::new(format!("`{text}` is not a path: {why}"))
            .hint("paths look like tasks.extract.output.rows[0].id")
    };
    if trimmed.is_empty() {
        return Err(bad("it is empty".to_owned()));
    }
    if trimmed.contains("{{") {
        return Err(bad("it holds a template".to_owned()).hint("write the path without {{ }}"));
    }
    let mut segments = Vec::new();
    let mut rest = trimmed;
    loop {
        let length = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..length];
        if name.is_empty()
            || !name
                .chars()
                .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        {
            return Err(bad(if name.is_empty() {
                "a name is missing".to_owned()
            } else {
                format!("`{name}` is not a name")
            }));
        }
        segments.push(match name.parse::<u32>() {
            Ok(index) if !segments.is_empty() && index.to_string() == name => Segment::Index(index),
            _ => Segment::Field(name.to_owned()),
        });
        rest = &rest[length..];
        while let Some(inner) = rest.strip_prefix('[') {
            let (segment, after) = subscript(inner).ok_or_else(|| {
                bad("after `[` comes a position or a quoted name, then `]`".to_owned())
            })?;
            segments.push(segment);
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Ok(segments),
            None => return Err(bad(format!("`{rest}` follows a `]`"))),
        }
    }
}

/// `0]…` or `"name"]…`.
fn subscript(inner: &str) -> Option<(Segment, &str)> {
    let quote = inner.chars().next()?;
    if quote == '"' || quote == '\'' {
        let (name, after) = inner[1..].split_once(quote)?;
        return Some((Segment::Field(name.to_owned()), after.strip_prefix(']')?));
    }
    let (index, after) = inner.split_once(']')?;
    Some((Segment::Index(index.trim().parse().ok()?), after))
}

/// What a path refers to. `task` finds a task by its name.
///
/// `tasks.<t>.output…`, `tasks.<t>.status`, `params.<p>…`, `run.<field>`, `item…`, `item.index`, `slot`, `parallel_index`,
/// `parallel_count`, and a bare task name for its output.
pub fn resolve_path(
    segments: &[Segment],
    task: &dyn Fn(&str) -> Option<TaskIndex>,
) -> Result<Reference, PathError> {
    let Some((Segment::Field(root), rest)) = segments.split_first() else {
        return Err(PathError::new("a path starts with a name")
            .hint(format!("paths start with {}", crate::types::list(ROOTS))));
    };
    let reference = |root: Root, path: &[Segment]| Reference {
        root,
        path: path.to_vec(),
    };
    match (root.as_str(), rest) {
        ("tasks", rest) => task_path(rest, task),
        ("params", [Segment::Field(name), path @ ..]) => {
            Ok(reference(Root::Param(name.clone()), path))
        }
        ("params", _) => Err(
            PathError::new("`params` is followed by the name of a param")
                .hint("write params.<name>"),
        ),
        ("run", [Segment::Field(field)]) if RUN_FIELDS.contains(&field.as_str()) => {
            Ok(reference(Root::Run(field.clone()), &[]))
        }
        ("run", [Segment::Field(field)]) => {
            Err(PathError::new(format!("`run` has no `{field}`"))
                .hint(did_you_mean(field, RUN_FIELDS)))
        }
        ("run", [Segment::Field(field), ..]) if RUN_FIELDS.contains(&field.as_str()) => {
            Err(PathError::new(format!("`run.{field}` has no fields")))
        }
        ("run", _) => Err(PathError::new("`run` is followed by one of its fields")
            .hint(format!("run has {}", crate::types::list(RUN_FIELDS)))),
        ("item", [Segment::Field(field)]) if field == "index" => {
            Ok(reference(Root::ItemIndex, &[]))
        }
        ("item", path) => Ok(reference(Root::Item, path)),
        ("slot", []) => Ok(reference(Root::Run("slot".to_owned()), &[])),
        ("parallel_index", []) => Ok(reference(Root::Run("index".to_owned()), &[])),
        ("parallel_count", []) => Ok(reference(Root::Run("count".to_owned()), &[])),
        ("slot" | "parallel_index" | "parallel_count", _) => {
            Err(PathError::new(format!("`{root}` has no fields")))
        }
        // A task may have this name, and means more where tasks can be seen at all.
        ("notice", [Segment::Field(field), path @ ..])
            if task("notice").is_none() && NOTICE_FIELDS.contains(&field.as_str()) =>
        {
            Ok(reference(Root::Notice(field.clone()), path))
        }
        ("notice", [Segment::Field(field), ..]) if task("notice").is_none() => {
            Err(PathError::new(format!("`notice` has no `{field}`"))
                .hint(did_you_mean(field, NOTICE_FIELDS)))
        }
        ("notice", _) if task("notice").is_none() => {
            Err(PathError::new("`notice` is followed by one of its fields")
                .hint(format!("it has {}", crate::types::list(NOTICE_FIELDS))))
        }
        (name, path) => match task(name) {
            // The planned style says `extract.files`; with `output` in between it is the same.
            Some(index) => Ok(reference(Root::Output(index), path)),
            None => Err(PathError::new(format!(
                "`{name}` is neither a task nor one of {}",
                crate::types::list(ROOTS)
            ))
            .hint(did_you_mean(name, ROOTS))),
        },
    }
}

fn task_path(
    rest: &[Segment],
    task: &dyn Fn(&str) -> Option<TaskIndex>,
) -> Result<Reference, PathError> {
    let Some((Segment::Field(name), rest)) = rest.split_first() else {
        return Err(PathError::new("`tasks` is followed by the name of a task")
            .hint("write tasks.<name>.output, or tasks[\"a-b\"].output for a name with `-`"));
    };
    let Some(index) = task(name) else {
        return Err(PathError::new(format!("there is no task `{name}`"))
            .hint("in an expression a task name with `-` is written tasks[\"a-b\"]"));
    };
    match rest {
        [Segment::Field(field), path @ ..] if field == "output" => Ok(Reference {
            root: Root::Output(index),
            path: path.to_vec(),
        }),
        [Segment::Field(field)] if field == "status" => Ok(Reference {
            root: Root::Status(index),
            path: Vec::new(),
        }),
        [Segment::Field(field), ..] if field == "status" => Err(PathError::new(format!(
            "`tasks.{name}.status` has no fields"
        ))),
        [Segment::Field(field), ..] => Err(PathError::new(format!(
            "a task has `output` and `status`, not `{field}`"
        ))
        .hint(format!("write tasks.{name}.output.{field}"))),
        _ => Err(PathError::new(format!(
            "`tasks.{name}` is followed by `output` or `status`"
        ))
        .hint(format!("write tasks.{name}.output"))),
    }
}

fn did_you_mean(word: &str, known: &[&str]) -> String {
    match super::nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known are {}", crate::types::list(known)),
    }
}

/// The path as a file writes it, names with `-` quoted.
pub fn path_text(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Index(index) => out.push_str(&format!("[{index}]")),
            // A path starts with a plain name; behind it, digits would read as a position.
            Segment::Field(name)
                if out.is_empty()
                    || !name.is_empty()
                        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                        && name.parse::<u32>().is_err() =>
            {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(name);
            }
            Segment::Field(name) => {
                out.push_str(&format!("[{}]", serde_json::Value::from(name.as_str())))
            }
        }
    }
    out
}
