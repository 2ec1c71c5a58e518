//! Sensors of BigQuery: each look is a job that is found again, and none is left behind.

use std::time::Duration;

use ork_core::run::Category;
use ork_emulators::services::{Planned, Script, Services, ServicesOptions, State};
use ork_engine::ports::{JobStatus, Stopping, TrackerError};
use ork_gcp::trackers::BigQueryTracker;
use ork_gcp::trackers::request::BigQueryQuestion;
use serde_json::{Value, json};

const SENSOR: &str = "ork_7";

/// A stand-in whose clock rests.
struct World(Services);

impl World {
    async fn new() -> Self {
        let options = ServicesOptions {
            speed: 0.0,
            ..ServicesOptions::default()
        };
        Self(Services::start(options).await.expect("it starts"))
    }

    /// A process that remembers nothing yet.
    fn process(&self) -> BigQueryTracker {
        let endpoint = self.0.endpoint();
        BigQueryTracker::connect(Some(&endpoint))
            .expect("an address")
            .waiting_for_answers(Duration::ZERO)
    }

    /// What the next looks do.
    fn next(&self, times: u32, script: Value) {
        let script: Script = serde_json::from_value(script).expect("a script");
        let planned = Planned {
            times: Some(times),
            script,
            ..Planned::default()
        };
        self.0.script(planned).expect("a plan");
    }

    fn pass(&self, seconds: u64) {
        self.0.advance(Duration::from_secs(seconds));
    }

    /// The numbers of the looks there were, and of those at work.
    fn looks(&self) -> (Vec<String>, Vec<String>) {
        let number = |id: &str| id.trim_start_matches("ork_7_look_").to_owned();
        let jobs = self.0.jobs();
        let mut all: Vec<_> = jobs.iter().map(|job| number(&job.id)).collect();
        all.sort();
        let at_work = jobs.iter().filter(|job| {
            matches!(
                job.state,
                State::Pending | State::Running | State::Cancelling
            )
        });
        let at_work = at_work.map(|job| number(&job.id)).collect();
        (all, at_work)
    }
}

fn question(more: Value) -> BigQueryQuestion {
    let mut whole = json!({"project": "p", "query": "SELECT COUNT(*) > 0 FROM d.t"});
    for (name, value) in more.as_object().expect("an object") {
        whole[name] = value.clone();
    }
    serde_json::from_value(whole).expect("a question")
}

fn strings(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(u32::to_string).collect()
}

#[tokio::test]
async fn a_look_that_takes_long_is_found_by_the_next_ones_and_becomes_true() {
    for place in [json!({}), json!({"location": "europe-west3"})] {
        let world = World::new().await;
        world.next(1, json!({"seconds": 60, "rows": [{"there": true}]}));
        let asked = question(place);
        let one = world.process();
        for _ in 0..2 {
            assert_eq!(one.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
            world.pass(20);
        }
        // Another process, which has to find it.
        let other = world.process();
        assert_eq!(other.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
        assert_eq!(world.looks(), (strings(&[0]), strings(&[0])));
        world.pass(30);
        let there = Ok(JobStatus::Gave(json!({"value": "true"})));
        assert_eq!(one.ask(&asked, SENSOR).await, there);
        assert_eq!(world.process().ask(&asked, SENSOR).await, there);
        assert_eq!(world.looks(), (strings(&[0]), vec![]));
    }
}

#[tokio::test]
async fn what_was_not_true_is_asked_anew_by_whoever_looks_next() {
    let world = World::new().await;
    world.next(9, json!({"seconds": 0, "rows": [{"there": false}]}));
    let asked = question(json!({}));
    let one = world.process();
    for _ in 0..5 {
        assert_eq!(one.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    }
    assert_eq!(world.looks().0, strings(&[0, 1, 2, 3, 4]));
    // Who remembers nothing finds the newest one and makes the next, and who remembers an old one is told of it.
    let other = world.process();
    for _ in 0..2 {
        assert_eq!(other.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    }
    assert_eq!(one.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    assert_eq!(world.looks().0, strings(&[0, 1, 2, 3, 4, 5, 6]));
    assert_eq!(one.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    assert_eq!(world.looks().0, strings(&[0, 1, 2, 3, 4, 5, 6, 7]));
    // The ninth, after one that was told of an old one again.
    for _ in 0..2 {
        assert_eq!(other.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    }
    world.next(1, json!({"seconds": 0, "rows": [{"there": 3}]}));
    let there = Ok(JobStatus::Gave(json!({"value": "3"})));
    assert_eq!(other.ask(&asked, SENSOR).await, there);
}

#[tokio::test]
async fn a_look_that_fails_is_repeated_when_that_may_help_and_else_the_sensors_end() {
    let world = World::new().await;
    let asked = question(json!({"maximum_bytes_billed": 1000}));
    let one = world.process();
    world.next(1, json!({"seconds": 0, "fail": "backendError: down"}));
    let said = one.ask(&asked, SENSOR).await;
    assert!(
        matches!(&said, Err(TrackerError::Transient { message, .. }) if message.contains("down")),
        "{said:?}"
    );
    // Somebody stops a look; a process that knows nothing of it goes on.
    world.next(1, json!({"seconds": 0, "fail": "stopped: by hand"}));
    let said = one.ask(&asked, SENSOR).await;
    assert!(
        matches!(said, Err(TrackerError::Transient { .. })),
        "{said:?}"
    );
    world.next(1, json!({"seconds": 0, "bytes": 2000}));
    let said = world.process().ask(&asked, SENSOR).await;
    let Ok(JobStatus::Broke { category, why }) = said else {
        panic!("{said:?}")
    };
    assert_eq!(category, Category::Permanent);
    assert!(
        why.contains("bytesBilledLimitExceeded") && why.contains("p:ork_7_look_2"),
        "{why}"
    );
    assert_eq!(world.looks().0, strings(&[0, 1, 2]));
}

#[tokio::test]
async fn at_the_end_of_a_sensor_nothing_of_it_is_at_work_and_nothing_begins_any_more() {
    let world = World::new().await;
    let asked = question(json!({"location": "EU"}));
    let looking = world.process();
    world.next(1, json!({"seconds": 0, "rows": [{"there": false}]}));
    assert_eq!(looking.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    world.next(1, json!({"forever": true, "cancel_seconds": 5}));
    assert_eq!(looking.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    assert_eq!(world.looks().1, strings(&[1]));
    // Whoever ends it has to find what is at work.
    let ending = world.process();
    assert_eq!(ending.end_looks(&asked, SENSOR).await, Ok(Stopping::Asked));
    world.pass(6);
    world.next(1, json!({"seconds": 0, "rows": [{"sealed": false}]}));
    assert_eq!(ending.end_looks(&asked, SENSOR).await, Ok(Stopping::Over));
    let (all, at_work) = world.looks();
    assert_eq!((all.len(), at_work.len()), (3, 0));
    // A process that was about to look while it ended begins nothing: first it hears that its look was stopped.
    let said = looking.ask(&asked, SENSOR).await;
    assert!(
        matches!(said, Err(TrackerError::Transient { .. })),
        "{said:?}"
    );
    assert_eq!(looking.ask(&asked, SENSOR).await, Ok(JobStatus::Running));
    assert_eq!(world.looks().0.len(), 3);
}

#[tokio::test]
async fn of_a_sensor_that_never_looked_the_first_look_is_kept_from_beginning_where_its_place_is_known()
 {
    let world = World::new().await;
    let asked = question(json!({"location": "europe-west3"}));
    assert_eq!(
        world.process().end_looks(&asked, SENSOR).await,
        Ok(Stopping::Over)
    );
    world.pass(2);
    assert_eq!(
        world
            .process()
            .ask(&question(json!({"location": "europe-west3"})), "ork_8")
            .await,
        Ok(JobStatus::Running),
        "another sensor looks all the same"
    );
    // Without a place it may be anywhere, and may only not be known yet.
    let said = world
        .process()
        .end_looks(&question(json!({})), "ork_9")
        .await;
    assert!(matches!(said, Err(TrackerError::Missing(_))), "{said:?}");
}
