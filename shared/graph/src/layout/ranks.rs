//! Which layer each node is in: as early as its upstreams allow, and nearer to what needs it where that makes edges shorter.

use crate::Graph;

/// Rounds of moving nodes along. Each is one pass over the graph; later ones hardly move anything.
const ROUNDS: usize = 4;

/// The layer of each node, from 0 in each connected part.
pub(super) fn assign(graph: &Graph) -> Vec<u32> {
    let mut rank = graph.layers();
    shorten(graph, &mut rank);
    rank
}

/// Moves each node towards the side on which it has more edges, as far as they let it.
fn shorten(graph: &Graph, rank: &mut [u32]) {
    let mut reversed: Vec<(u32, u32)> = graph.edges().iter().map(|&(a, b)| (b, a)).collect();
    reversed.sort_unstable();
    let before = |node: u32| {
        let from = reversed.partition_point(|edge| edge.0 < node);
        let to = from + reversed[from..].partition_point(|edge| edge.0 == node);
        &reversed[from..to]
    };
    for _ in 0..ROUNDS {
        let mut moved = false;
        for &at in graph.order().iter().rev() {
            let (after, before) = (graph.after(at), before(at));
            // Edges of one node run together: going away from what is before it costs each of those, coming nearer to what is behind gains one.
            if after.is_empty() || before.len() > 1 || (before.len() == 1 && after.len() < 2) {
                continue;
            }
            let nearest = after.iter().map(|&(_, b)| rank[b as usize]).min();
            let to = nearest.expect("there is one") - 1;
            moved |= to != rank[at as usize];
            rank[at as usize] = to;
        }
        for &at in graph.order() {
            let before = before(at);
            if before.len() < 2 || before.len() < graph.after(at).len() {
                continue;
            }
            let nearest = before.iter().map(|&(_, a)| rank[a as usize]).max();
            let to = nearest.expect("there is one") + 1;
            moved |= to != rank[at as usize];
            rank[at as usize] = to;
        }
        if !moved {
            break;
        }
    }
}
