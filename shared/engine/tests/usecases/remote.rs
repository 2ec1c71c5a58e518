//! Tasks that no worker runs: begun after they were written down, found again after a crash, looked for, stopped.

use ork_core::deferred::{Work, job_id};
use ork_core::limits;
use ork_core::run::{Category, Command, Event, RunStatus};
use ork_core::task::Output;
use ork_core::time::Millis;
use ork_engine::ports::{Begun, JobStatus, Stopping, TrackerError};
use serde_json::{Value, json};

use crate::support::*;

const YAML: &str = "name: w
tasks:
  q: {executor: bigquery, query: \"SELECT {{ run.attempt }}\", project: my-data, poll_interval: 5s, timeout: 10m, retries: {max: 1, delay: 1s}}
  after: {x, depends_on: [q], input: {bytes: \"{{ tasks.q.output.bytes }}\"}}
";

type Beginning = Result<Begun, TrackerError>;

fn begun(yaml: &str, answers: Vec<Beginning>) -> (World, Process) {
    let world = World::with(yaml);
    world.script(|_| Reply::output("1"));
    world.0.beginnings.lock().unwrap().extend(answers);
    let engine = world.begin();
    (world, engine)
}

fn gave(value: Value) -> Beginning {
    Ok(Begun::Status(JobStatus::Gave(value)))
}

fn job(id: &str) -> Value {
    json!({"service_type": "custom_http", "url": "https://x", "id": id})
}

fn works(world: &World) -> Vec<Work> {
    world.0.begun.lock().unwrap().clone()
}

#[test]
fn a_job_is_started_once_under_an_id_of_its_attempt_and_what_it_gives_is_the_output() {
    let (world, engine) = begun(YAML, vec![Ok(Begun::Job(job("j")))]);
    let [work] = works(&world).try_into().expect("one start");
    let task = ork_core::ids::TaskName::new("q").unwrap();
    assert_eq!(work.id, job_id(&run_id("r"), &task, 0, 1));
    assert_eq!(work.request["query"], "SELECT 1");
    assert_eq!(work.request["labels"]["ork-run"], "r");
    assert_eq!(world.task("r", "q").as_str(), "deferred");
    assert!(world.0.started.lock().unwrap().is_empty(), "no worker");
    world.0.tracker.lock().unwrap().insert(
        "j".into(),
        [
            Ok(JobStatus::Running),
            Ok(JobStatus::Gave(json!({"bytes": 7}))),
        ]
        .into(),
    );
    let before = world.time();
    world.look(&engine);
    assert_eq!(world.time().since(before), Millis::from_secs(5));
    world.look(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.output("r", "q"), "{\"bytes\":7}");
    assert_eq!(world.spec(0).input.get(), "{\"bytes\":7}");
    assert_eq!(works(&world).len(), 1);
}

#[test]
fn a_start_that_nobody_saw_is_made_again_with_the_same_id() {
    let lost = || {
        Err(TrackerError::Transient {
            message: "503".into(),
            retry_after: None,
        })
    };
    let (world, engine) = begun(YAML, vec![lost(), lost(), Ok(Begun::Job(job("j")))]);
    world.look(&engine);
    world.look(&engine);
    let works = works(&world);
    assert_eq!(works.len(), 3);
    assert!(works.iter().all(|work| work.id == works[0].id));
    world.look(&engine);
    assert_eq!(
        world.0.asked.lock().unwrap().len(),
        1,
        "from now on it is asked about"
    );
}

#[test]
fn whoever_dies_between_two_points_starts_no_second_job() {
    let mut n = 0;
    loop {
        let world = World::with(YAML);
        world.script(|_| Reply::output("1"));
        let given = (0..9).map(|_| gave(json!({"bytes": 1})));
        world.0.beginnings.lock().unwrap().extend(given);
        let died = world.start_and_die(&named("w", "r"), n);
        if !died {
            break;
        }
        for _ in 0..6 {
            let engine = world.engine();
            match world.next_due() {
                Some(at) => world.set_time(at.max(world.time())),
                None => break,
            }
            world.tick(&engine, 10);
            world.drive(&engine);
        }
        let works = works(&world);
        assert!(
            works.windows(2).all(|two| two[0].id == two[1].id),
            "after dying at point {n}: {works:?}"
        );
        if !works.is_empty() {
            assert_eq!(
                world.status("r"),
                RunStatus::Success,
                "after dying at point {n}"
            );
        }
        n += 1;
    }
    assert!(n > 5, "it died {n} times");
}

#[test]
fn what_the_service_refuses_fails_as_it_says() {
    for (answer, category, again) in [
        (
            Err(TrackerError::Permanent("bad query".into())),
            "permanent",
            false,
        ),
        (
            Ok(Begun::Status(JobStatus::Broke {
                category: Category::Transient,
                why: "503".into(),
            })),
            "transient",
            true,
        ),
    ] {
        let (world, engine) = begun(YAML, vec![answer, gave(json!({"bytes": 1}))]);
        assert!(
            world.failure("r", "q").starts_with(category),
            "{}",
            world.failure("r", "q")
        );
        if again {
            world.look(&engine);
            let works = works(&world);
            assert_ne!(works[0].id, works[1].id, "another attempt is another job");
            assert_eq!(world.status("r"), RunStatus::Success);
        } else {
            assert_eq!(world.status("r"), RunStatus::Failed);
        }
        // Whoever was asked at the same moment may have started it.
        assert_eq!(world.0.cancelled_jobs.lock().unwrap().len(), 1);
    }
}

#[test]
fn a_cancel_stops_what_may_have_been_started_and_forgets_what_was_only_looked_for() {
    let unsure = || {
        Err(TrackerError::Transient {
            message: "no answer".into(),
            retry_after: None,
        })
    };
    let sensor = "name: w\ntasks:\n  s: {sensor: {object: \"gs://b/o\"}}\n";
    for (yaml, asked) in [(YAML, 2), (sensor, 0)] {
        let (world, engine) = begun(yaml, vec![unsure()]);
        world
            .0
            .stopping
            .lock()
            .unwrap()
            .push_back(Ok(Stopping::Asked));
        let cancel = Event::Command(Command::Cancel { reason: "x".into() });
        world
            .run(engine.step(&run_id("r"), vec![cancel], None))
            .unwrap();
        while world.next_due().is_some() {
            world.look(&engine);
        }
        let stopped = world.0.cancelled_jobs.lock().unwrap().clone();
        assert_eq!(stopped.len(), asked, "{stopped:?}");
        assert!(stopped.iter().all(|job| job["operator"] == "bigquery"));
        assert_eq!(world.status("r"), RunStatus::Cancelled);
    }
}

#[test]
fn a_large_request_and_a_large_output_are_objects() {
    let long = "x".repeat(4 * limits::INLINE_OUTPUT_BYTES);
    let yaml = format!(
        "name: w\ntasks:\n  q: {{executor: bigquery, query: \"{long}\", project: my-data}}\n"
    );
    let (world, _) = begun(&yaml, vec![gave(json!(long))]);
    assert_eq!(world.status("r"), RunStatus::Success);
    assert_eq!(world.output("r", "q"), json!(long).to_string());
    assert_eq!(works(&world)[0].request["query"], json!(long));
    let view = world.view(&run_id("r"));
    assert!(matches!(
        view.state.instances(0)[0].state,
        ork_core::run::State::Success {
            output: Output::Object { .. }
        }
    ));
    let yaml = yaml.replace(&long, &"x".repeat(220 * 1024));
    let (world, _) = begun(&yaml, vec![]);
    assert!(
        world.failure("r", "q").contains("bytes"),
        "{}",
        world.failure("r", "q")
    );
    assert!(works(&world).is_empty());
}

#[test]
fn a_request_has_its_templates_rendered_and_no_secret() {
    let yaml = "name: w
params: {n: {type: int, default: 3}}
tasks:
  call: {url: \"https://x/{{ params.n }}\", method: POST, headers: {A: \"{{ run.id }}\"}, body: {n: \"{{ params.n }}\"}, success_status_codes: 202}
  each: {executor: cloudrun, job: j, region: r, args: [\"{{ item }}\"], env: {E: \"{{ params.n }}\"}, foreach: params.list}
  list: {}
";
    let yaml = yaml.replace("  list: {}\n", "").replace(
        "params: {n:",
        "params: {list: {type: \"[str]\", default: [a, b]}, n:",
    );
    let (world, _) = begun(&yaml, vec![gave(json!({"ok": true}))]);
    let works = works(&world);
    assert_eq!(
        Value::Object(works[0].request.clone()),
        json!({"method": "POST", "url": "https://x/3", "headers": {"A": "r"}, "body": {"n": 3}, "success_status_codes": 202})
    );
    let args: Vec<&Value> = works[1..]
        .iter()
        .map(|work| &work.request["args"][0])
        .collect();
    assert_eq!(args, ["a", "b"]);
    assert_eq!(works[1].request["env"]["E"], "3");
    assert_ne!(works[1].id, works[2].id);
    assert_eq!(world.output("r", "call"), "{\"ok\":true}");
}

#[test]
fn a_sensor_waits_for_a_run_of_another_workflow_for_its_slot() {
    let yaml = "name: w\ntasks:\n  s: {sensor: {workflow: {name: other, within: 1h, poll_interval: 5s}}}\n";
    let yaml = yaml
        .replace(", poll_interval: 5s}", "}, poll_interval: 5s")
        .replace("}}}\n", "}}\n");
    let (world, engine) = begun(&yaml, vec![]);
    world.deploy("name: other\ntasks:\n  a: {x}\n");
    assert_eq!(world.task("r", "s").as_str(), "deferred");
    world.look(&engine);
    assert_eq!(world.task("r", "s").as_str(), "deferred");
    let mut wish = named("other", "o");
    wish.slot = Some(world.view(&run_id("r")).header.slot);
    world.run(engine.start(wish)).unwrap();
    world.drive(&engine);
    assert_eq!(world.status("o"), RunStatus::Success);
    world.look(&engine);
    assert_eq!(world.status("r"), RunStatus::Success);
    let output: Value = serde_json::from_str(&world.output("r", "s")).unwrap();
    assert_eq!(output["run"], "o");
    assert!(works(&world).is_empty(), "nobody else is asked");
}

const IMAGE: &str = "name: w
tasks:
  i: {executor: cloudrun, image: \"x:{{ run.attempt }}\", region: r, project: my-data, env: {A: b}, resources: {cpu: 2, memory: 4Gi}, timeout: 10m, retries: {max: 1, delay: 1s}}
";

fn stopped(world: &World) -> Vec<Value> {
    world.0.cancelled_jobs.lock().unwrap().clone()
}

#[test]
fn a_job_of_an_image_is_made_then_run_and_goes_whatever_becomes_of_it() {
    for (end, status) in [
        (Ok(JobStatus::Succeeded), RunStatus::Success),
        (Ok(JobStatus::failed("exit 1")), RunStatus::Failed),
    ] {
        let yaml = IMAGE.replace("max: 1", "max: 0");
        let (world, engine) = begun(&yaml, vec![Ok(Begun::Job(job("j")))]);
        let [first, second] = works(&world).try_into().expect("made, and run");
        assert!(
            !first.made && second.made,
            "each is committed before the next"
        );
        assert_eq!(
            json!(first.request),
            json!({
                "image": "x:1", "region": "r", "project": "my-data", "env": {"A": "b", "ORK_RUN_ID": "r"},
                "timeout_seconds": 600, "cpu_millis": 2000, "memory_bytes": 4_u64 << 30
            })
        );
        world
            .0
            .tracker
            .lock()
            .unwrap()
            .insert("j".into(), [end].into());
        // It does not go at once.
        let asked = Ok(Stopping::Asked);
        world.0.stopping.lock().unwrap().push_back(asked);
        world.look(&engine);
        assert_eq!(world.status("r"), status);
        assert_eq!(stopped(&world), [job("j")]);
        assert!(world.next_due().is_some(), "it is looked at again");
        world.look(&engine);
        assert_eq!(stopped(&world), [job("j"), job("j")]);
        assert_eq!(world.next_due(), None, "it is gone");
        assert_eq!(works(&world).len(), 2, "and was run once");
    }
}

#[test]
fn whoever_dies_between_making_and_running_makes_no_second_job() {
    let mut died = 0;
    for n in 0.. {
        let world = World::with(IMAGE);
        let answers = (0..9).map(|_| gave(json!({"ok": true})));
        world.0.beginnings.lock().unwrap().extend(answers);
        if !world.start_and_die(&named("w", "r"), n) {
            break;
        }
        for _ in 0..6 {
            let engine = world.engine();
            match world.next_due() {
                Some(at) => world.set_time(at.max(world.time())),
                None => break,
            }
            world.tick(&engine, 10);
            world.drive(&engine);
        }
        let works = works(&world);
        assert!(works.iter().all(|work| work.id == works[0].id), "{n}");
        let run = works.iter().position(|work| work.made);
        let made_again = run.is_some_and(|at| works[at..].iter().any(|work| !work.made));
        assert!(!made_again, "{n}: what is run is never made again");
        if !works.is_empty() {
            assert_eq!(world.status("r"), RunStatus::Success, "{n}");
            died += 1;
        }
    }
    assert!(died > 5, "it died {died} times");
}
