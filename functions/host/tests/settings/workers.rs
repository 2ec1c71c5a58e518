//! What the settings say of workers: their jobs, services and URLs, and those of a worker service itself.

use std::collections::{BTreeMap, BTreeSet};

use ork_host::Role;
use ork_host::settings::{
    self, Absent, Auth, LogLevel, Settings, VARIABLES, WorkerServing, WorkerUrls,
};

use super::{deployed, emulated, problems};

#[test]
fn a_profile_has_a_job_or_a_service_and_one_of_them_is_for_all() {
    let service = r#"{"python": "projects/p/topics/python"}"#;
    let mut all = deployed();
    all.insert("ORK_WORKER_SERVICES".into(), service.into());
    let settings = Settings::read(Role::Dispatch, &all).expect("both");
    let services = settings.cloud.worker_services;
    assert_eq!(services["python"], "projects/p/topics/python");
    assert!(settings.cloud.worker_jobs.contains_key("default"));
    let default = service.replace("\"python\"", "\"default\"");
    all.insert("ORK_WORKER_SERVICES".into(), default);
    all.insert("ORK_WORKER_JOBS".into(), "{}".into());
    let settings = Settings::read(Role::Dispatch, &all).expect("no jobs at all");
    assert!(settings.cloud.worker_jobs.is_empty());
    all.insert("ORK_WORKER_SERVICES".into(), service.into());
    let said = problems(Role::Dispatch, &all);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no job called `default`"), "{said:?}");
}

#[test]
fn workers_without_credentials_need_somebody_who_signs() {
    let mut all = deployed();
    let settings = Settings::read(Role::Dispatch, &all).expect("nobody needs to");
    assert_eq!(settings.cloud.worker_urls, None);
    all.insert("ORK_WORKER_URLS".into(), " default".into());
    let said = problems(Role::Dispatch, &all);
    assert_eq!(said.len(), 1, "{said:?}");
    let wanted = "ORK_SIGN_ACCOUNT is not set, and ORK_WORKER_URLS is (for example";
    assert!(said[0].starts_with(wanted), "{said:?}");
    all.insert("ORK_SIGN_ACCOUNT".into(), "sign@p.example".into());
    let settings = Settings::read(Role::Dispatch, &all).expect("all is set");
    let wanted = WorkerUrls {
        profiles: BTreeSet::from(["default".to_owned()]),
        account: "sign@p.example".into(),
    };
    assert_eq!(settings.cloud.worker_urls, Some(wanted));

    // Nobody signs in a real project for what is emulated.
    let mut all = emulated();
    all.insert("ORK_WORKER_URLS".into(), "default".into());
    all.insert("ORK_SIGN_ACCOUNT".into(), "sign@p.example".into());
    let said = problems(Role::Dispatch, &all);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("ORK_IAM_ENDPOINT"), "{said:?}");
    all.insert("ORK_IAM_ENDPOINT".into(), "127.0.0.1:8760".into());
    let settings = Settings::read(Role::Dispatch, &all).expect("all is set");
    let iam = settings.emulators.iam;
    assert_eq!(iam.as_deref(), Some("http://127.0.0.1:8760"));
}

#[test]
fn a_worker_service_reads_what_serving_takes_and_nothing_of_the_engine() {
    let mut all: BTreeMap<String, String> = deployed()
        .into_iter()
        .filter(|(name, _)| {
            let known = settings::variable(name).expect("in the table");
            known.roles.contains(&Role::WorkerService)
        })
        .collect();
    assert!(!all.contains_key("ORK_REGION"), "{all:?}");
    let told = WorkerServing::read(&all).expect("all is set");
    assert_eq!((told.project.as_str(), told.bucket.as_str()), ("p", "b"));
    assert_eq!((told.storage, told.log), (None, LogLevel::Info));
    let serving = told.serving;
    assert_eq!((serving.port, serving.loopback), (8080, false));
    assert_eq!((serving.concurrency, serving.deadline.as_secs()), (4, 600));
    assert!(matches!(serving.auth, Auth::Iam(_)));
    let subscription = serving.subscription.as_deref();
    assert_eq!(subscription, Some("projects/p/subscriptions/s"));

    all.insert("ORK_DEADLINE_SECONDS".into(), "601".into());
    let wrong = WorkerServing::read(&all).expect_err("Pub/Sub does not wait so long");
    assert!(wrong.to_string().contains("from 1 to 600"), "{wrong}");
    all.insert("ORK_DEADLINE_SECONDS".into(), "60".into());
    all.insert("ORK_CONCURRENCY".into(), "16".into());
    all.insert("ORK_AUTH".into(), "off".into());
    let wrong = WorkerServing::read(&all).expect_err("nothing is emulated");
    assert!(
        wrong
            .to_string()
            .contains("STORAGE_EMULATOR_HOST is not set"),
        "{wrong}"
    );
    all.insert("STORAGE_EMULATOR_HOST".into(), "127.0.0.1:8730".into());
    let told = WorkerServing::read(&all).expect("emulated");
    let serving = &told.serving;
    assert_eq!((serving.concurrency, serving.deadline.as_secs()), (16, 60));
    assert!(told.serving.loopback);
    assert_eq!(told.storage.as_deref(), Some("http://127.0.0.1:8730"));
    assert_eq!(told.chain, None);
    let finished = "http://127.0.0.1:9000/finished";
    all.insert("ORK_CHAIN_URL".into(), finished.into());
    let told = WorkerServing::read(&all).expect("a URL of this machine");
    assert_eq!(told.chain.as_deref(), Some(finished));
    all.insert(
        "ORK_CHAIN_URL".into(),
        "https://dispatch.example/push".into(),
    );
    let wrong = WorkerServing::read(&all).expect_err("another route");
    assert!(wrong.to_string().contains("not /finished"), "{wrong}");

    let none = WorkerServing::read(&BTreeMap::new()).expect_err("nothing is set");
    let named: BTreeSet<&str> = none.0.iter().map(|one| one.variable.as_str()).collect();
    let needed: BTreeSet<&str> = VARIABLES
        .iter()
        .filter(|one| matches!(one.absent, Absent::Refused(roles) if roles.contains(&Role::WorkerService)))
        .map(|one| one.name)
        .collect();
    assert_eq!(named, needed);
}
