//! A server on loopback that answers as a test says, and remembers what it was asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// An answer, and what happens after it.
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    then: Then,
}

#[derive(PartialEq)]
enum Then {
    Close,
    Hang,
    Endless,
}

impl Reply {
    pub(crate) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} X\r\nConnection: close\r\n"),
            body: body.into(),
            then: Then::Close,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string()).header("Content-Type", "application/json")
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::text(status, "moved").header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Accepts the request and says nothing.
    pub(crate) fn silence() -> Self {
        Self {
            then: Then::Hang,
            ..Self::text(0, "")
        }
    }

    /// A body without an end.
    pub(crate) fn endless() -> Self {
        Self {
            then: Then::Endless,
            ..Self::text(200, "")
        }
    }
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let accepting = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&seen)));
                }
            }
        });
        Self {
            address,
            seen,
            accepting,
        }
    }

    /// A URL of this server under some host.
    pub(crate) fn at(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        self.at("127.0.0.1", path)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<impl Fn(&Seen) -> Reply>,
    all: Arc<Mutex<Vec<Seen>>>,
) {
    let Some(seen) = read(&mut stream).await else {
        return;
    };
    let reply = answer(&seen);
    all.lock().unwrap().push(seen);
    // Whoever hangs up early is part of the tests.
    let _ = write(&mut stream, reply).await;
}

async fn write(stream: &mut TcpStream, reply: Reply) -> std::io::Result<()> {
    let mut head = reply.head;
    match reply.then {
        Then::Hang => return stream.read_u8().await.map(drop),
        Then::Close => head.push_str(&format!("Content-Length: {}\r\n", reply.body.len())),
        Then::Endless => {}
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    stream.write_all(&reply.body).await?;
    if reply.then == Then::Endless {
        loop {
            stream.write_all(&[b'x'; 4096]).await?;
        }
    }
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let mut first = lines.next()?.split(' ');
            let headers: BTreeMap<String, String> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
                .collect();
            let length = headers.get("content-length").map(String::as_str);
            if body.len() >= length.unwrap_or("0").parse().ok()? {
                return Some(Seen {
                    method: first.next()?.into(),
                    path: first.next()?.into(),
                    headers,
                    body: body.into(),
                });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
