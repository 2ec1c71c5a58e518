//! Ork's functions beside the emulators: services that are pushed to and ticked, a worker service, the API, and the worker's job, all of one program.

mod log;
mod process;
mod role;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use futures_util::future::{join_all, select_all, try_join_all};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::emulators::Emulators;
use crate::google::Subscription;
use crate::run_jobs::Job;
use process::Function;
use role::Role;

/// How often ports that somebody else took between choosing and using them are replaced by others.
const TRIES: u32 = 5;
/// What a worker may take: longer than any task that one waits for at a desk.
const WORKER_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// Tasks that the worker service runs at a time: as many as a job does.
const PLACES: &str = "16";

/// How the functions are started.
#[derive(Clone, Debug)]
pub struct FunctionsOptions {
    /// The program `ork-service`: gets the role as its argument.
    pub program: PathBuf,
    /// Where tasks run whose workflow has no bundle.
    pub code: PathBuf,
    /// The folder of the logs, a file for each function.
    pub logs: PathBuf,
    /// Whether the logs go to standard error, too.
    pub verbose: bool,
    /// How long a function has between SIGTERM and SIGKILL.
    pub grace: Duration,
}

impl FunctionsOptions {
    /// Logs in `logs` only, and eight seconds for stopping, as Cloud Run leaves a service of Ork's.
    pub fn new(
        program: impl Into<PathBuf>,
        code: impl Into<PathBuf>,
        logs: impl Into<PathBuf>,
    ) -> Self {
        Self {
            program: program.into(),
            code: code.into(),
            logs: logs.into(),
            verbose: false,
            grace: Duration::from_secs(8),
        }
    }

    /// The same with absolute paths.
    ///
    /// # Errors
    /// There is no such program or folder.
    pub fn checked(mut self) -> anyhow::Result<Self> {
        for path in [&mut self.program, &mut self.code, &mut self.logs] {
            *path = std::path::absolute(&*path)
                .with_context(|| format!("the path {} cannot be used", path.display()))?;
        }
        ensure!(
            self.program.is_file(),
            "there is no program {}: build it with `cargo build -p ork-service`",
            self.program.display()
        );
        ensure!(
            self.code.is_dir(),
            "there is no folder {} for tasks to run in",
            self.code.display()
        );
        Ok(self)
    }
}

/// The functions that run. Dropping this kills them.
#[derive(Debug)]
pub struct Functions {
    running: Vec<Function>,
    grace: Duration,
    /// What workers keep; goes away with this.
    _cache: TempDir,
}

impl Functions {
    /// Starts the functions for the project of `emulators`, waits until they answer, and makes what sends them messages: the
    /// subscriptions and the worker's job. Ticks are left to a scheduler.
    ///
    /// # Errors
    /// The program is not there, ends instead of answering (then with what it said), or a message cannot be sent to it. What was
    /// started by then is killed.
    pub async fn start(
        emulators: &mut Emulators,
        options: FunctionsOptions,
    ) -> anyhow::Result<Self> {
        let options = options.checked()?;
        std::fs::create_dir_all(&options.logs)
            .with_context(|| format!("the folder {} cannot be made", options.logs.display()))?;
        let cache = tempfile::Builder::new().prefix("ork-cache-").tempdir();
        let cache = cache.context("no temporary folder for what workers keep")?;
        let env = of_workers(&options, cache.path())?;
        emulators.serve_tasks();
        let running = start_all(emulators, &options, &env).await?;
        subscribe(emulators, &running).await?;
        let job = worker(&options, env)?;
        let (project, bucket) = (
            emulators.project().to_owned(),
            emulators.bucket().to_owned(),
        );
        // Without Cloud Run jobs there is nobody to start workers; the functions say so themselves.
        if emulators.run_jobs().is_some() {
            emulators.register_worker(&project, &bucket, job)?;
        }
        Ok(Self {
            running,
            grace: options.grace,
            _cache: cache,
        })
    }

    /// What listens where, for people.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let all = self.running.iter();
        all.map(|one| (one.role.name(), one.address)).collect()
    }

    /// Where Cloud Scheduler posts to.
    #[must_use]
    pub fn tick_url(&self) -> String {
        url(&self.running, Role::Tick, "/tick")
    }

    /// Resolves when a function ended by itself, with the reason and what it said last.
    pub async fn ended(&mut self) -> anyhow::Error {
        let ends = self.running.iter_mut().map(|one| Box::pin(one.ended()));
        select_all(ends).await.0
    }

    /// Tells all to stop, waits until they have, and kills those that have not in time.
    pub async fn stop(self) {
        for one in &self.running {
            one.tell_to_stop();
        }
        let grace = self.grace;
        join_all(self.running.into_iter().map(|one| one.finish(grace))).await;
    }
}

fn url(running: &[Function], role: Role, path: &str) -> String {
    let one = running.iter().find(|one| one.role == role);
    one.expect("every role is started").url(path)
}

/// All of them, answering. Each has to know where poll is, so all ports are chosen before any is used.
async fn start_all(
    emulators: &mut Emulators,
    options: &FunctionsOptions,
    of_workers: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<Function>> {
    let mut tries = 0;
    loop {
        tries += 1;
        let addresses = free_addresses(emulators.host()).await?;
        let poll = addresses.iter().find(|(role, _)| *role == Role::Poll);
        let (_, poll) = poll.expect("every role has an address");
        let dispatch = addresses.iter().find(|(role, _)| *role == Role::Dispatch);
        let (_, dispatch) = dispatch.expect("every role has an address");
        let finished = format!("http://{dispatch}/finished");
        emulators.wake_at(format!("http://{poll}/wake"));
        let env = emulators.env();
        let mut running = Vec::new();
        for (role, address) in addresses {
            let mut env = env.clone();
            env.insert(
                "ORK_SUBSCRIPTION".to_owned(),
                role.subscription(emulators.project()),
            );
            if role == Role::WorkerService {
                env.extend(of_workers.clone());
                env.insert("ORK_CONCURRENCY".to_owned(), PLACES.to_owned());
                env.insert("ORK_CHAIN_URL".to_owned(), finished.clone());
            }
            running.push(Function::spawn(role, address, &env, options)?);
        }
        let answers = running.iter_mut().map(Function::until_it_answers);
        match try_join_all(answers).await {
            Ok(_) => return Ok(running),
            Err(_) if tries < TRIES && running.iter().any(Function::port_was_taken) => {}
            Err(error) => return Err(error),
        }
    }
}

/// An address for each, all of them different: none is let go before the last is found.
async fn free_addresses(host: IpAddr) -> anyhow::Result<Vec<(Role, SocketAddr)>> {
    let mut held = Vec::new();
    for role in Role::ALL {
        let listener = TcpListener::bind((host, 0)).await;
        let listener = listener.with_context(|| format!("{}: no free port", role.name()))?;
        let address = listener.local_addr().context("a port without a number")?;
        held.push((listener, role, address));
    }
    Ok(held
        .into_iter()
        .map(|(_, role, address)| (role, address))
        .collect())
}

async fn subscribe(emulators: &Emulators, running: &[Function]) -> anyhow::Result<()> {
    let Some(pubsub) = emulators.pubsub() else {
        return Ok(());
    };
    let (project, names) = (emulators.project(), emulators.names());
    // What nobody took can be looked at there.
    let dead = Subscription::pull(
        format!("projects/{project}/subscriptions/ork-dead-letters"),
        &names.topic_dead_letters,
    );
    pubsub.admin().create_subscription(&dead).await?;
    for one in running {
        if let Some(pushes) = one.role.pushes(project, &names, one.url("/push")) {
            pubsub.admin().create_subscription(&pushes).await?;
        }
    }
    Ok(())
}

/// What a worker's container has beside the project's environment. Of our own it is the Python to use.
fn of_workers(
    options: &FunctionsOptions,
    cache: &Path,
) -> anyhow::Result<BTreeMap<String, String>> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.with_context(|| format!("the path {} is not UTF-8", path.display()))
    };
    let mut env = BTreeMap::from([
        ("ORK_CODE_DIR".to_owned(), text(&options.code)?),
        ("ORK_CACHE_DIR".to_owned(), text(cache)?),
    ]);
    for name in ["ORK_PYTHON", "ORK_LOG"] {
        if let Some(value) = std::env::var_os(name) {
            let value = value.into_string();
            let value = value.map_err(|_| anyhow::anyhow!("{name} is not UTF-8"))?;
            env.insert(name.to_owned(), value);
        }
    }
    Ok(env)
}

/// The worker's job.
fn worker(options: &FunctionsOptions, env: BTreeMap<String, String>) -> anyhow::Result<Job> {
    let program = options.program.to_str().map(str::to_owned);
    let program =
        program.with_context(|| format!("the path {} is not UTF-8", options.program.display()))?;
    let mut job = Job::new([program, "worker".to_owned()]).with_env(env);
    job.timeout = WORKER_TIMEOUT;
    Ok(job)
}
