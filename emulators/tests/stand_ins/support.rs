//! What the tests share: waiting for a condition, and a server that notes what it is sent.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use google_cloud_auth::credentials::Credentials;
use google_cloud_auth::credentials::anonymous::Builder;

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `check` returns something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "this did not come true in {} s: {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit_once(')')
            .is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
    })
}

/// Waits until the file holds a number.
pub(crate) async fn number_in(path: &std::path::Path) -> i32 {
    until("the process has written its number", || async {
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    })
    .await
}

pub(crate) fn anonymous() -> Credentials {
    Builder::new().build()
}

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

/// A server that notes every request, and answers the n-th (from 0) with the n-th status, later ones with the last.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    serving: tokio::task::JoinHandle<()>,
}

type Shared = (Arc<Mutex<Vec<Received>>>, Arc<Vec<u16>>);

impl Receiver {
    pub(crate) async fn answering(statuses: &[u16]) -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let shared: Shared = (received.clone(), Arc::new(statuses.to_vec()));
        let listener = tokio::net::TcpListener::bind(any_port()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(note).with_state(shared);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            received,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) async fn until_received(&self, count: usize) -> Vec<Received> {
        until(&format!("{count} requests came"), || async {
            Some(self.received()).filter(|received| received.len() >= count)
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn note(
    State((received, statuses)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let headers = headers.iter().map(|(name, value)| {
        (
            name.to_string(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    });
    let mut received = received.lock().unwrap();
    let status = statuses
        .get(received.len())
        .or_else(|| statuses.last())
        .copied()
        .unwrap_or(200);
    received.push(Received {
        method: method.to_string(),
        path: uri.to_string(),
        headers: headers.collect(),
        body: body.to_vec(),
        at: Instant::now(),
    });
    StatusCode::from_u16(status).unwrap()
}
