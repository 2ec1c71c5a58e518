//! What every stand-in needs of HTTP: a server that stops, a client that talks to this machine, Google's form of an error.

mod body;
mod client;
mod error;
mod server;

pub(crate) use body::read;
pub(crate) use client::{client, text_of};
pub(crate) use error::{ApiError, Code};
pub use server::unclaimed_port;
pub(crate) use server::{Server, free_port};
