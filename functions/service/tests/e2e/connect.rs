//! The ports over a project on the emulators.

use std::collections::BTreeMap;

use ork_emulators::Emulators;
use ork_gcp::trackers::Outgoing;
use ork_gcp::{ClientOptions, Endpoints, Google, GoogleOptions, Meter, Topics, Wake};

/// Connects to the emulators of a project; `wake_url` is where its wakes go, if it has any.
pub(crate) async fn connect(
    emulators: &Emulators,
    project: &str,
    bucket: &str,
    wake_url: Option<&str>,
) -> Google {
    let names = emulators.names();
    let env = emulators.env();
    let host = |name: &str| {
        env.get(name)
            .map(|host| host.trim_start_matches("http://").to_owned())
    };
    let url = |name: &str| host(name).map(|host| format!("http://{host}"));
    let options = GoogleOptions {
        client: ClientOptions {
            project: project.into(),
            database: "(default)".into(),
            bucket: bucket.into(),
            topics: Topics {
                dispatch: names.topic_dispatch,
                poll: names.topic_poll,
            },
            endpoints: Endpoints {
                firestore: host("FIRESTORE_EMULATOR_HOST"),
                storage: url("STORAGE_EMULATOR_HOST"),
                pubsub: url("PUBSUB_EMULATOR_HOST"),
                run: url("ORK_RUN_ENDPOINT"),
                tasks: url("ORK_TASKS_ENDPOINT"),
                bigquery: url("ORK_BIGQUERY_ENDPOINT"),
                dataproc: url("ORK_DATAPROC_ENDPOINT"),
                iam: url("ORK_IAM_ENDPOINT"),
            },
        },
        region: env["ORK_REGION"].clone(),
        outgoing: Outgoing::default(),
        worker_jobs: BTreeMap::from([("default".to_owned(), names.worker_job)]),
        worker_services: BTreeMap::new(),
        worker_urls: None,
        wake: wake_url.map(|url| Wake {
            queue: names.wake_queue,
            url: url.to_owned(),
            identity: None,
        }),
    };
    let meter = Meter::of_client("test");
    Google::connect(options, meter).await.expect("it connects")
}
