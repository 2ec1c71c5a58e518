//! Listening, and leaving in order: what is open is finished, but not for ever.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::answer;
use crate::settings::Serving;

/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 * 1024;

/// How serving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Why.
    pub why: &'static str,
    /// Requests that were still being worked on.
    pub left_open: usize,
}

/// Opens the port.
pub async fn listen(serving: &Serving) -> std::io::Result<TcpListener> {
    let address = if serving.loopback {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    TcpListener::bind(SocketAddr::from((address, serving.port))).await
}

/// Requests that are being worked on, and the end of the one that was to be the only one.
#[derive(Debug, Default)]
struct Open {
    requests: AtomicUsize,
    only_one: bool,
    taken: AtomicBool,
    answered: Notify,
}

/// Serves until `stop` says why to stop, or until one request was served if it is to be the only one.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    serving: &Serving,
    stop: impl Future<Output = &'static str>,
) -> Served {
    let open = Arc::new(Open {
        only_one: serving.one_request,
        ..Open::default()
    });
    let routes = routes.layer(from_fn_with_state(open.clone(), count));
    let connections = GracefulShutdown::new();
    let mut stop = pin!(stop);
    let why = loop {
        let accepted = tokio::select! {
            why = &mut stop => break why,
            () = open.answered.notified() => break "its one request was served",
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                // Answers are small: none may wait for more to come.
                let _ = stream.set_nodelay(true);
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(serving.head)
                    .max_buf_size(HEAD_BYTES)
                    .serve_connection(
                        TokioIo::new(stream),
                        TowerToHyperService::new(routes.clone()),
                    );
                let connection = connections.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!("a connection broke: {error}");
                    }
                });
            }
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                // Too many files are open, most likely; asking again at once would only heat the machine.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    drop(listener);
    tracing::info!("stops: {why}");
    let drained = tokio::time::timeout(serving.drain, connections.shutdown()).await;
    // What went on without a request: nobody else would send it.
    serving.telemetry.flush().await;
    let left_open = open.requests.load(Ordering::SeqCst);
    if drained.is_err() && left_open > 0 {
        tracing::error!(
            left_open,
            "leaves with requests that were not finished within {} s; they will be sent again",
            serving.drain.as_secs()
        );
    }
    Served { why, left_open }
}

/// Counts the request in and out.
async fn count(State(open): State<Arc<Open>>, request: Request, next: Next) -> Response {
    /// A request that is dropped half-way is over too.
    struct Counted(Arc<Open>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.requests.fetch_sub(1, Ordering::SeqCst);
        }
    }
    if !open.only_one || request.uri().path() == "/healthz" {
        open.requests.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(open);
        return next.run(request).await;
    }
    if open.taken.swap(true, Ordering::SeqCst) {
        return answer::later("this process serves one request only");
    }
    open.requests.fetch_add(1, Ordering::SeqCst);
    let counted = Counted(open);
    let answer = next.run(request).await;
    counted.0.answered.notify_one();
    answer
}

/// Waits until the process is told to stop. From the call on, the signals no longer end the process by themselves.
pub fn told_to_stop() -> std::io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
