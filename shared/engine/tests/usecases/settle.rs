//! Notices of objects: a name carries no authority, what lies in the object does.

use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::run::{Category, Event, NoteKind, RunStatus, State};
use ork_core::task::{Output, Verdict};
use ork_engine::ports::Key;
use ork_engine::{ClaimObject, EngineErrorKind, Stepped, encode_verdict};

use crate::support::*;

const TWO: &str = "name: w\ntasks:\n  a: {x}\n  b: {x, parallel: 2}\n";

/// A run whose attempts are all handed over.
fn handed_over(yaml: &str) -> (World, Process) {
    let world = World::with(yaml);
    let engine = world.engine();
    world.run(engine.start(named("w", "r"))).unwrap();
    world.run(engine.step(&run_id("r"), vec![], CLAIM)).unwrap();
    (world, engine)
}

fn settle(world: &World, engine: &Process, names: &[&str]) -> Stepped {
    let parse = |name: &&str| ObjectName::parse(name).expect("the name of an object");
    let names: Vec<ObjectName> = names.iter().map(parse).collect();
    world
        .run(engine.settle(&run_id("r"), &names, CLAIM))
        .unwrap()
}

fn success(text: &str) -> Vec<u8> {
    encode_verdict(&Verdict::Success {
        output: Output::Inline(text.into()),
    })
}

/// Every order of four.
fn orders() -> Vec<[usize; 4]> {
    let mut all = Vec::new();
    for n in 0..256 {
        let order = [n & 3, (n >> 2) & 3, (n >> 4) & 3, n >> 6];
        if (0..4).all(|one| order.contains(&one)) {
            all.push(order);
        }
    }
    all
}

#[test]
fn names_come_in_any_order_and_what_they_say_is_one_commit() {
    let names = [
        "runs/r/a/1/claim",
        "runs/r/a/1/result.json",
        "runs/r/b.1/1/claim",
        "runs/r/b.1/1/result.json",
    ];
    let orders = orders();
    assert_eq!(orders.len(), 24);
    let mut seen = Vec::new();
    for order in orders {
        let (world, engine) = handed_over(TWO);
        world.script(|spec| {
            if spec.task_name.as_str() == "b" && spec.id.index == 0 {
                Reply::Dies
            } else {
                Reply::output(&spec.id.index.to_string())
            }
        });
        world.work();
        world.pass(ork_core::time::Millis(7));
        let commits = world.commits();
        let stepped = settle(&world, &engine, &order.map(|at| names[at]));
        assert_eq!((stepped.commits.len(), world.commits()), (1, commits + 1));
        let view = world.view(&run_id("r"));
        let one = |task, index| {
            let instance = view.state.instance(task, index).unwrap();
            (
                instance.state.clone(),
                instance.started_at,
                instance.finished_at,
            )
        };
        let now = Some(world.time());
        let done = |text: &str| State::Success {
            output: Output::Inline(text.into()),
        };
        assert_eq!(one(0, 0), (done("0"), now, now), "{order:?}");
        assert_eq!(one(1, 1), (done("1"), now, now), "{order:?}");
        assert_eq!(one(1, 0).0.status().as_str(), "dispatched", "{order:?}");
        // What began is known to have begun before its end is heard of.
        let notes = stepped.commits[0].notes.clone();
        let has = |wanted: fn(&NoteKind) -> bool| notes.iter().filter(|n| wanted(&n.kind)).count();
        assert_eq!(has(|kind| matches!(kind, NoteKind::Started { .. })), 2);
        assert_eq!(has(|kind| matches!(kind, NoteKind::Stale { .. })), 0);
        seen.push((notes, view.state.header.status));
    }
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

#[test]
fn a_claim_is_a_start_and_a_verdict_alone_is_enough() {
    let (world, engine) = handed_over(TWO);
    world.script(|_| Reply::Dies);
    world.work();
    settle(
        &world,
        &engine,
        &["runs/r/b.0/1/claim", "runs/r/b.1/1/claim"],
    );
    assert_eq!(world.task("r", "b").as_str(), "running");
    assert_eq!(world.task("r", "a").as_str(), "dispatched");
    world.put_object("runs/r/a/1/result.json", &success("1"));
    settle(&world, &engine, &["runs/r/a/1/result.json"]);
    assert_eq!(world.task("r", "a").as_str(), "success");
}

#[test]
fn foreign_names_are_passed_over_whatever_lies_there() {
    let (world, engine) = handed_over(TWO);
    world.deploy("name: v\ntasks:\n  a: {x}\n");
    world.run(engine.start(named("v", "other"))).unwrap();
    world
        .run(engine.step(&run_id("other"), vec![], CLAIM))
        .unwrap();
    let before = (
        world.document(Key::Run(run_id("r"))),
        world.document(Key::Run(run_id("other"))),
    );
    let foreign = [
        // Of another run, and of one that is not there.
        "runs/other/a/1/result.json",
        "runs/other/a/1/claim",
        "runs/nobody/a/1/result.json",
        // Of a task the run does not have.
        "runs/r/zz/1/result.json",
        // An index where none belongs, none where one does, one that is too high.
        "runs/r/a.0/1/result.json",
        "runs/r/b/1/result.json",
        "runs/r/b.2/1/result.json",
        // Of attempts that were never made.
        "runs/r/a/0/result.json",
        "runs/r/a/2/result.json",
        "runs/r/a/2/claim",
        // Files that say nothing, whatever they hold.
        "runs/r/a/1/spec.json",
        "runs/r/a/1/status.json",
        "runs/r/a/1/output.json",
        "runs/r/a/1/log.txt",
        "runs/r/a/1/urls.json",
        "runs/r/a/output.json",
        "runs/r/a/output.txt",
        "workflows/w/workflow.yaml",
    ];
    for name in foreign {
        world.put_object(name, &success("1"));
    }
    for name in foreign {
        let commits = world.commits();
        let stepped = settle(&world, &engine, &[name]);
        assert!(stepped.commits.is_empty(), "{name}");
        assert_eq!(world.commits(), commits, "{name}");
    }
    settle(&world, &engine, &foreign);
    settle(&world, &engine, &[]);
    // A name of an object that is not there.
    settle(
        &world,
        &engine,
        &["runs/r/a/1/result.json", "runs/r/a/1/claim"],
    );
    let after = (
        world.document(Key::Run(run_id("r"))),
        world.document(Key::Run(run_id("other"))),
    );
    assert_eq!(before, after);
    // What is right among them counts all the same.
    world.put_object("runs/r/a/1/result.json", &success("1"));
    let mut names = foreign.to_vec();
    names.insert(3, "runs/r/a/1/result.json");
    settle(&world, &engine, &names);
    assert_eq!(world.task("r", "a").as_str(), "success");
    assert_eq!(world.task("r", "b").as_str(), "dispatched");
    assert_eq!(world.task("other", "a").as_str(), "dispatched");
}

#[test]
fn a_sealed_claim_is_no_start() {
    let claim = |sealed| {
        let worker = if sealed { "" } else { "somebody" };
        ClaimObject {
            format: 1,
            worker: worker.into(),
            sealed,
            fence: 1,
            at: None,
        }
        .encode()
    };
    for (bytes, status) in [
        (claim(true), "dispatched"),
        (claim(false), "running"),
        (b"".to_vec(), "running"),
        (b"not a claim".to_vec(), "running"),
        (vec![b' '; limits::VERDICT_OUTPUT_BYTES + 1], "running"),
    ] {
        let (world, engine) = handed_over("name: w\ntasks:\n  a: {x}\n");
        world.put_object("runs/r/a/1/claim", &bytes);
        let stepped = settle(&world, &engine, &["runs/r/a/1/claim"]);
        assert_eq!(world.task("r", "a").as_str(), status);
        assert_eq!(stepped.commits.is_empty(), status == "dispatched");
    }
}

#[test]
fn a_verdict_that_cannot_be_read_fails_the_attempt_and_nothing_else() {
    let huge = vec![b' '; 4 * limits::VERDICT_OUTPUT_BYTES + 1];
    for (bytes, words) in [
        (b"".to_vec(), "EOF"),
        (b"\xff\xfe\x00".to_vec(), "bad verdict object"),
        (b"{\"outcome\":\"splendid\"}".to_vec(), "splendid"),
        (
            b"{\"format\":9,\"outcome\":\"success\",\"output\":{\"inline\":\"1\"}}".to_vec(),
            "a newer worker wrote it (format 9",
        ),
        (success("1 2"), "not JSON"),
        (huge, "more than the 262144 allowed"),
    ] {
        let (world, engine) = handed_over("name: w\ntasks:\n  a: {x}\n  b: {x}\n");
        world.put_object("runs/r/a/1/result.json", &bytes);
        world.put_object("runs/r/b/1/result.json", &success("2"));
        settle(
            &world,
            &engine,
            &["runs/r/b/1/result.json", "runs/r/a/1/result.json"],
        );
        let failure = world.failure("r", "a");
        assert!(failure.starts_with("unknown: "), "{failure}");
        assert!(failure.contains(words), "{failure}");
        assert_eq!(world.task("r", "b").as_str(), "success");
        assert_eq!(world.status("r"), RunStatus::Failed);
    }
}

#[test]
fn settling_twice_is_harmless() {
    let yaml =
        "name: w\ntasks:\n  a: {x, retries: {max: 1, delay: 0s}}\n  b: {x, depends_on: [a]}\n";
    let (world, engine) = handed_over(yaml);
    world.script(|spec| {
        if spec.id.attempt == 1 && spec.task_name.as_str() == "a" {
            Reply::fail(Category::Transient, "once")
        } else {
            Reply::output("1")
        }
    });
    world.work();
    let first = ["runs/r/a/1/claim", "runs/r/a/1/result.json"];
    settle(&world, &engine, &first);
    assert_eq!(world.spec(1).id.attempt, 2, "it is tried again");
    let document = world.document(Key::Run(run_id("r")));
    for engine in [&engine, &world.engine()] {
        // The verdict on the first attempt says nothing about the second.
        assert!(settle(&world, engine, &first).commits.is_empty());
        assert!(settle(&world, engine, &first[1..]).commits.is_empty());
    }
    assert_eq!(world.document(Key::Run(run_id("r"))), document);
    world.work();
    let second = ["runs/r/a/2/result.json", "runs/r/a/2/result.json"];
    assert_eq!(settle(&world, &engine, &second).commits.len(), 1);
    world.work();
    let last = ["runs/r/b/1/result.json"];
    settle(&world, &engine, &last);
    assert_eq!(world.status("r"), RunStatus::Success);
    let document = world.document(Key::Run(run_id("r")));
    for engine in [&engine, &world.engine()] {
        for names in [&first, &second, &[last[0], last[0]]] {
            assert!(settle(&world, engine, names).commits.is_empty());
        }
    }
    assert_eq!(world.document(Key::Run(run_id("r"))), document);
    assert_eq!(world.0.started.lock().unwrap().len(), 3);
}

#[test]
fn large_outputs_stay_objects() {
    for bytes in [
        limits::INLINE_OUTPUT_BYTES,
        limits::INLINE_OUTPUT_BYTES + 1,
        limits::VERDICT_OUTPUT_BYTES + 1,
    ] {
        let (world, engine) = handed_over("name: w\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n");
        let text = format!("\"{}\"", "x".repeat(bytes - 2));
        let given = text.clone();
        world.script(move |_| Reply::output(&given));
        // No notification but the name.
        world.work();
        settle(&world, &engine, &["runs/r/a/1/result.json"]);
        let view = world.view(&run_id("r"));
        let expected = if bytes <= limits::INLINE_OUTPUT_BYTES {
            Output::Inline(text.as_str().into())
        } else {
            Output::Object {
                bytes: bytes as u64,
            }
        };
        assert_eq!(
            view.state.instance(0, 0).unwrap().state,
            State::Success { output: expected }
        );
        assert_eq!(world.output("r", "a"), text);
        let given: serde_json::Value = serde_json::from_str(world.spec(1).upstream.get()).unwrap();
        assert_eq!(given["a"].as_str().unwrap().len(), bytes - 2);
    }
}

#[test]
fn a_run_that_is_not_there_is_not_found() {
    let world = World::new();
    let names = [ObjectName::parse("runs/r/a/1/claim").unwrap()];
    let error = world
        .run(world.engine().settle(&run_id("r"), &names, CLAIM))
        .unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::NotFound);
    assert_eq!(world.commits(), 0);
}

#[test]
fn a_notice_that_cannot_be_looked_up_now_changes_nothing_and_may_come_again() {
    let (world, engine) = handed_over("name: w\ntasks:\n  a: {x}\n");
    world.work();
    let down = &world.0.objects_down;
    down.store(true, std::sync::atomic::Ordering::SeqCst);
    let names = [ObjectName::parse("runs/r/a/1/result.json").unwrap()];
    let document = world.document(Key::Run(run_id("r")));
    let error = world
        .run(engine.settle(&run_id("r"), &names, CLAIM))
        .unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
    assert_eq!(world.document(Key::Run(run_id("r"))), document);
    down.store(false, std::sync::atomic::Ordering::SeqCst);
    settle(&world, &engine, &["runs/r/a/1/result.json"]);
    assert_eq!(world.status("r"), RunStatus::Success);
    let late = Event::Tick;
    assert!(
        world
            .run(engine.step(&run_id("r"), vec![late], CLAIM))
            .unwrap()
            .commits
            .is_empty()
    );
}

/// Twelve at work at once, of whom the one with index 0 takes long.
const MANY: &str = "name: w\ntasks:\n  a: {x, parallel: 12}\n  z: {x, depends_on: [a]}\n";

#[test]
fn one_notice_of_many_attempts_at_work_settles_every_verdict_that_is_there() {
    let (world, engine) = handed_over(MANY);
    for index in [2, 3, 5, 7, 11] {
        world.put_object(&format!("runs/r/a.{index}/1/result.json"), &success("1"));
    }
    // Others' verdicts and an earlier attempt's say nothing of this task.
    world.put_object("runs/r/b.1/1/result.json", &success("1"));
    world.put_object("runs/r/a.4/1/claim", b"{}");
    let commits = world.commits();
    let stepped = settle(&world, &engine, &["runs/r/a.7/1/result.json"]);
    assert_eq!((stepped.commits.len(), world.commits()), (1, commits + 1));
    let view = world.view(&run_id("r"));
    let done: Vec<u32> = (0..12)
        .filter(|&index| view.state.instance(0, index).unwrap().status().as_str() == "success")
        .collect();
    assert_eq!(done, [2, 3, 5, 7, 11]);
}

#[test]
fn a_notice_of_what_is_settled_costs_nothing() {
    let (world, engine) = handed_over(MANY);
    for index in [2, 3] {
        world.put_object(&format!("runs/r/a.{index}/1/result.json"), &success("1"));
    }
    settle(&world, &engine, &["runs/r/a.2/1/result.json"]);
    let before = (world.commits(), world.points());
    for name in [
        "runs/r/a.2/1/result.json",
        "runs/r/a.3/1/result.json",
        "runs/r/a.3/1/claim",
    ] {
        assert_eq!(settle(&world, &engine, &[name]).commits.len(), 0, "{name}");
    }
    assert_eq!(
        (world.commits(), world.points()),
        before,
        "the world was not touched"
    );
}

#[test]
fn few_attempts_at_work_are_not_looked_for() {
    let (world, engine) = handed_over(TWO);
    world.put_object("runs/r/b.0/1/result.json", &success("1"));
    world.put_object("runs/r/b.1/1/result.json", &success("1"));
    settle(&world, &engine, &["runs/r/b.0/1/result.json"]);
    let view = world.view(&run_id("r"));
    let status = |index| view.state.instance(1, index).unwrap().status();
    assert_eq!(
        (status(0).as_str(), status(1).as_str()),
        ("success", "dispatched")
    );
}

#[test]
fn a_process_that_is_behind_reads_the_run_once_and_settles_with_one_commit() {
    let world = World::with(TWO);
    let (starts, behind) = (world.engine(), world.engine());
    world.run(starts.start(named("w", "r"))).unwrap();
    // It remembers the run as it was before its attempts were claimed.
    world.run(behind.step(&run_id("r"), vec![], None)).unwrap();
    world.run(starts.step(&run_id("r"), vec![], CLAIM)).unwrap();
    world.work();
    let (points, commits) = (world.points(), world.commits());
    let stepped = settle(&world, &behind, &["runs/r/a/1/result.json"]);
    assert_eq!(stepped.commits.len(), 1);
    assert_eq!(world.commits(), commits + 1);
    let calls = (world.points() - points) / 2;
    assert_eq!(calls, 3, "the verdict, the run, the commit");
}
