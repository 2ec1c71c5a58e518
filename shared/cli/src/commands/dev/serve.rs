//! The HTTP API and the pages beside the engine of `ork dev`.

use std::future::{Future, ready};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use ork_api::{Access, Log, LogError, Logs, Settings};
use ork_core::names::ObjectName;
use ork_local::{Control, Embedded, Files, Part};
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::user;
use crate::workflow_file::{reason, unreadable};

/// A port that is taken, and nothing served yet.
pub(super) struct Server {
    listener: TcpListener,
    at: SocketAddr,
}

impl Server {
    /// Takes a port of this machine's own address.
    pub(super) async fn bind(port: u16) -> Result<Self, Failure> {
        let asked = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let bound = TcpListener::bind(asked).await;
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        match bound {
            Ok((at, listener)) => Ok(Self { listener, at }),
            Err(error) => {
                let hint = match error.kind() {
                    ErrorKind::AddrInUse => {
                        "another `ork dev` may be at work; --port takes another one, and --port 0 a free one"
                    }
                    _ => "--port takes another one, and --port 0 a free one",
                };
                Err(
                    Failure::trouble(format!("cannot listen at {asked}: {}", reason(&error)))
                        .hint(hint),
                )
            }
        }
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<String> {
        Some(format!("http://{}", self.at))
    }

    /// Where it listens, in words.
    pub(super) fn place(&self, keys: bool) -> String {
        let whom = match keys {
            true => "who shows an API key",
            false => "everybody on this machine",
        };
        format!(
            "API at http://{0}/api, pages at http://{0}, for {whom}",
            self.at
        )
    }

    /// Serves what `recorder` stores, and has `control` look whenever something was changed. It only ends by failing.
    pub(super) async fn serve(self, recorder: &Embedded, control: Control, keys: bool) -> Failure {
        let logs: Arc<dyn Logs> = Arc::new(LogFiles(recorder.files()));
        let access = match keys {
            true => Access::Identified {
                ways: Vec::new(),
                keys,
                at: Some(self.at),
            },
            false => Access::Loopback {
                at: self.at,
                user: Some(user::name()),
            },
        };
        let routes = ork_api::router(recorder.engine(), logs, Settings::of(access));
        let routes = routes.layer(from_fn(move |request: Request, next: Next| {
            let control = control.clone();
            async move {
                let changes = request.method() != Method::GET;
                let answer = next.run(request).await;
                if changes {
                    control.look();
                }
                answer
            }
        }));
        let why = match axum::serve(self.listener, routes).await {
            Ok(()) => "it stopped listening".to_owned(),
            Err(error) => reason(&error),
        };
        Failure::trouble(format!("the API cannot be served: {why}"))
    }
}

/// Logs of a state folder.
struct LogFiles(Files);

impl Logs for LogFiles {
    fn read<'a>(
        &'a self,
        name: &'a ObjectName,
        from: u64,
        most: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Log>, LogError>> + Send + 'a>> {
        let log = |part: Part| Log {
            bytes: part.bytes,
            size: part.size,
        };
        let read = match self.0.part(name, from, most) {
            Ok(part) => Ok(part.map(log)),
            Err(error) => {
                let path = self.0.path_of(name);
                Err(LogError(unreadable(&path, &error)))
            }
        };
        Box::pin(ready(read))
    }
}
