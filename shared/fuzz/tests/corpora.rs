//! Every target over its corpus and over mutations of it.

use std::io::Write as _;

use ork_fuzz::{Broken, Judgement, Reading, TARGETS, Target, corpus, fuzz, judge};

const SEED: u64 = 1;

/// Runs the target called `name`; the inputs are the same every time.
fn holds(name: &str) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("it is listed");
    let entries = corpus(name).expect("it has a corpus");
    match fuzz(target, &entries, SEED, target.inputs, |_| {}) {
        Ok(report) => {
            writeln!(std::io::stdout(), "{name}: {report}").expect("standard output takes text");
            assert!(
                report.accepted > 0 && report.rejected > 0,
                "{name} sees one side only: {report}"
            );
            assert!(
                report.accepted * 50 > report.accepted + report.rejected,
                "{name} hardly gets past the first check: {report}"
            );
        }
        Err(broken) => panic!("{broken}"),
    }
}

macro_rules! targets {
    ($($test:ident: $name:literal,)+) => {
        $(#[test] fn $test() { holds($name); })+

        #[test]
        fn every_target_is_run() {
            let run = [$($name),+];
            let listed: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(listed, run);
        }
    };
}

targets! {
    workflow_files_are_read_or_refused_with_reasons: "yaml",
    fun_files_are_read_or_refused_with_reasons: "fun",
    project_files_are_read_or_refused_with_reasons: "project",
    expressions_have_a_bounded_value_or_a_reason: "expression",
    templates_render_or_have_a_reason: "template",
    paths_read_back: "path",
    schedules_have_increasing_slots: "cron",
    types_read_back: "kind",
    object_names_read_back_and_stay_inside: "object_name",
    ids_keep_to_their_rule_everywhere: "ids",
    status_objects_keep_unknown_keys: "status",
    verdicts_leave_a_run_sound: "verdict",
    stored_definitions_are_read_or_refused: "definition",
    stored_runs_are_read_or_refused_and_driven_on: "run",
    damaged_runs_are_read_or_refused_and_driven_on: "damage",
}

#[test]
fn known_defects_are_there_until_they_are_mended() {
    for target in TARGETS {
        let entries = corpus(target.name).expect("it has a corpus");
        let shown = entries
            .iter()
            .filter(|entry| entry.name.starts_with("open-"));
        for entry in shown.clone() {
            assert_eq!(
                judge(target, &entry.bytes),
                Judgement::Open,
                "{}/{}: is it mended? then take it off `open` and call the file found-…",
                target.name,
                entry.name
            );
        }
        assert!(
            shown.count() >= target.open.len(),
            "{}: each known defect has a file that shows it",
            target.name
        );
    }
}

#[test]
fn corpora_stay_small() {
    for target in TARGETS {
        let entries = corpus(target.name).expect("it has a corpus");
        let bytes: usize = entries.iter().map(|entry| entry.bytes.len()).sum();
        assert!(
            entries.len() <= 70 && bytes <= 200 * 1024,
            "{}: {} files, {bytes} bytes",
            target.name,
            entries.len()
        );
    }
}

/// Breaks its promise for whatever holds `!` and then `?`.
fn fragile(bytes: &[u8]) -> Reading {
    let text = String::from_utf8_lossy(bytes);
    if let Some(at) = text.find('!') {
        assert!(!text[at..].contains('?'), "it holds both");
        return Reading::Accepted;
    }
    Reading::Rejected
}

#[test]
fn a_broken_promise_is_found_shrunk_and_told_the_same_each_time() {
    let target = Target {
        name: "fragile",
        run: fragile,
        words: || vec!["?", "word"],
        inputs: 10_000,
        open: &[],
    };
    let entries = [ork_fuzz::Entry {
        name: "start".to_owned(),
        bytes: b"a long text with a ! and no question".to_vec(),
    }];
    let find = || -> Broken {
        *fuzz(&target, &entries, SEED, target.inputs, |_| {}).expect_err("it is broken")
    };
    let found = find();
    assert_eq!(found.bytes, b"!?");
    assert!(found.message.contains("it holds both"), "{}", found.message);
    let told = found.to_string();
    assert!(
        told.contains("printf '!?' > shared/fuzz/corpus/fragile/found-NAME")
            && told
                .contains("cargo run -p ork-fuzz -- fragile shared/fuzz/corpus/fragile/found-NAME"),
        "{told}"
    );
    assert_eq!(find(), found);
}
