//! What a slot does while other runs are active: the whole table.

use ork_core::definition::Overlap;
use ork_core::schedule::{Admission, admit};

fn word(admission: &Admission) -> &'static str {
    match admission {
        Admission::Start => "start",
        Admission::Drop { .. } => "drop",
        Admission::Queue { .. } => "queue",
        Admission::CancelThenStart => "cancel",
    }
}

#[test]
fn each_policy_decides_by_active_runs_and_places() {
    // Active runs and max_active_runs; then allow, skip, queue, cancel.
    for (active, max, expected) in [
        (0, None, ["start", "start", "start", "start"]),
        (1, None, ["start", "drop", "queue", "cancel"]),
        (9, None, ["start", "drop", "queue", "cancel"]),
        (0, Some(1), ["start", "start", "start", "start"]),
        (1, Some(1), ["queue", "drop", "queue", "cancel"]),
        (1, Some(2), ["start", "drop", "queue", "cancel"]),
        (2, Some(2), ["queue", "drop", "queue", "cancel"]),
        (3, Some(2), ["queue", "drop", "queue", "cancel"]),
        (0, Some(0), ["queue", "queue", "queue", "queue"]),
        (1, Some(0), ["queue", "drop", "queue", "queue"]),
    ] {
        let found = [
            Overlap::Allow,
            Overlap::Skip,
            Overlap::Queue,
            Overlap::Cancel,
        ]
        .map(|overlap| word(&admit(overlap, active, max)));
        assert_eq!(found, expected, "{active} active, at most {max:?}");
    }
}

#[test]
fn a_run_that_does_not_start_says_why() {
    assert_eq!(
        admit(Overlap::Skip, 1, None),
        Admission::Drop {
            why: "1 run is active and `overlap` is `skip`".to_owned()
        }
    );
    assert_eq!(
        admit(Overlap::Queue, 2, None),
        Admission::Queue {
            why: "2 runs are active and `overlap` is `queue`".to_owned()
        }
    );
    assert_eq!(
        admit(Overlap::Allow, 3, Some(3)),
        Admission::Queue {
            why: "3 runs are active and `max_active_runs` is 3".to_owned()
        }
    );
}
