//! `.workflow` files: `fun NAME(ARG:PRODUCER, …):` and an indented Python body.

use crate::definition::{
    Binding, Executor, Input, Reference, Root, Style, Task, TaskIndex, Workflow,
};
use crate::diagnostic::{Diagnostics, Position, lines};
use crate::ids::{TaskName, WorkflowName};
use crate::limits;

use super::blank;
use super::codes;
use super::graph::Graph;
use super::python::Lexer;

/// Attempts after the first: five in all.
const RETRIES: u16 = 4;

/// A `fun` block as read: its header and its body.
struct Fun {
    name: TaskName,
    at: Position,
    params: Vec<Param>,
    body: String,
    body_line: u32,
}

struct Param {
    name: String,
    producer: String,
    producer_at: Position,
}

/// Reads a whole file.
pub(super) fn read(
    file: &str,
    source: &str,
    found: &mut Diagnostics,
) -> Option<(Workflow, Vec<Position>)> {
    let before = found.errors();
    let rows: Vec<&str> = lines(source).collect();
    let mut funs: Vec<Fun> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let row = rows[at];
        if is_blank(row) {
            at += 1;
        } else if is_header(row) {
            let end = body_end(&rows, at + 1, found);
            if let Some(fun) = block(&rows, at, end, found) {
                funs.push(fun);
            }
            at = end;
        } else {
            stray(row, at, found);
            at += 1;
            while at < rows.len()
                && !is_header(rows[at])
                && (is_blank(rows[at]) || rows[at].starts_with([' ', '\t']))
            {
                at += 1;
            }
        }
    }
    if funs.is_empty() && found.errors() == before {
        found
            .error(
                codes::NO_TASKS,
                Position::START,
                "the file has no `fun` block",
            )
            .hint("write `fun name():` and an indented Python body below it");
    }
    if funs.len() > limits::TASKS {
        let message = format!(
            "the file has {} `fun` blocks, and at most {} are allowed",
            funs.len(),
            limits::TASKS
        );
        found.error(codes::TOO_MANY_TASKS, funs[limits::TASKS].at, message);
    }
    let (tasks, places) = link(funs, found);
    (found.errors() == before).then(|| {
        let workflow = Workflow {
            style: Style::Fun,
            tasks,
            ..blank::workflow(name_from(file), Style::Fun)
        };
        (workflow, places)
    })
}

fn is_blank(row: &str) -> bool {
    let row = row.trim();
    row.is_empty() || row.starts_with('#')
}

/// Whether a text is of `fun` blocks. No line of a workflow in YAML begins like one.
pub(super) fn is_fun(text: &str) -> bool {
    lines(text).any(|row| {
        row.strip_prefix("fun")
            .is_some_and(|rest| rest.starts_with([' ', '\t']))
    })
}

fn is_header(row: &str) -> bool {
    row.strip_prefix("fun")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '(', ':']))
}

fn stray(row: &str, at: usize, found: &mut Diagnostics) {
    let indented = row.starts_with([' ', '\t']);
    let word = row
        .trim_start()
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    let hint = match word {
        "def" | "func" | "fn" | "function" | "async" => "write `fun NAME():` instead",
        "import" | "from" => {
            "put imports inside the body of each `fun`: each is a script of its own"
        }
        _ if indented => "an indented line belongs below a `fun NAME():`",
        _ => "everything but comments belongs into a `fun` block, indented",
    };
    found
        .error(
            codes::NOT_A_FUN,
            whole(row, at),
            "this line is outside of every `fun` block",
        )
        .hint(hint);
}

/// The place of a row's text.
fn whole(row: &str, at: usize) -> Position {
    let indent = row.chars().take_while(|c| c.is_whitespace()).count();
    Position::new(
        small(at + 1),
        small(indent + 1),
        small(row.trim().chars().count()).max(1),
    )
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The row behind the body that starts at `start`: the next row that is not indented, unless it is blank, a
/// comment, or continues a string or a bracket.
fn body_end(rows: &[&str], start: usize, found: &mut Diagnostics) -> usize {
    let mut lexer = Lexer::default();
    let mut end = start;
    while end < rows.len() {
        let row = rows[end];
        if !lexer.in_string() {
            let outside = !is_blank(row) && !row.starts_with([' ', '\t']);
            if outside && (is_header(row) || !lexer.in_brackets()) {
                return end;
            }
        }
        lexer.line(end, row);
        end += 1;
    }
    if let Some((line, column)) = lexer.open_string() {
        let at = Position::new(small(line + 1), small(column + 1), 3);
        found
            .error(codes::OPEN_STRING, at, "this string has no end")
            .hint("close it with the same three quotes");
    }
    end
}

fn block(rows: &[&str], header: usize, end: usize, found: &mut Diagnostics) -> Option<Fun> {
    let row = rows[header];
    let (name, at) = read_name(row, header, found)?;
    // What is wrong with the rest was said; the name stays known, so that those who refer to it are right.
    let params = read_header(row, header, found);
    let body = params
        .as_ref()
        .and_then(|_| read_body(rows, header, end, found));
    let (body, body_line) = body.unwrap_or_default();
    Some(Fun {
        name,
        at,
        params: params.unwrap_or_default(),
        body,
        body_line,
    })
}

/// A place in a row, from byte offsets.
fn place(row: &str, line: usize, from: usize, to: usize) -> Position {
    let width = small(row[from..to.max(from)].chars().count()).max(1);
    Position::new(
        small(line + 1),
        small(row[..from].chars().count() + 1),
        width,
    )
}

fn bad_header(row: &str, line: usize, from: usize, message: &str, found: &mut Diagnostics) {
    let at = place(row, line, from, row.trim_end().len());
    found
        .error(codes::NOT_A_FUN, at, message)
        .hint("the first line of a block is `fun NAME(ARG:PRODUCER, …):`, all on one line");
}

/// `fun NAME(`
fn read_name(row: &str, line: usize, found: &mut Diagnostics) -> Option<(TaskName, Position)> {
    let Some(open) = row.find('(') else {
        bad_header(row, line, 0, "this `fun` lacks its parentheses", found);
        return None;
    };
    let start = open - row["fun".len()..open].trim_start().len();
    let text = row[start..open].trim();
    let at = place(row, line, start, start + text.len());
    match TaskName::new(text) {
        Ok(name) => Some((name, at)),
        Err(error) => {
            found.error(codes::BAD_NAME, at, error.to_string());
            None
        }
    }
}

/// What follows the name: `(ARG:PRODUCER, …):`
fn read_header(row: &str, line: usize, found: &mut Diagnostics) -> Option<Vec<Param>> {
    let open = row.find('(')?;
    let Some(close) = row[open..].find(')').map(|at| open + at) else {
        bad_header(
            row,
            line,
            open,
            "the parentheses of this `fun` are not closed on its line",
            found,
        );
        return None;
    };
    let rest = row[close + 1..].trim_start();
    let Some(after) = rest.strip_prefix(':') else {
        bad_header(
            row,
            line,
            close,
            "this `fun` lacks the colon after its parentheses",
            found,
        );
        return None;
    };
    let after = after.trim_start();
    if !after.is_empty() && !after.starts_with('#') {
        bad_header(
            row,
            line,
            row.len() - after.len(),
            "the body of a `fun` starts on a line of its own",
            found,
        );
        return None;
    }
    read_params(
        row,
        open + 1,
        close,
        &|from, to| place(row, line, from, to),
        found,
    )
}

fn read_params(
    row: &str,
    open: usize,
    close: usize,
    place: &dyn Fn(usize, usize) -> Position,
    found: &mut Diagnostics,
) -> Option<Vec<Param>> {
    let mut params: Vec<Param> = Vec::new();
    let mut good = true;
    let mut start = open;
    if row[open..close].trim().is_empty() {
        return Some(params);
    }
    for part in row[open..close].split(',') {
        let text = part.trim();
        let from = start + (part.len() - part.trim_start().len());
        start += part.len() + 1;
        let at = place(from, from + text.len());
        let (name, producer) = match text.split_once(':') {
            Some((name, producer)) if !producer.contains(':') => (name.trim(), producer.trim()),
            _ => {
                let message = if text.is_empty() {
                    "a parameter is missing here".to_owned()
                } else {
                    format!("the parameter `{text}` must be one name, a colon and one task")
                };
                found
                    .error(codes::BAD_PARAMETER, at, message)
                    .hint("write ARG:PRODUCER, as in raw:extract");
                good = false;
                continue;
            }
        };
        let word = |text: &str| {
            let first = text
                .chars()
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
            first
                && text.len() <= 63
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !word(name) || producer.is_empty() {
            found
                .error(
                    codes::BAD_PARAMETER,
                    at,
                    format!("`{text}` is not a parameter"),
                )
                .hint("write ARG:PRODUCER; ARG is a letter or `_`, then letters, digits and `_`");
            good = false;
            continue;
        }
        if params.iter().any(|known| known.name == name) {
            found
                .error(
                    codes::BAD_PARAMETER,
                    at,
                    format!("two parameters are called `{name}`"),
                )
                .hint("each is a file of its own: rename one");
            good = false;
            continue;
        }
        let producer_from = from + text.len()
            - text
                .split_once(':')
                .map_or(0, |(_, rest)| rest.trim_start().len());
        let producer_at = place(producer_from, producer_from + producer.len());
        params.push(Param {
            name: name.to_owned(),
            producer: producer.to_owned(),
            producer_at,
        });
    }
    good.then_some(params)
}

/// The dedented body and the number of its first line. Lines inside strings stay as they are: their spaces are data.
fn read_body(
    rows: &[&str],
    header: usize,
    end: usize,
    found: &mut Diagnostics,
) -> Option<(String, u32)> {
    let last = (header + 1..end).rev().find(|&at| {
        !rows[at].trim().is_empty() && rows[at].starts_with([' ', '\t']) || !is_blank(rows[at])
    });
    let first = (header + 1..end).find(|&at| !is_blank(rows[at]));
    let (Some(first), Some(last)) = (first, last) else {
        let at = whole(rows[header], header);
        found
            .error(codes::NO_BODY, at, "this `fun` has no body")
            .hint("write the Python code below it, indented");
        return None;
    };
    let indent = &rows[first][..rows[first].len() - rows[first].trim_start().len()];
    let mut lexer = Lexer::default();
    let mut body = String::new();
    let mut good = true;
    for (at, row) in rows.iter().enumerate().take(last + 1).skip(header + 1) {
        let free = lexer.in_string() || lexer.in_brackets() || is_blank(row);
        match row.strip_prefix(indent) {
            _ if lexer.in_string() => body.push_str(row),
            Some(rest) => body.push_str(rest),
            None if free => body.push_str(row.trim_start()),
            None => {
                found.error(codes::BODY_INDENT, whole(row, at), "this line is indented less than the first line of its body").hint("indent every line of a body at least as far as its first, with the same tabs or spaces");
                good = false;
            }
        }
        body.push('\n');
        lexer.line(at, row);
    }
    good.then_some((body, small(header + 2)))
}

fn link(funs: Vec<Fun>, found: &mut Diagnostics) -> (Vec<Task>, Vec<Position>) {
    let mut graph = Graph::default();
    let mut kept: Vec<Fun> = Vec::new();
    for fun in funs {
        if graph.add(fun.name.as_str()).is_some() {
            kept.push(fun);
        } else {
            let first = kept
                .iter()
                .find(|known| known.name == fun.name)
                .map_or(0, |known| known.at.line);
            found
                .error(
                    codes::DUPLICATE_FUN,
                    fun.at,
                    format!(
                        "there are two `fun` blocks called `{}`, the first in line {first}",
                        fun.name
                    ),
                )
                .hint("rename one of them");
        }
    }
    let mut inputs: Vec<Vec<Input>> = Vec::new();
    for (task, fun) in (0..).zip(&kept) {
        let linked = fun.params.iter().filter_map(|param| {
            let producer = graph.depend(task, &param.producer, param.producer_at, true, found)?;
            let value = Binding::Ref(Reference {
                root: Root::Output(producer),
                path: Vec::new(),
            });
            Some(Input {
                name: param.name.clone(),
                value,
            })
        });
        inputs.push(linked.collect());
    }
    graph.check_cycles(found);
    let places = kept.iter().map(|fun| fun.at).collect();
    let tasks = kept.into_iter().zip(inputs).zip(0..);
    let tasks = tasks.map(|((fun, inputs), index): ((Fun, Vec<Input>), TaskIndex)| {
        let executor = Executor::Script {
            body: fun.body,
            line: fun.body_line,
        };
        let mut task = blank::task(fun.name, executor, Style::Fun);
        task.retries.max = RETRIES;
        task.inputs = inputs;
        task.depends_on = graph.depends_on(index);
        task
    });
    (tasks.collect(), places)
}

/// A workflow name from the file's: what a name cannot hold becomes `_`.
fn name_from(file: &str) -> WorkflowName {
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    let mut name: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "workflow_");
    }
    name.truncate(63);
    WorkflowName::new(&name).expect("only letters, digits, `_` and `-`, a letter first, at most 63")
}
