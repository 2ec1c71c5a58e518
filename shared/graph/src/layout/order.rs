//! The order within each layer, so that few edges cross: sweeps that put each vertex at the middle of its neighbours.

use super::net::{Lists, Net};
use crate::graph::index;

/// Vertices of each layer, in order.
pub(super) type Layers = Vec<Vec<u32>>;

/// How often layers are swept, by the number of vertices and edges: what is large is drawn less carefully, not slower.
const ROUNDS: [(usize, usize); 5] = [
    (6_000, 24),
    (12_000, 12),
    (40_000, 8),
    (100_000, 4),
    (usize::MAX, 2),
];
/// Up to how many vertices and edges neighbours are exchanged one by one in the end.
const EXCHANGE: usize = 6_000;
/// Sweeps without a gain before it is enough.
const PATIENCE: usize = 6;

/// The best order that was found, and how often edges cross in it.
pub(super) fn arrange(net: &Net) -> (Layers, u64) {
    let size = net.vertices() + net.down.len();
    let rounds = ROUNDS
        .iter()
        .find(|(most, _)| size <= *most)
        .map_or(2, |(_, rounds)| *rounds);
    let mut layers = first(net);
    let mut pos = positions(net, &layers);
    let mut counter = Counter::default();
    let mut best = (layers.clone(), counter.count(net, &layers, &pos));
    let mut stale = 0;
    let mut scratch = Vec::new();
    for round in 0..rounds {
        if best.1 == 0 || stale == PATIENCE {
            break;
        }
        let middle = if round % 4 < 2 { mean } else { median };
        // Of those at the same place the later ones go first every other time, or they would never change places.
        let turned = round % 8 >= 4;
        let mut sweep = |at: usize, lists: &Lists| {
            sort_layer(
                &mut layers[at],
                lists,
                &mut pos,
                middle,
                turned,
                &mut scratch,
            );
        };
        if round % 2 == 0 {
            (1..net.layers).for_each(|at| sweep(at, &net.up));
        } else {
            (0..net.layers.saturating_sub(1))
                .rev()
                .for_each(|at| sweep(at, &net.down));
        }
        let crossings = counter.count(net, &layers, &pos);
        if crossings < best.1 {
            best = (layers.clone(), crossings);
            stale = 0;
        } else {
            stale += 1;
        }
    }
    if best.1 > 0 && size <= EXCHANGE {
        exchange(net, &mut best);
    }
    best
}

/// Each vertex with what hangs on it, depth first: trees do not cross at all this way.
fn first(net: &Net) -> Layers {
    let mut layers = vec![Vec::new(); net.layers];
    let mut seen = vec![false; net.vertices()];
    let mut starts: Vec<u32> = (0..index(net.vertices())).collect();
    starts.sort_by_key(|&vertex| net.rank[vertex as usize]);
    let mut open = Vec::new();
    for start in starts {
        open.push(start);
        while let Some(vertex) = open.pop() {
            if !std::mem::replace(&mut seen[vertex as usize], true) {
                layers[net.rank[vertex as usize] as usize].push(vertex);
                open.extend(net.down.get(vertex).iter().rev());
            }
        }
    }
    layers
}

/// Where each vertex is in its layer.
pub(super) fn positions(net: &Net, layers: &Layers) -> Vec<u32> {
    let mut pos = vec![0; net.vertices()];
    for layer in layers {
        for (at, &vertex) in (0u32..).zip(layer) {
            pos[vertex as usize] = at;
        }
    }
    pos
}

type Middle = fn(&mut [u32]) -> u64;

fn mean(places: &mut [u32]) -> u64 {
    let sum: u64 = places.iter().map(|&at| u64::from(at)).sum();
    (sum << 16) / places.len() as u64
}

fn median(places: &mut [u32]) -> u64 {
    places.sort_unstable();
    let half = places.len() / 2;
    let lower = places[(places.len() - 1) / 2];
    ((u64::from(lower) + u64::from(places[half])) << 16) / 2
}

/// Sorts one layer by where the neighbours of its vertices are; those without any stay where they are.
fn sort_layer(
    layer: &mut [u32],
    lists: &Lists,
    pos: &mut [u32],
    middle: Middle,
    turned: bool,
    scratch: &mut Vec<u32>,
) {
    let mut wished: Vec<(u64, u32, u32)> = Vec::with_capacity(layer.len());
    for (at, &vertex) in (0u32..).zip(layer.iter()) {
        scratch.clear();
        scratch.extend(lists.get(vertex).iter().map(|&other| pos[other as usize]));
        if !scratch.is_empty() {
            let tie = if turned { u32::MAX - at } else { at };
            wished.push((middle(scratch), tie, vertex));
        }
    }
    wished.sort_unstable();
    let mut next = wished.into_iter();
    for (at, vertex) in (0u32..).zip(layer.iter_mut()) {
        if !lists.get(*vertex).is_empty() {
            *vertex = next.next().expect("as many as have neighbours").2;
        }
        pos[*vertex as usize] = at;
    }
}

/// Counts crossings: for each layer, pairs of edges whose ends are in another order than their beginnings.
#[derive(Default)]
struct Counter {
    tree: Vec<u32>,
    ends: Vec<u32>,
}

impl Counter {
    fn count(&mut self, net: &Net, layers: &Layers, pos: &[u32]) -> u64 {
        let mut crossings = 0;
        for pair in layers.windows(2) {
            let width = pair[1].len();
            self.tree.clear();
            self.tree.resize(width + 1, 0);
            let mut before = 0u64;
            for &vertex in &pair[0] {
                self.ends.clear();
                self.ends
                    .extend(net.down.get(vertex).iter().map(|&end| pos[end as usize]));
                // Edges of one vertex do not cross each other: all are counted before any is entered.
                for &end in &self.ends {
                    let mut at = end as usize + 1;
                    let mut not_beyond = 0u64;
                    while at > 0 {
                        not_beyond += u64::from(self.tree[at]);
                        at &= at - 1;
                    }
                    crossings += before - not_beyond;
                }
                for &end in &self.ends {
                    let mut at = end as usize + 1;
                    while at <= width {
                        self.tree[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                }
                before += self.ends.len() as u64;
            }
        }
        crossings
    }
}

/// Exchanges neighbours in a layer while that makes fewer crossings.
fn exchange(net: &Net, best: &mut (Layers, u64)) {
    let (layers, crossings) = best;
    let mut pos = positions(net, layers);
    for _ in 0..4 {
        let before = *crossings;
        for layer in layers.iter_mut() {
            let places = |lists: &Lists, vertex: u32, pos: &[u32]| {
                let mut places: Vec<u32> = lists
                    .get(vertex)
                    .iter()
                    .map(|&other| pos[other as usize])
                    .collect();
                places.sort_unstable();
                places
            };
            let mut known: Vec<[Vec<u32>; 2]> = layer
                .iter()
                .map(|&vertex| {
                    [
                        places(&net.up, vertex, &pos),
                        places(&net.down, vertex, &pos),
                    ]
                })
                .collect();
            for at in 1..layer.len() {
                let (left, right) = (&known[at - 1], &known[at]);
                let now = crossed(&left[0], &right[0]) + crossed(&left[1], &right[1]);
                let then = crossed(&right[0], &left[0]) + crossed(&right[1], &left[1]);
                if then < now {
                    *crossings -= now - then;
                    layer.swap(at - 1, at);
                    known.swap(at - 1, at);
                    pos[layer[at - 1] as usize] = index(at - 1);
                    pos[layer[at] as usize] = index(at);
                }
            }
        }
        if *crossings == before {
            break;
        }
    }
}

/// How often edges of a left vertex cross those of a right one, by the sorted places of their ends.
fn crossed(left: &[u32], right: &[u32]) -> u64 {
    let (mut smaller, mut sum) = (0, 0);
    for &end in left {
        while smaller < right.len() && right[smaller] < end {
            smaller += 1;
        }
        sum += smaller as u64;
    }
    sum
}
