//! Settings as the adapters want them.

use ork_gcp::trackers::{Outgoing, Secrets, SmtpSettings};
use ork_gcp::{ClientOptions, Endpoints, GoogleOptions, Topics, Wake, WorkerUrls};
use ork_host::settings::{ApiSettings, Settings};

/// Where a deployment's state is.
pub(crate) fn client(settings: &ApiSettings) -> ClientOptions {
    let emulators = settings.emulators.clone();
    ClientOptions {
        project: settings.project.clone(),
        database: settings.database.clone(),
        bucket: settings.bucket.clone(),
        topics: Topics {
            dispatch: settings.topic_dispatch.clone(),
            poll: settings.topic_poll.clone(),
        },
        endpoints: Endpoints {
            firestore: emulators.firestore,
            storage: emulators.storage,
            pubsub: emulators.pubsub,
            run: None,
            tasks: None,
            bigquery: None,
            dataproc: None,
            iam: None,
        },
    }
}

/// Where a deployment's parts are.
pub(crate) fn options(settings: &Settings) -> GoogleOptions {
    let cloud = settings.cloud.clone();
    let emulators = settings.emulators.clone();
    GoogleOptions {
        client: ClientOptions {
            project: settings.project.clone(),
            database: cloud.database,
            bucket: settings.bucket.clone(),
            topics: Topics {
                dispatch: cloud.topic_dispatch,
                poll: cloud.topic_poll,
            },
            endpoints: Endpoints {
                firestore: emulators.firestore,
                storage: emulators.storage,
                pubsub: emulators.pubsub,
                run: emulators.run,
                tasks: emulators.tasks,
                bigquery: emulators.bigquery,
                dataproc: emulators.dataproc,
                iam: emulators.iam,
            },
        },
        region: cloud.region,
        worker_jobs: cloud.worker_jobs,
        worker_services: cloud.worker_services,
        worker_urls: cloud.worker_urls.map(|urls| WorkerUrls {
            profiles: urls.profiles,
            account: urls.account,
        }),
        outgoing: Outgoing {
            allow: cloud.outgoing_allow,
            services: cloud.trackers,
            project: settings.project.clone(),
            secrets: Secrets::listed(cloud.http_secrets.into_values()),
            smtp: SmtpSettings {
                url: cloud.smtp.url,
                from: cloud.smtp.from,
            },
        },
        wake: cloud.wake.map(|wake| Wake {
            queue: wake.queue,
            url: wake.url,
            identity: wake.identity,
        }),
    }
}
