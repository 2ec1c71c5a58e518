//! The API over an embedded engine in a folder: every route, every kind of refusal, as whoever asks sees them.

mod contract;
mod events;
mod routes;
mod site;
