//! The table that is printed.

use std::fmt::Write as _;

/// One measured promise.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) budget: String,
    pub(crate) floor: String,
    pub(crate) met: Option<bool>,
}

/// Renders rows as a Markdown table with aligned columns.
pub(crate) fn render(rows: &[Row]) -> String {
    let head = ["what", "measured", "to reach", "floor in this run", ""].map(str::to_owned);
    let cells: Vec<[String; 5]> = std::iter::once(head)
        .chain(rows.iter().map(|row| {
            let met = match row.met {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "",
            };
            [
                row.what.clone(),
                row.measured.clone(),
                row.budget.clone(),
                row.floor.clone(),
                met.to_owned(),
            ]
        }))
        .collect();
    let widths: Vec<usize> = (0..5)
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
                .max(3)
        })
        .collect();
    let mut text = String::new();
    for (at, row) in cells.iter().enumerate() {
        for (cell, &width) in row.iter().zip(&widths) {
            // Writing to a String cannot fail.
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if at == 0 {
            for &width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}
