//! Google's own Firestore and Pub/Sub emulators, started from the gcloud SDK with java and without gcloud's wrapper.

mod emulator;
mod firestore;
mod pubsub;
mod pubsub_admin;
mod sdk;
pub mod testing;

pub use firestore::Firestore;
pub use pubsub::Pubsub;
pub use pubsub_admin::{DeadLetter, PubsubAdmin, PulledMessage, RetryPolicy, Subscription};
pub use sdk::{Missing, Sdk};
