//! A wire between store and emulator that loses what passes, and can be cut.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Everything.
    Whole,
    /// What is asked, not what is answered.
    NoAnswers,
    /// Nothing of either.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Back,
}

struct Shared {
    wire: watch::Sender<Wire>,
    /// How often it was cut.
    cuts: watch::Sender<u32>,
    /// How often something was lost.
    lost: watch::Sender<u32>,
}

pub(crate) struct Proxy {
    address: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            wire: watch::Sender::new(Wire::Whole),
            cuts: watch::Sender::new(0),
            lost: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, server.to_owned(), shared.clone()));
        Self {
            address,
            shared,
            accepting,
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn set(&self, wire: Wire) {
        self.shared.wire.send_replace(wire);
    }

    /// Ends all connections; new ones are taken.
    pub(crate) fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Waits until something was lost.
    pub(crate) async fn has_lost_something(&self) {
        let mut lost = self.shared.lost.subscribe();
        lost.wait_for(|lost| *lost > 0)
            .await
            .expect("the proxy is there");
    }

    /// Ends all connections and takes no more.
    pub(crate) async fn close(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
        self.cut();
    }
}

async fn accept(listener: TcpListener, server: String, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&server).await else {
            continue;
        };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(Way::There, from_client, to_server, shared.clone()));
        tokio::spawn(pass(Way::Back, from_server, to_client, shared.clone()));
    }
}

/// Passes on what comes, until the wire is cut.
async fn pass(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let bytes = tokio::select! {
            biased;
            _ = cuts.changed() => return,
            read = from.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(bytes) => bytes,
            },
        };
        let passes = match (*shared.wire.borrow(), way) {
            (Wire::Whole, _) | (Wire::NoAnswers, Way::There) => true,
            (Wire::NoAnswers, Way::Back) | (Wire::Nothing, _) => false,
        };
        if !passes {
            shared.lost.send_modify(|lost| *lost += 1);
        } else if to.write_all(&buffer[..bytes]).await.is_err() {
            return;
        }
    }
}
