//! Files beside a workflow that become part of it.

use std::fmt::Write;

use ork_core::diagnostic::Diagnostic;
use ork_core::limits;
use ork_core::names::QueryPath;
use ork_core::parse::{Beside, Project, parse_workflow, parse_workflow_beside};

use super::{brief, codes_of};

/// A workflow whose tasks take the files that `beside` has.
fn with_files(
    names: &[&str],
    beside: &dyn Fn(&QueryPath) -> Beside,
) -> Result<ork_core::parse::Parsed, Vec<Diagnostic>> {
    let mut text = String::from("name: w\ntasks:\n");
    for (n, name) in names.iter().enumerate() {
        let _ = writeln!(text, "  t{n}: {{executor: bigquery, file: {name}}}");
    }
    parse_workflow_beside("w.yaml", text.as_bytes(), &Project::default(), beside)
}

#[test]
fn the_text_of_a_file_becomes_the_query_and_decides_the_version() {
    let version = |sql: &str| {
        let file = |_: &QueryPath| Beside::File(sql.as_bytes().to_vec());
        let parsed = with_files(&["./sql/q.sql"], &file).expect("good");
        let plain = format!("name: w\ntasks:\n  t0: {{executor: bigquery, query: {sql:?}}}\n");
        let plain = parse_workflow("w.yaml", plain.as_bytes()).expect("good");
        assert_eq!(parsed.workflow, plain.workflow, "as if it stood there");
        parsed.workflow.version()
    };
    assert_ne!(version("SELECT 1"), version("SELECT 2"));
    assert_eq!(version("SELECT 1"), version("SELECT 1"));
    version("SELECT '{{ run.id }}'");
}

#[test]
fn files_that_cannot_be_taken_are_named_with_what_to_do() {
    let many: Vec<String> = (0..40).map(|n| format!("q{n}.sql")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let large = vec![b'x'; limits::QUERY_FILE_BYTES];
    let templates = format!("SELECT '{{{{ run.id }}}}' -- {}", "x".repeat(5000));
    for (names, file, place, word) in [
        (
            &["q.sql"][..],
            Beside::NoFolder,
            "3:34",
            "read from no folder",
        ),
        (
            &["q.sql"],
            Beside::Unusable("is a folder".into()),
            "3:34",
            "`q.sql` is a folder",
        ),
        (
            &["q.sql"],
            Beside::File(vec![b'x'; limits::QUERY_FILE_BYTES + 1]),
            "3:34",
            "more than 131072 bytes",
        ),
        (
            &["q.sql"],
            Beside::File(b"SELECT\n'\xff'".to_vec()),
            "3:34",
            "not UTF-8 in line 2",
        ),
        (
            &["q.sql"],
            Beside::File(templates.into_bytes()),
            "3:34",
            "has templates and",
        ),
        (
            &many,
            Beside::File(large),
            "35:35",
            "more than 4194304 bytes",
        ),
    ] {
        let found = with_files(names, &|_| file.clone()).expect_err("broken");
        let first = &found[0];
        assert_eq!(brief(first), format!("ORK093 {place}"), "{}", first.message);
        assert!(first.message.contains(word), "{}", first.message);
        assert!(first.hint.is_some(), "{}", first.message);
    }
}

#[test]
fn what_is_wrong_in_a_query_is_said_with_its_place_in_the_file() {
    let file = |_: &QueryPath| Beside::File(b"SELECT 1,\n  '{{ params.dya }}'\n".to_vec());
    let found = with_files(&["q.sql"], &file).expect_err("broken");
    assert_eq!(codes_of(&found), ["ORK052 3:34"]);
    let said = &found[0].message;
    assert!(said.contains("(`q.sql`, line 2, column 7)"), "{said}");
}
