//! Everything together, as the tests of other crates use it.

use std::time::Duration;

use ork_emulators::google::Subscription;
use ork_emulators::google::testing::sdk_or_skip;
use ork_emulators::run_jobs::Job;
use ork_emulators::{Emulators, Options, Part};

use crate::support::until;

async fn upload(endpoint: &str, bucket: &str, name: &str) {
    let url = format!("{endpoint}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}");
    let response = reqwest::Client::new()
        .post(url)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert!(
        response.status().is_success(),
        "{}",
        response.text().await.unwrap()
    );
}

async fn objects(endpoint: &str, bucket: &str) -> usize {
    let response = reqwest::Client::new()
        .get(format!("{endpoint}/storage/v1/b/{bucket}/o"))
        .send()
        .await
        .unwrap();
    let list: serde_json::Value = response.json().await.unwrap();
    list["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn one_start_gives_every_part_and_the_environment_of_the_functions() {
    let Some(_) = sdk_or_skip("one_start_gives_every_part_and_the_environment_of_the_functions")
    else {
        return;
    };
    let emulators = Emulators::start(Options::for_project("prj", "bkt"))
        .await
        .unwrap();
    let (env, names) = (emulators.env(), emulators.names());
    assert_eq!(emulators.addresses().len(), 7);
    for (name, value) in [
        ("ORK_PROJECT", "prj"),
        ("ORK_DATABASE", "(default)"),
        ("ORK_BUCKET", "bkt"),
        ("ORK_TOPIC_DISPATCH", "projects/prj/topics/ork-dispatch"),
        ("ORK_TOPIC_POLL", "projects/prj/topics/ork-poll"),
        (
            "ORK_WAKE_QUEUE",
            "projects/prj/locations/local/queues/ork-wake",
        ),
        (
            "ORK_WORKER_JOBS",
            r#"{"default":"projects/prj/locations/local/jobs/ork-worker"}"#,
        ),
        ("ORK_AUTH", "off"),
        (
            "FIRESTORE_EMULATOR_HOST",
            &emulators.firestore().unwrap().address().to_string(),
        ),
        (
            "PUBSUB_EMULATOR_HOST",
            &emulators.pubsub().unwrap().address().to_string(),
        ),
        (
            "STORAGE_EMULATOR_HOST",
            &emulators.storage().unwrap().endpoint(),
        ),
        (
            "ORK_RUN_ENDPOINT",
            &emulators.run_jobs().unwrap().endpoint(),
        ),
        ("ORK_TASKS_ENDPOINT", &emulators.tasks().unwrap().endpoint()),
        (
            "ORK_BIGQUERY_ENDPOINT",
            &emulators.services().unwrap().endpoint(),
        ),
        (
            "ORK_DATAPROC_ENDPOINT",
            &emulators.services().unwrap().endpoint(),
        ),
        (
            "ORK_IAM_ENDPOINT",
            &emulators.services().unwrap().endpoint(),
        ),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    assert!(!env.contains_key("ORK_WAKE_URL"));

    // A written object is told to Pub/Sub.
    let admin = emulators.pubsub().unwrap().admin();
    let told = Subscription::pull("projects/prj/subscriptions/told", &names.topic_objects);
    admin.create_subscription(&told).await.unwrap();
    let storage = emulators.storage().unwrap().endpoint();
    upload(&storage, "bkt", "runs/1/result.json").await;
    let message = until("the notification comes", || async {
        admin.pull(&told.name, 1).await.unwrap().pop()
    })
    .await;
    assert_eq!(message.attributes["objectId"], "runs/1/result.json");
    assert_eq!(message.attributes["bucketId"], "bkt");
    assert_eq!(message.attributes["eventType"], "OBJECT_FINALIZE");

    // A worker sees the environment of its project.
    let job = Job::new([
        "sh",
        "-c",
        "echo $ORK_PROJECT $FIRESTORE_EMULATOR_HOST $ORK_BUCKET",
    ])
    .with_env([("ORK_BUCKET", "own")]);
    emulators.register_worker("prj", "bkt", job).unwrap();
    let run = format!(
        "{}/v2/{}:run",
        emulators.run_jobs().unwrap().endpoint(),
        names.worker_job
    );
    assert_eq!(
        reqwest::Client::new()
            .post(run)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
    let run_jobs = emulators.run_jobs().unwrap();
    let expected = format!("prj {} own\n", env["FIRESTORE_EMULATOR_HOST"]);
    until("the worker has printed", || async {
        let execution = run_jobs.executions(&names.worker_job).pop()?;
        (run_jobs.output(&execution.name)? == expected).then_some(())
    })
    .await;

    // A wipe concerns one project; what it goes through stays.
    emulators
        .create_project("other", "other-bkt")
        .await
        .unwrap();
    assert!(
        emulators.create_project("third", "bkt").await.is_err(),
        "the bucket is taken"
    );
    upload(&storage, "other-bkt", "x").await;
    assert_eq!(
        (
            objects(&storage, "bkt").await,
            objects(&storage, "other-bkt").await
        ),
        (1, 1)
    );
    emulators.wipe("prj", "bkt").await.unwrap();
    assert_eq!(
        (
            objects(&storage, "bkt").await,
            objects(&storage, "other-bkt").await
        ),
        (0, 1)
    );
    assert!(run_jobs.executions(&names.worker_job).is_empty());
    assert!(admin.pull(&told.name, 10).await.unwrap().is_empty());
    assert_eq!(admin.topics("prj").await.unwrap().len(), 5);

    let addresses = emulators.addresses();
    tokio::time::timeout(Duration::from_secs(30), emulators.stop())
        .await
        .expect("everything stops");
    for (what, address) in addresses {
        std::net::TcpListener::bind(address)
            .unwrap_or_else(|error| panic!("{what} still holds {address}: {error}"));
    }
}

#[tokio::test]
async fn parts_can_be_left_out_and_nothing_of_google_is_needed_then() {
    let options = Options {
        firestore: Part::Off,
        pubsub: Part::Off,
        tasks: Part::Off,
        services: Part::Off,
        sdk_root: Some("/nowhere".into()),
        wake_url: Some("http://127.0.0.1:1/wake".to_owned()),
        ..Options::for_project("prj", "bkt")
    };
    let emulators = Emulators::start(options.clone()).await.unwrap();
    let env = emulators.env();
    assert_eq!(
        (env["ORK_WAKE_QUEUE"].as_str(), env["ORK_WAKE_URL"].as_str()),
        ("off", "http://127.0.0.1:1/wake")
    );
    assert!(
        !env.contains_key("FIRESTORE_EMULATOR_HOST")
            && !env.contains_key("PUBSUB_EMULATOR_HOST")
            && !env.contains_key("ORK_TASKS_ENDPOINT")
            && !env.contains_key("ORK_BIGQUERY_ENDPOINT")
    );
    emulators.stop().await;

    let missing = Options {
        firestore: Part::On(0),
        ..options.clone()
    };
    let error = format!(
        "{:#}",
        Emulators::start(missing)
            .await
            .err()
            .expect("there is no SDK")
    );
    assert!(
        error.contains("gcloud components install") || error.contains("java"),
        "{error}"
    );

    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    for taken in [
        Options {
            storage: Part::On(port),
            ..options.clone()
        },
        Options {
            run_jobs: Part::On(port),
            ..options.clone()
        },
        Options {
            tasks: Part::On(port),
            ..options.clone()
        },
        Options {
            services: Part::On(port),
            ..options.clone()
        },
    ] {
        let error = format!(
            "{:#}",
            Emulators::start(taken)
                .await
                .err()
                .expect("the port is taken")
        );
        assert!(
            error.contains(&format!("port {port} on 127.0.0.1 is taken")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_wipe_reaches_remote_jobs_and_signed_urls_share_their_keys() {
    let options = Options {
        firestore: Part::Off,
        pubsub: Part::Off,
        ..Options::for_project("prj", "bkt")
    };
    let emulators = Emulators::start(options).await.unwrap();
    let services = emulators.services().unwrap();
    let client = reqwest::Client::new();
    for project in ["prj", "other"] {
        let url = format!("{}/http/projects/{project}/jobs", services.endpoint());
        let made = client.post(url).json(&serde_json::json!({})).send().await;
        assert_eq!(made.unwrap().status(), 200);
    }
    let wipe = format!("{}/wipe/prj", emulators.control().unwrap());
    assert_eq!(client.post(wipe).send().await.unwrap().status(), 204);
    let left: Vec<_> = services.jobs().into_iter().map(|job| job.project).collect();
    assert_eq!(left, ["other"]);

    // An account that Cloud Storage does not know is another refusal than a signature that is wrong.
    let now = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let url = format!(
        "{}/bkt/a?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a@b/{}/auto/storage/goog4_request&X-Goog-Date={now}&X-Goog-Expires=60&X-Goog-SignedHeaders=host&X-Goog-Signature=00",
        emulators.storage().unwrap().endpoint(),
        &now[..8],
    );
    let said = async || client.get(&url).send().await.unwrap().text().await.unwrap();
    assert!(said().await.contains("<Code>AccessDenied</Code>"));
    let sign = format!(
        "{}/v1/projects/-/serviceAccounts/a@b:signBlob",
        emulators.env()["ORK_IAM_ENDPOINT"]
    );
    let body = serde_json::json!({"payload": "eA=="});
    assert_eq!(
        client.post(sign).json(&body).send().await.unwrap().status(),
        200
    );
    assert!(said().await.contains("<Code>SignatureDoesNotMatch</Code>"));
    emulators.stop().await;
}
