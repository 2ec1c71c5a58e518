//! The command `ork-sim`: what it says, and its exit codes.

use std::process::{Command, Output};

use ork_core::protect::Protection;
use serde_json::Value;

fn ork_sim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ork-sim"))
        .args(args)
        .output()
        .expect("the command starts")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// What it prints; its exit code is `code`.
fn said(args: &[&str], code: i32) -> String {
    let output = ork_sim(args);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {out}{error}");
    out.to_owned()
}

fn json(args: &[&str], code: i32) -> Value {
    serde_json::from_str(&said(args, code)).expect("JSON")
}

/// What took how long differs from run to run.
fn without_speed(mut summary: Value) -> Value {
    let speed = summary.as_object_mut().expect("an object").remove("speed");
    assert!(speed.is_some());
    summary
}

#[test]
fn the_summary_names_everything_that_was_counted() {
    let said = said(&["--seeds", "20", "--threads", "2"], 0);
    for wanted in [
        "20 seeds, 0 to 19; every protection holds",
        "seeds a second per core",
        "preparing scenarios",
        "I/O points",
        "median",
        "p99",
        "commits",
        "objects written",
        "attempts",
        "runs",
        "virtual time",
        "days",
        "hash ",
        "faults injected:",
        "heartbeat lost",
        "never",
        "transition table:",
        "not met",
        "no reason known",
        "violations: none",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
    assert!(!said.contains("━━"), "{said}");
}

#[test]
fn the_summary_is_the_same_on_any_number_of_threads() {
    let one = json(&["--seeds", "40", "--from", "7", "--json"], 0);
    let three = ["--seeds", "40", "--from", "7", "--json", "--threads", "3"];
    assert_eq!(without_speed(json(&three, 0)), without_speed(one.clone()));
    assert_eq!(one["seeds"], 40);
    assert_eq!(one["from"], 7);
    assert_eq!(one["speed"]["threads"], 1);
    assert!(one["speed"]["seeds_per_second_per_core"].as_f64() > Some(0.0));
    for counted in ["commits", "documents", "objects", "attempts", "runs"] {
        assert!(one[counted].as_u64() > Some(0), "{counted}");
    }
    for counted in ["total", "mean", "median", "p99", "most"] {
        assert!(one["points"][counted].as_f64() > Some(0.0), "{counted}");
    }
    assert_eq!(one["hash"].as_str().map(str::len), Some(16));
    let other = json(&["--seeds", "40", "--from", "8", "--json"], 0);
    assert_ne!(other["hash"], one["hash"], "other seeds, another hash");
}

#[test]
fn every_pair_is_listed_when_asked_for() {
    let few = json(&["--seeds", "2", "--json"], 0);
    let all = json(&["--seeds", "2", "--json", "--coverage"], 0);
    let pairs = |summary: &Value| {
        summary["transitions"]["pairs"]
            .as_array()
            .expect("a list")
            .len() as u64
    };
    let [met, known] = ["met", "all"].map(|key| all["transitions"][key].as_u64().expect(key));
    assert_eq!(pairs(&all), known);
    // Those that are met although there is a reason against it would be listed, too.
    assert!(pairs(&few) >= known - met && pairs(&few) < known);
    let said = said(&["--seeds", "2", "--coverage"], 0);
    assert!(said.contains("instance running × success"), "{said}");
}

#[test]
fn a_single_seed_is_told_in_full() {
    let said = said(&["--seed", "3", "--trace"], 0);
    for wanted in [
        "arrives: ",
        "faults for ",
        "world drawn from 3",
        "tasks:",
        "1 seeds, 3 to 3",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
    let told = ork_sim(&["--seed", "3"]);
    assert!(!text(&told.stdout).contains("arrives: "));
}

#[test]
fn protections_are_listed_by_name() {
    let said = said(&["--protections"], 0);
    for one in Protection::ALL {
        assert!(
            said.contains(one.as_str()) && said.contains(one.describe()),
            "{one}"
        );
    }
    assert_eq!(said.lines().count(), Protection::ALL.len());
}

#[test]
fn without_a_protection_a_violation_is_found_shown_and_shrunk() {
    let args = [
        "--without",
        "claim_once",
        "--seeds",
        "300",
        "--threads",
        "2",
    ];
    let found = json(&[&args[..], &["--json"]].concat(), 1);
    assert_eq!(found["without"], "claim_once");
    let all = found["violations"]["first_of_each"]
        .as_array()
        .expect("a list");
    let first = all
        .iter()
        .find(|finding| finding["invariant"] == "I1")
        .expect("an attempt whose code ran twice");
    let shrunk = &first["shrunk"];
    let lines = shrunk["trace"].as_array().expect("a trace");
    let before = shrunk["lines_before"].as_u64().expect("a number");
    // The smallest world may take a few lines more to go wrong; it is read at a glance all the same.
    assert!(
        !lines.is_empty() && (lines.len() as u64) < before.max(60),
        "{} lines, {before} before",
        lines.len()
    );
    let seed = first["seed"].to_string();
    let command = first["command"].as_str().expect("a command");
    assert!(
        command.ends_with(&format!("-- --seed {seed} --trace --without claim_once")),
        "{command}"
    );

    let said = said(&["--without", "claim_once", "--seed", &seed], 1);
    for wanted in [
        "without claim_once: A worker runs an attempt only if",
        "━━ seed",
        "violates I1",
        command,
        "shrunk from",
        "VIOLATION of I1",
        "faults",
        "tasks:",
    ] {
        assert!(said.contains(wanted), "no `{wanted}` in\n{said}");
    }
    let whole = ork_sim(&["--without", "claim_once", "--seed", &seed, "--no-shrink"]);
    assert_eq!(whole.status.code(), Some(1));
    let whole = text(&whole.stdout);
    assert!(
        whole.contains("violates I1") && !whole.contains("shrunk from"),
        "{whole}"
    );
}

#[test]
fn wrong_use_is_told_apart() {
    for args in [
        &["--seeds", "0"][..],
        &["--seeds", "many"],
        &["--threads", "0"],
        &["--without", "luck"],
        &["--trace"],
        &["--seed", "1", "--seeds", "2"],
        &["--seed", "1", "--trace", "--json"],
        &["--from", "18446744073709551615", "--seeds", "2"],
        &["1"],
    ] {
        let output = ork_sim(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            output.stdout.is_empty() && !output.stderr.is_empty(),
            "{args:?}"
        );
    }
    let unknown = ork_sim(&["--without", "luck"]);
    assert!(
        text(&unknown.stderr).contains("--protections"),
        "{}",
        text(&unknown.stderr)
    );
    said(&["--help"], 0);
}

#[test]
fn a_day_is_counted_and_goes_with_no_seeds() {
    let day = said(&["--day", "chain", "--runs", "5", "--minutes", "60"], 0);
    let first = "5 runs of 10 tasks (chain), started over 1h, on 3 instances; over after ";
    assert!(day.starts_with(first), "{day}");
    let row = |what: &str| {
        let line = day.lines().find(|line| line.starts_with(what));
        let line = line.unwrap_or_else(|| panic!("no {what} in {day}"));
        line.split_whitespace().last().map(str::to_owned)
    };
    assert_eq!(row("attempts").as_deref(), Some("1.000"));
    assert_eq!(row("notices").as_deref(), Some("1.000"));
    for wrong in [
        &["--runs", "5"] as &[&str],
        &["--day", "chain", "--seeds", "5"],
        &["--day", "star"],
    ] {
        assert_eq!(ork_sim(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
