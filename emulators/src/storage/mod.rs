//! Ork's stand-in for Cloud Storage: its JSON API and its gRPC API on one port, in memory, with notifications to Pub/Sub.
//!
//! Plain http; HTTP/1.1 for the JSON API and h2c (prior knowledge) for `google.storage.v2.Storage`. Tried with
//! `google-cloud-storage` 1.21.0 (Rust; tests/storage), the Python client `google-cloud-storage` 3.17.1 (tests/storage_client.py),
//! and by hand `gcloud storage` of SDK 528.0.0 with `CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE=http://HOST:PORT/storage/v1/` and
//! `CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true`: `buckets create|list`, `buckets notifications list`, `cp` (one file, 20 MB, `-r`),
//! `cat`, `ls` (`-l`, `-r`, wildcards), `mv`, `rm -r`, `objects describe|update`. `gsutil` 5.34 speaks https only; with
//! `use_gcloud_storage = True` in the section `[GSUtil]` of its Boto file `cp`, `ls` and `cat` were tried. `gcloud storage buckets
//! notifications create` also sets a policy on the topic, which Google's Pub/Sub emulator answers with UNIMPLEMENTED: make
//! notifications with `POST /storage/v1/b/BUCKET/notificationConfigs` or [`Storage::notify`].
//!
//! Signed URLs of version 4 are checked: `GET`, `HEAD`, `PUT` and `DELETE` of `/BUCKET/OBJECT`, as the XML API has them. That API is
//! not open to requests without a signature or a token (any token will do). [`Storage::put_forward`] makes URLs expire.
//!
//! What Google does and this does not: versioning and soft delete (only the present generation is there), permissions and
//! ACLs (whoever asks over JSON or gRPC may do everything), encryption keys, `fields` and read masks (answers are whole), decompressing
//! `Content-Encoding: gzip`, folders, the rest of the XML API, gRPC's streaming methods. What is asked for by name and missing is answered
//! 501 or UNIMPLEMENTED. That a notification's topic exists is not checked: it is published to once it does.
//!
//! For tests, under `/emulator/v1/`:
//! - `DELETE b` removes everything, `DELETE projects/P` the buckets of a project, `DELETE b/BUCKET` what is in a bucket;
//! - `POST faults` takes a [`Fault`], `GET faults` lists them, `DELETE faults` ends them;
//! - `PUT faults/notifications` with `{"times": 0, "delay_ms": 0}` loses notifications, delivers them several times, or late;
//! - `PUT signers/ACCOUNT` with a public RSA key (PEM or DER) lets what it signs count as signed by that service account;
//! - `GET operations` gives [`Operations`] with [`Notifications`], `DELETE operations` sets them to zero.

mod batch;
mod bucket;
mod buckets;
mod call;
mod checksum;
mod conditions;
mod control;
mod download;
mod faults;
mod glob;
mod grpc;
mod listing;
mod multipart;
mod notification;
mod notifier;
mod object;
mod objects;
mod operations;
mod query;
mod refusal;
mod server;
mod session;
mod settings;
mod store;
mod target;
mod upload;
mod xml;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, anyhow};
use axum::Router;
use serde_json::Map;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::bucket::Bucket;
use self::faults::Faults;
use self::notification::Wanted;
use self::notifier::{Delivery, Notifier};
use self::refusal::Refusal;
use self::server::Server;
use self::store::{Store, lock};
use crate::keyring::Keyring;

pub use self::faults::Fault;
pub use self::notifier::Notifications;
pub use self::operations::Operations;

/// How long requests under way may take when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// How to start the stand-in.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// `host:port` of Pub/Sub; without it a bucket cannot have notifications.
    pub pubsub: Option<String>,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// A second write of the same object within a second is answered 429, as Google may do.
    pub strict_rate: bool,
    /// The keys of the service accounts whose signed URLs count.
    pub keyring: Keyring,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            pubsub: None,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            strict_rate: false,
            keyring: Keyring::default(),
        }
    }
}

/// The running stand-in.
pub struct Storage {
    address: SocketAddr,
    server: Arc<Server>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Storage {
    /// Listens and serves on the current runtime.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(options: StorageOptions) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.address)
            .await
            .with_context(|| format!("cannot listen on {}", options.address))?;
        let address = listener.local_addr()?;
        let base = format!("http://{}", reachable(address));
        let notifier = Notifier::new(options.pubsub.as_deref())?;
        let server = Arc::new(Server {
            store: Store::new(base, notifier, options.strict_rate),
            keyring: options.keyring,
            faults: Mutex::new(Faults::default()),
            operations: Mutex::new(Operations::default()),
            ahead: Mutex::default(),
        });
        let router = Router::new()
            .fallback(server::answer)
            .with_state(server.clone());
        let (stop, stopped) = oneshot::channel();
        let serve = axum::serve(listener, router).with_graceful_shutdown(async {
            // A dropped handle lets the server run on: only `stop` ends it.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        Ok(Self {
            address,
            server,
            stop,
            task: tokio::spawn(serve.into_future()),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://host:port`, for clients.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.store.base.clone()
    }

    /// Makes a bucket, in the project `local`.
    ///
    /// # Errors
    /// If the name is not a bucket's or is taken.
    pub fn create_bucket(&self, name: &str) -> anyhow::Result<()> {
        let bucket = Bucket::new(name, "local", &Map::new()).map_err(said)?;
        buckets::insert(&mut self.server.store.state(), bucket).map_err(said)
    }

    /// Tells the topic (`projects/P/topics/T`) of every object of the bucket that is written and starts with the prefix.
    ///
    /// # Errors
    /// If there is no such bucket, the topic is not a topic's full name, or no Pub/Sub was given.
    pub fn notify(&self, bucket: &str, topic: &str, prefix: Option<&str>) -> anyhow::Result<()> {
        let wanted = Wanted {
            topic: topic.to_owned(),
            event_types: vec!["OBJECT_FINALIZE".to_owned()],
            object_name_prefix: prefix.unwrap_or_default().to_owned(),
            payload_format: "JSON_API_V1".to_owned(),
            ..Wanted::default()
        };
        buckets::notify(&self.server.store, bucket, wanted)
            .map(|_| ())
            .map_err(said)
    }

    /// Empties a bucket, without notifications.
    ///
    /// # Errors
    /// If there is no such bucket.
    pub fn wipe_bucket(&self, bucket: &str) -> anyhow::Result<()> {
        self.server.store.state().wipe_bucket(bucket).map_err(said)
    }

    /// Removes all buckets and what is in them.
    pub fn wipe(&self) {
        self.server.store.state().wipe(|_| true);
    }

    /// Lets a fault meet the next requests that match it.
    pub fn fault(&self, fault: Fault) {
        lock(&self.server.faults).add(fault);
    }

    /// Signed URLs are judged as if it were so much later than it is; zero ends that.
    pub fn put_forward(&self, by: Duration) {
        *lock(&self.server.ahead) = by;
    }

    /// How the notifications of later changes are delivered: 0 times loses them; all of them may be late.
    pub fn deliver_notifications(&self, times: u32, delay: Duration) {
        self.server
            .store
            .notifier
            .set_delivery(Delivery { times, delay });
    }

    /// Ends all faults, those of notifications too.
    pub fn clear_faults(&self) {
        lock(&self.server.faults).clear();
        self.server.store.notifier.set_delivery(Delivery::default());
    }

    /// The operations since the start or the last reset.
    #[must_use]
    pub fn operations(&self) -> Operations {
        lock(&self.server.operations).clone()
    }

    /// What became of the notifications.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        self.server.store.notifier.counts()
    }

    /// Sets the counters of operations and notifications to zero.
    pub fn reset_operations(&self) {
        *lock(&self.server.operations) = Operations::default();
        self.server.store.notifier.reset_counts();
    }

    /// Ends the requests under way and the server; notifications that wait are lost.
    pub async fn stop(self) {
        let Self {
            server,
            stop,
            mut task,
            ..
        } = self;
        // The receiver is gone only if the server ended by itself.
        let _ = stop.send(());
        if tokio::time::timeout(STOP_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
        server.store.notifier.stop();
    }
}

/// An address that a client can connect to.
fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(host) if host.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(host) if host.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

fn said(refusal: Refusal) -> anyhow::Error {
    anyhow!(refusal.message)
}
