//! How long the latest runs took: a bar for each, and a line at the middle of those that went well.

use ork_core::time::Millis;

use crate::draw::begin;
use crate::grid::share;
use crate::xml::{Xml, is_page};
use crate::{State, text};

/// Durations of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trend {
    /// What it is a drawing of, for people who have it read to them.
    pub label: String,
    /// The runs, oldest first. Where there is no room for all of them, the latest are drawn.
    pub bars: Vec<Bar>,
    /// Width of the drawing, at least 120.
    pub width: i32,
    /// Height of the drawing, at least 40.
    pub height: i32,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What tells it from others.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// How long it took, or takes already.
    pub took: Option<Millis>,
    /// Its page.
    pub href: Option<String>,
}

/// What the axis is written in.
const LEFT: i32 = 52;
const PAD: i32 = 8;

impl Trend {
    /// Draws it; `standalone`: as a file of its own.
    pub fn svg(&self, standalone: bool) -> String {
        let (wide, high) = (self.width.clamp(120, 20_000), self.height.clamp(40, 4_000));
        let mut xml = Xml::with_room(1_000 + self.bars.len() * 220);
        begin(&mut xml, "ork-trend", (wide, high), &self.label, standalone);
        let longest = self.bars.iter().filter_map(|bar| bar.took).max();
        let (floor, room) = (high - PAD, high - 2 * PAD);
        let longest = longest.unwrap_or_default();
        let across = wide - LEFT - PAD;
        // A bar has three units at least: of too many runs the latest are shown.
        let shown = usize::try_from(across / 3).unwrap_or(0);
        let bars = &self.bars[self.bars.len().saturating_sub(shown)..];
        let many = i32::try_from(bars.len()).unwrap_or(i32::MAX).max(1);
        // With few runs bars are no wider than they look well.
        let each = (across * 16 / many).min(28 * 16);
        for (at, bar) in (0i32..).zip(bars) {
            let x = LEFT + at * each / 16;
            let thick = (each / 16 - 2).max(1);
            one(
                &mut xml,
                bar,
                x,
                thick,
                floor,
                share(bar.took.unwrap_or_default(), longest, room),
            );
        }
        if longest.0 > 0 {
            axis(&mut xml, &longest.to_string(), PAD + 8);
        }
        if let Some(middle) = self.middle() {
            let y = floor - share(middle, longest, room);
            xml.raw("<path class=\"middle\" d=\"M")
                .ints(&[LEFT - 4, y])
                .raw("H")
                .int(wide - PAD)
                .raw("\"><title>")
                .text(&format!(
                    "half of the runs that succeeded took at most {middle}"
                ))
                .raw("</title></path>\n");
            // Two labels over each other say nothing.
            if y >= PAD + 16 {
                axis(&mut xml, &middle.to_string(), y + 4);
            }
        }
        xml.raw("</svg>\n");
        xml.0
    }

    /// The median of the runs that succeeded.
    fn middle(&self) -> Option<Millis> {
        let went_well = self.bars.iter().filter(|bar| bar.state == State::Success);
        let mut took: Vec<Millis> = went_well.filter_map(|bar| bar.took).collect();
        took.sort_unstable();
        took.get(took.len().checked_sub(1)? / 2).copied()
    }
}

fn axis(xml: &mut Xml, label: &str, y: i32) {
    xml.raw("<text class=\"dim\" text-anchor=\"end\"")
        .number("x", LEFT - 8)
        .number("y", y)
        .raw(">")
        .text(&text::cut(label, 11, 44))
        .raw("</text>\n");
}

fn one(xml: &mut Xml, bar: &Bar, x: i32, wide: i32, floor: i32, high: i32) {
    let href = bar.href.as_deref().filter(|href| is_page(href));
    let element = if href.is_some() { "a" } else { "g" };
    xml.raw("<").raw(element);
    match href {
        Some(href) => xml.attribute("href", href),
        None => xml.raw(" tabindex=\"0\" role=\"img\""),
    };
    let took = bar.took.map(|took| format!(", {took}")).unwrap_or_default();
    let words = format!("{}: {}{took}", bar.name, bar.state.as_str());
    xml.raw("><title>").text(&words).raw("</title>");
    xml.rect(bar.state.as_str(), x, floor - high, wide, high)
        .raw("/></")
        .raw(element)
        .raw(">\n");
}
