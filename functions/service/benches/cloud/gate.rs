//! What stands between Pub/Sub and the processes of a service: passes requests on to them in turn, and notes when each came.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::services::Service;

/// A request that was passed on.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) arrived: SystemTime,
    pub(crate) answered: SystemTime,
    pub(crate) body: Bytes,
}

struct Inner {
    /// Where the processes are; nothing is passed on before they are there.
    urls: OnceLock<Vec<String>>,
    turn: AtomicUsize,
    client: reqwest::Client,
    notes: bool,
    passed: Mutex<Vec<Passed>>,
}

/// A gate, and the processes behind it, which end with it.
pub(crate) struct Gate {
    inner: Arc<Inner>,
    services: Vec<Service>,
    port: u16,
    server: JoinHandle<()>,
}

impl Gate {
    /// Opens a gate; nothing is behind it yet.
    pub(crate) async fn open(notes: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let inner = Arc::new(Inner {
            urls: OnceLock::new(),
            turn: AtomicUsize::new(0),
            client: reqwest::Client::builder().tcp_nodelay(true).build()?,
            notes,
            passed: Mutex::default(),
        });
        let router = Router::new().fallback(pass).with_state(inner.clone());
        let server = tokio::spawn(async move {
            let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
                // An answer that waits for more would be taken for a slow service.
                let _ = stream.set_nodelay(true);
            });
            // It ends when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            inner,
            services: Vec::new(),
            port,
            server,
        })
    }

    /// Puts processes behind it.
    pub(crate) fn put(&mut self, services: Vec<Service>) -> Result<()> {
        let urls = services.iter().map(|service| service.url("")).collect();
        let new = self.inner.urls.set(urls);
        new.ok().context("processes are behind this gate already")?;
        self.services = services;
        Ok(())
    }

    /// Where it is.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The processes behind it.
    pub(crate) fn services(&self) -> &[Service] {
        &self.services
    }

    /// What went through, in the order of the answers.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        let passed = self.inner.passed.lock();
        passed.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(
    State(gate): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let arrived = SystemTime::now();
    let Some(urls) = gate.urls.get() else {
        return StatusCode::BAD_GATEWAY;
    };
    let turn = gate.turn.fetch_add(1, Ordering::Relaxed);
    let url = format!("{}{}", urls[turn % urls.len()], uri.path());
    let mut request = gate.client.request(method, url).body(body.clone());
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let answer = match request.send().await {
        Ok(said) => said.status(),
        // The sender tries again.
        Err(_) => StatusCode::BAD_GATEWAY,
    };
    if gate.notes {
        let passed = Passed {
            arrived,
            answered: SystemTime::now(),
            body,
        };
        let mut all = gate.passed.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(passed);
    }
    answer
}
