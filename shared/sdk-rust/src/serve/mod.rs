//! A small HTTP server of tasks: the worker service.
//!
//! One thread and one request per connection. A task runs to its end whether or not the asker still waits.

mod http;
mod routes;

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::environment::{self, Env};
use crate::{Error, Task};
use http::{Answer, Trouble};

/// Tasks that run at once where `ORK_SERVE_TASKS` says nothing.
const TASKS_AT_ONCE: usize = 8;
/// Connections beyond those of running tasks: somebody must be able to ask how the service is.
const OTHERS: usize = 16;
/// After an accept failed, as when descriptors have run out.
const BREATH: Duration = Duration::from_millis(50);

/// A place that is given back when it is dropped.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes one of `all` places, if there is one.
    pub(crate) fn take(taken: &Arc<AtomicUsize>, all: usize) -> Option<Self> {
        let free = |count| (count < all).then_some(count + 1);
        taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, free)
            .ok()
            .map(|_| Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What connections share.
pub(crate) struct Shared {
    tasks: &'static [Task],
    running: Arc<AtomicUsize>,
    at_once: usize,
}

/// Listens, and answers for tasks.
pub(crate) struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl Server {
    pub(crate) fn bind(tasks: &'static [Task], address: &str) -> Result<Self, Error> {
        Self::bind_with(tasks, address, at_once(&environment::ours)?)
    }

    fn bind_with(tasks: &'static [Task], address: &str, at_once: usize) -> Result<Self, Error> {
        let listener = TcpListener::bind(parse(address)?)
            .map_err(|error| Error::from(error).during(format_args!("listening on {address}")))?;
        Ok(Self {
            listener,
            shared: Arc::new(Shared {
                tasks,
                running: Arc::default(),
                at_once,
            }),
        })
    }

    /// Answers until the process is ended.
    pub(crate) fn serve(self) -> Result<(), Error> {
        let address = self.listener.local_addr()?;
        // Whoever asked for any free port learns here which it is.
        let _ = writeln!(
            io::stderr(),
            "ork: {} task(s) on http://{address}, {} at once",
            self.shared.tasks.len(),
            self.shared.at_once
        );
        let connected = Arc::new(AtomicUsize::new(0));
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    let place = Place::take(&connected, self.shared.at_once + OTHERS);
                    self.start(stream, place);
                }
                Err(error) => {
                    let _ = writeln!(io::stderr(), "ork: no connection accepted: {error}");
                    std::thread::sleep(BREATH);
                }
            }
        }
    }

    fn start(&self, mut stream: TcpStream, place: Option<Place>) {
        let Some(place) = place else {
            return refuse(&mut stream);
        };
        let again = stream.try_clone();
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("ork-serve".to_owned())
            .spawn(move || {
                let _place = place;
                connection(&mut stream, &shared);
            });
        if let (Err(_), Ok(mut stream)) = (started, again) {
            refuse(&mut stream);
        }
    }
}

/// One request and its answer. What goes wrong with the connection is the asker's to notice.
fn connection(stream: &mut TcpStream, shared: &Shared) {
    let answer = match http::read(stream) {
        Ok(request) => routes::answer(&request, shared),
        Err(Trouble::Refused(answer)) => answer,
        Err(Trouble::Lost) => return,
    };
    let _ = http::write(stream, &answer);
}

fn refuse(stream: &mut TcpStream) {
    let _ = stream.set_write_timeout(Some(Duration::from_secs(1)));
    let _ = http::write_now(
        stream,
        &Answer::failed(503, "too many connections: come back in a second"),
    );
}

/// An address as people write it: a port of this machine, or address and port.
fn parse(text: &str) -> Result<SocketAddr, Error> {
    let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    text.parse::<u16>()
        .map(local)
        .or_else(|_| text.parse())
        .map_err(|_| {
            Error::permanent(format_args!(
                "`{text}` is no address to serve on: write a port, or one such as 0.0.0.0:8080"
            ))
        })
}

fn at_once(env: Env<'_>) -> Result<usize, Error> {
    match environment::text(env, "ORK_SERVE_TASKS")? {
        None => Ok(TASKS_AT_ONCE),
        Some(text) => match text.parse() {
            Ok(count @ 1..=1000) => Ok(count),
            _ => Err(Error::permanent(format_args!(
                "ORK_SERVE_TASKS is `{text}`: a number from 1 to 1000 is needed"
            ))),
        },
    }
}

/// The answer to a POST of JSON, without a connection.
#[cfg(test)]
pub(crate) fn answer_to(tasks: &'static [Task], path: &str, body: &str) -> (u16, String) {
    let shared = Shared {
        tasks,
        running: Arc::default(),
        at_once: 1,
    };
    let request = http::Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        is_json: true,
        body: body.as_bytes().to_vec(),
    };
    let answer = routes::answer(&request, &shared);
    (answer.status, answer.body)
}

#[cfg(test)]
pub(crate) use routes::deferred;

#[cfg(test)]
mod tests;
