//! Telling others of runs: decided with the end, sent once at a time, again until it is known, in words.

use ork_core::definition::{Occasion, Place, Receiver};
use ork_core::limits;
use ork_core::run::{Category, Command, Event, NoticeState, RunStatus};
use ork_core::task::TaskSpec;
use ork_core::time::Millis;
use ork_engine::ports::{Letter, NotSent};
use ork_engine::report::{RunReport, notices};
use ork_engine::{Act, Actor, AuditFilter, StartRun};

use crate::support::*;

const YAML: &str = "name: w
params: {region: {type: str, default: eu}}
notifications:
  - on: [failure, recovery]
    webhook: https://hooks.example.com/T0KEN?key=1
    headers: {X-Team: data}
  - on: [success]
    email: [a@example.com]
tasks:
  a: {x}
  b: {x, depends_on: [a]}
";

fn letters(world: &World) -> Vec<Letter> {
    world.0.letters.lock().unwrap().clone()
}

fn ids(world: &World) -> Vec<String> {
    letters(world).into_iter().map(|one| one.id).collect()
}

fn sendings(world: &World, answers: Vec<Result<(), NotSent>>) {
    world.0.sendings.lock().unwrap().extend(answers);
}

fn b_fails(spec: &TaskSpec) -> Reply {
    match spec.task_name.as_str() {
        "b" => Reply::fail(Category::Permanent, "no such table"),
        _ => Reply::output("null"),
    }
}

fn failed(yaml: &str) -> (World, Process) {
    let world = World::with(yaml);
    world.script(b_fails);
    let engine = world.begin();
    assert_eq!(world.status("r"), RunStatus::Failed);
    (world, engine)
}

#[test]
fn a_failure_is_told_in_words_and_as_facts_and_the_run_is_at_rest_then() {
    let (world, _) = failed(YAML);
    let [letter] = letters(&world).try_into().expect("one letter");
    assert_eq!(
        (letter.id.as_str(), letter.on),
        ("r.failure.0.1", Occasion::Failure)
    );
    assert_eq!(letter.title, "w failed: run r");
    assert_eq!(
        letter.body,
        "Workflow: w\nRun: r\nSlot: 2026-06-01T00:00:00Z\nEnded: 2026-06-01T00:00:00Z, after 0ms\nFailed: b\nError: b: no such table"
    );
    let facts = letter.document();
    for (key, value) in [
        ("id", "r.failure.0.1"),
        ("on", "failure"),
        ("workflow", "w"),
        ("run", "r"),
        ("status", "failed"),
        ("error", "b: no such table"),
        ("title", "w failed: run r"),
    ] {
        assert_eq!(facts[key], value, "{key}");
    }
    assert_eq!(facts["failed_tasks"], serde_json::json!(["b"]));
    assert!(matches!(
        letter.to,
        Receiver::Webhook {
            url: Place::Url(_),
            ..
        }
    ));
    assert_eq!(world.next_due(), None);
    let view = world.view(&run_id("r"));
    let [told] = notices(&view).try_into().expect("one notice");
    assert_eq!((told.state, told.attempts, told.why), ("sent", 1, None));
    // Of a URL that may be as good as a password nothing is shown but the host.
    assert_eq!(told.to, "webhook hooks.example.com");
    let shown = serde_json::to_string(&RunReport::of(&view, world.time())).unwrap();
    assert!(
        shown.contains("r.failure.0.1") && !shown.contains("T0KEN"),
        "{shown}"
    );
}

#[test]
fn templates_see_the_notice_the_run_and_its_params_and_one_that_fails_is_said() {
    let yaml = YAML.replace(
        "    headers: {X-Team: data}\n",
        "    title: \"{{ run.workflow }} of {{ params.region }}:\\n {{ notice.on }}\"\n    body: \"{{ notice.failed_tasks | join('+') }} {{ notice.error | upper }} {{ notice.seconds }} {{ notice.failed_tasks[7] }}\"\n",
    );
    let (world, _) = failed(&yaml);
    let [letter] = letters(&world).try_into().expect("one letter");
    assert_eq!(letter.title, "w of eu: failure", "a title is one line");
    assert!(
        letter.body.starts_with("Workflow: w\nRun: r\n"),
        "{}",
        letter.body
    );
    assert!(
        letter
            .body
            .contains("(The body of this notification could not be rendered: "),
        "{}",
        letter.body
    );
    let (world, _) = failed(&yaml.replace(" {{ notice.failed_tasks[7] }}", ""));
    assert_eq!(letters(&world)[0].body, "b B: NO SUCH TABLE 0.0");
}

#[test]
fn whoever_has_no_time_is_told_again_with_the_same_id_and_what_is_refused_is_given_up_at_once() {
    let (world, engine) = {
        let world = World::with(YAML);
        world.script(b_fails);
        sendings(
            &world,
            vec![
                Err(NotSent::not_now("503")),
                Err(NotSent::NotNow {
                    why: "429".into(),
                    retry_after: Some(Millis::from_secs(120)),
                }),
            ],
        );
        let engine = world.begin();
        (world, engine)
    };
    let before = world.time();
    world.look(&engine);
    assert_eq!(world.time().since(before), limits::NOTICE_AGAIN);
    world.look(&engine);
    assert_eq!(
        world.time().since(before).0,
        limits::NOTICE_AGAIN.0 + 120_000
    );
    assert_eq!(ids(&world), ["r.failure.0.1"; 3]);
    assert_eq!(world.next_due(), None);

    let world = World::with(YAML);
    world.script(b_fails);
    sendings(&world, vec![Err(NotSent::Never("it is internal".into()))]);
    world.begin();
    let [told] = notices(&world.view(&run_id("r"))).try_into().expect("one");
    assert_eq!(
        (told.state, told.why.as_deref()),
        ("gave_up", Some("it is internal"))
    );
    assert_eq!(world.next_due(), None);
}

#[test]
fn a_process_that_sends_none_leaves_a_notice_until_its_lease_is_over() {
    let world = World::with(YAML);
    world.script(b_fails);
    sendings(&world, vec![Err(NotSent::Elsewhere("others do"))]);
    let engine = world.begin();
    assert_eq!(world.next_due(), Some(world.time() + limits::NOTICE_LEASE));
    world.look(&engine);
    assert_eq!(ids(&world), ["r.failure.0.1"]);
}

#[test]
fn whoever_comes_to_it_too_late_leaves_it_to_the_next() {
    let late = Millis(limits::NOTICE_LEASE.0 - limits::NOTICE_TIMEOUT.0 + 1);
    let mut left = 0;
    for first in 1..60 {
        let world = World::with(YAML);
        world.script(b_fails);
        sendings(&world, vec![Err(NotSent::not_now("503"))]);
        let engine = world.begin();
        world.0.letters.lock().unwrap().clear();
        world.pass(limits::NOTICE_AGAIN);
        let run = run_id("r");
        let look = engine.step(&run, vec![Event::Tick], None);
        // Somewhere on its way it stands still.
        let (looked, (), waited) = world.interleaved(first, look, async { world.pass(late) });
        looked.unwrap();
        if ids(&world).is_empty() {
            left += 1;
            assert_eq!(
                world.next_due().map(|at| at < world.time() + late),
                Some(true)
            );
            world.look(&engine);
        }
        assert_eq!(ids(&world), ["r.failure.0.1"], "after {first}");
        if !waited {
            assert!(left > 0, "it never was too late");
            return;
        }
    }
    panic!("it never comes to its end");
}

#[test]
fn a_success_is_a_recovery_when_the_run_before_it_failed() {
    let world = World::with(YAML);
    let engine = world.engine();
    let ends = |id: &str, fails: bool| {
        world.pass(Millis::from_secs(60));
        world.script(move |spec| match fails {
            true => b_fails(spec),
            false => Reply::output("null"),
        });
        world.run(engine.start(named("w", id))).unwrap();
        world.drive(&engine);
    };
    ends("r1", false);
    ends("r2", true);
    ends("r3", false);
    ends("r4", false);
    assert_eq!(
        ids(&world),
        [
            "r1.success.1.1",
            "r2.failure.0.1",
            "r3.success.1.1",
            "r3.recovery.0.1",
            "r4.success.1.1"
        ]
    );
    // One that was cancelled in between says nothing.
    ends("r5", true);
    world.pass(Millis::from_secs(60));
    world.run(engine.start(named("w", "r6"))).unwrap();
    let cancel = Command::Cancel {
        reason: "no".into(),
    };
    world
        .run(engine.step(&run_id("r6"), vec![Event::Command(cancel)], None))
        .unwrap();
    ends("r7", false);
    assert_eq!(
        ids(&world).last().map(String::as_str),
        Some("r7.recovery.0.1")
    );
}

#[test]
fn whatever_dies_where_everybody_is_told_with_one_id() {
    let wish = StartRun {
        id: Some(run_id("r")),
        ..StartRun::of(name("w"))
    };
    let (mut deaths, mut twice) = (0, 0);
    for n in 1.. {
        let world = World::with(YAML);
        world.script(b_fails);
        if !world.start_and_die(&wish, n) {
            break;
        }
        deaths += 1;
        let engine = world.engine();
        world.run(engine.start(wish.clone())).ok();
        world.finish_by_wakes(&engine);
        assert_eq!(world.status("r"), RunStatus::Failed, "died at {n}");
        let ids = ids(&world);
        assert!(
            !ids.is_empty() && ids.iter().all(|id| id == "r.failure.0.1"),
            "died at {n}: {ids:?}"
        );
        twice += usize::from(ids.len() > 1);
        let view = world.view(&run_id("r"));
        assert!(matches!(
            view.state.header.notices[0].state,
            NoticeState::Sent { .. }
        ));
    }
    assert!(deaths > 20, "{deaths}");
    // Only who died between sending and the commit that says so.
    assert!((1..=4).contains(&twice), "{twice} of {deaths}");
}

#[test]
fn two_that_look_at_the_same_time_send_it_once() {
    for first in 1..60 {
        let world = World::with(YAML);
        world.script(b_fails);
        sendings(&world, vec![Err(NotSent::not_now("503"))]);
        world.begin();
        world.0.letters.lock().unwrap().clear();
        world.pass(limits::NOTICE_AGAIN);
        let (a, b) = (world.engine(), world.engine());
        let run = run_id("r");
        let (one, two, waited) = world.interleaved(
            first,
            a.step(&run, vec![Event::Tick], None),
            b.step(&run, vec![Event::Tick], None),
        );
        one.unwrap();
        two.unwrap();
        assert_eq!(ids(&world), ["r.failure.0.1"], "after {first}");
        if !waited {
            return;
        }
    }
    panic!("it never comes to its end");
}

/// A run whose notice was given up.
fn given_up() -> (World, Process) {
    let world = World::with(YAML);
    world.script(b_fails);
    sendings(&world, vec![Err(NotSent::Never("it is internal".into()))]);
    let engine = world.begin();
    let [told] = notices(&world.view(&run_id("r"))).try_into().expect("one");
    assert_eq!(told.state, "gave_up");
    (world, engine)
}

fn ada() -> Act {
    Act {
        actor: Actor::new("iap", "ada@example.com"),
        request: None,
    }
}

fn again() -> Command {
    Command::Resend {
        notice: Some("failure.0.1".parse().unwrap()),
    }
}

#[test]
fn a_notice_that_was_given_up_is_sent_as_it_was_when_somebody_asks_and_that_is_recorded() {
    let (world, engine) = given_up();
    world.pass(Millis::from_secs(7 * 24 * 3600));
    let run = run_id("r");
    let by = engine.by(ada());
    world.run(by.command(&run, again())).unwrap();
    // Whoever asks leaves it to those who send: it is due at once.
    assert_eq!(ids(&world), [""; 0]);
    assert_eq!(world.next_due(), Some(world.time()));
    // A second wish is refused, and so is one for what was received.
    let twice = world.run(by.command(&run, again())).unwrap_err();
    assert!(twice.message.contains("is being sent"), "{twice}");
    world.look(&engine);
    let [letter] = letters(&world).try_into().expect("one letter");
    assert_eq!(letter.id, "r.failure.0.1");
    assert_eq!(letter.facts["at"], "2026-06-01T00:00:00Z", "what it was");
    let received = world.run(by.command(&run, again())).unwrap_err();
    assert!(
        received.message.contains("its receiver has it"),
        "{received}"
    );
    assert_eq!(world.next_due(), None);
    let all = AuditFilter::default();
    let (found, _) = world.run(engine.audit(&all, None, 500)).unwrap();
    let [record] = found.as_slice() else {
        panic!("refused wishes leave no record: {found:?}")
    };
    assert_eq!(
        (record.action.as_str(), &record.actor),
        ("run.resend", &ada().actor)
    );
    assert_eq!(record.detail["notice"], "failure.0.1");
    let [told] = notices(&world.view(&run)).try_into().expect("one");
    assert_eq!((told.state, told.attempts), ("sent", 2));
    assert_eq!(told.asked_again_at.as_deref(), Some("2026-06-08T00:00:00Z"));
}

#[test]
fn whatever_dies_where_what_was_asked_for_again_is_sent_or_was_never_asked_for() {
    let (mut kept, mut twice) = (0, 0);
    for n in 1..200 {
        let (world, engine) = given_up();
        let run = run_id("r");
        let asked = world.crashing(n, async {
            engine.by(ada()).command(&run, again()).await?;
            engine.step(&run, vec![Event::Tick], None).await
        });
        if let Some(asked) = asked {
            asked.unwrap();
            assert_eq!(ids(&world), ["r.failure.0.1"]);
            assert!(kept > 3 && twice > 0, "{kept} kept, {twice} twice");
            return;
        }
        let engine = world.engine();
        let notice = world.view(&run).state.header.notices[0].clone();
        let audit = world.run(engine.audit(&AuditFilter::default(), None, 10));
        let recorded = audit.unwrap().0.len();
        world.finish_by_wakes(&engine);
        let ids = ids(&world);
        let asked_for = notice.again.is_some();
        assert_eq!(recorded, usize::from(asked_for), "died at {n}");
        assert_eq!(ids.is_empty(), !asked_for, "died at {n}: {ids:?}");
        assert!(ids.iter().all(|id| id == "r.failure.0.1"), "{ids:?}");
        kept += usize::from(asked_for);
        twice += usize::from(ids.len() > 1);
        let notice = &world.view(&run).state.header.notices[0];
        assert_eq!(notice.is_given_up(), !asked_for, "died at {n}");
    }
    panic!("it never comes to its end");
}

#[test]
fn two_who_ask_at_the_same_time_have_it_sent_once() {
    for first in 1..60 {
        let (world, engine) = given_up();
        let other = world.engine();
        let run = run_id("r");
        let ada = engine.by(ada());
        let bob = other.by(bob());
        let (one, two, waited) = world.interleaved(
            first,
            ada.command(&run, again()),
            bob.command(&run, again()),
        );
        assert!(
            one.is_ok() != two.is_ok(),
            "one of them is refused: {one:?}, {two:?}"
        );
        world.look(&world.engine());
        assert_eq!(ids(&world), ["r.failure.0.1"], "after {first}");
        assert_eq!(world.next_due(), None);
        if !waited {
            return;
        }
    }
    panic!("it never comes to its end");
}

fn bob() -> Act {
    Act {
        actor: Actor::new("key", "7f3k"),
        request: None,
    }
}
