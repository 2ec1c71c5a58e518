//! Who changed what: a record with every change, and none without; keys.

use std::collections::BTreeSet;

use ork_core::Value;
use ork_core::ids::RecordId;
use ork_core::run::{Command, RunStatus};
use ork_core::time::Millis;
use ork_engine::ports::Key;
use ork_engine::{
    Act, Actor, AuditFilter, AuditRecord, AuditResult, AuditTarget, EngineErrorKind, NewKey, Role,
    StartRun, Token,
};
use serde_json::json;

use crate::support::*;

const ONE: &str = "name: w\nparams: {day: {type: str, default: monday}}\ntasks:\n  a: {x}\n  b: {x, depends_on: [a]}\n";
const LIMITED: &str = "name: w\nmax_active_runs: 1\ntasks:\n  a: {x}\n";

fn ada() -> Act {
    Act {
        actor: Actor::new("iap", "ada@example.com"),
        request: Some("r-12345678".into()),
    }
}

fn audit(world: &World) -> Vec<AuditRecord> {
    let all = AuditFilter::default();
    let (found, next) = world.run(world.engine().audit(&all, None, 500)).unwrap();
    assert_eq!(next, None);
    found
}

/// Actions and their targets, oldest first.
fn told(world: &World) -> Vec<String> {
    let mut all: Vec<String> = audit(world)
        .iter()
        .map(|one| {
            let target = serde_json::to_value(&one.target).unwrap();
            let parts = target.as_object().unwrap().values();
            let parts: Vec<&str> = parts.filter_map(Value::as_str).collect();
            format!("{} {}", one.action, parts.join("/"))
        })
        .collect();
    all.reverse();
    all
}

#[test]
fn every_change_of_a_person_is_recorded_with_its_commit() {
    let world = World::with(ONE);
    let engine = world.engine();
    assert_eq!(told(&world), Vec::<String>::new(), "deployed by nobody");
    let by = engine.by(ada());
    let pass = || world.pass(Millis::from_secs(1));
    let wish = StartRun {
        params: json!({"day": "friday"}).as_object().unwrap().clone(),
        ..named("w", "r")
    };
    let commits = world.commits();
    world.run(by.start(wish.clone())).unwrap();
    assert_eq!(world.commits(), commits + 1, "no commit of its own");
    pass();
    // Twice is once.
    assert!(!world.run(by.start(wish)).unwrap().created);
    world.run(by.command(&run_id("r"), Command::Pause)).unwrap();
    pass();
    world
        .run(by.command(&run_id("r"), Command::PauseTask { task: 1 }))
        .unwrap();
    pass();
    let cancel = |reason: &str| Command::Cancel {
        reason: reason.to_owned(),
    };
    world
        .run(by.command(&run_id("r"), cancel("why not")))
        .unwrap();
    pass();
    let refused = world.run(by.command(&run_id("r"), cancel("again")));
    assert_eq!(refused.unwrap_err().kind, EngineErrorKind::Refused);
    world.run(by.enable(&name("w"), false)).unwrap();
    world.run(by.enable(&name("w"), false)).unwrap();
    pass();
    let pools = pools(&[]);
    let changed = workflow("name: w\ntasks:\n  c: {x}\n");
    world.run(by.deploy(&changed, None, &pools)).unwrap();
    world.run(by.deploy(&changed, None, &pools)).unwrap();
    pass();
    world.run(by.delete_workflow(&name("w"))).unwrap();
    assert_eq!(
        told(&world),
        [
            "run.start r/w",
            "run.pause r/w",
            "task.pause r/b/w",
            "run.cancel r/w",
            "schedule.pause w",
            "workflow.deploy w",
            "workflow.delete w",
        ]
    );
    let all = audit(&world);
    assert!(all.iter().all(|one| one.actor == ada().actor));
    assert!(all.iter().all(|one| one.request == ada().request));
    assert!(all.iter().all(|one| one.result == AuditResult::Done));
    let start = all.last().unwrap();
    assert_eq!(start.detail["params"], json!({"day": "friday"}));
    let cancelled = &all[3];
    assert_eq!(
        json!(cancelled.detail),
        json!({"reason": "why not", "status": "cancelled"})
    );
    let header = world.view(&run_id("r")).header;
    assert_eq!(header.started_by.as_deref(), Some("iap:ada@example.com"));
    assert_eq!(header.cancelled_by.as_deref(), Some("iap:ada@example.com"));
}

#[test]
fn a_run_that_is_at_work_again_was_cancelled_by_nobody() {
    let world = World::with(ONE);
    let engine = world.engine();
    let by = engine.by(ada());
    world.run(by.start(named("w", "r"))).unwrap();
    let reason = "no".to_owned();
    world
        .run(by.command(&run_id("r"), Command::Cancel { reason }))
        .unwrap();
    world.run(by.command(&run_id("r"), Command::Retry)).unwrap();
    let header = world.view(&run_id("r")).header;
    assert_eq!(
        (header.status, header.cancelled_by),
        (RunStatus::Running, None)
    );
}

#[test]
fn whatever_becomes_of_the_answer_there_is_one_record_for_one_change() {
    let faults = [
        Fault::Conflict,
        Fault::AmbiguousApplied,
        Fault::AmbiguousLost,
    ];
    for yaml in [ONE, LIMITED] {
        for fault in faults {
            let world = World::with(yaml);
            if yaml == LIMITED {
                world.0.most_active.lock().unwrap().insert(name("w"), 1);
            }
            let engine = world.engine();
            let by = engine.by(ada());
            world.fault(1, fault);
            let started = world.run(by.start(named("w", "r"))).unwrap();
            assert!(started.created, "{fault:?}");
            world.fault(1, fault);
            world.run(by.command(&run_id("r"), Command::Pause)).unwrap();
            world.fault(1, fault);
            world.run(by.enable(&name("w"), false)).unwrap();
            world.fault(1, fault);
            world.run(by.delete_workflow(&name("w"))).unwrap();
            // All in one instant, so in any order.
            let all = BTreeSet::from_iter(told(&world));
            let changes = [
                "run.start r/w",
                "run.pause r/w",
                "schedule.pause w",
                "workflow.delete w",
            ];
            assert_eq!(all, changes.map(str::to_owned).into(), "{fault:?}");
            assert_eq!(told(&world).len(), changes.len(), "{fault:?}");
        }
    }
}

#[test]
fn what_is_not_written_is_not_recorded() {
    for fault in [Fault::Unavailable, Fault::Refused] {
        let world = World::with(ONE);
        let engine = world.engine();
        let by = engine.by(ada());
        world.fault(1, fault);
        assert!(world.run(by.start(named("w", "r"))).is_err());
        world.fault(1, fault);
        assert!(world.run(by.enable(&name("w"), false)).is_err());
        world.fault(1, fault);
        assert!(world.run(by.create_key(key("ci"), [7; 32])).is_err());
        assert_eq!(told(&world), Vec::<String>::new(), "{fault:?}");
    }
}

#[test]
fn what_is_no_commit_is_recorded_before_and_after() {
    let world = World::with(ONE);
    let engine = world.engine();
    let by = engine.by(ada());
    let target = || AuditTarget {
        workflow: Some(name("w")),
        ..AuditTarget::default()
    };
    let detail = || [("file".to_owned(), json!("flow.py"))].into();
    let made = |n: &u64| [("generation".to_owned(), json!(n))].into();
    let good = by.attempt(
        "workflow.upload",
        target(),
        detail(),
        async {
            assert_eq!(audit(&world)[0].result, AuditResult::Begun);
            world.pass(Millis::from_secs(1));
            Ok::<_, String>(7)
        },
        made,
    );
    assert_eq!(world.run(good).unwrap(), Ok(7));
    world.pass(Millis::from_secs(1));
    let bad = by.attempt(
        "workflow.upload",
        target(),
        detail(),
        async {
            world.pass(Millis::from_secs(1));
            Err::<_, _>("there is no bucket")
        },
        made,
    );
    assert!(world.run(bad).unwrap().is_err());
    let all = audit(&world);
    let results: Vec<_> = all.iter().map(|one| one.result).collect();
    use AuditResult::{Begun, Done, Failed};
    assert_eq!(results, [Failed, Begun, Done, Begun]);
    assert_eq!(all[0].detail["why"], "there is no bucket");
    assert_eq!(
        json!(all[2].detail),
        json!({"file": "flow.py", "generation": 7})
    );
    // Whoever cannot be recorded does nothing.
    world.fault(1, Fault::Unavailable);
    let never = by.attempt(
        "workflow.upload",
        target(),
        detail(),
        async {
            panic!("it was not recorded");
            #[expect(unreachable_code, reason = "what it would give")]
            Ok::<_, String>(7)
        },
        made,
    );
    let error = world.run(never).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable);
}

#[test]
fn the_audit_is_read_by_pages_and_filters() {
    let world = World::with(ONE);
    let engine = world.engine();
    let bob = Act::of(Actor::new("key", "bob"));
    let mut instants = Vec::new();
    for n in 0..60 {
        instants.push(world.time());
        let act = if n % 3 == 0 { bob.clone() } else { ada() };
        let by = engine.by(act);
        world
            .run(by.start(named("w", &format!("r{n:02}"))))
            .unwrap();
        world.pass(Millis::from_secs(1));
    }
    let read = |filter: &AuditFilter, limit: usize| {
        let (mut runs, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = engine.audit(filter, cursor.as_deref(), limit);
            let (found, next) = world.run(page).unwrap();
            assert!(found.len() <= limit);
            runs.extend(found.into_iter().map(|one| one.target.run.unwrap()));
            match next {
                Some(next) => cursor = Some(next),
                None => return runs,
            }
        }
    };
    let all: Vec<_> = (0..60).rev().map(|n| run_id(&format!("r{n:02}"))).collect();
    let nothing = AuditFilter::default();
    for limit in [1, 7, 50, 60, 500] {
        assert_eq!(read(&nothing, limit), all, "pages of {limit}");
    }
    let bobs: Vec<_> = (0..20)
        .rev()
        .map(|n| run_id(&format!("r{:02}", 3 * n)))
        .collect();
    for who in ["bob", "key:bob"] {
        let filter = AuditFilter {
            actor: Some(who.into()),
            action: Some("run".into()),
            ..AuditFilter::default()
        };
        for limit in [1, 7, 20, 21] {
            assert_eq!(read(&filter, limit), bobs, "{who}, pages of {limit}");
        }
    }
    let between = AuditFilter {
        since: Some(instants[10]),
        until: Some(instants[13]),
        ..AuditFilter::default()
    };
    for limit in [1, 2, 3, 50] {
        assert_eq!(read(&between, limit), all[47..50], "pages of {limit}");
    }
    let elsewhere = AuditFilter {
        within: vec![name("v")],
        ..AuditFilter::default()
    };
    assert!(read(&elsewhere, 50).is_empty());
    for wrong in ["", "A", "audit/7", "ä"] {
        assert!(world.run(engine.audit(&nothing, Some(wrong), 5)).is_err());
    }
}

fn key(what: &str) -> NewKey {
    NewKey {
        name: what.to_owned(),
        role: Role::Operator,
        workflows: Vec::new(),
        lasts: None,
    }
}

#[test]
fn a_key_lets_in_until_it_ends_and_is_kept_as_a_hash() {
    let world = World::with(ONE);
    let engine = world.engine();
    let by = engine.by(ada());
    let wish = NewKey {
        workflows: vec![name("w")],
        lasts: Some(Millis::from_secs(60)),
        ..key(" nightly ci ")
    };
    let (made, text) = world.run(by.create_key(wish, [7; 32])).unwrap();
    assert_eq!(
        (made.name.as_str(), made.role),
        ("nightly ci", Role::Operator)
    );
    assert_eq!(made.created_by, "iap:ada@example.com");
    let secret = text.rsplit_once('_').unwrap().1;
    let stored = world.document(Key::ApiKey(made.id.clone())).unwrap();
    for record in audit(&world) {
        let shown = serde_json::to_string(&record).unwrap();
        assert!(!shown.contains(secret), "{shown}");
    }
    let stored = String::from_utf8(stored.body).unwrap();
    assert!(!stored.contains(secret), "{stored}");

    let token = Token::parse(&text).unwrap();
    let known = world.run(engine.key_of(&token)).unwrap().unwrap();
    assert_eq!(known.id, made.id);
    assert_eq!(known.is_over(world.time()), None);
    // Another secret under the same id, and an id that nobody has.
    let forged = text.replace("07070707", "07070708");
    let nobody = text.replace(made.id.as_str(), "0000000000");
    for wrong in [forged, nobody] {
        let token = Token::parse(&wrong).unwrap();
        assert!(
            world.run(engine.key_of(&token)).unwrap().is_none(),
            "{wrong}"
        );
    }
    world.pass(Millis::from_secs(60));
    let known = world.run(engine.key_of(&token)).unwrap().unwrap();
    assert_eq!(known.status(world.time()), "expired");
    let revoked = world.run(by.revoke_key(&made.id)).unwrap();
    let again = world.run(by.revoke_key(&made.id)).unwrap();
    assert_eq!(revoked.revoked_at, again.revoked_at);
    assert_eq!(again.status(world.time()), "revoked");
    let id = made.id.as_str();
    assert_eq!(
        told(&world),
        [format!("key.create {id}"), format!("key.revoke {id}")]
    );
    let absent = RecordId::new("nobody").unwrap();
    let error = world.run(by.revoke_key(&absent)).unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::NotFound);
}

#[test]
fn the_use_of_a_key_is_written_once_a_day() {
    let world = World::with(ONE);
    let engine = world.engine();
    let (made, _) = world
        .run(engine.by(ada()).create_key(key("ci"), [7; 32]))
        .unwrap();
    let used = || {
        let known = world.run(engine.key(&made.id)).unwrap();
        world.run(engine.used_key(&known));
        world.run(engine.key(&made.id)).unwrap().last_used_at
    };
    let (first, commits) = (used(), world.commits());
    assert_eq!(first, Some(world.time()));
    for _ in 0..23 {
        world.pass(Millis::from_secs(3600));
        assert_eq!(used(), first);
    }
    assert_eq!(world.commits(), commits);
    world.pass(Millis::from_secs(3600));
    assert_eq!(used(), Some(world.time()));
    assert_eq!(world.commits(), commits + 1);
}

#[test]
fn keys_that_make_no_sense_are_refused() {
    let world = World::with(ONE);
    let engine = world.engine();
    let by = engine.by(ada());
    let limited = |role| NewKey {
        role,
        workflows: vec![name("w")],
        ..key("ci")
    };
    for wrong in [
        key(""),
        key("  "),
        key(&"x".repeat(81)),
        key("two\nlines"),
        limited(Role::Admin),
        NewKey {
            workflows: vec![name("w"); 51],
            ..key("ci")
        },
    ] {
        let error = world
            .run(by.create_key(wrong.clone(), [7; 32]))
            .unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Refused, "{wrong:?}");
    }
    world
        .run(by.create_key(limited(Role::Author), [7; 32]))
        .unwrap();
    assert_eq!(world.run(engine.keys()).unwrap().len(), 1);
}

#[test]
fn a_key_whose_answer_was_lost_is_one_key() {
    for fault in [
        Fault::Conflict,
        Fault::AmbiguousApplied,
        Fault::AmbiguousLost,
    ] {
        let world = World::with(ONE);
        let engine = world.engine();
        world.fault(1, fault);
        let by = engine.by(ada());
        let made = by.create_key(key("ci"), [7; 32]);
        let (made, text) = world.run(made).unwrap();
        let token = Token::parse(&text).unwrap();
        assert!(world.run(engine.key_of(&token)).unwrap().is_some());
        let all = world.run(engine.keys()).unwrap();
        assert_eq!(all.len(), 1, "{fault:?}");
        assert_eq!(told(&world), [format!("key.create {}", made.id)]);
    }
}
