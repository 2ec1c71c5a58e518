//! What follows a failed attempt.

use ork_core::limits;
use ork_core::run::{Category, Effect, InstanceStatus, NoteKind, State};
use ork_core::time::Millis;

use crate::timing::effects;
use crate::world::World;

/// Fails instance after instance at once and gives the pauses in milliseconds.
fn pauses(retries: &str, seed: u64) -> Vec<u64> {
    let world = World::new(&format!("  a: {{x, retries: {retries}}}\n"));
    let mut header = world.run.header.clone();
    header.seed = seed;
    let mut world = World::with(world.graph, header);
    world.play("start");
    let mut pauses = Vec::new();
    loop {
        let out = world.play("claim 1").line("fail a transient").unwrap();
        match out.notes.iter().find_map(|note| {
            if let NoteKind::RetryIn { delay, .. } = note.kind {
                Some(delay)
            } else {
                None
            }
        }) {
            None => return pauses,
            Some(delay) => {
                pauses.push(delay.0);
                world.now = world.now + delay;
                world.play("tick");
            }
        }
    }
}

#[test]
fn fixed_pauses_stay_and_exponential_ones_double_up_to_their_cap() {
    assert_eq!(
        pauses("{max: 3, delay: 2s, backoff: fixed, jitter: false}", 0),
        [2000, 2000, 2000]
    );
    assert_eq!(
        pauses(
            "{max: 5, delay: 2s, backoff: exponential, max_delay: 10s, jitter: false}",
            0
        ),
        [2000, 4000, 8000, 10_000, 10_000]
    );
    assert_eq!(pauses("{max: 0}", 0), [0; 0]);
}

#[test]
fn a_pause_that_would_overflow_is_its_cap() {
    let pauses = pauses(
        "{max: 80, delay: 1s, backoff: exponential, max_delay: 10m, jitter: false}",
        0,
    );
    assert_eq!(
        (pauses.len(), pauses[79], pauses.iter().max()),
        (80, 600_000, Some(&600_000))
    );
}

#[test]
fn jitter_draws_between_zero_and_the_full_pause_the_same_for_the_same_seed() {
    let policy = "{max: 200, delay: 8s, backoff: fixed, jitter: true}";
    let drawn = pauses(policy, 1);
    assert_eq!(drawn, pauses(policy, 1));
    assert_ne!(drawn, pauses(policy, 2));
    assert!(drawn.iter().all(|&pause| pause <= 8000));
    let mean = drawn.iter().sum::<u64>() / 200;
    assert!(
        (3300..4700).contains(&mean),
        "the mean of full jitter is half the pause, not {mean} ms of 8 s"
    );
    assert!(
        drawn.iter().any(|&pause| pause < 500) && drawn.iter().any(|&pause| pause > 7500),
        "both ends are reached"
    );
}

#[test]
fn instances_that_fail_together_do_not_come_back_together() {
    let mut world = World::new(
        "  a: {x, parallel: 50, retries: {max: 1, delay: 60s, backoff: fixed, jitter: true}}\n",
    );
    world.play("start; claim 50");
    for index in 0..50 {
        world.play(&format!("fail a[{index}] lost"));
    }
    // Lost before they began: not charged, so fail them again once they run.
    world.play("+1s; tick; claim 50");
    let mut due = std::collections::BTreeSet::new();
    for index in 0..50 {
        world.play(&format!("started a[{index}]; fail a[{index}] lost"));
        if let ork_core::run::State::Retrying { due: at } = world.state(&format!("a[{index}]")) {
            due.insert(at.0);
        }
    }
    assert!(due.len() > 45, "only {} different instants", due.len());
}

#[test]
fn a_permanent_failure_is_never_retried_even_when_it_is_listed() {
    for on in [vec![], vec![Category::Permanent, Category::Transient]] {
        // A file that lists it is refused; a stored definition could hold it all the same.
        let mut workflow = World::new("  a: {x, retries: 3}\n").graph.workflow;
        workflow.tasks[0].retries.on = on;
        let mut world = World::of(workflow);
        world.play("start; claim 1; fail a permanent");
        assert_eq!(world.states(), "a failed");
    }
}

#[test]
fn only_listed_categories_are_retried() {
    for &category in Category::ALL {
        for (on, listed) in [
            ("", category != Category::Permanent),
            (
                ", on: [timeout, oom]",
                matches!(category, Category::Timeout | Category::Oom),
            ),
        ] {
            let mut world = World::new(&format!(
                "  a: {{x, retries: {{max: 1{on}, jitter: false}}}}\n"
            ));
            world
                .play("start; claim 1; started a")
                .play(&format!("fail a {category}"));
            let retried = world.instance("a").status() == InstanceStatus::Retrying;
            assert_eq!(retried, listed, "{category}{on}");
        }
    }
}

#[test]
fn retries_are_used_up_and_a_success_between_does_not_matter() {
    let mut world = World::new("  a: {x, retries: {max: 2, delay: 0s}}\n");
    world.play(
        "start; claim 1; fail a unknown; claim 1; fail a oom; claim 1; fail a transient disk full",
    );
    assert_eq!(
        (world.why("a").as_str(), world.instance("a").attempt),
        ("failed: disk full", 3)
    );
}

#[test]
fn three_losses_before_the_start_are_free_and_the_fourth_is_charged() {
    let mut world = World::new("  a: {x, retries: {max: 1, delay: 1s, jitter: false}}\n");
    world.play("start");
    for lost in 1..=5 {
        world.play("claim 1 remote; fail a lost; +2s; tick");
        let charged = world.instance("a").failures;
        assert_eq!(charged, u16::from(lost > 3), "after {lost} losses");
    }
    assert_eq!(
        (world.states().as_str(), world.instance("a").attempt),
        ("a failed", 5)
    );
}

#[test]
fn a_loss_after_the_start_is_charged() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; started a; fail a lost");
    assert_eq!(world.states(), "a failed");
}

#[test]
fn an_executor_without_room_is_not_charged_and_asked_again_later() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; not_started a 5s");
    assert_eq!(world.states(), "a retrying");
    world.play("+5s; tick; claim 1; not_started a 0s; claim 1; ok a");
    assert_eq!(
        (world.instance("a").attempt, world.instance("a").failures),
        (3, 0)
    );
}

#[test]
fn a_refusal_to_start_speaks_of_its_own_claim_only() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1 remote; +60s; tick; not_started a#1.1 5s");
    assert_eq!(
        world.states(),
        "a dispatched",
        "a later claim of the same attempt may have found a place"
    );
    world.play("not_started a#1.2 5s");
    assert_eq!(world.states(), "a retrying");
}

#[test]
fn the_first_attempt_of_a_retried_task_is_followed_by_a_whole_new_set_of_retries() {
    let mut world = World::new("  a: {x, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 1; fail a unknown; claim 1; fail a unknown; retry; claim 1; fail a unknown; claim 1; ok a");
    assert_eq!(
        (world.status().as_str(), world.instance("a").attempt),
        ("success", 4)
    );
}

#[test]
fn a_task_that_succeeded_after_a_retry_has_no_error_to_show() {
    let mut world = World::new("  a: {x, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 1; fail a unknown no luck");
    assert_eq!(world.why("a"), "queued: no luck");
    world.play("claim 1; ok a");
    assert_eq!(world.why("a"), "success");
    assert!(world.instance("a").failure.is_some(), "the record is kept");
}

#[test]
fn an_error_text_is_cut_to_what_a_page_has_room_for() {
    let mut world = World::new("  a: {x}\n");
    let long = "ä".repeat(5000);
    world
        .play("start; claim 1")
        .play(&format!("fail a unknown {long}"));
    let kept = &world.instance("a").failure.as_ref().unwrap().message;
    assert!(
        kept.len() <= ork_core::limits::ERROR_BYTES && kept.ends_with("(cut)"),
        "{kept}"
    );
}

#[test]
fn a_superseded_claim_of_the_live_attempt_still_speaks_for_it() {
    let mut world = World::new("  a: {x}\n");
    let out = world
        .play("start; claim 1 remote; +60s")
        .line("tick")
        .unwrap();
    assert!(matches!(out.effects[..], [Effect::CheckStart(a)] if (a.attempt, a.fence) == (1, 2)));
    world.play("ok a#1.1");
    assert_eq!(world.states(), "a success");
}

#[test]
fn events_of_earlier_attempts_and_of_nobody_are_ignored() {
    let mut world =
        World::new("  a: {x, retries: {max: 1, delay: 0s}}\n  b: {x, depends_on: [a]}\n");
    world.play("start; claim 1; fail a unknown; claim 1; started a");
    for stale in [
        "ok a#1",
        "fail a#1 unknown",
        "started a#1",
        "beat a#1",
        "not_started a#1 1s",
        "job a#1 0 done",
        "child a success",
        "ok a#3",
        "ok b",
        "beat b#0",
        "ok a[7]",
    ] {
        let before = crate::world::bytes(&world.run);
        world.play(stale);
        assert_eq!(crate::world::bytes(&world.run), before, "{stale}");
    }
}

#[test]
fn an_attempt_that_handed_over_after_its_end_has_its_jobs_stopped_once() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; started a; cancel");
    assert_eq!(world.line("defer a#1 2").unwrap().effects.len(), 1);
    let before = crate::world::bytes(&world.run);
    world.play("defer a#1 2");
    assert_eq!(crate::world::bytes(&world.run), before);
    world.play("stopped a#1 1");
    assert_eq!(world.run.cancellations().count(), 1, "one of two is over");
    world.play("stopped a#1 2");
    assert_eq!(world.run.cancellations().count(), 0);
    world.play("defer a#1 2");
    assert_eq!(world.run.cancellations().count(), 0, "told once more");
}

#[test]
fn jobs_of_a_verdict_that_came_too_late_are_stopped_once_whatever_their_attempt_is_by_then() {
    let mut world = World::new("  a: {x, timeout: 60s, retries: {max: 1, delay: 0s}}\n");
    world.play("start; claim 1 remote; started a; fail a timeout; claim 1 remote; started a");
    let stop = "stop the jobs of a#1";
    assert_eq!(effects(&mut world, "late a#1 2"), stop);
    assert_eq!(effects(&mut world, "late a#1 2"), "", "once is enough");
    assert_eq!(
        effects(&mut world, "late a#3 1"),
        "",
        "there was no such attempt"
    );
    assert_eq!(effects(&mut world, "late a#2 0"), "", "nothing to stop");
    assert_eq!(
        effects(&mut world, "late a#2 65"),
        "",
        "more than anybody may have"
    );
    // Its own verdict, which says otherwise, has not been heard of yet.
    assert_eq!(effects(&mut world, "late a#2 1"), "stop the jobs of a#2");
    world.play("fail a timeout; stopped a#1 3");
    assert_eq!(world.states(), "a failed");
    assert_eq!(world.run.cancellations().count(), 1);
    world.play("stopped a#2 1");
    assert_eq!(world.run.cancellations().count(), 0);
}

#[test]
fn what_a_worker_says_after_its_attempt_was_taken_is_looked_for_twice() {
    for (story, looks) in [
        ("started a; cancel", true),
        ("cancel", true),
        ("started a; fail a timeout", true),
        ("started a; fail a lost", true),
        // It may have begun, and nobody was told.
        ("fail a lost", true),
        // Its worker said so, and has nothing more to say.
        ("started a; fail a unknown", false),
        ("started a; ok a", false),
        ("defer a 1; cancel; stopped a#1 1", false),
    ] {
        let mut world = World::new("  a: {x}\n");
        world.play(&format!("start; claim 1 remote; {story}"));
        let found = looks_of(&mut world);
        let expected: &[i64] = if looks { &[60, 600] } else { &[] };
        assert_eq!(found, expected, "{story}");
    }
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; started a; cancel");
    assert_eq!(
        looks_of(&mut world),
        [0_i64; 0],
        "whoever is its parent has ended it"
    );
}

#[test]
fn attempts_that_are_taken_later_are_looked_for_as_long() {
    let mut world = World::new("  a: {x, retries: {max: 5, delay: 1s}}\n");
    world.play("start; claim 1 remote; started a; fail a timeout; +50s; tick; claim 1 remote; started a; fail a timeout");
    world.play("cancel");
    assert_eq!(looks_of(&mut world), [10, 600]);
}

/// The seconds from now on at which it is looked.
fn looks_of(world: &mut World) -> Vec<i64> {
    let began = world.now;
    let mut found = Vec::new();
    while let Some(late) = world.run.header.late {
        assert!(world.run.next_wake_at(world.now) <= Some(late.at));
        let wait = late.at.since(world.now).0 / 1000;
        assert_eq!(effects(world, "tick"), "", "too early");
        let asked = effects(world.play(&format!("+{wait}s")), "tick");
        assert!(asked.contains("look for late verdicts"), "{asked}");
        found.push((world.now.0 - began.0) / 1000);
        assert!(found.len() < 9, "it looks on and on: {found:?}");
    }
    found
}

#[test]
fn nobody_waits_for_jobs_that_may_not_be_stopped_but_they_are_asked_for_on_and_on() {
    let mut world = World::new("  a: {x, retries: {max: 2, delay: 0s}}\n");
    world.play("start; claim 1; defer a 2; job a 0 failed; stopped a#1 0 denied; +20s; tick; stopped a#1 0 denied");
    assert_eq!(world.states(), "a retrying");
    world.play("stopped a#1 0; stopped a#1 0 denied; stopped a#1 0 denied; stopped a#1 0 denied");
    assert_eq!(world.states(), "a queued", "three in a row");
    world.play("claim 1; defer a 2; job a 0 failed; stopped a#2 0 for_good");
    assert_eq!(world.states(), "a queued");
    assert_eq!(
        world.run.cancellations().count(),
        1,
        "what nobody can name is left alone"
    );
    world.play("stopped a#1 3");
    assert_eq!(world.run.cancellations().count(), 0, "it was mended");
}

#[test]
fn who_refuses_to_stop_a_job_is_asked_for_a_week_less_and_less_often() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; defer a 1; cancel");
    let began = world.now;
    let mut asked = 0;
    while let Some(due) = world.run.next_wake_at(world.now) {
        world.now = due;
        let stops = |effect: &&Effect| matches!(effect, Effect::StopJobs(_));
        let said = world.line("tick").unwrap();
        if said.effects.iter().any(|effect| stops(&effect)) {
            asked += 1;
            world.play("stopped a#1 0 denied");
        }
        assert!(asked < 1_000, "it never ends");
    }
    let took = world.now.since(began);
    assert!(took >= limits::CANCEL_KEPT, "{took}");
    assert!((20..200).contains(&asked), "{asked} times");
    assert_eq!(world.run.cancellations().count(), 0);
}

#[test]
fn a_job_that_is_done_in_time_is_never_too_late() {
    // Asked about shortly before the time is over, and at work then.
    for said in ["job a 0 running", "job a 0 busy", "job a 0 missing"] {
        let mut world = World::new("  a: {x, timeout: 40s}\n");
        world.play("start; claim 1; started a; defer a 1");
        let began = world.now;
        let mut polls = 0;
        while world.states() == "a deferred" {
            world.now = world.run.next_wake_at(world.now).expect("it is due");
            let out = world.line("tick").unwrap();
            let polled = out.effects.iter().any(|one| matches!(one, Effect::Poll(_)));
            if polled {
                polls += 1;
                let is_over = world.now.since(began) >= Millis::from_secs(40);
                world.play(if is_over { "job a 0 done" } else { said });
            }
        }
        assert_eq!(
            world.states(),
            "a success",
            "{said} after {polls} questions"
        );
    }
}

#[test]
fn a_request_is_not_made_again_while_it_may_be_open_nor_when_its_time_is_over() {
    let mut world =
        World::new("  a: {executor: http, url: 'https://example.com', timeout: 100s}\n");
    world.play("start; claim 1");
    let out = world.line("defer a 1").unwrap();
    assert!(
        out.effects
            .iter()
            .any(|one| matches!(one, Effect::BeginJobs(_)))
    );
    let mut made = Vec::new();
    let began = world.now;
    while world.states() == "a deferred" {
        world.now = world.run.next_wake_at(world.now).expect("it is due");
        let out = world.line("tick").unwrap();
        assert!(!out.effects.iter().any(|one| matches!(one, Effect::Poll(_))));
        if out
            .effects
            .iter()
            .any(|one| matches!(one, Effect::BeginJobs(_)))
        {
            made.push(world.now.since(began).0 / 1000);
        }
    }
    assert_eq!(made, [40, 80]);
    assert_eq!(world.states(), "a failed");
}

#[test]
fn what_is_to_be_stopped_is_asked_about_until_it_is_over_also_when_the_run_is() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; defer a 1; cancel");
    assert_eq!(world.states(), "a cancelled");
    let mut asked = 0;
    for _ in 0..20 {
        world.now = world.run.next_wake_at(world.now).expect("it is due");
        let out = world.line("tick").unwrap();
        asked += out
            .effects
            .iter()
            .filter(|effect| matches!(effect, Effect::StopJobs(_)))
            .count();
    }
    assert_eq!(asked, 20);
    world.play("stopped a#1 1");
    assert_eq!(world.run.next_wake_at(world.now), None);
}

#[test]
fn a_job_that_is_unknown_has_a_minute_and_one_that_may_not_be_asked_about_three_tries() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; defer a 1; +10s; job a 0 missing; job a 0 missing; job a 0 missing; job a 0 missing");
    assert_eq!(world.states(), "a deferred");
    world.play(
        "+60s; job a 0 missing; job a 0 denied; job a 0 running; job a 0 denied; job a 0 missing",
    );
    assert_eq!(world.states(), "a deferred", "no three in a row");
    world.play("job a 0 missing");
    assert_eq!(world.states(), "a failed");
    assert_eq!(
        world.run.cancellations().count(),
        1,
        "it may be at work nevertheless"
    );
}

#[test]
fn a_job_that_failed_is_tried_again_or_not_by_its_category_as_any_other_attempt() {
    let retried = |policy: &str, said: &str| {
        let mut world = World::new(&format!(
            "  a: {{x, retries: {{max: 1, delay: 1s{policy}}}}}\n"
        ));
        world.play(&format!("start; claim 1; {said}"));
        let failure = world.run.instance(0, 0).unwrap().failure.clone();
        let failure = failure.unwrap_or_else(|| panic!("{said}: {}", world.states()));
        (failure.category, world.states() == "a retrying")
    };
    for &category in Category::ALL {
        let said = format!("defer a 1; job a 0 failed {category}");
        let (kept, any) = retried("", &said);
        assert_eq!((kept, any), (category, category != Category::Permanent));
        let on = ", on: [transient, oom]";
        let listed = [Category::Transient, Category::Oom].contains(&category);
        assert_eq!(retried(on, &said), (category, listed));
        // The same as of a worker's verdict.
        let verdict = retried(on, &format!("started a; fail a {category}")).1;
        assert_eq!(verdict, listed, "{category}");
    }
    let three = |word: &str| {
        format!(
            "defer a 1; +61s; {}",
            vec![format!("job a 0 {word}"); 3].join("; ")
        )
    };
    for (said, category) in [
        ("defer a 1; job a 0 lost".to_owned(), Category::Permanent),
        (three("denied"), Category::Recoverable),
        (three("missing"), Category::Lost),
    ] {
        assert_eq!(
            retried("", &said),
            (category, category != Category::Permanent),
            "{said}"
        );
    }
}

#[test]
fn why_a_question_got_no_answer_is_kept_until_the_job_is_answered_for() {
    let mut world = World::new("  a: {x, timeout: 1h}\n");
    world.play("start; claim 1; defer a 3");
    let told = |world: &World| match &world.run.instance(0, 0).unwrap().state {
        State::Deferred(deferral) => deferral
            .trouble
            .as_ref()
            .map(|told| (told.jobs, told.times, told.at, told.why.to_string())),
        other => panic!("{other:?}"),
    };
    assert_eq!(told(&world), None);
    world.play("+10s; job a 1 busy; job a 2 busy; job a 0 running");
    let first = world.now;
    let why = || "503, it said".to_owned();
    assert_eq!(told(&world), Some((6, 1, first, why())), "one round");
    world.play("+10s; job a 0 running; job a 1 asking; job a 2 asking");
    assert_eq!(told(&world), Some((6, 1, first, why())), "it is no news");
    world.play("+10s; job a 1 missing; job a 2 busy; job a 0 running");
    assert_eq!(told(&world), Some((6, 2, world.now, why())));
    world.play("+10s; job a 1 done; job a 2 denied");
    let why = || "nobody may ask".to_owned();
    assert_eq!(told(&world), Some((4, 3, world.now, why())));
    world.play("+10s; job a 2 running");
    assert_eq!(told(&world), None);
}

#[test]
fn why_jobs_are_not_stopped_is_kept_until_their_service_takes_the_wish() {
    let mut world = World::new("  a: {x}\n");
    world.play("start; claim 1; defer a 2; cancel; +1s; stopped a#1 0 unanswered");
    let told = |world: &World| {
        let (.., one) = world.run.cancellations().next().unwrap();
        let told = one.trouble.as_ref();
        (one.denied, told.map(|told| (told.times, told.at)))
    };
    assert_eq!(told(&world), (0, Some((1, world.now))), "no refusal");
    world.play("+10s; tick; stopped a#1 1 denied");
    assert_eq!(told(&world), (1, Some((2, world.now))));
    world.play("+20s; tick; stopped a#1 0");
    assert_eq!(told(&world), (0, None));
}
