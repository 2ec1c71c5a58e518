//! Hints over Google's Pub/Sub emulator, and wakes over the stand-in for Cloud Tasks.

#[path = "queue/hints.rs"]
mod hints;
#[path = "queue/wakes.rs"]
mod wakes;

use std::net::TcpListener;

/// An address that takes connections and never says anything.
fn mute() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, format!("http://{address}"))
}
