//! Starts for workers without credentials: what they are told, and what becomes of a start that nobody signs.

use ork_core::definition::{Executor as What, SecretMount, SecretRef};
use ork_core::ids::{RunId, TaskName, WorkflowName};
use ork_core::limits;
use ork_core::names::AttemptFile;
use ork_core::run::Category;
use ork_core::task::TaskSpec;
use ork_core::time::{Millis, Time};
use ork_emulators::services::{Call, Fault};
use ork_engine::ports::{Executor, StartError};
use ork_engine::{Worker, batch};
use ork_gcp::Meter;
use ork_gcp::signed::{self, Method, SignedUrl, Signer, UrlObjects, fetch};

use super::site::{BARE, PLAIN, Site, executor};
use super::world::{ACCOUNT, now, spec};

const PLENTY: u64 = 64 << 20;

/// The message of a start that will never be.
fn refused(answer: Result<(), StartError>) -> String {
    match answer {
        Err(StartError::Refused {
            category: Category::Permanent,
            message,
        }) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_worker_is_told_one_url_and_finds_the_others_behind_it() {
    let site = Site::new().await;
    let mut plain = spec(9);
    plain.executor = What::Kubernetes { command: None };
    let specs = vec![spec(0), plain, spec(1), spec(2)];
    let answers = site.executor.start(specs).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let names: Vec<_> = site.told(PLAIN).into_keys().collect();
    assert_eq!(names, ["ORK_BATCH"]);
    let told = site.told(BARE);
    assert_eq!(told.keys().collect::<Vec<_>>(), ["ORK_BATCH_URL"]);

    let url = SignedUrl::of(&told["ORK_BATCH_URL"]);
    let bytes = fetch(&url, PLENTY).await.expect("an answer");
    let bytes = bytes.expect("it is there");
    for position in 0..3 {
        let spec = batch::decode(&bytes, position).expect("a spec");
        assert_eq!(spec.id.index as usize, position);
        let urls = signed::batch::decode(&bytes, position).expect("URLs");
        let lasts = urls.until().0 - now().0;
        assert!((3_600_000..=3_660_000).contains(&lasts), "{lasts} ms");
        let objects = UrlObjects::new(urls, &spec).expect("its own");
        let worker = Worker::new(&objects, &spec, "one".into());
        assert!(worker.begin(Time(1)).await.expect("claimed"));
        let other = Worker::new(&objects, &spec, "other".into());
        assert!(!other.begin(Time(1)).await.expect("an answer"));
    }
    let said = signed::batch::decode(&bytes, 3).expect_err("three");
    assert!(said.contains("for 3 attempts"), "{said}");
}

#[tokio::test]
async fn who_may_not_sign_fails_for_good_and_who_cannot_now_is_asked_again() {
    let site = Site::new().await;
    let start = async || site.executor.start(vec![spec(0)]).await.remove(0);
    let fault = |status| Fault {
        on: Some(Call::Sign),
        status: Some(status),
        ..Fault::default()
    };
    site.world.services.fault(fault(403)).expect("a fault");
    let said = refused(start().await);
    let role = format!("roles/iam.serviceAccountTokenCreator on {ACCOUNT}");
    assert!(said.contains(&role), "{said}");
    site.world.services.clear_faults();
    site.world.services.fault(fault(503)).expect("a fault");
    let said = start().await;
    assert!(matches!(said, Err(StartError::Busy(_))), "{said:?}");
    assert!(site.is_untouched().await);

    let storage = site.world.storage.endpoint();
    let nobody = Signer::connect(ACCOUNT, Some("127.0.0.1:1"), Some(&storage));
    let nobody = nobody.expect("a signer");
    let executor = executor(&site.world, &site.cloud, nobody, &Meter::default()).await;
    let said = executor.start(vec![spec(0)]).await.remove(0);
    assert!(matches!(said, Err(StartError::Busy(_))), "{said:?}");
    assert!(site.is_untouched().await);

    site.world.services.clear_faults();
    start().await.expect("tried again");
    assert_eq!(site.cloud.executions(BARE).len(), 1);
}

#[tokio::test]
async fn what_needs_credentials_is_refused_and_the_rest_is_started() {
    let site = Site::new().await;
    let mut secrets = spec(1);
    secrets.secrets = vec![SecretMount {
        name: "PASSWORD".into(),
        secret: SecretRef {
            name: "projects/p/secrets/s/versions/1".into(),
        },
        path: None,
    }];
    let with_credentials = TaskSpec {
        executor: What::Kubernetes { command: None },
        ..secrets.clone()
    };
    let mut long = spec(2);
    long.timeout = Millis::from_secs(100 * 3600);
    let specs = vec![secrets, long, spec(3), with_credentials];
    let mut answers = site.executor.start(specs).await;
    assert!(answers[1..].iter().all(Result::is_ok), "{answers:?}");
    let said = refused(answers.remove(0));
    assert!(said.contains("`PASSWORD`"), "{said}");
    let executions = site.cloud.executions(BARE);
    assert_eq!(executions.len(), 1);
    assert_eq!(executions[0].task_count, 2);
    // As long as the longest, which is as long as may be; who is done before needs no other.
    for (position, renewed) in [(0, true), (1, false)] {
        let (spec, urls) = site.handed(position).await;
        let lasts = urls.until().0 - now().0;
        assert!((43_140_000..=43_200_000).contains(&lasts), "{lasts} ms");
        let urls = urls.url(&spec.object(AttemptFile::Urls), Method::Get);
        assert_eq!(urls.is_some(), renewed);
    }
}

/// Each of them as long as may be.
#[tokio::test]
async fn a_thousand_urls_with_long_names_fit_in_the_object_of_their_batch() {
    let site = Site::new().await;
    let mut long = spec(u32::MAX);
    long.id.run = RunId::new(&"r".repeat(160)).expect("a run id");
    long.task_name = TaskName::new(&"t".repeat(63)).expect("a task name");
    long.workflow_name = WorkflowName::new(&"w".repeat(63)).expect("a workflow name");
    long.id.attempt = u32::MAX;
    long.timeout = Millis::from_secs(100 * 3600);
    let answers = site.executor.start(vec![long]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let url = SignedUrl::of(&site.told(BARE)["ORK_BATCH_URL"]);
    let bytes = fetch(&url, PLENTY).await.expect("an answer");
    let urls = signed::batch::decode(&bytes.expect("there"), 0).expect("URLs");
    let written = serde_json::to_vec(&urls).expect("plain data").len();
    // The stand-in's bucket and account have short names: the longest would have 300 bytes more.
    assert!(
        written + 300 < limits::BATCH_BYTES * 5 / 8 / limits::BATCH_ATTEMPTS,
        "{written}"
    );
}
