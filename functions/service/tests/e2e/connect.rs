//! The ports over a project on the emulators.

use std::collections::BTreeMap;

use ork_emulators::Emulators;
use ork_gcp::{Endpoints, Google, GoogleOptions, Topics, Wake};

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
        project: project.into(),
        database: "(default)".into(),
        bucket: bucket.into(),
        region: env["ORK_REGION"].clone(),
        topics: Topics {
            dispatch: names.topic_dispatch,
            poll: names.topic_poll,
        },
        worker_jobs: BTreeMap::from([("default".to_owned(), names.worker_job)]),
        wake: wake_url.map(|url| Wake {
            queue: names.wake_queue,
            url: url.to_owned(),
            identity: None,
        }),
        endpoints: Endpoints {
            firestore: host("FIRESTORE_EMULATOR_HOST"),
            storage: url("STORAGE_EMULATOR_HOST"),
            pubsub: url("PUBSUB_EMULATOR_HOST"),
            run: url("ORK_RUN_ENDPOINT"),
            tasks: url("ORK_TASKS_ENDPOINT"),
        },
    };
    Google::connect(options).await.expect("it connects")
}
