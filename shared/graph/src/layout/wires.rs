//! Where the layers are, and the ways of the edges between and through them.

use super::{Bend, Direction, Layout, Part, Place, Point, Wire};
use crate::Graph;

/// Between two layers; more where edges go far to the side, so that they do not become too steep.
const GAP: (i32, i32) = (52, 150);
const GAP_DOWN: (i32, i32) = (44, 110);

impl Layout {
    /// Puts nodes and edges of all parts in their places; gives how far the layers reach.
    pub(super) fn wire(&mut self, graph: &Graph, parts: &[Part], margin: i32) -> i32 {
        let (size, gap, slope) = match self.direction {
            Direction::LeftToRight => (self.node_width, GAP, 10),
            Direction::TopDown => (self.node_height, GAP_DOWN, 24),
        };
        let layers = parts.iter().map(|part| part.net.layers).max().unwrap_or(0);
        let mut steepest = vec![0; layers];
        for part in parts {
            for vertex in 0..crate::graph::index(part.net.vertices()) {
                let here = part.middle[vertex as usize];
                let far = part.net.down.get(vertex).iter();
                let far = far.map(|&other| (part.middle[other as usize] - here).abs());
                let rank = part.net.rank[vertex as usize] as usize;
                steepest[rank] = far.max().unwrap_or(0).max(steepest[rank]);
            }
        }
        let mut along = margin;
        let mut begins = Vec::with_capacity(layers);
        for far in steepest {
            begins.push(along);
            along += size + (gap.0 + far / slope).min(gap.1);
        }
        let end = begins.last().map_or(margin, |&last| last + size);
        for part in parts {
            self.wire_part(graph, part, &begins, size);
        }
        self.wires.sort_by_key(|wire| wire.from);
        end
    }

    fn wire_part(&mut self, graph: &Graph, part: &Part, begins: &[i32], size: i32) {
        let point = |along: i32, across: i32| match self.direction {
            Direction::LeftToRight => Point {
                x: along,
                y: across,
            },
            Direction::TopDown => Point {
                x: across,
                y: along,
            },
        };
        let net = &part.net;
        for (vertex, &node) in (0u32..).zip(&part.nodes) {
            let rank = net.rank[vertex as usize];
            let across = part.middle[vertex as usize]
                - match self.direction {
                    Direction::LeftToRight => self.node_height / 2,
                    Direction::TopDown => self.node_width / 2,
                };
            let Point { x, y } = point(begins[rank as usize], across);
            self.places[node as usize] = Place { rank, x, y };
            let way = &net.ways[vertex as usize];
            let bend = |passage: u32| {
                let begin = begins[net.rank[passage as usize] as usize];
                let across = part.middle[passage as usize];
                Bend {
                    enter: point(begin, across),
                    leave: point(begin + size, across),
                }
            };
            let mut wire = Wire {
                from: node,
                trunk: way.trunk.clone().map(bend).collect(),
                ..Wire::default()
            };
            let rank_of = |node: u32| {
                let here = part.nodes.binary_search(&node).expect("it is of this part");
                net.rank[here]
            };
            for &(_, to) in graph.after(node) {
                if way.cut && rank_of(to) > rank + 1 {
                    wire.far.push(to);
                } else {
                    wire.to.push(to);
                }
            }
            if !(wire.to.is_empty() && wire.far.is_empty()) {
                self.wires.push(wire);
            }
        }
    }

    /// Where edges leave a node.
    pub fn out_of(&self, node: u32) -> Point {
        let Place { x, y, .. } = self.places[node as usize];
        match self.direction {
            Direction::LeftToRight => Point {
                x: x + self.node_width,
                y: y + self.node_height / 2,
            },
            Direction::TopDown => Point {
                x: x + self.node_width / 2,
                y: y + self.node_height,
            },
        }
    }

    /// Where edges come into a node.
    pub fn into_of(&self, node: u32) -> Point {
        let Place { x, y, .. } = self.places[node as usize];
        match self.direction {
            Direction::LeftToRight => Point {
                x,
                y: y + self.node_height / 2,
            },
            Direction::TopDown => Point {
                x: x + self.node_width / 2,
                y,
            },
        }
    }

    /// How many passages of its trunk the edge of `wire` to `to` uses.
    pub fn passages(&self, wire: &Wire, to: u32) -> usize {
        let (from, to) = (self.places[wire.from as usize], self.places[to as usize]);
        (to.rank - from.rank) as usize - 1
    }
}
