//! Signed URLs: what lets a worker without any credentials read and write exactly the objects of its attempt.
//!
//! A URL carries a signature of version 4 that IAM made in the name of one account, the sign account, as which nothing runs. It allows
//! one method on one object until it expires, and only with the headers that were signed: what may be created only once, and how large
//! it may be, is enforced by Cloud Storage and not by the worker.
//!
//! Google's crates are not used for it. Their signer asks IAM only at Google's own address, and in the name of another account only
//! after it has taken a token of that account; their URLs are always of this very moment, so that nobody can check them against
//! Google's published examples.

mod attempt;
pub mod batch;
mod canonical;
#[cfg(test)]
mod conformance;
mod fetch;
mod grant;
mod http;
mod needs;
mod objects;
mod renewal;
mod secret;
mod sign_blob;
mod signer;

pub use attempt::{AttemptUrls, URLS_FORMAT};
pub use fetch::fetch;
pub use grant::{Grant, Method};
pub(crate) use needs::{Holder, renews};
pub use needs::{UNRENEWED_LONGEST, URLS_AN_ATTEMPT, lifetime};
pub use objects::{Renewal, UrlObjects};
pub use renewal::SIGNS_APART;
pub(crate) use renewal::{is_to_be_signed, refusal};
pub use secret::SignedUrl;
pub use sign_blob::SignError;
pub use signer::{LONGEST, Signer};
