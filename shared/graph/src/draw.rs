//! The graph as SVG: edges first, then a card for each node.

use crate::layout::{NAME_AT, NAME_END, NAME_SIZE};
use crate::xml::{Xml, is_page};
use crate::{
    Direction, Fan, Graph, Layout, Limits, Node, Point, State, TooLarge, Wire, style, text,
};

/// What a drawing says beside the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DrawOptions {
    /// What it is a drawing of, for people who have it read to them.
    pub label: String,
    /// A file of its own: with its stylesheet, and a ground.
    pub standalone: bool,
    /// Shows the critical path.
    pub critical: bool,
}

/// Lays out and draws.
pub fn svg(
    graph: &Graph,
    direction: Direction,
    limits: Limits,
    options: &DrawOptions,
) -> Result<String, TooLarge> {
    Ok(draw(graph, &Layout::of(graph, direction, limits)?, options))
}

/// Draws a graph by a layout of it, or of one with the same names and edges.
///
/// # Panics
///
/// When the layout is one of a graph with fewer nodes.
pub fn draw(graph: &Graph, layout: &Layout, options: &DrawOptions) -> String {
    let room = 2_000 + 420 * graph.nodes().len() + 48 * graph.edges().len();
    let mut xml = Xml::with_room(room + if options.standalone { 12_000 } else { 0 });
    begin(
        &mut xml,
        "ork-graph",
        (layout.width, layout.height),
        &options.label,
        options.standalone,
    );
    let path = if options.critical {
        graph.critical_path()
    } else {
        Vec::new()
    };
    let mut critical = vec![false; graph.nodes().len()];
    path.iter().for_each(|&at| critical[at as usize] = true);
    edges(&mut xml, graph, layout, &path);
    for (at, node) in (0u32..).zip(graph.nodes()) {
        card(&mut xml, graph, layout, at, node, critical[at as usize]);
    }
    xml.raw("</svg>\n");
    xml.0
}

/// The outermost element of every drawing.
pub(crate) fn begin(xml: &mut Xml, class: &str, size: (i32, i32), label: &str, standalone: bool) {
    xml.raw("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"")
        .raw(class);
    if standalone {
        xml.raw(" alone");
    }
    xml.raw("\" viewBox=\"0 0 ")
        .ints(&[size.0, size.1])
        .raw("\"")
        .number("width", size.0)
        .number("height", size.1)
        .raw(" role=\"group\"")
        .attribute("aria-label", label)
        .raw(">");
    if standalone {
        xml.raw("<title>")
            .text(label)
            .raw("</title><style>")
            .raw(&style::for_files())
            .raw("</style>");
    }
    xml.raw("\n");
}

fn edges(xml: &mut Xml, graph: &Graph, layout: &Layout, critical: &[u32]) {
    if layout.wires.is_empty() {
        return;
    }
    xml.raw("<g class=\"edges\" aria-hidden=\"true\">\n");
    for wire in &layout.wires {
        let over = graph.nodes()[wire.from as usize]
            .state
            .is_some_and(|state| matches!(state, State::Success | State::Skipped));
        let done = if over { " done" } else { "" };
        if !wire.to.is_empty() {
            xml.raw("<path class=\"edge").raw(done).raw("\" d=\"");
            let mut at = layout.out_of(wire.from);
            if !wire.trunk.is_empty() {
                trunk(xml, layout, wire, wire.trunk.len());
            }
            for &to in &wire.to {
                at = match layout.passages(wire, to) {
                    0 => layout.out_of(wire.from),
                    n => wire.trunk.get(n - 1).map_or(at, |bend| bend.leave),
                };
                xml.raw("M").ints(&[at.x, at.y]);
                curve(xml, layout.direction, at, layout.into_of(to));
            }
            xml.raw("\"/>\n");
        }
        if !wire.far.is_empty() {
            xml.raw("<path class=\"edge far").raw(done).raw("\" d=\"");
            let at = layout.out_of(wire.from);
            for &to in &wire.far {
                xml.raw("M").ints(&[at.x, at.y]);
                curve(xml, layout.direction, at, layout.into_of(to));
            }
            xml.raw("\"/>\n");
        }
    }
    let mut reached = vec![false; graph.nodes().len()];
    for &(_, to) in graph.edges() {
        reached[to as usize] = true;
    }
    let heads = (0u32..).zip(&reached).filter(|(_, reached)| **reached);
    xml.raw("<path class=\"head\" d=\"");
    for (at, _) in heads {
        head(xml, layout, at);
    }
    xml.raw("\"/>\n");
    if critical.len() > 1 {
        xml.raw("<path class=\"edge critical\" d=\"");
        for pair in critical.windows(2) {
            one_edge(xml, layout, pair[0], pair[1]);
        }
        xml.raw("\"/>\n<path class=\"head critical\" d=\"");
        critical[1..].iter().for_each(|&at| head(xml, layout, at));
        xml.raw("\"/>\n");
    }
    xml.raw("</g>\n");
}

/// The first `n` passages of a trunk, and what leads to and between them.
fn trunk(xml: &mut Xml, layout: &Layout, wire: &Wire, n: usize) -> Point {
    let mut at = layout.out_of(wire.from);
    xml.raw("M").ints(&[at.x, at.y]);
    for bend in &wire.trunk[..n] {
        curve(xml, layout.direction, at, bend.enter);
        match layout.direction {
            Direction::LeftToRight => xml.raw("h").int(bend.leave.x - bend.enter.x),
            Direction::TopDown => xml.raw("v").int(bend.leave.y - bend.enter.y),
        };
        at = bend.leave;
    }
    at
}

fn one_edge(xml: &mut Xml, layout: &Layout, from: u32, to: u32) {
    let found = layout.wires.binary_search_by_key(&from, |wire| wire.from);
    let Some(wire) = found.ok().map(|at| &layout.wires[at]) else {
        return;
    };
    let passages = if wire.far.contains(&to) {
        0
    } else {
        layout.passages(wire, to)
    };
    let at = trunk(xml, layout, wire, passages.min(wire.trunk.len()));
    curve(xml, layout.direction, at, layout.into_of(to));
}

/// A line that leaves and arrives in the direction of the graph.
fn curve(xml: &mut Xml, direction: Direction, from: Point, to: Point) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    match direction {
        Direction::LeftToRight if dy == 0 => xml.raw("h").int(dx),
        Direction::LeftToRight => {
            let half = dx / 2;
            xml.raw("c").ints(&[half, 0, half, dy, dx, dy])
        }
        Direction::TopDown if dx == 0 => xml.raw("v").int(dy),
        Direction::TopDown => {
            let half = dy / 2;
            xml.raw("c").ints(&[0, half, dx, half, dx, dy])
        }
    };
}

fn head(xml: &mut Xml, layout: &Layout, node: u32) {
    let Point { x, y } = layout.into_of(node);
    xml.raw("M").ints(&[x, y]).raw(match layout.direction {
        Direction::LeftToRight => "l-7-4v8z",
        Direction::TopDown => "l-4-7h8z",
    });
}

fn card(xml: &mut Xml, graph: &Graph, layout: &Layout, at: u32, node: &Node, critical: bool) {
    let place = layout.places[at as usize];
    let (wide, high) = (layout.node_width, layout.node_height);
    let href = node.href.as_deref().filter(|href| is_page(href));
    let element = if href.is_some() { "a" } else { "g" };
    xml.raw("<").raw(element).raw(" class=\"node");
    if let Some(state) = node.state {
        xml.raw(" ").raw(state.as_str());
    }
    if critical {
        xml.raw(" critical");
    }
    if graph.centre() == Some(at) {
        xml.raw(" centre");
    }
    xml.raw("\"");
    match href {
        Some(href) => xml.attribute("href", href),
        None => xml.raw(" tabindex=\"0\" role=\"img\""),
    };
    xml.attribute("data-task", &node.name)
        .raw(" transform=\"translate(")
        .int(place.x)
        .raw(",")
        .int(place.y)
        .raw(")\"><title>")
        .text(&words(node, critical))
        .raw("</title>");
    if node.fan.is_some() {
        xml.rect("behind", 4, 4, wide, high).raw(" rx=\"8\"/>");
    }
    xml.rect("card", 0, 0, wide, high).raw(" rx=\"8\"/>");
    let left = match node.state {
        Some(state) => {
            let (x, y) = (20, high / 2);
            xml.raw("<circle class=\"badge\" cx=\"20\"")
                .number("cy", y)
                .raw(" r=\"11\"/><path class=\"icon\" d=\"M")
                .ints(&[x, y])
                .raw(state.icon())
                .raw("\"/>");
            NAME_AT
        }
        None => 14,
    };
    let count = node.fan.map(|fan| fan.short()).unwrap_or_default();
    let second = !node.note.is_empty() || !count.is_empty();
    let (name_y, note_y) = match (second, node.fan) {
        (false, None) => (28, 0),
        (true, None) => (21, 36),
        (_, Some(_)) => (18, 32),
    };
    let room = unsigned(wide - left - NAME_END);
    xml.raw("<text class=\"name\"")
        .number("x", left)
        .number("y", name_y)
        .raw(">")
        .text(&text::cut(&node.name, NAME_SIZE, room))
        .raw("</text>");
    let taken = if count.is_empty() {
        0
    } else {
        text::width(&count, 11) + 8
    };
    if !node.note.is_empty() {
        xml.raw("<text class=\"note\"")
            .number("x", left)
            .number("y", note_y)
            .raw(">")
            .text(&text::cut(&node.note, 11, room.saturating_sub(taken)))
            .raw("</text>");
    }
    if !count.is_empty() {
        xml.raw("<text class=\"count\" text-anchor=\"end\"")
            .number("x", wide - NAME_END)
            .number("y", note_y)
            .raw(">")
            .text(&count)
            .raw("</text>");
    }
    if let Some(fan) = node.fan {
        bar(xml, fan, left, high - 10, wide - left - NAME_END);
    }
    more(xml, layout, graph.hidden(at));
    xml.raw("</").raw(element).raw(">\n");
}

/// How many neighbours are not shown, above the card, where no edge comes in.
fn more(xml: &mut Xml, layout: &Layout, hidden: (u32, u32)) {
    let sides = [
        (hidden.0, 0, "start", " before"),
        (hidden.1, layout.node_width, "end", " after"),
    ];
    for (n, x, anchor, side) in sides.into_iter().filter(|side| side.0 > 0) {
        xml.raw("<text class=\"more\" text-anchor=\"")
            .raw(anchor)
            .raw("\"")
            .number("x", x)
            .raw(" y=\"-4\">+")
            .raw(&n.to_string())
            .raw(side)
            .raw("</text>");
    }
}

/// How far the instances are.
fn bar(xml: &mut Xml, fan: Fan, x: i32, y: i32, wide: i32) {
    xml.rect("track", x, y, wide, 4).raw(" rx=\"2\"/>");
    let mut from = x;
    for (n, class) in [
        (fan.done, "bar-done"),
        (fan.failed, "bar-failed"),
        (fan.running, "bar-running"),
    ] {
        if n == 0 || fan.total == 0 {
            continue;
        }
        let share = u64::from(n) * u64::from(unsigned(wide)) / u64::from(fan.total);
        // Whatever there is can be seen; what is over does not reach beyond the end.
        let share = i32::try_from(share)
            .unwrap_or(wide)
            .max(2)
            .min(x + wide - from);
        xml.rect(class, from, y, share, 4).raw("/>");
        from += share;
    }
}

/// All there is to know of a node, to be read out or shown when one points at it.
fn words(node: &Node, critical: bool) -> String {
    let mut words = node.name.clone();
    // A note that begins with the state says it already.
    let said = |state: &State| node.note.starts_with(state.as_str());
    if let Some(state) = node.state.filter(|state| !said(state)) {
        words.push_str(": ");
        words.push_str(state.as_str());
    }
    if let Some(fan) = node.fan.filter(|fan| fan.total > 0) {
        words.push_str(&format!(", {} of {} done", fan.done, fan.total));
        for (n, what) in [(fan.failed, "failed"), (fan.running, "running")] {
            if n > 0 {
                words.push_str(&format!(", {n} {what}"));
            }
        }
    }
    if !node.note.is_empty() {
        words.push_str(if words == node.name { ": " } else { ", " });
        words.push_str(&node.note);
    }
    if critical {
        words.push_str(", on the critical path");
    }
    words
}

fn unsigned(n: i32) -> u32 {
    u32::try_from(n).unwrap_or(0)
}
