//! The HTTP API beside the engine of `ork dev`.

use std::fs::File;
use std::future::Future;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use ork_api::{Log, LogError, Logs, Settings};
use ork_core::names::ObjectName;
use ork_local::{Control, Embedded, Files};
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::workflow_file::{reason, shown};

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
                    Failure::new(format!("cannot listen at {asked}: {}", reason(&error)))
                        .hint(hint),
                )
            }
        }
    }

    /// Where it listens, in words.
    pub(super) fn place(&self) -> String {
        format!("API at http://{}/api", self.at)
    }

    /// Serves what `recorder` stores, and has `control` look whenever something was changed. It only ends by failing.
    pub(super) async fn serve(self, recorder: &Embedded, control: Control) -> Failure {
        let logs: Arc<dyn Logs> = Arc::new(LogFiles(recorder.files()));
        let routes = ork_api::router(recorder.engine(), logs, Settings::loopback(self.at));
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
        Failure::new(format!("the API cannot be served: {why}"))
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
        let read = part(&self.0.path_of(name), from, most);
        Box::pin(std::future::ready(read))
    }
}

fn part(path: &Path, from: u64, most: u64) -> Result<Option<Log>, LogError> {
    let failed = |error: std::io::Error| {
        LogError(format!("cannot read `{}`: {}", shown(path), reason(&error)))
    };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let size = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(from)).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(Log { bytes, size }))
}
