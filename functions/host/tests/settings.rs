//! Settings: everything that is wrong is said at once, and nothing is guessed.

#[path = "settings/workers.rs"]
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ork_host::Role;
use ork_host::settings::{self, Absent, Auth, Caller, LogLevel, Settings, VARIABLES};

const SERVICES: [Role; 4] = [Role::Tick, Role::Dispatch, Role::Monitor, Role::Poll];

/// What a deployed service has.
fn deployed() -> BTreeMap<String, String> {
    [
        ("ORK_PROJECT", "p"),
        ("ORK_BUCKET", "b"),
        ("ORK_REGION", "r"),
        ("ORK_TOPIC_DISPATCH", "projects/p/topics/dispatch"),
        ("ORK_TOPIC_POLL", "projects/p/topics/poll"),
        (
            "ORK_WORKER_JOBS",
            r#"{"default": "projects/p/locations/r/jobs/w"}"#,
        ),
        ("ORK_WAKE_QUEUE", "projects/p/locations/r/queues/q"),
        ("ORK_WAKE_URL", "https://poll.example/wake"),
        ("ORK_WAKE_IDENTITY", "wake@p.iam.gserviceaccount.com"),
        ("ORK_AUTH", "iam"),
        ("ORK_AUTH_AUDIENCE", "https://tick.example"),
        ("ORK_AUTH_EMAIL", "push@p.iam.gserviceaccount.com"),
        ("ORK_SUBSCRIPTION", "projects/p/subscriptions/s"),
        ("K_SERVICE", "ork-tick"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The same with emulators and nobody checked.
fn emulated() -> BTreeMap<String, String> {
    let mut all = deployed();
    for name in [
        "K_SERVICE",
        "ORK_AUTH_AUDIENCE",
        "ORK_AUTH_EMAIL",
        "ORK_WAKE_IDENTITY",
    ] {
        all.remove(name);
    }
    for (name, value) in [
        ("ORK_AUTH", "off"),
        ("ORK_WAKE_URL", "http://127.0.0.1:9000/wake"),
        ("FIRESTORE_EMULATOR_HOST", "127.0.0.1:8710"),
        ("PUBSUB_EMULATOR_HOST", "127.0.0.1:8720"),
        ("STORAGE_EMULATOR_HOST", "http://127.0.0.1:8730"),
        ("ORK_RUN_ENDPOINT", "http://127.0.0.1:8740/"),
        ("ORK_TASKS_ENDPOINT", "http://127.0.0.1:8750"),
        ("ORK_BIGQUERY_ENDPOINT", "http://127.0.0.1:8760"),
        ("ORK_DATAPROC_ENDPOINT", "http://127.0.0.1:8760"),
    ] {
        all.insert(name.into(), value.into());
    }
    all
}

fn problems(role: Role, variables: &BTreeMap<String, String>) -> Vec<String> {
    match Settings::read(role, variables) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_deployed_service_has_its_settings() {
    for role in SERVICES {
        let settings = Settings::read(role, &deployed()).expect("all is set");
        assert_eq!(settings.role, role);
        assert_eq!(settings.log, LogLevel::Info);
        assert_eq!(settings.cloud.database, "(default)");
        let serving = settings.serving;
        assert_eq!((serving.port, serving.loopback), (8080, false));
        assert_eq!(serving.deadline, Duration::from_secs(50));
        assert_eq!((serving.places, serving.tick_limit), (1_000, 25));
        assert!(!serving.one_request);
        let caller = Caller {
            audience: "https://tick.example".into(),
            email: "push@p.iam.gserviceaccount.com".into(),
        };
        assert_eq!(serving.auth, Auth::Iam(caller));
        let subscription = serving.subscription.as_deref();
        let pushed = (role != Role::Tick).then_some("projects/p/subscriptions/s");
        assert_eq!(subscription, pushed);
        let wake = settings.cloud.wake.expect("there is a queue");
        assert_eq!(wake.audience(), "https://poll.example");
    }
}

#[test]
fn an_emulated_service_listens_on_this_machine_only() {
    let settings = Settings::read(Role::Poll, &emulated()).expect("all is set");
    assert!(settings.serving.loopback);
    assert_eq!(settings.serving.auth, Auth::Off);
    let emulators = settings.emulators;
    assert_eq!(
        emulators.firestore.as_deref(),
        Some("http://127.0.0.1:8710")
    );
    assert_eq!(emulators.run.as_deref(), Some("http://127.0.0.1:8740"));
    assert_eq!(settings.cloud.wake.and_then(|wake| wake.identity), None);
}

#[test]
fn everything_that_is_missing_is_said_at_once_with_an_example() {
    for role in SERVICES {
        let said = problems(role, &BTreeMap::new());
        let named: BTreeSet<&str> = said
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        let needed: BTreeSet<&str> = VARIABLES
            .iter()
            .filter(|one| matches!(one.absent, Absent::Refused(roles) if roles.contains(&role)))
            .map(|one| one.name)
            .collect();
        assert_eq!(named, needed, "{role}");
        assert_eq!(said.len(), needed.len(), "{said:?}");
        for line in said {
            assert!(line.contains("is not set"), "{line}");
            assert!(line.contains("(for example "), "{line}");
        }
    }
}

#[test]
fn what_is_wrong_is_named_with_its_value() {
    let cases = [
        ("ORK_PROJECT", "my project", "is no such name"),
        ("ORK_TOPIC_POLL", "poll", "not projects/…/topics/…"),
        (
            "ORK_SUBSCRIPTION",
            "projects/p/topics/s",
            "not projects/…/subscriptions/…",
        ),
        (
            "ORK_WORKER_JOBS",
            "projects/p/locations/r/jobs/w",
            "not a JSON object",
        ),
        (
            "ORK_WORKER_JOBS",
            r#"{"a": "projects/p/locations/r/jobs/w"}"#,
            "no job called `default`",
        ),
        (
            "ORK_WORKER_JOBS",
            r#"{"default": "w"}"#,
            "has a job for `default`",
        ),
        (
            "ORK_WORKER_SERVICES",
            r#"{"python": "t"}"#,
            "has a topic for `python`",
        ),
        (
            "ORK_WORKER_SERVICES",
            "projects/p/topics/t",
            "not a JSON object",
        ),
        (
            "ORK_WORKER_SERVICES",
            r#"{"default": "projects/p/topics/t"}"#,
            "one or the other",
        ),
        ("ORK_WORKER_URLS", "default,", "not profile,profile"),
        ("ORK_WORKER_URLS", "default, default", "`default` twice"),
        ("ORK_WORKER_URLS", "python", "has no job"),
        ("ORK_WAKE_QUEUE", "on", "nor `off`"),
        (
            "ORK_WAKE_URL",
            "http://poll.example/wake",
            "not an https URL",
        ),
        (
            "ORK_WAKE_URL",
            "https://poll.example/",
            "whose path is not /wake",
        ),
        (
            "ORK_WAKE_URL",
            "https://poll.example/a/wake",
            "whose path is not /wake",
        ),
        ("ORK_WAKE_IDENTITY", "wake", "not an e-mail address"),
        ("ORK_AUTH", "on", "not iam, verify or off"),
        ("ORK_AUTH", "off", "for emulators only"),
        ("ORK_AUTH_EMAIL", "push", "not an e-mail address"),
        ("ORK_AUTH_AUDIENCE", "a, b", "not a single audience"),
        ("ORK_DEADLINE_SECONDS", "0", "from 1 to 3000"),
        ("ORK_PLACES", "1001", "from 1 to 1000"),
        ("ORK_CONCURRENCY", "-1", "from 1 to 1000"),
        ("ORK_ONE_REQUEST", "0", "only 1 means something"),
        ("PORT", "http", "not a port"),
        ("ORK_LOG", "loud", "not error, warn, info, debug or trace"),
        ("FIRESTORE_EMULATOR_HOST", "8710", "not host:port"),
    ];
    for (name, value, what) in cases {
        let mut all = deployed();
        all.insert(name.into(), value.into());
        let said = problems(Role::Poll, &all);
        assert!(
            said.iter()
                .any(|line| line.starts_with(name) && line.contains(what)),
            "{name}={value}: {said:?}"
        );
    }
}

#[test]
fn a_variable_with_a_wrong_letter_is_a_problem() {
    let mut all = deployed();
    all.insert("ORK_BUKCET".into(), "b".into());
    all.insert("ORK_SOMETHING_ELSE_ALTOGETHER".into(), "1".into());
    all.insert("ORK_REQUIRE_ALL".into(), "1".into());
    all.insert("SOMETHING".into(), "of somebody else".into());
    let said = problems(Role::Tick, &all);
    assert_eq!(
        said,
        [
            "ORK_BUKCET is no variable of Ork; is ORK_BUCKET meant?",
            "ORK_SOMETHING_ELSE_ALTOGETHER is no variable of Ork: take it away",
        ]
    );
}

#[test]
fn an_empty_variable_is_not_set() {
    let mut all = deployed();
    all.insert("ORK_PROJECT".into(), String::new());
    all.insert("PORT".into(), String::new());
    let said = problems(Role::Tick, &all);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("ORK_PROJECT is not set"));
}

#[test]
fn iam_is_for_cloud_run_only() {
    let mut all = deployed();
    all.remove("K_SERVICE");
    let said = problems(Role::Tick, &all);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("use verify"), "{said:?}");
    all.insert("ORK_AUTH".into(), "verify".into());
    let settings = Settings::read(Role::Tick, &all).expect("verify works anywhere");
    assert!(matches!(settings.serving.auth, Auth::Verify(_)));
}

#[test]
fn emulators_and_google_cloud_do_not_mix() {
    for left_out in [
        "FIRESTORE_EMULATOR_HOST",
        "PUBSUB_EMULATOR_HOST",
        "STORAGE_EMULATOR_HOST",
        "ORK_RUN_ENDPOINT",
        "ORK_TASKS_ENDPOINT",
        "ORK_BIGQUERY_ENDPOINT",
        "ORK_DATAPROC_ENDPOINT",
    ] {
        let mut all = emulated();
        all.remove(left_out);
        let said = problems(Role::Dispatch, &all);
        assert!(
            said.iter()
                .any(|line| line.starts_with(left_out) && line.contains("do not mix")),
            "{left_out}: {said:?}"
        );
    }
    let mut all = emulated();
    all.remove("ORK_TASKS_ENDPOINT");
    all.insert("ORK_WAKE_QUEUE".into(), "off".into());
    assert_eq!(problems(Role::Dispatch, &all), Vec::<String>::new());
}

#[test]
fn wakes_need_a_url_and_an_identity() {
    let mut all = deployed();
    all.remove("ORK_WAKE_URL");
    all.remove("ORK_WAKE_IDENTITY");
    let said = problems(Role::Monitor, &all);
    assert_eq!(said.len(), 2, "{said:?}");
    all.insert("ORK_WAKE_QUEUE".into(), "off".into());
    let settings = Settings::read(Role::Monitor, &all).expect("without wakes");
    assert_eq!(settings.cloud.wake, None);
}

#[test]
fn the_table_names_each_variable_once() {
    let names: BTreeSet<&str> = VARIABLES.iter().map(|one| one.name).collect();
    assert_eq!(names.len(), VARIABLES.len());
    for one in VARIABLES {
        assert!(!one.roles.is_empty(), "{} is read by somebody", one.name);
    }
}

#[test]
fn the_readme_has_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(path).expect("functions/README.md is there");
    let table = settings::markdown();
    assert!(
        text.contains(&table),
        "functions/README.md has not this table; put it there:\n\n{table}"
    );
}
