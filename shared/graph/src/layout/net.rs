//! One connected part in layers: its nodes, and a place for each long edge in every layer that it passes.

use std::ops::Range;

/// Neighbours of vertices, all lists in one.
#[derive(Debug, Default, Clone)]
pub(super) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Lists by the first of each pair, in the order of the pairs.
    pub(super) fn of(vertices: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0u32; vertices + 1];
        for (a, _) in pairs.clone() {
            starts[a as usize + 1] += 1;
        }
        for at in 0..vertices {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[vertices] as usize];
        for (a, b) in pairs {
            items[next[a as usize] as usize] = b;
            next[a as usize] += 1;
        }
        Self { starts, items }
    }
    pub(super) fn slots(&self, of: u32) -> Range<usize> {
        self.starts[of as usize] as usize..self.starts[of as usize + 1] as usize
    }
    pub(super) fn get(&self, of: u32) -> &[u32] {
        &self.items[self.slots(of)]
    }
    pub(super) fn at(&self, slot: usize) -> u32 {
        self.items[slot]
    }
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}

/// The ways of one node's edges.
#[derive(Debug, Clone, Default)]
pub(super) struct Way {
    /// The vertices of its trunk, one for each layer behind it.
    pub(super) trunk: Range<u32>,
    /// Whether edges that need a longer trunk are drawn without one.
    pub(super) cut: bool,
}

/// Vertices (nodes first, then passages) and edges between neighbouring layers.
#[derive(Debug)]
pub(super) struct Net {
    /// How many vertices are nodes.
    pub(super) nodes: usize,
    /// The layer of each vertex.
    pub(super) rank: Vec<u32>,
    /// Neighbours one layer down.
    pub(super) down: Lists,
    /// Neighbours one layer up.
    pub(super) up: Lists,
    /// By node.
    pub(super) ways: Vec<Way>,
    /// How many layers there are.
    pub(super) layers: usize,
}

impl Net {
    /// `rank` of the nodes, counted from 0; `edges` sorted; at most `room` passages, of which it takes away what it used.
    pub(super) fn new(mut rank: Vec<u32>, edges: &[(u32, u32)], room: &mut usize) -> Self {
        let nodes = rank.len();
        let layers = rank.iter().max().map_or(0, |&last| last as usize + 1);
        let mut needs: Vec<(u32, u32)> = (0u32..).zip(vec![0; nodes]).collect();
        for &(a, b) in edges {
            let need = &mut needs[a as usize].1;
            *need = (*need).max(rank[b as usize] - rank[a as usize] - 1);
        }
        // The short ones first: where not all find a way, as many as possible do.
        needs.sort_by_key(|&(at, need)| (need, at));
        let mut ways = vec![Way::default(); nodes];
        for (at, need) in needs {
            let first = crate::graph::index(rank.len());
            if need as usize > *room {
                ways[at as usize].cut = true;
                continue;
            }
            *room -= need as usize;
            let from = rank[at as usize];
            rank.extend(from + 1..=from + need);
            ways[at as usize].trunk = first..first + need;
        }
        let mut pairs: Vec<(u32, u32)> = Vec::with_capacity(edges.len() + rank.len() - nodes);
        for (at, way) in (0u32..).zip(&ways) {
            let mut last = at;
            for passage in way.trunk.clone() {
                pairs.push((last, passage));
                last = passage;
            }
        }
        for &(a, b) in edges {
            let way = &ways[a as usize];
            match rank[b as usize] - rank[a as usize] - 1 {
                0 => pairs.push((a, b)),
                _ if way.cut => {}
                span => pairs.push((way.trunk.start + span - 1, b)),
            }
        }
        let vertices = rank.len();
        Self {
            nodes,
            down: Lists::of(vertices, pairs.iter().copied()),
            up: Lists::of(vertices, pairs.iter().map(|&(a, b)| (b, a))),
            rank,
            ways,
            layers,
        }
    }

    pub(super) fn vertices(&self) -> usize {
        self.rank.len()
    }
    pub(super) fn is_passage(&self, vertex: u32) -> bool {
        vertex as usize >= self.nodes
    }
}
