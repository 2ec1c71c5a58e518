//! What stands between Pub/Sub and a service: passes requests on, once or thrice, or to a process that lives for one request only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::RwLock;

use crate::services::Service;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is passed on.
    Once,
    /// It is passed on three times, one after the other.
    Thrice,
    /// A process is started for it, which ends with it.
    OneProcessEach,
}

struct Inner {
    role: &'static str,
    env: RwLock<BTreeMap<String, String>>,
    way: Way,
    /// The service, while it is alive.
    service: RwLock<Option<Service>>,
    client: reqwest::Client,
    /// Requests that came.
    seen: AtomicUsize,
}

/// A gate, and the service behind it.
pub(crate) struct Gate {
    inner: Arc<Inner>,
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl Gate {
    /// Opens a gate; nothing is behind it yet.
    pub(crate) async fn open(role: &'static str, way: Way, env: BTreeMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let inner = Arc::new(Inner {
            role,
            env: RwLock::new(env),
            way,
            service: RwLock::new(None),
            client: reqwest::Client::new(),
            seen: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(pass).with_state(inner.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router)
                .await
                .expect("the gate stays open");
        });
        Self {
            inner,
            port,
            server,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Requests that came so far.
    pub(crate) fn seen(&self) -> usize {
        self.inner.seen.load(Ordering::Relaxed)
    }

    /// Starts the service, unless each request has its own; tells it where wakes go.
    pub(crate) async fn start(&self, wake_url: &str) {
        let wakes = ("ORK_WAKE_URL".to_owned(), wake_url.to_owned());
        self.inner.env.write().await.extend([wakes]);
        if self.inner.way != Way::OneProcessEach {
            let env = self.inner.env.read().await.clone();
            let service = Service::start(self.inner.role, &env).await;
            *self.inner.service.write().await = Some(service);
        }
    }

    /// Kills the service, whatever it is doing, and starts another.
    pub(crate) async fn kill(&self) {
        let killed = self.inner.service.write().await.take();
        assert!(
            killed.is_some(),
            "{} is there to be killed",
            self.inner.role
        );
        drop(killed);
        let env = self.inner.env.read().await.clone();
        let fresh = Service::start(self.inner.role, &env).await;
        *self.inner.service.write().await = Some(fresh);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(
    State(gate): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Bytes) {
    gate.seen.fetch_add(1, Ordering::Relaxed);
    let path = uri.path();
    let copies = if gate.way == Way::Thrice { 3 } else { 1 };
    let mut answer = (StatusCode::BAD_GATEWAY, Bytes::new());
    for _ in 0..copies {
        // Lives until its answer is here.
        let mut own = None;
        let url = if gate.way == Way::OneProcessEach {
            let mut env = gate.env.read().await.clone();
            env.insert("ORK_ONE_REQUEST".into(), "1".into());
            own.insert(Service::start(gate.role, &env).await).url(path)
        } else {
            // The lock is let go at once: a kill does not wait for requests.
            match gate.service.read().await.as_ref() {
                Some(service) => service.url(path),
                None => return answer,
            }
        };
        let mut request = gate.client.post(url).body(body.clone());
        for name in ["content-type", "traceparent", "x-cloud-trace-context"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value.as_bytes());
            }
        }
        // A service that was killed meanwhile is a broken connection: the sender tries again.
        answer = match request.send().await {
            Ok(said) => {
                let status = said.status();
                (status, said.bytes().await.unwrap_or_default())
            }
            Err(_) => (StatusCode::BAD_GATEWAY, Bytes::new()),
        };
        drop(own);
    }
    answer
}
