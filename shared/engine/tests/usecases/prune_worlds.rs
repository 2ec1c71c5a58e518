//! Prunes at random moments among runs at work, some of them killed on the way: only what has ended goes, and all of it.

use std::collections::{BTreeMap, BTreeSet};

use ork_core::ids::RunId;
use ork_core::limits;
use ork_core::names::ObjectName;
use ork_core::retention::Retention;
use ork_core::run::{Category, Command, Event, RunState};
use ork_core::time::{Millis, Time};
use ork_engine::conformance::block_on;
use ork_engine::ports::{Key, Objects, Version};
use ork_engine::{Prune, PruneFrom};

use crate::support::*;

const WORLDS: u64 = 40;
const STEPS: u64 = 60;
const WORKFLOWS: [&str; 4] = [
    "name: child\ntasks:\n  inner: {x}\n",
    "name: parent\ntasks:\n  sub: {run_as: {workflow: child}, parallel: 2, retries: {max: 1, delay: 1s}}\n  c: {x, depends_on: [sub], trigger: all_done}\n",
    "name: fan\ntasks:\n  a: {x, parallel: 3, tolerate: 1, retries: {max: 1, delay: 1s}}\n  b: {x, depends_on: [a]}\n",
    "name: hourly\nschedule: {cron: \"0 * * * *\", catchup: all}\ntasks:\n  a: {x}\n",
];

/// Numbers that look like chance and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let n = u64::try_from(from.len()).unwrap();
        (n > 0).then(|| from[usize::try_from(self.below(n)).unwrap()].clone())
    }
}

/// What is stored of a run: its version, its state and its objects.
type Seen = BTreeMap<RunId, (Version, RunState, BTreeSet<ObjectName>)>;

fn objects(world: &World) -> Vec<ObjectName> {
    block_on(world.0.objects.list("runs/", None, 100_000)).unwrap()
}

fn seen(world: &World) -> Seen {
    let mut seen = Seen::new();
    for (_, state) in world.all_runs() {
        let id = state.header.id.clone();
        let version = world.document(Key::Run(id.clone())).unwrap().version;
        seen.insert(id, (version, state, BTreeSet::new()));
    }
    for name in objects(world) {
        let run = name.run().unwrap().clone();
        let known = seen.get_mut(&run);
        let known = known.unwrap_or_else(|| panic!("{name} belongs to no run that is stored"));
        known.2.insert(name);
    }
    seen
}

/// Whether a run may go when runs are kept for so long.
fn may_go(state: &RunState, now: Time, kept: Millis) -> bool {
    let header = &state.header;
    let old = header.finished_at.is_some_and(|at| at + kept <= now);
    header.removing || (header.status.is_terminal() && old)
}

/// Compares what is there with what was there before runs that ended were removed, which were kept for `kept`; `None`: only what was
/// begun goes on. Gives how many are gone.
fn check(world: &World, before: &Seen, kept: Option<Millis>) -> usize {
    let (after, now) = (seen(world), world.time());
    let mut gone = 0;
    for (run, (version, state, objects)) in before {
        let may_go = match kept {
            Some(kept) => may_go(state, now, kept),
            None => state.header.removing,
        };
        match after.get(run) {
            None => {
                assert!(may_go, "{run} is gone: {:?}", state.header);
                gone += 1;
            }
            Some((later, is, left)) if kept.is_some() && !may_go => {
                assert_eq!((later, left), (version, objects), "{run} was touched");
                assert!(!is.header.removing, "{run}");
            }
            Some((_, is, left)) => {
                assert!(is.header.removing || left.is_superset(objects), "{run}");
            }
        }
    }
    gone
}

fn world(seed: u64) -> World {
    let world = World::new();
    for yaml in WORKFLOWS {
        world.deploy(yaml);
    }
    let mut dice = Dice(seed ^ 0x5eed);
    world.script(move |_| match dice.below(10) {
        0 => Reply::fail(Category::Permanent, "no"),
        1 => Reply::fail(Category::Transient, "not now"),
        2 => Reply::Dies,
        _ => Reply::output("[1, 2]"),
    });
    world
}

/// One prune, which may be killed; says whether it was, and how many runs are gone.
fn prune(world: &World, dice: &mut Dice) -> (bool, usize) {
    let before = seen(world);
    let kept = Millis([1, 60_000, 3_600_000][usize::try_from(dice.below(3)).unwrap()]);
    let wish = Prune {
        retention: Retention::of_all(kept),
        ..Prune::default()
    };
    let (engine, from) = (world.engine(), PruneFrom::default());
    let points = if dice.below(2) == 0 {
        u64::MAX
    } else {
        1 + dice.below(40)
    };
    let killed = match world.crashing(points, engine.prune(&wish, &from)) {
        Some(pruned) => {
            pruned.unwrap();
            false
        }
        None => true,
    };
    (killed, check(world, &before, Some(kept)))
}

#[test]
fn only_what_has_ended_goes_and_all_of_it_whoever_is_killed() {
    let (mut killed, mut gone, mut finished) = (0, 0, 0);
    for seed in 0..WORLDS {
        let (world, mut dice) = (world(seed), Dice(seed));
        for step in 0..STEPS {
            let engine = world.engine();
            let runs: Vec<RunId> = seen(&world).into_keys().collect();
            match dice.below(12) {
                0 | 1 => {
                    let of = ["child", "parent", "fan"][usize::try_from(dice.below(3)).unwrap()];
                    // An id may have been used before.
                    let id = format!("{of}-{}", dice.below(4));
                    world.run(engine.start(named(of, &id))).unwrap();
                }
                2 => {
                    world.run(engine.fire_due(10)).unwrap();
                }
                3..=5 => {
                    world.deliver(&engine);
                }
                6 => {
                    // Whatever was started does what it does; after that time passes.
                    world.work();
                    world.pass(Millis(
                        [1, 90_000, 3_700_000][usize::try_from(dice.below(3)).unwrap()],
                    ));
                }
                7 => {
                    let before = seen(&world);
                    let failed = world.wake(&engine);
                    assert!(failed.is_empty(), "{seed}.{step}: {failed:?}");
                    finished += check(&world, &before, None);
                }
                8 => {
                    let command = match dice.below(4) {
                        0 => Command::Cancel { reason: "x".into() },
                        1 => Command::RetryTask { task: 0 },
                        _ => Command::Retry,
                    };
                    if let Some(run) = dice.pick(&runs) {
                        // It may make no sense now.
                        let _ = world.run(engine.step(&run, vec![Event::Command(command)], None));
                    }
                }
                _ => {
                    let (died, removed) = prune(&world, &mut dice);
                    killed += usize::from(died);
                    gone += removed;
                    if died && dice.below(2) == 0 {
                        // Nobody prunes before the run is due again.
                        world.work();
                        world.pass(limits::REMOVE_AGAIN);
                        let before = seen(&world);
                        let failed = world.wake(&engine);
                        assert!(failed.is_empty(), "{seed}.{step}: {failed:?}");
                        finished += check(&world, &before, None);
                    }
                }
            }
        }
        // No more slots; then all comes to its end, and all of it goes.
        let engine = world.engine();
        world.run(engine.enable(&name("hourly"), false)).unwrap();
        world.finish_by_wakes(&engine);
        world.pass(Millis(1));
        let wish = Prune {
            retention: Retention::of_all(Millis(1)),
            ..Prune::default()
        };
        let mut from = PruneFrom::default();
        while let Some(next) = world.run(engine.prune(&wish, &from)).unwrap().next {
            from = next;
        }
        assert_eq!(seen(&world).into_keys().collect::<Vec<_>>(), [], "{seed}");
        assert_eq!(objects(&world), [], "{seed}");
    }
    assert!(
        killed > 40 && gone > 50 && finished > 5,
        "too little was met: {killed} prunes were killed, {gone} runs went at random moments, {finished} were finished by a tick"
    );
}
