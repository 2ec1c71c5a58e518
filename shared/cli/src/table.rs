//! Small tables: columns as wide as their widest cell, two spaces apart, nothing drawn around them.

use crate::output::{Paint, harmless};

/// Puts colours around a cell's text.
type HowPainted = Box<dyn Fn(Paint, &str) -> String>;

/// A cell: its text, and how it is coloured.
pub(crate) struct Cell {
    text: String,
    right: bool,
    paint: Option<HowPainted>,
}

impl Cell {
    /// Text, whoever it is from.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: harmless(&text.into()),
            right: false,
            paint: None,
        }
    }
    /// Text at the right edge of its column, as numbers want it.
    pub(crate) fn right(text: impl Into<String>) -> Self {
        Self {
            right: true,
            ..Self::new(text)
        }
    }
    /// Text in a colour.
    pub(crate) fn painted(
        text: impl Into<String>,
        paint: impl Fn(Paint, &str) -> String + 'static,
    ) -> Self {
        Self {
            paint: Some(Box::new(paint)),
            ..Self::new(text)
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows below a heading.
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// No rows yet.
    pub(crate) fn new<const N: usize>(heading: [&'static str; N]) -> Self {
        Self {
            heading: heading.to_vec(),
            rows: Vec::new(),
        }
    }
    /// Adds a row with a cell per column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }
    /// The table as text. A column in which every cell is empty is left out.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let used: Vec<usize> = (0..self.heading.len())
            .filter(|&at| self.rows.iter().any(|row| !row[at].text.is_empty()))
            .collect();
        let width = |at: usize| {
            let cells = self
                .rows
                .iter()
                .map(|row| row[at].text.chars().count())
                .max()
                .unwrap_or(0);
            cells.max(self.heading[at].chars().count())
        };
        let widths: Vec<usize> = used.iter().map(|&at| width(at)).collect();
        let mut out = String::new();
        let mut line = |cells: Vec<(&str, String, bool)>| {
            let last = cells.len().saturating_sub(1);
            for (at, (plain, shown, right)) in cells.into_iter().enumerate() {
                let pad = " ".repeat(widths[at].saturating_sub(plain.chars().count()));
                match (right, at == last) {
                    (true, _) => out.push_str(&(pad + &shown)),
                    (false, true) => out.push_str(&shown),
                    (false, false) => out.push_str(&(shown + &pad)),
                }
                if at != last {
                    out.push_str("  ");
                }
            }
            let end = out.trim_end_matches(' ').len();
            out.truncate(end);
            out.push('\n');
        };
        let right = |at: usize| self.rows.first().is_some_and(|row| row[at].right);
        line(
            used.iter()
                .map(|&at| (self.heading[at], paint.dim(self.heading[at]), right(at)))
                .collect(),
        );
        for row in &self.rows {
            line(
                used.iter()
                    .map(|&at| {
                        let cell = &row[at];
                        let shown = cell
                            .paint
                            .as_ref()
                            .map_or_else(|| cell.text.clone(), |how| how(paint, &cell.text));
                        (cell.text.as_str(), shown, cell.right)
                    })
                    .collect(),
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_go() {
        let mut table = Table::new(["a", "empty", "number", "rest"]);
        table.row(["long one".into(), "".into(), Cell::right("7"), "x".into()]);
        table.row(["b".into(), "".into(), Cell::right("1234567"), "".into()]);
        assert_eq!(
            table.render(Paint::none()),
            "a          number  rest\nlong one        7  x\nb         1234567\n"
        );
    }
}
