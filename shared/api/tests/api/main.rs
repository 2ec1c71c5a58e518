//! The API over an embedded engine in a folder: every route, every kind of refusal, as whoever asks sees them.

mod access;
mod admin;
mod backfill;
mod contract;
mod cost;
mod events;
mod hostile;
mod marks;
mod notices;
mod pages;
mod pages_of_workflows;
mod routes;
mod site;
mod sizes;
mod stored;
mod uploads;
