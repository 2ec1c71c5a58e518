//! `ork schedule preview`

use serde_json::json;

use crate::support::Project;

const BERLIN: &str =
    "name: nightly\nschedule: {cron: \"30 2 * * *\", timezone: Europe/Berlin}\ntasks:\n  a: {}\n";

#[test]
fn the_spring_gap_moves_a_slot_to_its_end() {
    let project = Project::with("n.yaml", BERLIN);
    let ran = project
        .ork(&[
            "schedule",
            "preview",
            "n.yaml",
            "--from",
            "2026-03-28T00:00:00Z",
            "--count",
            "3",
        ])
        .ok();
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, { insta::assert_snapshot!("preview_gap", ran.text()) });
}

#[test]
fn programs_get_one_array_from_the_instant_on_included() {
    let project = Project::with("n.yaml", BERLIN);
    let ran = project
        .ork(&[
            "schedule",
            "preview",
            "n.yaml",
            "--from",
            "2026-10-25T00:30:00Z",
            "--count",
            "2",
            "--json",
        ])
        .ok();
    let slots = ran.json();
    assert_eq!(slots[0]["slot"], json!("2026-10-25T00:30:00Z"));
    assert_eq!(
        slots[0]["local"],
        json!("2026-10-25T02:30:00+02:00[Europe/Berlin]")
    );
    assert_eq!(
        slots[1]["slot"],
        json!("2026-10-26T01:30:00Z"),
        "the second 02:30 of the autumn night does not fire"
    );
    assert_eq!(slots.as_array().map(Vec::len), Some(2));
}

#[test]
fn without_a_schedule_there_are_no_slots() {
    let project = Project::with("n.yaml", "name: never\ntasks:\n  a: {}\n");
    let ran = project
        .ork(&["schedule", "preview", "n.yaml", "--json"])
        .ok()
        .says("workflow never has no schedule");
    assert_eq!(ran.json(), json!([]));
    project
        .ork(&["schedule", "preview", "n.yaml", "--from", "tomorrow"])
        .exits(2)
        .says("not an instant");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::with(
        "n.yaml",
        "name: often\nschedule: \"* * * * *\"\ntasks:\n  a: {}\n",
    );
    let mut child = project
        .command(&["schedule", "preview", "n.yaml", "--count", "20000"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
}
