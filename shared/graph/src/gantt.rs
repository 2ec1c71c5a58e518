//! A run along time: a row for each task, a bar for each attempt; a fan-out is one row that is darker where more of it was at work.

use ork_core::time::Time;

use crate::draw::begin;
use crate::xml::{Xml, is_page};
use crate::{Axis, State, text};

/// A run along time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gantt {
    /// What it is a drawing of, for people who have it read to them.
    pub label: String,
    /// Where the axis begins.
    pub from: Time,
    /// Where it ends.
    pub to: Time,
    /// Draws a line there.
    pub now: Option<Time>,
    /// The tasks, from the top.
    pub rows: Vec<GanttRow>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GanttRow {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: Option<State>,
    /// The page that a click leads to.
    pub href: Option<String>,
    /// What is written behind its last bar: how long it took.
    pub note: String,
    /// Its bars.
    pub spans: Vec<Span>,
    /// Of a fan-out: from when to when each instance was at work.
    pub instances: Vec<(Time, Time)>,
}

/// One bar: an attempt, or what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// What happened: queued, running, deferred, retrying (the pause before the next attempt), or how the attempt ended.
    pub state: State,
    /// Its beginning.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// What it says when one points at it.
    pub title: String,
}

/// How it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GanttOptions {
    /// A file of its own.
    pub standalone: bool,
    /// The first row that is drawn.
    pub first: usize,
    /// How many rows are drawn at most.
    pub rows: usize,
    /// What the ticks say.
    pub axis: Axis,
    /// Width of the drawing, at least 400.
    pub width: i32,
}

impl Default for GanttOptions {
    fn default() -> Self {
        Self {
            standalone: false,
            first: 0,
            rows: 200,
            axis: Axis::Elapsed,
            width: 1_000,
        }
    }
}

/// Rows of one drawing, whatever is asked for.
const MOST: usize = 1_000;
const LEFT: i32 = 216;
const RIGHT: i32 = 14;
const TOP: i32 = 30;
const ROW: i32 = 24;
const BAR: i32 = 14;
const DENSITIES: usize = 4;

/// From instants to places.
struct Scale {
    from: Time,
    span: i128,
    wide: i32,
}

impl Scale {
    fn x(&self, at: Time) -> i32 {
        let after = (i128::from(at.0) - i128::from(self.from.0)).clamp(0, self.span);
        LEFT + i32::try_from(after * i128::from(self.wide) / self.span).unwrap_or(self.wide)
    }
}

impl Gantt {
    /// Draws it.
    pub fn svg(&self, options: &GanttOptions) -> String {
        let wide = options.width.clamp(400, 20_000);
        let first = options.first.min(self.rows.len());
        let rows = &self.rows[first..];
        let rows = &rows[..rows.len().min(options.rows.min(MOST))];
        let part = rows.len() < self.rows.len();
        let many = i32::try_from(rows.len()).unwrap_or(0);
        let bottom = TOP + many * ROW;
        let high = bottom + if part { ROW } else { 8 };
        let scale = Scale {
            from: self.from,
            span: (i128::from(self.to.0) - i128::from(self.from.0)).max(1),
            wide: wide - LEFT - RIGHT,
        };
        let mut xml = Xml::with_room(4_000 + rows.len() * 700);
        begin(
            &mut xml,
            "ork-gantt",
            (wide, high),
            &self.label,
            options.standalone,
        );
        stripes(&mut xml, many, wide);
        self.axis(&mut xml, options.axis, &scale, bottom);
        for (at, row) in (0i32..).zip(rows) {
            let y = TOP + at * ROW;
            head(&mut xml, row, y);
            bars(&mut xml, row, &scale, y + (ROW - BAR) / 2);
            beside(&mut xml, row, &scale, y, wide - RIGHT);
        }
        if let Some(now) = self.now {
            let x = scale.x(now);
            xml.raw("<path class=\"now\" d=\"M")
                .ints(&[x, TOP - 4])
                .raw("V")
                .int(bottom)
                .raw("\"><title>now</title></path>\n");
        }
        if part {
            let said = match rows.len() {
                0 => format!("none of {} tasks", self.rows.len()),
                n => format!(
                    "tasks {} to {} of {}",
                    first + 1,
                    first + n,
                    self.rows.len()
                ),
            };
            xml.raw("<text class=\"dim\" x=\"12\"")
                .number("y", bottom + 16)
                .raw(">")
                .text(&said)
                .raw("</text>\n");
        }
        xml.raw("</svg>\n");
        xml.0
    }

    fn axis(&self, xml: &mut Xml, axis: Axis, scale: &Scale, bottom: i32) {
        let most = u32::try_from(scale.wide / 90).unwrap_or(1);
        let ticks = axis.ticks(self.from, self.to, most);
        xml.raw("<g aria-hidden=\"true\"><path class=\"tick\" d=\"");
        for (at, _) in &ticks {
            xml.raw("M")
                .ints(&[scale.x(*at), TOP - 6])
                .raw("V")
                .int(bottom);
        }
        xml.raw("\"/>\n");
        for (at, label) in &ticks {
            let x = scale.x(*at);
            // At the right end a middle would reach beyond the drawing.
            let half = i32::try_from(text::width(label, 11) / 2).unwrap_or(0);
            let (anchor, x) = if x + half > LEFT + scale.wide + RIGHT {
                ("end", LEFT + scale.wide + RIGHT - 2)
            } else {
                ("middle", x)
            };
            xml.raw("<text class=\"dim\" text-anchor=\"")
                .raw(anchor)
                .raw("\"")
                .number("x", x)
                .number("y", TOP - 12)
                .raw(">")
                .text(label)
                .raw("</text>");
        }
        xml.raw("</g>\n");
    }
}

fn stripes(xml: &mut Xml, rows: i32, wide: i32) {
    xml.raw("<path class=\"stripe\" aria-hidden=\"true\" d=\"");
    for at in (0..rows).step_by(2) {
        xml.raw("M")
            .ints(&[0, TOP + at * ROW])
            .raw("h")
            .int(wide)
            .raw("v")
            .int(ROW)
            .raw("h")
            .int(-wide)
            .raw("z");
    }
    xml.raw("\"/>\n");
}

/// The name, as a link.
fn head(xml: &mut Xml, row: &GanttRow, y: i32) {
    let href = row.href.as_deref().filter(|href| is_page(href));
    let element = if href.is_some() { "a" } else { "g" };
    xml.raw("<").raw(element).raw(" class=\"row\"");
    match href {
        Some(href) => xml.attribute("href", href),
        None => xml.raw(" tabindex=\"0\" role=\"img\""),
    };
    xml.attribute("data-task", &row.name)
        .raw("><title>")
        .text(&row.name);
    if let Some(state) = row.state {
        xml.raw(": ").raw(state.as_str());
    }
    if !row.instances.is_empty() {
        let many = format!(", {} instances began", row.instances.len());
        xml.raw(&many);
    }
    if !row.note.is_empty() {
        xml.raw(", ").text(&row.note);
    }
    xml.raw("</title>");
    if let Some(state) = row.state {
        xml.raw("<circle class=\"span ")
            .raw(state.as_str())
            .raw("\" cx=\"14\"")
            .number("cy", y + ROW / 2)
            .raw(" r=\"4\"/>");
    }
    xml.raw("<text class=\"name\" x=\"26\"")
        .number("y", y + 16)
        .raw(">")
        .text(&text::cut(&row.name, 12, 178))
        .raw("</text></")
        .raw(element)
        .raw(">");
}

fn bars(xml: &mut Xml, row: &GanttRow, scale: &Scale, y: i32) {
    for span in &row.spans {
        let (from, to) = (scale.x(span.from), scale.x(span.to));
        let class = format!("span {}", span.state.as_str());
        xml.rect(&class, from, y, (to - from).max(2), BAR)
            .raw(" rx=\"2\"");
        if span.title.is_empty() {
            xml.raw("/>");
        } else {
            xml.raw("><title>").text(&span.title).raw("</title></rect>");
        }
    }
    if !row.instances.is_empty() {
        density(xml, row, scale, y);
    }
    xml.raw("\n");
}

/// How many instances were at work at each moment, in four shades, of which the darkest is the most there were.
fn density(xml: &mut Xml, row: &GanttRow, scale: &Scale, y: i32) {
    const BIN: i32 = 2;
    let bins = usize::try_from(scale.wide / BIN).unwrap_or(0) + 2;
    let bin = |at: Time| usize::try_from((scale.x(at) - LEFT) / BIN).unwrap_or(0);
    let mut change = vec![0i64; bins + 1];
    for &(from, to) in &row.instances {
        let first = bin(from);
        change[first] += 1;
        change[bin(to).max(first + 1)] -= 1;
    }
    let mut sum = 0;
    let at_work: Vec<i64> = change
        .iter()
        .map(|by| {
            sum += by;
            sum
        })
        .collect();
    let most = at_work.iter().copied().max().unwrap_or(0).max(1);
    let levels = DENSITIES as i64;
    let level = |n: i64| usize::try_from((n * levels + most - 1) / most).unwrap_or(0);
    xml.raw("<g");
    if let Some(state) = row.state {
        xml.raw(" class=\"").raw(state.as_str()).raw("\"");
    }
    xml.raw(">");
    let mut runs: [Vec<(i32, i32)>; DENSITIES + 1] = Default::default();
    let mut at = 0;
    while at < at_work.len() {
        let here = level(at_work[at]);
        let end = (at..at_work.len())
            .find(|&other| level(at_work[other]) != here)
            .unwrap_or(at_work.len());
        let place = |bin: usize| LEFT + i32::try_from(bin).unwrap_or(0) * BIN;
        runs[here].push((place(at), place(end)));
        at = end;
    }
    for (level, runs) in runs.iter().enumerate().skip(1) {
        if runs.is_empty() {
            continue;
        }
        xml.raw("<path class=\"density d")
            .raw(&level.to_string())
            .raw("\" d=\"");
        for &(from, to) in runs {
            xml.raw("M")
                .ints(&[from, y])
                .raw("h")
                .int(to - from)
                .raw("v")
                .int(BAR)
                .raw("h")
                .int(from - to)
                .raw("z");
        }
        xml.raw("\"/>");
    }
    xml.raw("</g>");
}

/// The note, behind the last bar or before the first, wherever there is room.
fn beside(xml: &mut Xml, row: &GanttRow, scale: &Scale, y: i32, right: i32) {
    let ends = row.spans.iter().map(|span| (span.from, span.to));
    let ends = ends.chain(row.instances.iter().copied());
    let (Some(from), Some(to)) = (
        ends.clone().map(|(from, _)| from).min(),
        ends.map(|(_, to)| to).max(),
    ) else {
        return;
    };
    if row.note.is_empty() {
        return;
    }
    let wide = i32::try_from(text::width(&row.note, 11)).unwrap_or(i32::MAX / 2);
    let (from, to) = (scale.x(from) - 6, scale.x(to) + 8);
    let (anchor, x) = if to + wide <= right {
        ("start", to)
    } else if from - wide >= LEFT {
        ("end", from)
    } else {
        return;
    };
    xml.raw("<text class=\"dim\" text-anchor=\"")
        .raw(anchor)
        .raw("\"")
        .number("x", x)
        .number("y", y + 16)
        .raw(">")
        .text(&row.note)
        .raw("</text>\n");
}
