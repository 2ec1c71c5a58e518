//! Seeds that once found something find nothing any more.

mod support;

use std::collections::BTreeSet;

use ork_core::protect::Protections;
use ork_sim::batch::{Batch, Sum};

const FILE: &str = include_str!("../regressions.txt");

/// Each line that is no comment: a seed and a sentence.
fn parse(text: &str) -> Result<Vec<(u64, &str)>, String> {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = |what: &str| format!("line {number}: {what}: `{line}`");
        let (seed, sentence) = line
            .split_once(' ')
            .ok_or_else(|| wrong("no sentence follows the seed"))?;
        let seed = seed
            .parse()
            .map_err(|_| wrong("it does not begin with a seed"))?;
        if sentence.split_whitespace().count() < 3 {
            return Err(wrong("what it was is said in a sentence"));
        }
        if !seen.insert(seed) {
            return Err(wrong("the seed is there already"));
        }
        lines.push((seed, sentence));
    }
    Ok(lines)
}

#[test]
fn seeds_that_once_found_something_find_nothing_any_more() {
    let lines = parse(FILE).unwrap_or_else(|error| panic!("regressions.txt, {error}"));
    assert!(!lines.is_empty(), "there have been some");
    let mut all = Sum::default();
    for (seed, sentence) in lines {
        let one = Batch {
            from: seed,
            seeds: 1,
            threads: 1,
            protections: Protections::default(),
            chained: false,
        }
        .run(&|_, _| {});
        all.seeds += 1;
        for mut found in one.found {
            found.violation.what = format!("{} (it was once: {sentence})", found.violation.what);
            all.found.push(found);
        }
    }
    support::expect_nothing_found(&all);
}

#[test]
fn a_line_that_is_no_seed_and_sentence_is_an_error() {
    assert_eq!(
        parse("# seeds\n\n7 something was lost\n"),
        Ok(vec![(7, "something was lost")])
    );
    for (text, what) in [
        ("seven something was lost", "line 1: it does not begin"),
        ("-7 something was lost", "line 1: it does not begin"),
        ("7", "line 1: no sentence"),
        ("# seeds\n7 lost", "line 2: what it was"),
        (
            "7 something was lost\n7 something was doubled",
            "line 2: the seed is there",
        ),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(what), "{text:?}: {error}");
    }
}
