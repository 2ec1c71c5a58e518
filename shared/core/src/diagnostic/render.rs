//! Problems as a person reads them: code, sentence, place, source line, caret, hint.

use std::fmt::Write;

use super::{Diagnostic, Severity, lines};

/// Columns of a source line that are shown; longer ones are cut around the caret.
const WINDOW: usize = 100;
/// Columns kept before the caret when a line is cut.
const LEAD: usize = 40;
/// Columns of a tab.
const TAB: &str = "    ";

struct Paint {
    on: bool,
}

impl Paint {
    fn wrap(&self, style: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The problems as text, as a compiler prints them. `source` is the text of the file they are in.
pub fn render(found: &[Diagnostic], source: &str, color: bool) -> String {
    let paint = Paint { on: color };
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let source: Vec<&str> = lines(source).collect();
    let mut out = String::new();
    for (position, one) in found.iter().enumerate() {
        if position > 0 {
            out.push('\n');
        }
        render_one(one, &source, &paint, &mut out);
    }
    out
}

fn render_one(one: &Diagnostic, source: &[&str], paint: &Paint, out: &mut String) {
    let style = match one.severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
    };
    let head = paint.wrap(style, &format!("{}[{}]", one.severity.as_str(), one.code));
    let number = one.at.line.to_string();
    let margin = " ".repeat(number.len());
    let bar = paint.wrap("36", "|");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{head}: {}", paint.wrap("1", &printable(&one.message)));
    let _ = writeln!(
        out,
        "{margin}{} {}:{}:{}",
        paint.wrap("36", "-->"),
        printable(&one.file),
        one.at.line,
        one.at.column
    );
    if let Some(line) = source.get(one.at.line as usize - 1) {
        let (text, caret) = excerpt(line, one.at.column as usize - 1, one.at.width as usize);
        let _ = writeln!(out, "{margin} {bar}");
        let _ = writeln!(out, "{} {bar} {text}", paint.wrap("36", &number));
        let _ = writeln!(out, "{margin} {bar} {}", paint.wrap(style, &caret));
    }
    if let Some(hint) = &one.hint {
        let _ = writeln!(
            out,
            "{margin} {} {} {}",
            paint.wrap("36", "="),
            paint.wrap("1", "hint:"),
            printable(hint)
        );
    }
}

/// The part of a line around the marked characters, and the line of carets below it.
fn excerpt(line: &str, start: usize, width: usize) -> (String, String) {
    // Lines can be a megabyte long: only what may be shown is looked at.
    let long = line
        .chars()
        .take(WINDOW + 1)
        .map(columns_shown)
        .sum::<usize>()
        > WINDOW;
    let skipped = if long { start.saturating_sub(LEAD) } else { 0 };
    let mut rest = line.chars().skip(skipped).peekable();
    let (mut text, mut caret) = (String::new(), String::new());
    if skipped > 0 {
        text.push('…');
        caret.push(' ');
    }
    let end = start.saturating_add(width);
    let (mut position, mut room) = (skipped, WINDOW);
    while let Some(&c) = rest.peek() {
        let columns = columns_shown(c);
        if columns > room {
            text.push('…');
            break;
        }
        room -= columns;
        rest.next();
        text.push_str(&shown(c));
        if position < end {
            caret.extend(std::iter::repeat_n(
                if position < start { ' ' } else { '^' },
                columns,
            ));
        }
        position += 1;
    }
    if start >= position {
        caret.push('^');
    }
    (text.trim_end().to_owned(), caret)
}

/// How a character is printed.
fn shown(c: char) -> String {
    match c {
        '\t' => TAB.to_owned(),
        c if c.is_control() => "\u{fffd}".to_owned(),
        c => c.to_string(),
    }
}

/// How many columns of a terminal it then takes.
fn columns_shown(c: char) -> usize {
    match c {
        '\t' => TAB.len(),
        c if c.is_control() => 1,
        c => columns(c),
    }
}

/// Columns of a character: 0 for combining marks, 2 for East Asian wide ones and emoji.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f
        | 0x200b..=0x200f
        | 0x20d0..=0x20ff
        | 0xfe00..=0xfe0f
        | 0xfe20..=0xfe2f
        | 0xfeff => 0,
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0x33ff
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xa000..=0xa4cf => 2,
        0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => {
            2
        }
        0x1f300..=0x1f64f | 0x1f680..=0x1f6ff | 0x1f900..=0x1f9ff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Text from a file must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}
