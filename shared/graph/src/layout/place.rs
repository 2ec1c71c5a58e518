//! Where each vertex is across its layer: long edges straight, vertices amid their neighbours, nobody overlapping.
//!
//! After Brandes and Köpf: four extreme alignments, of which each vertex gets the mean of the middle two. Each of the four keeps order and
//! distances, so the mean does.

use super::net::{Lists, Net};
use super::order::{Layers, positions};
use crate::graph::index;

/// The middle of each vertex. `reach` is how much room a vertex needs to either side.
pub(super) fn across(net: &Net, layers: &Layers, reach: impl Fn(u32) -> i32) -> Vec<i32> {
    let sorted = Sorted::new(net, layers);
    let crossed = passages_crossed(net, layers, &sorted);
    let mut found: Vec<Vec<i32>> = Vec::with_capacity(4);
    for downwards in [true, false] {
        for leftmost in [true, false] {
            let blocks = align(net, layers, &sorted, &crossed, downwards, leftmost);
            found.push(compact(layers, &blocks, &reach, leftmost));
        }
    }
    balance(found)
}

/// Neighbours in the order of their layers.
struct Sorted {
    pos: Vec<u32>,
    up: Lists,
    down: Lists,
    /// For each slot of `down` the slot of the same edge in `up`.
    edge: Lists,
}

impl Sorted {
    fn new(net: &Net, layers: &Layers) -> Self {
        let pairs = |lists: &Lists| -> Vec<(u32, u32)> {
            let of = |&a: &u32| {
                lists
                    .get(a)
                    .iter()
                    .map(move |&b| (b, a))
                    .collect::<Vec<_>>()
            };
            layers.iter().flatten().flat_map(of).collect()
        };
        let up = Lists::of(net.vertices(), pairs(&net.down).into_iter());
        let down = Lists::of(net.vertices(), pairs(&up).into_iter());
        let slots = |&b: &u32| up.slots(b).map(|slot| (up.at(slot), index(slot)));
        let edges: Vec<(u32, u32)> = layers.iter().flatten().flat_map(slots).collect();
        let edge = Lists::of(net.vertices(), edges.into_iter());
        let pos = positions(net, layers);
        Self {
            pos,
            up,
            down,
            edge,
        }
    }
}

/// Edges (by their slot in `up`) that cross an edge between two passages: those stay straight, so these must bend.
fn passages_crossed(net: &Net, layers: &Layers, sorted: &Sorted) -> Vec<bool> {
    let Sorted { pos, up, .. } = sorted;
    let mut crossed = vec![false; up.len()];
    for below in layers.iter().skip(1) {
        let inner = |vertex: u32| {
            let above = up.get(vertex).first().copied();
            above.filter(|&above| net.is_passage(vertex) && net.is_passage(above))
        };
        let (mut from, mut open) = (0, 0);
        for at in 0..below.len() {
            let next = inner(below[at]);
            if next.is_none() && at + 1 < below.len() {
                continue;
            }
            let to = next.map_or(u32::MAX, |above| pos[above as usize]);
            for &vertex in &below[open..=at] {
                for slot in up.slots(vertex) {
                    let place = pos[up.at(slot) as usize];
                    crossed[slot] = place < from || place > to;
                }
            }
            (from, open) = (to, at + 1);
        }
    }
    crossed
}

/// Each vertex's block: the vertices that are in one line with it, named by the first of them. They go below their upper neighbours or above
/// their lower ones; the leftmost choose first, or the rightmost.
fn align(
    net: &Net,
    layers: &Layers,
    sorted: &Sorted,
    crossed: &[bool],
    downwards: bool,
    leftmost: bool,
) -> Vec<u32> {
    let mut root: Vec<u32> = (0..index(net.vertices())).collect();
    let lists = if downwards { &sorted.up } else { &sorted.down };
    let mut one = |layer: &mut dyn Iterator<Item = &u32>| {
        // How far the neighbours' layer is given away, counted from the side that chooses first.
        let mut given: i64 = -1;
        for &vertex in layer {
            let slots = lists.slots(vertex);
            if slots.is_empty() {
                continue;
            }
            let mut middles = [
                slots.start + (slots.len() - 1) / 2,
                slots.start + slots.len() / 2,
            ];
            if !leftmost {
                middles.reverse();
            }
            for slot in middles {
                let other = lists.at(slot);
                let place = i64::from(sorted.pos[other as usize]);
                let place = if leftmost {
                    place
                } else {
                    i64::from(u32::MAX) - place
                };
                let edge = if downwards {
                    slot
                } else {
                    sorted.edge.at(slot) as usize
                };
                if given < place && !crossed[edge] {
                    root[vertex as usize] = root[other as usize];
                    given = place;
                    break;
                }
            }
        }
    };
    let mut layer = |layer: &Vec<u32>| {
        if leftmost {
            one(&mut layer.iter());
        } else {
            one(&mut layer.iter().rev());
        }
    };
    if downwards {
        layers.iter().for_each(&mut layer);
    } else {
        layers.iter().rev().for_each(&mut layer);
    }
    root
}

/// The blocks pushed together to one side, and those that have room moved back to what is beside them.
fn compact(layers: &Layers, root: &[u32], reach: &impl Fn(u32) -> i32, leftmost: bool) -> Vec<i32> {
    // Pairs of neighbouring blocks, with how far apart their middles are at least.
    let mut beside: Vec<(u32, u32)> = Vec::with_capacity(root.len());
    let mut apart: Vec<(u32, u32)> = Vec::with_capacity(root.len());
    for pair in layers.iter().flat_map(|layer| layer.windows(2)) {
        let (a, b) = if leftmost {
            (pair[0], pair[1])
        } else {
            (pair[1], pair[0])
        };
        let block = root[a as usize];
        beside.push((block, root[b as usize]));
        apart.push((block, u32::try_from(reach(a) + reach(b)).unwrap_or(0)));
    }
    let mut unmet = vec![0u32; root.len()];
    for &(_, b) in &beside {
        unmet[b as usize] += 1;
    }
    let beside = Lists::of(root.len(), beside.into_iter());
    let apart = Lists::of(root.len(), apart.into_iter());
    let distance = |slot: usize| i32::try_from(apart.at(slot)).unwrap_or(0);
    let mut order: Vec<u32> = (0..index(root.len()))
        .filter(|&at| root[at as usize] == at && unmet[at as usize] == 0)
        .collect();
    let mut x = vec![0i32; root.len()];
    let mut next = 0;
    while let Some(&block) = order.get(next) {
        next += 1;
        for slot in beside.slots(block) {
            let other = beside.at(slot) as usize;
            x[other] = x[other].max(x[block as usize] + distance(slot));
            unmet[other] -= 1;
            if unmet[other] == 0 {
                order.push(beside.at(slot));
            }
        }
    }
    for &block in order.iter().rev() {
        let room = beside
            .slots(block)
            .map(|slot| x[beside.at(slot) as usize] - distance(slot))
            .min();
        if let Some(room) = room {
            x[block as usize] = x[block as usize].max(room);
        }
    }
    let sign = if leftmost { 1 } else { -1 };
    root.iter().map(|&block| sign * x[block as usize]).collect()
}

/// The mean of the middle two of four, all put at the place of the narrowest.
fn balance(mut found: Vec<Vec<i32>>) -> Vec<i32> {
    let span = |x: &[i32]| {
        let least = x.iter().min().copied().unwrap_or(0);
        (least, x.iter().max().copied().unwrap_or(0))
    };
    let spans: Vec<(i32, i32)> = found.iter().map(|x| span(x)).collect();
    let narrowest = spans.iter().min_by_key(|(from, to)| to - from);
    let (from, to) = *narrowest.expect("there are four");
    for (at, x) in found.iter_mut().enumerate() {
        // Those that were pushed to the left are put at its left side, the others at its right.
        let by = if at % 2 == 0 {
            from - spans[at].0
        } else {
            to - spans[at].1
        };
        x.iter_mut().for_each(|x| *x += by);
    }
    (0..found[0].len())
        .map(|vertex| {
            let mut four = [0, 1, 2, 3].map(|at: usize| found[at][vertex]);
            four.sort_unstable();
            (four[1] + four[2]).div_euclid(2)
        })
        .collect()
}
