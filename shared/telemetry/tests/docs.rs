//! What docs/telemetry.md says is what the code has.

use std::collections::BTreeSet;

use ork_telemetry::names::{METRICS, markdown};

#[test]
fn the_docs_have_the_table() {
    let docs = include_str!("../../../docs/telemetry.md");
    let table = markdown();
    assert!(
        docs.contains(&table),
        "docs/telemetry.md must have this table:\n{table}"
    );
}

#[test]
fn every_name_is_there_once_and_of_one_shape() {
    let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    for metric in METRICS {
        let fits = |byte: u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'_');
        assert!(metric.name.bytes().all(fits), "{}", metric.name);
        assert!(!metric.unit.is_empty(), "{}", metric.name);
    }
}
