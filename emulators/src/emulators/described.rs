//! What runs, described: for the functions as environment variables, for people as addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::json;

use super::Emulators;
use crate::google::{Firestore, Pubsub};
use crate::http::Server;
use crate::run_jobs::RunJobs;
use crate::services::Services;
use crate::storage::Storage;
use crate::tasks::Tasks;

impl Emulators {
    /// The environment of the functions for the project it was started for.
    #[must_use]
    pub fn env(&self) -> BTreeMap<String, String> {
        self.env_of(&self.options.project, &self.options.bucket)
    }

    /// The environment of the functions for any project and bucket. ORK_WAKE_URL is in it only if the options name it.
    #[must_use]
    pub fn env_of(&self, project: &str, bucket: &str) -> BTreeMap<String, String> {
        let names = self.names_of(project);
        let address = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        let services = self.services.as_ref().map(Services::endpoint);
        let variables = [
            ("ORK_PROJECT", Some(project.to_owned())),
            ("ORK_DATABASE", Some(self.options.database.clone())),
            ("ORK_BUCKET", Some(bucket.to_owned())),
            ("ORK_REGION", Some(self.options.region.clone())),
            ("ORK_TOPIC_DISPATCH", Some(names.topic_dispatch)),
            ("ORK_TOPIC_POLL", Some(names.topic_poll)),
            (
                "ORK_WORKER_JOBS",
                Some(json!({"default": names.worker_job}).to_string()),
            ),
            (
                "ORK_WORKER_SERVICES",
                self.serves_tasks
                    .then(|| json!({"service": names.topic_worker_service}).to_string()),
            ),
            (
                "ORK_WAKE_QUEUE",
                Some(
                    self.tasks
                        .as_ref()
                        .map_or_else(|| "off".to_owned(), |_| names.wake_queue),
                ),
            ),
            ("ORK_WAKE_URL", self.options.wake_url.clone()),
            ("ORK_AUTH", Some("off".to_owned())),
            (
                "FIRESTORE_EMULATOR_HOST",
                address(self.firestore.as_ref().map(Firestore::address)),
            ),
            (
                "PUBSUB_EMULATOR_HOST",
                address(self.pubsub.as_ref().map(Pubsub::address)),
            ),
            (
                "STORAGE_EMULATOR_HOST",
                self.storage.as_ref().map(Storage::endpoint),
            ),
            (
                "ORK_RUN_ENDPOINT",
                self.run_jobs.as_ref().map(RunJobs::endpoint),
            ),
            (
                "ORK_TASKS_ENDPOINT",
                self.tasks.as_ref().map(Tasks::endpoint),
            ),
            // Jobs that are asked about over HTTP are on this machine, too.
            (
                "ORK_OUTGOING_ALLOW",
                services.is_some().then(|| "127.0.0.1".to_owned()),
            ),
            ("ORK_BIGQUERY_ENDPOINT", services.clone()),
            ("ORK_DATAPROC_ENDPOINT", services.clone()),
            ("ORK_IAM_ENDPOINT", services),
        ];
        variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }

    /// What listens where, for people.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        [
            (
                "Firestore (Google's emulator)",
                self.firestore.as_ref().map(Firestore::address),
            ),
            (
                "Pub/Sub (Google's emulator)",
                self.pubsub.as_ref().map(Pubsub::address),
            ),
            (
                "Cloud Storage (stand-in)",
                self.storage.as_ref().map(Storage::address),
            ),
            (
                "Cloud Run jobs (stand-in)",
                self.run_jobs.as_ref().map(RunJobs::address),
            ),
            (
                "Cloud Tasks (stand-in)",
                self.tasks.as_ref().map(Tasks::address),
            ),
            (
                "BigQuery, Dataproc, IAM (stand-in)",
                self.services.as_ref().map(Services::address),
            ),
            ("Control", self.control.as_ref().map(Server::address)),
        ]
        .into_iter()
        .filter_map(|(what, address)| Some((what, address?)))
        .collect()
    }
}
