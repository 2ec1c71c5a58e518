//! What is drawn: tasks and what they depend on, with where each stands.

use std::collections::VecDeque;
use std::fmt;

use crate::State;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its name; also in `data-task`, for a page that looks it up.
    pub name: String,
    /// A second, smaller line: what runs it, or how long it took.
    pub note: String,
    /// Where it stands; without a run, nowhere.
    pub state: Option<State>,
    /// Its instances, when it may have several: one node with a bar of progress.
    pub fan: Option<Fan>,
    /// The page that a click leads to. What is no page (`javascript:`) is left out.
    pub href: Option<String>,
    /// What it counts for on the critical path: milliseconds it took or is expected to take.
    pub weight: u64,
}

/// The instances of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fan {
    /// How many there are; 0: not known yet.
    pub total: u32,
    /// How many succeeded, or were skipped.
    pub done: u32,
    /// How many failed or were cancelled.
    pub failed: u32,
    /// How many are at work, here or elsewhere.
    pub running: u32,
}

impl Fan {
    /// How far they are, in short: `×200` before any began, then `37/200`; nothing while their number is not known.
    pub fn short(&self) -> String {
        match (self.done.saturating_add(self.failed), self.total) {
            (_, 0) => String::new(),
            (0, total) if self.running == 0 => format!("×{total}"),
            (over, total) => format!("{over}/{total}"),
        }
    }
}

/// Why something is no graph that can be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphError {
    /// An edge names a node that is not there.
    NoSuchNode {
        /// The edge.
        edge: (u32, u32),
        /// How many nodes there are.
        nodes: usize,
    },
    /// Edges lead round; this node is among those that can be reached from themselves, or lies behind one.
    Cycle {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchNode { edge, nodes } => write!(
                f,
                "the edge from node {} to node {} cannot be drawn: there are {nodes} nodes, counted from 0",
                edge.0, edge.1
            ),
            Self::Cycle { name } => write!(
                f,
                "the graph cannot be drawn in layers: `{name}` depends on itself, directly or through others"
            ),
        }
    }
}

impl std::error::Error for GraphError {}

/// Nodes and edges without a cycle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    /// Sorted, each once.
    edges: Vec<(u32, u32)>,
    /// Neighbours that are not part of this graph, before and behind each node; empty when there are none anywhere.
    hidden: Vec<(u32, u32)>,
    /// The node that this is the neighbourhood of.
    centre: Option<u32>,
    /// Every node, upstreams first.
    order: Vec<u32>,
}

impl Graph {
    /// `edges` lead from a node to one that depends on it, by position; the same edge twice is one.
    pub fn new(
        nodes: Vec<Node>,
        edges: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, GraphError> {
        let mut edges: Vec<(u32, u32)> = edges.into_iter().collect();
        let there = |at: u32| (at as usize) < nodes.len();
        if let Some(&edge) = edges.iter().find(|(a, b)| !there(*a) || !there(*b)) {
            let nodes = nodes.len();
            return Err(GraphError::NoSuchNode { edge, nodes });
        }
        edges.sort_unstable();
        edges.dedup();
        let mut graph = Self {
            nodes,
            edges,
            ..Self::default()
        };
        graph.order = graph.sorted()?;
        Ok(graph)
    }

    /// Its nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
    /// Its edges, sorted.
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }
    /// The node that this is the neighbourhood of.
    pub const fn centre(&self) -> Option<u32> {
        self.centre
    }
    /// How many neighbours before and behind a node were left out.
    pub fn hidden(&self, node: u32) -> (u32, u32) {
        self.hidden.get(node as usize).copied().unwrap_or_default()
    }
    /// Every node, upstreams first.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }
    /// The nodes behind `node`.
    pub(crate) fn after(&self, node: u32) -> &[(u32, u32)] {
        let from = self.edges.partition_point(|edge| edge.0 < node);
        let to = from + self.edges[from..].partition_point(|edge| edge.0 == node);
        &self.edges[from..to]
    }

    /// The neighbourhood of `centre`: what comes before it up to `up` steps away, and behind it up to `down`; at most `most` nodes, the nearest
    /// ones. Nodes whose neighbours were left out say so. Gives the positions that its nodes have in this graph, too.
    pub fn around(&self, centre: u32, up: u32, down: u32, most: usize) -> (Self, Vec<u32>) {
        if centre as usize >= self.nodes.len() {
            return (Self::default(), Vec::new());
        }
        let mut before: Vec<(u32, u32)> = self.edges.iter().map(|&(a, b)| (b, a)).collect();
        before.sort_unstable();
        let before_of = |node: u32| {
            let from = before.partition_point(|edge| edge.0 < node);
            let to = from + before[from..].partition_point(|edge| edge.0 == node);
            &before[from..to]
        };
        let mut kept = vec![false; self.nodes.len()];
        kept[centre as usize] = true;
        let mut room = most.max(1) - 1;
        // Both ways step by step in turn, so that a crowd on one side leaves room for the other.
        let mut open = VecDeque::from([(centre, 0, true), (centre, 0, false)]);
        while let Some((node, far, upwards)) = open.pop_front() {
            if far >= if upwards { up } else { down } {
                continue;
            }
            let next = if upwards {
                before_of(node)
            } else {
                self.after(node)
            };
            for &(_, neighbour) in next {
                if room > 0 && !std::mem::replace(&mut kept[neighbour as usize], true) {
                    room -= 1;
                    open.push_back((neighbour, far + 1, upwards));
                }
            }
        }
        let mut now_at = vec![u32::MAX; self.nodes.len()];
        let mut positions = Vec::new();
        for (at, _) in (0u32..)
            .zip(&self.nodes)
            .filter(|(at, _)| kept[*at as usize])
        {
            now_at[at as usize] = index(positions.len());
            positions.push(at);
        }
        let mut edges = Vec::new();
        let mut hidden = vec![(0, 0); positions.len()];
        for &(a, b) in &self.edges {
            match (now_at[a as usize], now_at[b as usize]) {
                (u32::MAX, u32::MAX) => {}
                (u32::MAX, b) => hidden[b as usize].0 += 1,
                (a, u32::MAX) => hidden[a as usize].1 += 1,
                (a, b) => edges.push((a, b)),
            }
        }
        let mut part = Self {
            nodes: positions
                .iter()
                .map(|&at| self.nodes[at as usize].clone())
                .collect(),
            edges,
            hidden,
            centre: Some(now_at[centre as usize]),
            order: Vec::new(),
        };
        part.order = part.sorted().expect("a part of what has no cycle has none");
        (part, positions)
    }

    /// The chain of nodes with the greatest weight together, first to last: what a run cannot be quicker than. Empty when nothing weighs anything.
    pub fn critical_path(&self) -> Vec<u32> {
        let mut best: Vec<(u64, u32)> = vec![(0, u32::MAX); self.nodes.len()];
        let mut until = vec![0u64; self.nodes.len()];
        for &at in &self.order {
            let here = best[at as usize]
                .0
                .saturating_add(self.nodes[at as usize].weight);
            until[at as usize] = here;
            for &(_, next) in self.after(at) {
                // Also what weighs nothing: the path begins where nothing comes before it.
                if here > best[next as usize].0 || best[next as usize].1 == u32::MAX {
                    best[next as usize] = (here, at);
                }
            }
        }
        // Of several ends the last: what weighs nothing and comes behind belongs to the path, too.
        let Some(mut at) = self
            .order
            .iter()
            .copied()
            .max_by_key(|&at| until[at as usize])
            .filter(|&at| until[at as usize] > 0)
        else {
            return Vec::new();
        };
        let mut path = vec![at];
        while best[at as usize].1 != u32::MAX {
            at = best[at as usize].1;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// How many steps each node is from the beginning, at most: those of one layer may be at work together.
    pub fn layers(&self) -> Vec<u32> {
        let mut layer = vec![0u32; self.nodes.len()];
        for &at in &self.order {
            for &(_, next) in self.after(at) {
                layer[next as usize] = layer[next as usize].max(layer[at as usize] + 1);
            }
        }
        layer
    }

    /// Upstreams first, in the order of the nodes where that is open.
    fn sorted(&self) -> Result<Vec<u32>, GraphError> {
        let mut unmet = vec![0u32; self.nodes.len()];
        for &(_, b) in &self.edges {
            unmet[b as usize] += 1;
        }
        let mut order: Vec<u32> = (0..index(self.nodes.len()))
            .filter(|&at| unmet[at as usize] == 0)
            .collect();
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            next += 1;
            for &(_, after) in self.after(at) {
                unmet[after as usize] -= 1;
                if unmet[after as usize] == 0 {
                    order.push(after);
                }
            }
        }
        match (0..self.nodes.len()).find(|&at| unmet[at] > 0) {
            Some(at) => Err(GraphError::Cycle {
                name: self.nodes[at].name.clone(),
            }),
            None => Ok(order),
        }
    }
}

/// A position as it is kept. A workflow has at most 10,000 tasks.
pub(crate) fn index(at: usize) -> u32 {
    u32::try_from(at).expect("no graph in memory has four billion nodes")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(n: usize) -> Vec<Node> {
        (0..n)
            .map(|at| Node {
                name: format!("t{at}"),
                weight: 1,
                ..Node::default()
            })
            .collect()
    }

    #[test]
    fn what_is_no_graph_is_refused_with_a_reason() {
        let wrong = Graph::new(nodes(2), [(0, 2)]).expect_err("there is no node 2");
        assert!(wrong.to_string().contains("there are 2 nodes"), "{wrong}");
        let wrong = Graph::new(nodes(3), [(0, 1), (1, 2), (2, 1)]).expect_err("a cycle");
        assert!(
            wrong.to_string().contains("`t1` depends on itself"),
            "{wrong}"
        );
        Graph::new(nodes(1), [(0, 0)]).expect_err("a cycle");
    }

    #[test]
    fn a_neighbourhood_says_what_it_left_out() {
        // 0 → 1 → 2 → 3 → 4, and 5 to 8 behind 2.
        let edges = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 4),
            (2, 5),
            (2, 6),
            (2, 7),
            (2, 8),
        ];
        let graph = Graph::new(nodes(9), edges).expect("a graph");
        let (part, positions) = graph.around(2, 1, 1, 100);
        assert_eq!(positions, [1, 2, 3, 5, 6, 7, 8]);
        assert_eq!(part.centre(), Some(1));
        assert_eq!(part.hidden(0), (1, 0));
        assert_eq!(part.hidden(2), (0, 1));
        assert_eq!(part.edges().len(), 6);
        let (part, positions) = graph.around(2, 9, 9, 3);
        assert_eq!(positions, [1, 2, 3], "the nearest on both sides");
        assert_eq!(part.hidden(1), (0, 4));
        assert_eq!(graph.around(99, 1, 1, 9).1, [0u32; 0]);
    }

    #[test]
    fn the_critical_path_is_the_heaviest_chain() {
        let mut nodes = nodes(4);
        nodes[1].weight = 10;
        nodes[2].weight = 3;
        let graph = Graph::new(nodes, [(0, 1), (0, 2), (1, 3), (2, 3)]).expect("a graph");
        assert_eq!(graph.critical_path(), [0, 1, 3]);
        let mut nodes = graph.nodes().to_vec();
        (nodes[0].weight, nodes[3].weight) = (0, 0);
        let graph = Graph::new(nodes, graph.edges().to_vec()).expect("a graph");
        assert_eq!(
            graph.critical_path(),
            [0, 1, 3],
            "from its beginning to its end"
        );
        assert!(Graph::default().critical_path().is_empty());
    }
}
