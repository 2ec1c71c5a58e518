//! Which task waits for which: chains, layers, diamonds, fans and what chance makes of them.

use crate::random::Random;

/// For each of `tasks` tasks the earlier ones it waits for.
pub(super) fn draw(random: &mut Random, tasks: usize) -> Vec<Vec<usize>> {
    let mut edges = vec![Vec::new(); tasks];
    match random.below(10) {
        0 => chain(&mut edges),
        1..=4 => layers(random, &mut edges),
        5 => diamonds(random, &mut edges),
        6 => fan_in(&mut edges),
        7 | 8 => scattered(random, &mut edges, 3),
        _ => scattered(random, &mut edges, 1),
    }
    for above in &mut edges {
        above.sort_unstable();
        above.dedup();
    }
    edges
}

fn chain(edges: &mut [Vec<usize>]) {
    for (at, above) in edges.iter_mut().enumerate().skip(1) {
        above.push(at - 1);
    }
}

/// Rows of one to four; each task waits for one to three of the row before, now and then of an earlier one.
fn layers(random: &mut Random, edges: &mut [Vec<usize>]) {
    let (mut before, mut start) = (0..0, 0);
    while start < edges.len() {
        let end = edges.len().min(start + index(random.between(1, 4)));
        for above in &mut edges[start..end] {
            if before.is_empty() {
                continue;
            }
            for _ in 0..random.between(1, 3) {
                above.push(before.start + index(random.below(before.len() as u64)));
            }
            if before.start > 0 && random.one_in(6) {
                above.push(index(random.below(before.start as u64)));
            }
        }
        before = start..end;
        start = end;
    }
}

/// One, then some that wait for it, then one that waits for all of those, and so on.
fn diamonds(random: &mut Random, edges: &mut [Vec<usize>]) {
    let mut tip = 0;
    while tip + 1 < edges.len() {
        let last = (edges.len() - 1).min(tip + 1 + index(random.between(1, 3)));
        for middle in tip + 1..last {
            edges[middle].push(tip);
            edges[last].push(middle);
        }
        if last == tip + 1 {
            edges[last].push(tip);
        }
        tip = last;
    }
}

fn fan_in(edges: &mut [Vec<usize>]) {
    if let Some((last, rest)) = edges.split_last_mut() {
        last.extend(0..rest.len());
    }
}

/// Up to `most` earlier tasks each; some have none.
fn scattered(random: &mut Random, edges: &mut [Vec<usize>], most: u64) {
    for (at, above) in edges.iter_mut().enumerate().skip(1) {
        for _ in 0..random.below(most + 1) {
            above.push(index(random.below(at as u64)));
        }
    }
}

/// A small number as a position.
pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}
