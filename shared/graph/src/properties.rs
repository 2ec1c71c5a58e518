//! What holds for every drawing, whatever is drawn.

use proptest::prelude::*;
use roxmltree::{Document, Node as Element};

use crate::{
    Axis, Bar, Direction, DrawOptions, Fan, Gantt, GanttOptions, GanttRow, Graph, Grid, GridCell,
    GridRow, GridRun, Layout, Limits, Node, Place, Point, Span, State, Trend, draw, svg,
};
use ork_core::time::{Millis, Time};

const BOTH: [Direction; 2] = [Direction::LeftToRight, Direction::TopDown];

/// Names nobody should give a task.
const HOSTILE: &[&str] = &[
    "load",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onload='alert(1)",
    "]]></title><svg/onload=alert(1)>",
    "&amp;&lt;&#0;",
    "קובץ_ראשון מימין לשמאל",
    "مهمة \u{202e}txt.exe",
    "👩‍👩‍👧‍👦🇩🇪🤖🏽",
    "e\u{301}\u{301}\u{301}\u{301}",
    "line\nbreak\ttab\u{0}\u{8}\u{1b}[31m\u{7f}\u{85}\u{fffe}\u{ffff}",
    "",
    "   ",
    "a_hundred_and_sixty_characters_of_a_name_that_somebody_wrote_with_too_much_time_on_their_hands_and_with_no_regard_for_those_who_have_to_fit_it_into_a_small_box_____",
];

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(HOSTILE).prop_map(str::to_owned),
        4 => "[a-z_]{1,30}",
        1 => any::<String>(),
    ]
}

fn states() -> impl Strategy<Value = Option<State>> {
    prop::option::of(prop::sample::select(State::ALL))
}

fn node() -> impl Strategy<Value = Node> {
    let fan = prop::option::of((any::<u32>(), 0..50u32, 0..50u32, any::<u32>()));
    let href = prop::option::of(prop_oneof![
        Just("/runs/r/tasks/t?a=1&b=\"2\"".to_owned()),
        Just("javascript:alert(1)".to_owned()),
        names(),
    ]);
    (names(), names(), states(), fan, href, any::<u64>()).prop_map(
        |(name, note, state, fan, href, weight)| Node {
            name,
            note,
            state,
            fan: fan.map(|(total, done, failed, running)| Fan {
                total,
                done,
                failed,
                running,
            }),
            href,
            weight,
        },
    )
}

/// Any graph without cycles: edges lead from the lower number to the higher, and numbers are shuffled.
fn graphs(most: usize) -> impl Strategy<Value = Graph> {
    prop::collection::vec(node(), 0..most)
        .prop_flat_map(move |nodes| {
            let n = u32::try_from(nodes.len()).expect("few").max(1);
            let edges = prop::collection::vec((0..n, 0..n), 0..most * 2);
            let order = Just((0..n).collect::<Vec<u32>>()).prop_shuffle();
            (Just(nodes), edges, order)
        })
        .prop_map(|(nodes, edges, order)| {
            let forward = edges.into_iter().filter(|(a, b)| a != b);
            let named = forward.map(|(a, b)| {
                let (a, b) = (a.min(b) as usize, a.max(b) as usize);
                (order[a], order[b])
            });
            Graph::new(nodes, named).expect("no cycle")
        })
}

fn plain(n: u32) -> Vec<Node> {
    let node = |at| Node {
        name: format!("task_{at}"),
        state: Some(State::ALL[at as usize % State::ALL.len()]),
        ..Node::default()
    };
    (0..n).map(node).collect()
}

/// Shapes that people and machines make.
fn shapes() -> Vec<Graph> {
    let graph = |n: u32, edges: Vec<(u32, u32)>| Graph::new(plain(n), edges).expect("no cycle");
    let chain = |n: u32| (1..n).map(|at| (at - 1, at)).collect::<Vec<_>>();
    let everyone = |n: u32| (0..n).flat_map(move |a| (a + 1..n).map(move |b| (a, b)));
    vec![
        graph(0, vec![]),
        graph(1, vec![]),
        graph(2, vec![(1, 0)]),
        graph(1_000, vec![]),
        graph(300, chain(300)),
        // A chain, and an edge from its first to each.
        graph(
            60,
            chain(60)
                .into_iter()
                .chain((2..60).map(|at| (0, at)))
                .collect(),
        ),
        // 1 → 300 → 1.
        graph(302, (1..301).flat_map(|at| [(0, at), (at, 301)]).collect()),
        // 20 before 20, each before each.
        graph(
            40,
            (0..20)
                .flat_map(|a| (20..40).map(move |b| (a, b)))
                .collect(),
        ),
        graph(30, everyone(30).collect()),
        // 100 pairs.
        graph(200, (0..100).map(|at| (2 * at, 2 * at + 1)).collect()),
    ]
}

fn parse(text: &str) -> Document<'_> {
    Document::parse(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Nothing that a strict policy forbids, and nothing that runs.
fn check_markup(document: &Document<'_>) {
    for element in document.descendants().filter(Element::is_element) {
        let tag = element.tag_name().name();
        assert!(
            !matches!(tag, "script" | "img" | "foreignObject" | "iframe"),
            "{tag}"
        );
        for attribute in element.attributes() {
            let name = attribute.name();
            assert!(name != "style" && !name.starts_with("on"), "{tag} {name}");
            if name == "href" {
                let href = attribute.value().trim().to_ascii_lowercase();
                assert!(!href.starts_with("javascript:"), "{href}");
            }
        }
    }
}

fn view_box(document: &Document<'_>) -> (i32, i32) {
    let root = document.root_element();
    let sizes = root.attribute("viewBox").expect("a view box");
    let sizes: Vec<i32> = sizes
        .split(' ')
        .map(|n| n.parse().expect("whole"))
        .collect();
    assert_eq!(&sizes[..2], [0, 0]);
    assert_eq!(root.attribute("width"), Some(sizes[2].to_string().as_str()));
    (sizes[2], sizes[3])
}

/// The boxes that were drawn, each with the name of its task.
fn cards(document: &Document<'_>) -> Vec<(Point, String)> {
    let nodes = document.descendants().filter(|element| {
        let class = element.attribute("class").unwrap_or_default();
        class.split(' ').next() == Some("node")
    });
    nodes
        .map(|node| {
            let moved = node.attribute("transform").expect("moved");
            let moved = moved.trim_start_matches("translate(").trim_end_matches(')');
            let (x, y) = moved.split_once(',').expect("two numbers");
            let (x, y) = (x.parse().expect("whole"), y.parse().expect("whole"));
            let title = node
                .children()
                .find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", "title")));
            assert!(title.is_some(), "a node says what it is");
            assert!(node.attribute("href").is_some() || node.attribute("tabindex") == Some("0"));
            (
                Point { x, y },
                node.attribute("data-task").expect("a name").to_owned(),
            )
        })
        .collect()
}

fn check_layout(graph: &Graph, layout: &Layout) {
    let (wide, high) = (layout.node_width, layout.node_height);
    assert_eq!(layout.places.len(), graph.nodes().len());
    for place in &layout.places {
        assert!(place.x >= 0 && place.x + wide <= layout.width, "{place:?}");
        assert!(place.y >= 0 && place.y + high <= layout.height, "{place:?}");
    }
    // No two overlap: of boxes of one size sorted by x, only those that begin within a width can.
    let mut sorted: Vec<&Place> = layout.places.iter().collect();
    sorted.sort_by_key(|place| (place.x, place.y));
    for (at, one) in sorted.iter().enumerate() {
        let near = sorted[at + 1..]
            .iter()
            .take_while(|other| other.x < one.x + wide);
        for other in near {
            assert!(
                (other.y - one.y).abs() >= high,
                "{one:?} overlaps {other:?}"
            );
        }
    }
    let mut drawn = Vec::new();
    for wire in &layout.wires {
        for &to in wire.to.iter().chain(&wire.far) {
            let (a, b) = (
                &layout.places[wire.from as usize],
                &layout.places[to as usize],
            );
            assert!(a.rank < b.rank, "{} to {to}", wire.from);
            drawn.push((wire.from, to));
        }
        for &to in &wire.to {
            assert!(layout.passages(wire, to) <= wire.trunk.len());
        }
        let (from, to) = (layout.out_of(wire.from), wire.trunk.last());
        assert!(from.x <= layout.width && from.y <= layout.height);
        assert!(
            to.is_none() || !wire.to.is_empty(),
            "a trunk leads somewhere"
        );
        for bend in &wire.trunk {
            // Straight through the layer, and through nobody's box.
            let Point { x, y } = bend.enter;
            assert!(
                x >= 0 && y >= 0 && bend.leave.x <= layout.width && bend.leave.y <= layout.height
            );
            let through = |place: &&Place| match layout.direction {
                Direction::LeftToRight => place.x == x && place.y <= y && y <= place.y + high,
                Direction::TopDown => place.y == y && place.x <= x && x <= place.x + wide,
            };
            let hit = layout.places.iter().find(through);
            assert!(hit.is_none(), "{bend:?} goes through {hit:?}");
        }
    }
    drawn.sort_unstable();
    assert_eq!(drawn, graph.edges(), "every edge is drawn once");
}

fn check(graph: &Graph, direction: Direction, standalone: bool) {
    let layout = Layout::of(graph, direction, Limits::FILE).expect("small enough");
    check_layout(graph, &layout);
    let options = DrawOptions {
        label: "A <graph> & \"more\"".to_owned(),
        standalone,
        critical: true,
    };
    let text = draw(graph, &layout, &options);
    assert_eq!(
        svg(graph, direction, Limits::FILE, &options).expect("small enough"),
        text,
        "the same drawing each time"
    );
    let document = parse(&text);
    check_markup(&document);
    assert_eq!(view_box(&document), (layout.width, layout.height));
    assert_eq!(
        document.root_element().attribute("aria-label"),
        Some(options.label.as_str())
    );
    let styles = document
        .descendants()
        .filter(|element| element.tag_name().name() == "style");
    assert_eq!(styles.count(), usize::from(standalone));
    let cards = cards(&document);
    assert_eq!(cards.len(), graph.nodes().len(), "every node is drawn once");
    for ((at, name), (place, node)) in cards.iter().zip(layout.places.iter().zip(graph.nodes())) {
        assert_eq!((at.x, at.y), (place.x, place.y));
        if node.name.chars().all(|c| c.is_ascii_graphic()) {
            assert_eq!(*name, node.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_graph_is_drawn_whole_and_well_formed(graph in graphs(40), standalone: bool) {
        for direction in BOTH {
            check(&graph, direction, standalone);
        }
    }

    #[test]
    fn every_neighbourhood_is_a_graph_around_its_centre(graph in graphs(40), at: u32, up in 0..4u32, down in 0..4u32, most in 0..20usize) {
        let nodes = graph.nodes().len();
        let centre = at % u32::try_from(nodes.max(1)).expect("few");
        let (part, positions) = graph.around(centre, up, down, most);
        prop_assert_eq!(part.nodes().len(), positions.len());
        prop_assert!(positions.len() <= most.max(1));
        if nodes > 0 {
            let middle = part.centre().expect("a centre") as usize;
            prop_assert_eq!(positions[middle], centre);
        }
        // Each edge of the whole graph that touches the part is in it or counted as hidden.
        let within = |at: u32| positions.binary_search(&at).is_ok();
        let cut = graph.edges().iter().filter(|(a, b)| within(*a) != within(*b)).count();
        let hidden: u32 = (0u32..).zip(part.nodes()).map(|(at, _)| part.hidden(at).0 + part.hidden(at).1).sum();
        prop_assert_eq!(hidden as usize, cut);
        check(&part, Direction::LeftToRight, false);
    }

    #[test]
    fn every_gantt_chart_is_well_formed(
        rows in prop::collection::vec(gantt_row(), 0..12), from: i64, to: i64, now: Option<i64>,
        first in 0..20usize, shown in 0..20usize, width: i32, clock: bool, standalone: bool,
    ) {
        let many = rows.len();
        let gantt = Gantt { label: HOSTILE[1].to_owned(), from: Time(from), to: Time(to), now: now.map(Time), rows };
        let axis = if clock { Axis::Clock } else { Axis::Elapsed };
        let options = GanttOptions { standalone, first, rows: shown, axis, width };
        let text = gantt.svg(&options);
        let document = parse(&text);
        check_markup(&document);
        let drawn = document.descendants().filter(|element| element.attribute("class") == Some("row")).count();
        prop_assert_eq!(drawn, many.saturating_sub(first).min(shown));
        let (wide, high) = view_box(&document);
        for rect in document.descendants().filter(|element| element.has_tag_name(("http://www.w3.org/2000/svg", "rect"))) {
            let number = |name: &str| rect.attribute(name).expect("there").parse::<i32>().expect("whole");
            prop_assert!(number("x") >= 0 && number("x") + number("width") <= wide);
            prop_assert!(number("y") >= 0 && number("y") + number("height") <= high);
        }
    }

    #[test]
    fn every_grid_and_every_trend_is_well_formed(
        runs in prop::collection::vec((names(), prop::sample::select(State::ALL), any::<Option<u64>>()), 0..8),
        rows in prop::collection::vec((names(), prop::collection::vec(states(), 0..10)), 0..8),
        width: i32, height: i32,
    ) {
        let page = |name: &String| Some(format!("/{name}"));
        let trend = Trend {
            label: HOSTILE[2].to_owned(),
            bars: runs.iter().map(|(name, state, took)| Bar { name: name.clone(), state: *state, took: took.map(Millis), href: page(name) }).collect(),
            width,
            height,
        };
        let text = trend.svg(true);
        check_markup(&parse(&text));
        let grid = Grid {
            label: HOSTILE[3].to_owned(),
            runs: runs.iter().map(|(name, state, took)| GridRun { name: name.clone(), href: page(name), state: *state, took: took.map(Millis) }).collect(),
            rows: rows.iter().map(|(name, cells)| GridRow {
                name: name.clone(),
                href: None,
                cells: cells.iter().map(|state| state.map(|state| GridCell { state, href: page(name), note: name.clone() })).collect(),
            }).collect(),
        };
        let text = grid.html();
        let document = parse(&text);
        check_markup(&document);
        let cells = document.descendants().filter(|element| element.has_tag_name("td")).count();
        prop_assert_eq!(cells, runs.len() * rows.len());
    }
}

fn gantt_row() -> impl Strategy<Value = GanttRow> {
    let span = (
        prop::sample::select(State::ALL),
        any::<i64>(),
        any::<i64>(),
        names(),
    );
    let spans = prop::collection::vec(span, 0..4);
    let instances = prop::collection::vec((any::<i64>(), any::<i64>()), 0..6);
    (names(), states(), names(), spans, instances).prop_map(
        |(name, state, note, spans, instances)| {
            let span = |(state, from, to, title)| Span {
                state,
                from: Time(from),
                to: Time(to),
                title,
            };
            GanttRow {
                href: Some(format!("/{name}")),
                name,
                state,
                note,
                spans: spans.into_iter().map(span).collect(),
                instances: instances
                    .into_iter()
                    .map(|(a, b)| (Time(a), Time(b)))
                    .collect(),
            }
        },
    )
}

#[test]
fn every_shape_is_drawn_whole_and_well_formed() {
    for graph in shapes() {
        for direction in BOTH {
            check(&graph, direction, false);
        }
    }
}

#[test]
fn hostile_names_are_shown_as_they_are() {
    let nodes = HOSTILE.iter().map(|name| Node {
        name: (*name).to_owned(),
        ..Node::default()
    });
    let graph = Graph::new(nodes.collect(), []).expect("a graph");
    let text = svg(
        &graph,
        Direction::LeftToRight,
        Limits::PAGE,
        &DrawOptions::default(),
    )
    .expect("small");
    assert!(!text.contains("<script") && !text.contains("<img") && !text.contains('\u{202e}'));
    let document = parse(&text);
    let shown: Vec<String> = cards(&document).into_iter().map(|(_, name)| name).collect();
    assert_eq!(shown[1], HOSTILE[1]);
    assert_eq!(shown[5], HOSTILE[5]);
    assert_eq!(shown[6], HOSTILE[6]);
    assert_eq!(
        shown[10],
        "line break tab\u{fffd}\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}"
    );
}

#[test]
fn trees_and_chains_have_no_crossings_and_chains_are_straight() {
    let tree = (1..200u32).map(|at| ((at - 1) / 3, at));
    let tree = Graph::new(plain(200), tree).expect("a tree");
    let chain = Graph::new(plain(50), (1..50).map(|at| (at - 1, at))).expect("a chain");
    for direction in BOTH {
        let layout = |graph| Layout::of(graph, direction, Limits::PAGE).expect("small");
        assert_eq!(layout(&tree).crossings, 0);
        let chain = layout(&chain);
        let across = |place: &Place| match direction {
            Direction::LeftToRight => place.y,
            Direction::TopDown => place.x,
        };
        assert!(
            chain
                .places
                .iter()
                .all(|place| across(place) == across(&chain.places[0]))
        );
        assert!(
            chain
                .places
                .iter()
                .enumerate()
                .all(|(at, place)| place.rank as usize == at)
        );
    }
}

#[test]
fn a_graph_that_is_too_large_says_so_and_its_parts_are_drawn() {
    let edges = (1..3_000).map(|at| (0, at));
    let graph = Graph::new(plain(3_000), edges).expect("a graph");
    let refused = svg(
        &graph,
        Direction::LeftToRight,
        Limits::PAGE,
        &DrawOptions::default(),
    );
    let refused = refused.expect_err("too large").to_string();
    assert!(
        refused.starts_with("3000 tasks with 2999 dependencies are too many"),
        "{refused}"
    );
    assert!(refused.contains("neighbourhood of one task"), "{refused}");
    let (part, _) = graph.around(0, 1, 1, 50);
    let text = svg(
        &part,
        Direction::LeftToRight,
        Limits::PAGE,
        &DrawOptions::default(),
    )
    .expect("small");
    assert!(
        text.contains(">+2950 after</text>"),
        "it says how many are not shown"
    );
}

#[test]
fn with_too_many_long_edges_some_go_directly_and_all_are_drawn() {
    // 800 in a chain, and each leads to the last one, too: 320,000 passages if each went its own way.
    let n = 800;
    let edges = (1..n).flat_map(|at| [(at - 1, at), (at - 1, n - 1)]);
    let graph = Graph::new(plain(n), edges).expect("a graph");
    let layout = Layout::of(&graph, Direction::LeftToRight, Limits::FILE).expect("small enough");
    check_layout(&graph, &layout);
    assert!(layout.wires.iter().any(|wire| !wire.far.is_empty()));
    assert!(
        layout
            .wires
            .iter()
            .map(|wire| wire.trunk.len())
            .sum::<usize>()
            < 10_000
    );
    check(&graph, Direction::LeftToRight, false);
}
