//! Recent runs beside each other, a row for each task: what fails always, and since when.

use ork_core::time::Millis;

use crate::State;
use crate::xml::{Xml, is_page};

/// Runs × tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grid {
    /// What it is, as the table's caption.
    pub label: String,
    /// Its columns, oldest first.
    pub runs: Vec<GridRun>,
    /// Its rows. A page shows as many as it has room for.
    pub rows: Vec<GridRow>,
}

/// A run: a column with a bar as high as it took long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridRun {
    /// What tells it from others: its slot, or its id.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
    /// Where it stands.
    pub state: State,
    /// How long it took, or takes already.
    pub took: Option<Millis>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GridRow {
    /// Its name.
    pub name: String,
    /// Its page.
    pub href: Option<String>,
    /// Where it stands in each run, as the columns are; `None`, and what is missing at the end: that run does not have it.
    pub cells: Vec<Option<GridCell>>,
}

/// A task in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridCell {
    /// Where it stands.
    pub state: State,
    /// Its page.
    pub href: Option<String>,
    /// What it says when one points at it, beside its state.
    pub note: String,
}

/// Height of the highest bar.
const BAR: i32 = 40;

impl Grid {
    /// The table.
    pub fn html(&self) -> String {
        let mut xml = Xml::with_room(
            500 + self.runs.len() * 300 + self.rows.len() * (120 + 90 * self.runs.len()),
        );
        xml.raw("<table class=\"ork-grid\"><caption>")
            .text(&self.label)
            .raw("</caption>\n<thead><tr><th scope=\"col\">Task</th>");
        let longest = self.runs.iter().filter_map(|run| run.took).max();
        for run in &self.runs {
            column(&mut xml, run, longest.unwrap_or_default());
        }
        xml.raw("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            xml.raw("<tr><th scope=\"row\">");
            linked(&mut xml, row.href.as_deref(), "", "", &row.name);
            xml.raw("</th>");
            for at in 0..self.runs.len() {
                match row.cells.get(at).and_then(Option::as_ref) {
                    None => {
                        xml.raw("<td class=\"none\"></td>");
                    }
                    Some(cell) => {
                        let word = cell.state.as_str();
                        xml.raw("<td class=\"").raw(word).raw("\">");
                        linked(&mut xml, cell.href.as_deref(), "cell", &cell.note, word);
                        xml.raw("</td>");
                    }
                }
            }
            xml.raw("</tr>\n");
        }
        xml.raw("</tbody></table>\n");
        xml.0
    }
}

fn column(xml: &mut Xml, run: &GridRun, longest: Millis) {
    let took = run.took.map(|took| format!(", {took}")).unwrap_or_default();
    let words = format!("{}: {}{took}", run.name, run.state.as_str());
    xml.raw("<th scope=\"col\" class=\"")
        .raw(run.state.as_str())
        .raw("\">");
    let href = run.href.as_deref().filter(|href| is_page(href));
    match href {
        Some(href) => xml.raw("<a").attribute("href", href),
        None => xml.raw("<span role=\"img\""),
    };
    xml.attribute("title", &words)
        .attribute("aria-label", &words)
        .raw("><svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bar\" aria-hidden=\"true\" width=\"14\"")
        .number("height", BAR)
        .raw(">");
    if let Some(took) = run.took {
        let high = share(took, longest, BAR);
        xml.raw("<rect x=\"2\"")
            .number("y", BAR - high)
            .raw(" width=\"10\"")
            .number("height", high)
            .raw(" rx=\"2\"/>");
    }
    xml.raw("</svg>")
        .raw(if href.is_some() { "</a>" } else { "</span>" })
        .raw("</th>");
}

/// Text as a link where there is a page.
fn linked(xml: &mut Xml, href: Option<&str>, class: &str, title: &str, text: &str) {
    let href = href.filter(|href| is_page(href));
    let element = if href.is_some() { "a" } else { "span" };
    xml.raw("<").raw(element);
    if !class.is_empty() {
        xml.attribute("class", class);
    }
    if let Some(href) = href {
        xml.attribute("href", href);
    }
    if !title.is_empty() {
        xml.attribute("title", title);
    }
    xml.raw(">").text(text).raw("</").raw(element).raw(">");
}

/// As much of `high` as `part` is of `whole`, and enough to be seen.
pub(crate) fn share(part: Millis, whole: Millis, high: i32) -> i32 {
    let part = u128::from(part.0) * u128::from(high.unsigned_abs()) / u128::from(whole.0.max(1));
    i32::try_from(part).unwrap_or(high).clamp(2.min(high), high)
}
