//! What expressions refer to.

use ork_core::definition::{Reference, Root, Segment};
use ork_core::expr;

#[test]
fn every_path_is_reported_with_its_place() {
    let text = "tasks['a-b'].output[0].x if params.p is defined else run.id ~ item[params.k] ~ (x | map('upper') | join(sep))[tasks.t.output:]";
    let found = expr::compile(text).expect("compiles");
    let mut paths: Vec<(String, &str)> = found
        .paths
        .iter()
        .map(|path| (expr::path_text(&path.segments), &text[path.start..path.end]))
        .collect();
    paths.sort();
    assert_eq!(
        paths,
        vec![
            ("item".to_owned(), "item"),
            ("params.k".to_owned(), "params.k"),
            ("params.p".to_owned(), "params.p"),
            ("run.id".to_owned(), "run.id"),
            ("sep".to_owned(), "sep"),
            ("tasks.t.output".to_owned(), "tasks.t.output"),
            (
                "tasks[\"a-b\"].output[0].x".to_owned(),
                "tasks['a-b'].output[0].x"
            ),
            ("x".to_owned(), "x"),
        ]
    );
    let text = "é {{ params.a }} {{- tasks.t.status }}";
    let found = expr::compile_template(text).expect("compiles");
    assert_eq!(
        found
            .paths
            .iter()
            .map(|path| &text[path.start..path.end])
            .collect::<Vec<_>>(),
        vec!["params.a", "tasks.t.status"]
    );
    let text = "  {{ params.a }}";
    let found = expr::compile(text).expect("compiles");
    assert_eq!(&text[found.paths[0].start..found.paths[0].end], "params.a");
}

#[test]
fn paths_resolve_to_what_they_refer_to() {
    let field = |name: &str| Segment::Field(name.to_owned());
    let resolve = |text: &str| {
        let segments = expr::parse_path(text).map_err(|error| error.message)?;
        expr::resolve_path(&segments, &|name| {
            ["a", "a-b"]
                .iter()
                .position(|known| *known == name)
                .map(|at| at as u32)
        })
        .map_err(|error| error.message)
    };
    let reference = |root: Root, path: Vec<Segment>| Ok(Reference { root, path });
    for (text, wanted) in [
        ("tasks.a.output", reference(Root::Output(0), vec![])),
        (
            "tasks.a-b.output.x[0].y",
            reference(
                Root::Output(1),
                vec![field("x"), Segment::Index(0), field("y")],
            ),
        ),
        (
            "tasks[\"a-b\"].output.0",
            reference(Root::Output(1), vec![Segment::Index(0)]),
        ),
        ("tasks.a.status", reference(Root::Status(0), vec![])),
        ("a-b", reference(Root::Output(1), vec![])),
        ("a.files", reference(Root::Output(0), vec![field("files")])),
        (
            "params.p.q",
            reference(Root::Param("p".to_owned()), vec![field("q")]),
        ),
        (
            "run.recovery_attempts",
            reference(Root::Run("recovery_attempts".to_owned()), vec![]),
        ),
        ("slot", reference(Root::Run("slot".to_owned()), vec![])),
        (
            "parallel_index",
            reference(Root::Run("index".to_owned()), vec![]),
        ),
        ("item", reference(Root::Item, vec![])),
        ("item.index", reference(Root::ItemIndex, vec![])),
        ("item.value", reference(Root::Item, vec![field("value")])),
        (
            "item.index.x",
            reference(Root::Item, vec![field("index"), field("x")]),
        ),
    ] {
        assert_eq!(resolve(text), wanted, "{text}");
    }
    for text in [
        "",
        ".",
        "a..b",
        "a[",
        "a[x]",
        "a[-1]",
        "a[0]b",
        "a.",
        "{{ a }}",
        "a b",
        "tasks",
        "tasks.a",
        "tasks.zz.output",
        "tasks.a.rows",
        "tasks.a.status.x",
        "tasks[0]",
        "params",
        "params[0]",
        "run",
        "run.idd",
        "run.id.x",
        "slot.x",
        "nobody",
        "tasks.a[0]",
    ] {
        assert!(resolve(text).is_err(), "{text}: {:?}", resolve(text));
    }
}
