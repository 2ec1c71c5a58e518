//! Everything together: started for one project, described by environment variables, stopped at once.

mod described;

use std::net::{IpAddr, SocketAddr};

use anyhow::Context;

use crate::control::{self, Control};
use crate::google::{Firestore, Pubsub};
use crate::http::{Server, client};
use crate::names::Names;
use crate::options::Options;
use crate::parts::{STORAGE, google, storage};
use crate::run_jobs::{Job, RunJobs, RunJobsOptions};
use crate::services::{Services, ServicesOptions};
use crate::storage::Storage;
use crate::tasks::{Tasks, TasksOptions};
use crate::wipe::Wiper;

/// The emulators and stand-ins that run.
///
/// Dropping this kills every process and ends every delivery; only the storage server stays until the runtime ends, unless
/// [`Emulators::stop`] is called.
pub struct Emulators {
    options: Options,
    firestore: Option<Firestore>,
    pubsub: Option<Pubsub>,
    storage: Option<Storage>,
    run_jobs: Option<RunJobs>,
    tasks: Option<Tasks>,
    services: Option<Services>,
    control: Option<Server>,
    /// Whether there is a worker service.
    serves_tasks: bool,
}

impl Emulators {
    /// Starts what the options name, waits until all of it answers, and makes the project's topics, bucket and queue.
    ///
    /// # Errors
    /// Something is not installed, a port is taken, or a name is none. What was started by then is stopped.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let mut emulators = Self {
            firestore: None,
            pubsub: None,
            storage: None,
            run_jobs: None,
            tasks: None,
            services: None,
            control: None,
            serves_tasks: false,
            options,
        };
        match emulators.start_parts().await {
            Ok(()) => Ok(emulators),
            Err(error) => {
                emulators.stop().await;
                Err(error)
            }
        }
    }

    async fn start_parts(&mut self) -> anyhow::Result<()> {
        let options = &self.options;
        (self.firestore, self.pubsub) = google(options).await?;
        self.storage = storage(options, self.pubsub.as_ref()).await?;
        if let Some(address) = options.address(options.run_jobs) {
            let options = RunJobsOptions {
                address,
                ..options.run_jobs_options.clone()
            };
            self.run_jobs = Some(RunJobs::start(options).await?);
        }
        if let Some(address) = options.address(options.tasks) {
            let options = TasksOptions {
                address,
                ..options.tasks_options.clone()
            };
            self.tasks = Some(Tasks::start(options).await?);
        }
        if let Some(address) = options.address(options.services) {
            let options = ServicesOptions {
                address,
                ..options.services_options.clone()
            };
            self.services = Some(Services::start(options).await?);
        }
        self.create_project(&options.project, &options.bucket)
            .await?;
        let control = Control {
            wiper: self.wiper(),
            project: options.project.clone(),
            bucket: options.bucket.clone(),
        };
        let address = SocketAddr::new(options.host, options.control_port);
        let server = Server::start("the control", address, control::router(control));
        self.control = Some(server.await?);
        Ok(())
    }

    /// Makes the topics, the bucket with its notifications, and the queue of a project: the one it was started for has them.
    ///
    /// # Errors
    /// The bucket exists, or a name is none.
    pub async fn create_project(&self, project: &str, bucket: &str) -> anyhow::Result<()> {
        let names = self.names_of(project);
        if let Some(pubsub) = &self.pubsub {
            for topic in names.topics() {
                pubsub.admin().create_topic(topic).await?;
            }
        }
        if let Some(storage) = &self.storage {
            storage
                .create_bucket(bucket)
                .with_context(|| format!("{STORAGE}: bucket {bucket}"))?;
            if self.pubsub.is_some() {
                let notified = storage.notify(bucket, &names.topic_objects, None);
                notified.with_context(|| format!("{STORAGE}: notifications of bucket {bucket}"))?;
            }
        }
        if let Some(tasks) = &self.tasks {
            tasks.create_queue(&names.wake_queue, self.options.tasks_options.retry)?;
        }
        Ok(())
    }

    /// Makes the project's worker job known: this command, with the project's environment and more.
    ///
    /// # Errors
    /// Cloud Run jobs were left out, or the command is empty.
    pub fn register_worker(&self, project: &str, bucket: &str, mut job: Job) -> anyhow::Result<()> {
        let run_jobs = self
            .run_jobs
            .as_ref()
            .context("the stand-in for Cloud Run jobs was left out: no worker can be registered")?;
        // What the job says itself wins.
        let mut env = self.env_of(project, bucket);
        env.append(&mut job.env);
        job.env = env;
        run_jobs.register(&self.names_of(project).worker_job, job)
    }

    /// The project it was started for.
    #[must_use]
    pub fn project(&self) -> &str {
        &self.options.project
    }

    /// The bucket it was started for.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.options.bucket
    }

    pub(crate) fn host(&self) -> IpAddr {
        self.options.host
    }

    /// Where wakes go, from now on: the value of `ORK_WAKE_URL`.
    pub fn wake_at(&mut self, url: impl Into<String>) {
        self.options.wake_url = Some(url.into());
    }

    /// A worker service takes the messages of its topic: from now on `ORK_WORKER_SERVICES` names it as profile `service`.
    pub fn serve_tasks(&mut self) {
        self.serves_tasks = true;
    }

    /// Where `POST /wipe/PROJECT` is answered.
    #[must_use]
    pub fn control(&self) -> Option<String> {
        let control = self.control.as_ref()?;
        Some(format!("http://{}", control.address()))
    }

    /// The names of the things of the project it was started for.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names_of(&self.options.project)
    }

    /// The names of the things of any project.
    #[must_use]
    pub fn names_of(&self, project: &str) -> Names {
        Names::of(project, &self.options.region)
    }

    /// Google's Firestore emulator, unless it was left out.
    #[must_use]
    pub fn firestore(&self) -> Option<&Firestore> {
        self.firestore.as_ref()
    }

    /// Google's Pub/Sub emulator, unless it was left out.
    #[must_use]
    pub fn pubsub(&self) -> Option<&Pubsub> {
        self.pubsub.as_ref()
    }

    /// The stand-in for Cloud Storage, unless it was left out.
    #[must_use]
    pub fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// The stand-in for Cloud Run jobs, unless it was left out.
    #[must_use]
    pub fn run_jobs(&self) -> Option<&RunJobs> {
        self.run_jobs.as_ref()
    }

    /// The stand-in for Cloud Tasks, unless it was left out.
    #[must_use]
    pub fn tasks(&self) -> Option<&Tasks> {
        self.tasks.as_ref()
    }

    /// The stand-in for BigQuery, Dataproc and IAM, unless it was left out.
    #[must_use]
    pub fn services(&self) -> Option<&Services> {
        self.services.as_ref()
    }

    /// Forgets what happened in a project: documents, messages, objects, executions, tasks, remote jobs. Topics, subscriptions, the bucket,
    /// jobs and queues stay.
    ///
    /// # Errors
    /// An emulator does not answer, or the bucket does not exist.
    pub async fn wipe(&self, project: &str, bucket: &str) -> anyhow::Result<()> {
        self.wiper().wipe(project, bucket).await
    }

    fn wiper(&self) -> Wiper {
        let firestore = self.firestore.as_ref();
        Wiper {
            client: client(),
            run_jobs: self.run_jobs.as_ref().map(RunJobs::endpoint),
            tasks: self.tasks.as_ref().map(Tasks::endpoint),
            services: self.services.as_ref().map(Services::endpoint),
            storage: self.storage.as_ref().map(Storage::endpoint),
            pubsub: self.pubsub.as_ref().map(|pubsub| pubsub.admin().clone()),
            firestore: firestore.map(|firestore| format!("http://{}", firestore.address())),
            database: self.options.database.clone(),
        }
    }

    /// Resolves when one of Google's emulators ended by itself, with the reason; never, when they were left out.
    pub async fn ended(&mut self) -> anyhow::Error {
        let firestore = async {
            match &mut self.firestore {
                Some(firestore) => firestore.ended().await,
                None => std::future::pending().await,
            }
        };
        let pubsub = async {
            match &mut self.pubsub {
                Some(pubsub) => pubsub.ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = firestore => reason,
            reason = pubsub => reason,
        }
    }

    /// Stops everything; when this returns, no process is left and the ports are free.
    pub async fn stop(self) {
        let Self {
            firestore,
            pubsub,
            storage,
            run_jobs,
            tasks,
            services,
            control,
            serves_tasks: _,
            options: _,
        } = self;
        if let Some(control) = control {
            control.stop().await;
        }
        if let Some(run_jobs) = run_jobs {
            run_jobs.stop().await;
        }
        if let Some(tasks) = tasks {
            tasks.stop().await;
        }
        if let Some(services) = services {
            services.stop().await;
        }
        if let Some(storage) = storage {
            storage.stop().await;
        }
        if let Some(pubsub) = pubsub {
            pubsub.stop().await;
        }
        if let Some(firestore) = firestore {
            firestore.stop().await;
        }
    }
}
