//! A project that one is connected to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ork_core::definition::TaskIndex;
use ork_core::ids::VersionHash;
use ork_core::names::ObjectName;
use ork_core::usage::Usage;
use ork_engine::ports::{ObjectError, Ports};
use ork_engine::{Engine, EngineError};
use ork_gcp::{ClientOptions, Endpoints, GcsObjects, Google, Topics, prices};
use ork_local::RunView;

use super::bundle::Bundle;
use super::{Deployment, Emulators, Sending, upload};
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::output::Output;
use crate::workflow_file::{WorkflowFile, shown};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long Google Cloud's metadata server, which is on the same machine if there is one, may take to answer.
const METADATA: Duration = Duration::from_secs(2);

/// See the module.
pub(crate) struct Remote {
    deployment: Deployment,
    engine: Engine<Google>,
    /// Bundles of this command, by folder: several workflows have one folder.
    pub(super) bundles: RefCell<BTreeMap<PathBuf, Rc<Bundle>>>,
}

impl Remote {
    /// Makes clients and connects.
    pub(crate) async fn connect(deployment: Deployment, config: &Config) -> Result<Self, Failure> {
        // Two providers may be in the binary, and rustls does not choose between them. It fails only if one was installed before.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        if deployment.emulators.is_none() {
            credentials(config).await?;
        }
        let endpoint = |of: fn(&Emulators) -> &String| {
            deployment.emulators.as_ref().map(|all| of(all).clone())
        };
        let options = ClientOptions {
            project: deployment.project.clone(),
            database: deployment.database.clone(),
            bucket: deployment.bucket.clone(),
            topics: Topics {
                dispatch: deployment.topic_dispatch.clone(),
                poll: deployment.topic_poll.clone(),
            },
            endpoints: Endpoints {
                firestore: endpoint(|all| &all.firestore),
                storage: endpoint(|all| &all.storage),
                pubsub: endpoint(|all| &all.pubsub),
                run: None,
                tasks: None,
                bigquery: None,
                dataproc: None,
                iam: None,
            },
        };
        let project = &deployment.project;
        let hint = match &deployment.emulators {
            Some(all) => format!(
                "FIRESTORE_EMULATOR_HOST is {}, so an emulator is asked there; without it and its like Google's own services are",
                all.firestore
            ),
            None => "are the names right, and is there a way to Google from here?".to_owned(),
        };
        let connecting = tokio::time::timeout(CONNECT, Box::pin(Google::client(options))).await;
        let google = match connecting {
            Ok(Ok(google)) => google,
            Ok(Err(error)) => {
                return Err(Failure::trouble(format!("project {project}: {error}")).hint(hint));
            }
            Err(_) => {
                let late = format!(
                    "project {project} does not answer within {} s",
                    CONNECT.as_secs()
                );
                return Err(Failure::trouble(late).hint(hint));
            }
        };
        Ok(Self {
            deployment,
            engine: Engine::new(google, None),
            bundles: RefCell::default(),
        })
    }

    /// Where it is.
    pub(crate) const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The use cases.
    pub(crate) const fn engine(&self) -> &Engine<Google> {
        &self.engine
    }

    /// The bucket.
    pub(super) fn objects(&self) -> &GcsObjects {
        self.engine.ports().objects()
    }

    /// Uploads a file and waits until it is the current version.
    pub(crate) async fn deploy(
        &self,
        file: &WorkflowFile,
        sending: Sending,
        config: &Config,
        out: &Output,
    ) -> Result<VersionHash, Failure> {
        upload::upload(self, file, sending, config, out).await
    }

    /// A task's output as JSON text.
    pub(crate) async fn output_of(
        &self,
        view: &RunView,
        task: TaskIndex,
    ) -> Result<Arc<str>, EngineError> {
        self.engine.task_output(view, task).await
    }

    /// At most `most` bytes of an object; none when there is none.
    pub(crate) async fn read(
        &self,
        name: &ObjectName,
        from: u64,
        most: u64,
    ) -> Result<Vec<u8>, Failure> {
        let found = self.objects().get_range(name, from, most).await;
        Ok(found
            .map_err(|error| self.object_failure(&error))?
            .unwrap_or_default())
    }

    /// The size of an object, if there is one.
    pub(crate) async fn size(&self, name: &ObjectName) -> Result<Option<u64>, Failure> {
        let found = self.objects().metadata(name).await;
        let found = found.map_err(|error| self.object_failure(&error))?;
        Ok(found.map(|known| known.bytes))
    }

    /// An error of the bucket as a command's.
    pub(super) fn object_failure(&self, error: &ObjectError) -> Failure {
        let failure = Failure::of(error, error.to_string());
        match (error, &self.deployment.emulators) {
            (ObjectError::Unavailable(_), Some(all)) => failure.passing().hint(format!(
                "STORAGE_EMULATOR_HOST is {}: is the emulator running?",
                all.storage
            )),
            (ObjectError::Unavailable(_), None) => {
                failure.passing().hint("nothing is lost; try again")
            }
            (
                ObjectError::Precondition(_)
                | ObjectError::TooLarge { .. }
                | ObjectError::Refused(_),
                _,
            ) => failure,
        }
    }

    /// What `used` costs at list prices, in billionths of a dollar.
    pub(crate) fn price(&self, used: &Usage) -> u64 {
        prices::cost(used).total()
    }

    /// Of when the prices are.
    pub(crate) const fn prices_of(&self) -> &'static str {
        prices::PRICES_OF
    }

    /// An object as `gcloud storage` names it.
    pub(crate) fn place_of(&self, name: &ObjectName) -> String {
        format!("gs://{}/{name}", self.deployment.bucket)
    }
}

/// Whether there can be credentials. Google's library finds out at the first request only, after long tries on a machine without any.
async fn credentials(config: &Config) -> Result<(), Failure> {
    let login = "`gcloud auth application-default login` makes them; in a build, set GOOGLE_APPLICATION_CREDENTIALS; \
                 with emulators, set FIRESTORE_EMULATOR_HOST, PUBSUB_EMULATOR_HOST and STORAGE_EMULATOR_HOST";
    if let Some(file) = &config.cloud.credentials {
        return match file.is_file() {
            true => Ok(()),
            false => Err(Failure::new(format!(
                "there are no credentials in `{}`, which GOOGLE_APPLICATION_CREDENTIALS names",
                shown(file)
            ))
            .hint(login)),
        };
    }
    if config::gcloud_credentials().is_some_and(|file| file.is_file()) {
        return Ok(());
    }
    // A machine of Google's has a metadata server that gives them.
    let server = metadata_server(config.cloud.metadata.as_deref());
    let found = tokio::time::timeout(METADATA, tokio::net::TcpStream::connect(&server)).await;
    match found {
        Ok(Ok(_)) => Ok(()),
        _ => Err(
            Failure::trouble("there are no credentials for Google Cloud on this machine")
                .hint(login),
        ),
    }
}

/// Where a machine of Google Cloud is told who it is.
fn metadata_server(said: Option<&str>) -> String {
    let host = said.unwrap_or("169.254.169.254");
    if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    }
}
