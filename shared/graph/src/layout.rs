//! Where each task and each edge goes: layers, few crossings, straight long edges.

mod net;
mod order;
mod place;
mod ranks;
mod wires;

use std::fmt;

use crate::{Graph, text};
use net::Net;
use order::Layers;

/// Size of the name of a node.
pub(crate) const NAME_SIZE: u32 = 13;
/// Where the name begins, from the node's left edge.
pub(crate) const NAME_AT: i32 = 38;
/// What is free to the right of the name.
pub(crate) const NAME_END: i32 = 12;

const HEIGHT: i32 = 48;
const WIDTHS: (i32, i32) = (156, 244);
/// Between nodes of one layer, and around what passes through it.
const APART: i32 = 20;
const PASSAGE_REACH: i32 = 6;
/// Between unconnected parts.
const PARTS_APART: i32 = 12;
/// Around the drawing.
const MARGIN: i32 = 16;

/// Which way the graph runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// What depends on others is to their right.
    #[default]
    LeftToRight,
    /// What depends on others is below them.
    TopDown,
}

/// How much is drawn at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Nodes.
    pub nodes: usize,
    /// Edges.
    pub edges: usize,
}

impl Limits {
    /// What a page shows: beyond it, neither browsers nor people get on with it.
    pub const PAGE: Self = Self {
        nodes: 2_000,
        edges: 10_000,
    };
    /// What a file may hold: the largest workflow there is.
    pub const FILE: Self = Self {
        nodes: 10_000,
        edges: 50_000,
    };
}

/// There is more than is drawn at once; [`Graph::around`] makes a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// Nodes there are.
    pub nodes: usize,
    /// Edges there are.
    pub edges: usize,
    /// What would be drawn at most.
    pub limits: Limits,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} tasks with {} dependencies are too many to be drawn at once (at most {} with {}): look at the neighbourhood of one task",
            self.nodes, self.edges, self.limits.nodes, self.limits.edges
        )
    }
}

impl std::error::Error for TooLarge {}

/// A place in the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Point {
    /// From the left.
    pub x: i32,
    /// From the top.
    pub y: i32,
}

/// Where a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// Its layer, from 0: every edge leads to a higher one.
    pub rank: u32,
    /// Its left edge.
    pub x: i32,
    /// Its upper edge.
    pub y: i32,
}

/// A passage of an edge through a layer: straight from one side of it to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bend {
    /// Where it comes in.
    pub enter: Point,
    /// Where it goes out.
    pub leave: Point,
}

/// All edges of one node: they run together as far as they can.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wire {
    /// The node.
    pub from: u32,
    /// Passages through the layers behind it, in order.
    pub trunk: Vec<Bend>,
    /// The nodes it leads to.
    pub to: Vec<u32>,
    /// Those it leads to directly, behind whatever is in between: only in graphs with too many long edges to find each a way.
    pub far: Vec<u32>,
}

/// A layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Which way it runs.
    pub direction: Direction,
    /// Width of the drawing.
    pub width: i32,
    /// Height of the drawing.
    pub height: i32,
    /// Width of each node.
    pub node_width: i32,
    /// Height of each node.
    pub node_height: i32,
    /// Where each node is.
    pub places: Vec<Place>,
    /// The edges, by the node that they come from.
    pub wires: Vec<Wire>,
    /// How often edges cross.
    pub crossings: u64,
}

/// One connected part of a graph while it is laid out.
struct Part {
    /// Its nodes, as the graph counts them.
    nodes: Vec<u32>,
    net: Net,
    /// The middle of each vertex across its layer.
    middle: Vec<i32>,
}

impl Layout {
    /// Lays a graph out. It depends on names and edges alone: while a run goes on, one layout serves for every drawing.
    pub fn of(graph: &Graph, direction: Direction, limits: Limits) -> Result<Self, TooLarge> {
        let (nodes, edges) = (graph.nodes().len(), graph.edges().len());
        if nodes > limits.nodes || edges > limits.edges {
            return Err(TooLarge {
                nodes,
                edges,
                limits,
            });
        }
        let mut layout = Self {
            direction,
            node_width: node_width(graph),
            node_height: HEIGHT,
            places: vec![Place::default(); nodes],
            ..Self::default()
        };
        let (connected, alone) = parts(graph);
        let rank = ranks::assign(graph);
        // Room for long edges: what people can follow in a drawing of this size, and what is laid out in time.
        let mut room = (2_000 + 2 * (nodes + edges)).min((2 * nodes).max(14_000));
        let mut across = MARGIN;
        let mut laid = Vec::with_capacity(connected.len());
        for nodes in connected {
            let part = layout.lay(graph, nodes, &rank, &mut room, &mut across);
            laid.push(part);
            across += PARTS_APART;
        }
        if !laid.is_empty() {
            across -= APART + PARTS_APART;
        }
        let along = layout.wire(graph, &laid, MARGIN);
        let (width, height) = match direction {
            Direction::LeftToRight => (along, across),
            Direction::TopDown => (across, along),
        };
        (layout.width, layout.height) = (width + MARGIN, height + MARGIN);
        layout.grid(&alone, laid.is_empty());
        Ok(layout)
    }

    /// Lays one part out beside what is there already; moves `across` behind it.
    fn lay(
        &mut self,
        graph: &Graph,
        nodes: Vec<u32>,
        rank: &[u32],
        room: &mut usize,
        across: &mut i32,
    ) -> Part {
        let first = nodes.iter().map(|&at| rank[at as usize]).min().unwrap_or(0);
        let ranks = nodes.iter().map(|&at| rank[at as usize] - first).collect();
        // `nodes` is sorted, so the edges of the part come sorted, too.
        let here =
            |at: u32| crate::graph::index(nodes.binary_search(&at).expect("it is of this part"));
        let edges: Vec<(u32, u32)> = nodes
            .iter()
            .flat_map(|&at| graph.after(at))
            .map(|&(a, b)| (here(a), here(b)))
            .collect();
        let net = Net::new(ranks, &edges, room);
        let (layers, crossings): (Layers, u64) = order::arrange(&net);
        self.crossings += crossings;
        let size = match self.direction {
            Direction::LeftToRight => self.node_height,
            Direction::TopDown => self.node_width,
        };
        let reach = |vertex: u32| {
            if net.is_passage(vertex) {
                PASSAGE_REACH
            } else {
                (size + APART) / 2
            }
        };
        let mut middle = place::across(&net, &layers, reach);
        let edge = |vertex: u32| if net.is_passage(vertex) { 2 } else { size / 2 };
        let vertices = || 0..crate::graph::index(net.vertices());
        let least = vertices().map(|at| middle[at as usize] - edge(at)).min();
        let by = *across - least.unwrap_or(0);
        middle.iter_mut().for_each(|middle| *middle += by);
        let most = vertices().map(|at| middle[at as usize] + edge(at)).max();
        *across = most.unwrap_or(*across) + APART;
        Part { nodes, net, middle }
    }

    /// What is connected with nothing goes below everything else, in rows.
    fn grid(&mut self, alone: &[u32], nothing_above: bool) {
        if alone.is_empty() {
            if nothing_above {
                (self.width, self.height) = (2 * MARGIN, 2 * MARGIN);
            }
            return;
        }
        let (wide, high) = (self.node_width + 2 * APART, self.node_height + APART);
        let many = i32::try_from(alone.len()).unwrap_or(i32::MAX);
        // As wide as what is above, or a little wider than high.
        let fits = (self.width - 2 * MARGIN + 2 * APART) / wide;
        let even = (f64::from(many) * f64::from(high) * 1.6 / f64::from(wide)).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the root of a number of nodes"
        )]
        let columns = fits.max(even.ceil() as i32).clamp(1, many);
        let top = if nothing_above {
            MARGIN
        } else {
            self.height - MARGIN + APART + PARTS_APART
        };
        for (at, &node) in (0i32..).zip(alone) {
            let (x, y) = (MARGIN + at % columns * wide, top + at / columns * high);
            self.places[node as usize] = Place { rank: 0, x, y };
            self.width = self.width.max(x + self.node_width + MARGIN);
            self.height = self.height.max(y + self.node_height + MARGIN);
        }
    }
}

/// One width for all: as the longest name needs, within bounds.
fn node_width(graph: &Graph) -> i32 {
    let widest = graph
        .nodes()
        .iter()
        .map(|node| text::width(&node.name, NAME_SIZE))
        .max();
    let wide = i32::try_from(widest.unwrap_or(0)).unwrap_or(i32::MAX / 2);
    let even = (wide + NAME_AT + NAME_END + 1) / 2 * 2;
    even.clamp(WIDTHS.0, WIDTHS.1)
}

/// The connected parts, each sorted, in the order of their first nodes; and the nodes without any edge.
fn parts(graph: &Graph) -> (Vec<Vec<u32>>, Vec<u32>) {
    let nodes = crate::graph::index(graph.nodes().len());
    let mut head: Vec<u32> = (0..nodes).collect();
    fn head_of(head: &mut [u32], mut at: u32) -> u32 {
        while head[at as usize] != at {
            head[at as usize] = head[head[at as usize] as usize];
            at = head[at as usize];
        }
        at
    }
    let mut connected = vec![false; nodes as usize];
    for &(a, b) in graph.edges() {
        connected[a as usize] = true;
        connected[b as usize] = true;
        let (a, b) = (head_of(&mut head, a), head_of(&mut head, b));
        head[a.max(b) as usize] = a.min(b);
    }
    let mut parts: Vec<Vec<u32>> = Vec::new();
    let mut alone = Vec::new();
    let mut part_of = vec![usize::MAX; nodes as usize];
    for at in 0..nodes {
        if !connected[at as usize] {
            alone.push(at);
            continue;
        }
        let first = head_of(&mut head, at) as usize;
        if part_of[first] == usize::MAX {
            part_of[first] = parts.len();
            parts.push(Vec::new());
        }
        parts[part_of[first]].push(at);
    }
    (parts, alone)
}
