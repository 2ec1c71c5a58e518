#![doc = include_str!("../README.md")]

mod allow;
mod answer;
mod classify;
mod client;
mod error;
mod field;
mod guard;
mod headers;
mod hop;
mod http_job;
mod lookup;
mod mail;
mod registered;
mod room;
mod secrets;
mod special;
mod task;
mod web;

pub use allow::AllowError;
pub use answer::Answer;
pub use classify::retry_after;
pub use client::{Client, Limits};
pub use error::OutgoingError;
pub use guard::{ALLOW, Guard};
pub use http_job::HttpTracker;
pub use lookup::{Looking, Lookup, SystemLookup};
pub use mail::{Mail, MailError, SMTP_FROM, SMTP_URL, SmtpSettings};
pub use registered::{Registered, RegisteredError, TRACKERS};
pub use secrets::{SECRETS, Secrets};
pub use task::{Condition, Request, SendError, send};
pub use web::{NOTICE, Web};
