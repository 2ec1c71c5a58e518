//! Drawing: layouts and SVG of graphs of known shape, beside one pass over the same nodes and edges that writes as many bytes.

use std::time::Duration;

use anyhow::{Result, ensure};
use ork_graph::{Direction, DrawOptions, Graph, Layout, Limits, Node, State, draw};

use crate::measure::median;
use crate::table::Row;

/// Numbers without chance, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).expect("31 bits") % n.max(1)
    }
}

fn nodes(n: u32) -> Vec<Node> {
    let node = |at: u32| Node {
        name: format!("task_number_{at}"),
        note: "success 12.5s".to_owned(),
        state: Some(State::ALL[at as usize % State::ALL.len()]),
        href: Some(format!(
            "/runs/bench--20260601t000000z/tasks/task_number_{at}"
        )),
        ..Node::default()
    };
    (0..n).map(node).collect()
}

/// Tasks in layers of `wide`, each after `most` others at most, nearly always of the layer before.
fn layered(n: u32, wide: u32, most: u32) -> Vec<(u32, u32)> {
    let mut dice = Dice(7);
    let mut edges = Vec::new();
    for at in wide..n {
        let layer = at / wide;
        for _ in 0..most {
            let back = if dice.below(10) == 0 {
                1 + dice.below(layer)
            } else {
                1
            };
            edges.push(((layer - back) * wide + dice.below(wide), at));
        }
    }
    edges
}

/// `n` tasks of which each comes after `most` others, anywhere before it.
fn anywhere(n: u32, most: u32) -> Vec<(u32, u32)> {
    let mut dice = Dice(11);
    (1..n)
        .flat_map(|at| (0..most).map(move |_| at))
        .map(|at| (dice.below(at), at))
        .collect()
}

/// Half of the tasks before the other half, `each` edges from each.
fn halves(n: u32, each: u32) -> Vec<(u32, u32)> {
    let mut dice = Dice(13);
    (0..n / 2)
        .flat_map(|at| (0..each).map(move |_| at))
        .map(|at| (at, n / 2 + dice.below(n / 2)))
        .collect()
}

/// What nobody can do without: to look at each node and edge, and to write that many bytes in pieces as short as those of a drawing.
fn floor(graph: &Graph, bytes: usize) -> Result<Duration> {
    const PIECE: &str = "\" x=\"123\"";
    let things = graph.nodes().len() + graph.edges().len();
    let pieces = bytes / PIECE.len() / things.max(1) + 1;
    median(9, || {
        let mut out = String::with_capacity(bytes);
        let mut sum = 0u64;
        let mut write = |seen: u64| {
            sum += seen;
            for _ in 0..pieces {
                out.push_str(std::hint::black_box(PIECE));
            }
        };
        graph
            .nodes()
            .iter()
            .for_each(|node| write(node.name.len() as u64));
        graph
            .edges()
            .iter()
            .for_each(|&(a, b)| write(u64::from(a ^ b)));
        ensure!(
            std::hint::black_box(sum) > 0 && out.len() >= bytes,
            "it was all written"
        );
        Ok(())
    })
}

struct Shape {
    what: &'static str,
    tasks: u32,
    edges: Vec<(u32, u32)>,
    /// Layout, in seconds.
    most: f64,
}

/// Measures all of it.
pub(crate) fn graph(rows: &mut Vec<Row>) -> Result<()> {
    let shape = |what, tasks, edges, most| Shape {
        what,
        tasks,
        edges,
        most,
    };
    let shapes = [
        shape(
            "1,000 tasks in layers, 2,900 edges",
            1_000,
            layered(1_000, 25, 3),
            0.05,
        ),
        shape(
            "1 → 998 → 1 tasks",
            1_000,
            (1..999).flat_map(|at| [(0, at), (at, 999)]).collect(),
            0.05,
        ),
        shape(
            "chain of 1,000 tasks",
            1_000,
            (1..1_000).map(|at| (at - 1, at)).collect(),
            0.05,
        ),
        shape(
            "500 tasks before 500, 5,000 edges",
            1_000,
            halves(1_000, 10),
            0.05,
        ),
        shape(
            "1,000 tasks anywhere, 5,000 edges",
            1_000,
            anywhere(1_000, 5),
            0.05,
        ),
        shape("1,000 tasks on their own", 1_000, Vec::new(), 0.05),
        shape(
            "10,000 tasks in layers, 50,000 edges",
            10_000,
            layered(10_000, 100, 5),
            0.3,
        ),
        shape(
            "10,000 tasks anywhere, 50,000 edges",
            10_000,
            anywhere(10_000, 5),
            0.3,
        ),
        shape(
            "chain of 10,000 tasks",
            10_000,
            (1..10_000).map(|at| (at - 1, at)).collect(),
            0.3,
        ),
    ];
    for Shape {
        what,
        tasks,
        edges,
        most,
    } in shapes
    {
        let graph = Graph::new(nodes(tasks), edges)?;
        let lay = || Layout::of(&graph, Direction::LeftToRight, Limits::FILE);
        let layout = lay()?;
        let options = DrawOptions {
            label: what.to_owned(),
            ..DrawOptions::default()
        };
        let bytes = draw(&graph, &layout, &options).len();
        let floor = floor(&graph, bytes)?;
        let times = if tasks > 1_000 { 3 } else { 9 };
        let laid = median(times, || {
            std::hint::black_box(lay()?);
            Ok(())
        })?;
        let drawn = median(times, || {
            std::hint::black_box(draw(&graph, &layout, &options));
            Ok(())
        })?;
        let is = format!("one pass writing {} KB", bytes / 1024);
        rows.push(crate::timed(
            &format!("{what}: layout"),
            laid,
            most,
            format!("{}, {:.0} ×", is, laid.as_secs_f64() / floor.as_secs_f64()),
        ));
        rows.push(crate::against(
            &format!("{what}: SVG"),
            drawn,
            floor,
            15.0,
            &is,
        ));
    }
    Ok(())
}
