//! The store on Firestore.
//!
//! **No server transactions.** A read takes no locks; a commit is one `Commit` call whose writes each carry a precondition, all or
//! nothing. A transaction opened on the server would cost a round trip more and hold locks that other writers wait for.
//!
//! The `firestore` crate makes the connection (channel, TLS, credentials, deadlines). Its own calls are not used: its errors
//! are texts, from which nobody can tell a commit that was never sent from one whose answer was lost. The calls are made with the
//! generated client below it, which it hands out (`FirestoreDb::client`); its types come
//! from `gcloud-sdk`, which may change with any release of the crate: the compiler and the tests of this module say when.
//!
//! **Versions.** A [`Version`](ork_engine::ports::Version) is the document's `update_time` in microseconds since 1970, nothing
//! else: that is what Firestore can check, to the microsecond, in production and in the emulator (which refuses finer ones). It is
//! never used twice for a key, because
//! - commit times of one document increase strictly, over its removal too (in production by Google's clock; in the emulator as
//!   long as its machine's clock is not turned back: one commit takes far longer than a microsecond);
//! - every write really changes its document. A write that changes nothing keeps the old `update_time`: so each document
//!   holds in `ork.replaces` the version that it replaced, which differs from the one before.
//!
//! A version that Firestore cannot have given (0, or beyond year 9999) is a conflict without asking: to Firestore the instant 0
//! means "there is no such document".
//!
//! **Checks.** The public protocol has no write that only verifies. A check of a version is an update of no fields,
//! which leaves the document and its `update_time` as they are; a check of absence is the removal of what is not there. Both
//! are billed as what they are, a write and a delete. So the emulator has it, and the protocol's reference; the engine makes no checks.
//!
//! **Layout.** `workflows/<name>`, `workflows/<name>/versions/<hash>`, `runs/<run>`, `runs/<run>/pages/<n>`, `pools/<name>`, `dead/<id>`.
//! A document has a map `ork` (`format`, `body`, `replaces`), which is not indexed, and beside it those of `wake_at`, `status`,
//! `workflow` and `created_at` that it has (instants in milliseconds since 1970). A run without `created_at` has null there, so that
//! the listing meets it. [`indexes_json`] says which indexes this needs.
//! Documents are replaced whole: a field that somebody else added is ignored when read and gone after the next write.
//! A newer Ork that wants a field kept must raise `ork.format`; then this one refuses to touch the document.
//!
//! **Outcomes.** A commit is sent once, never again by itself. See `error` for what each answer means; in short, what Firestore
//! rejected is `Conflict` or `Refused`, what never left is `Unavailable`, everything else may have been applied: `Ambiguous`.
//! Reads and queries are asked up to three times.
//!
//! **Limits.** A commit has at most 500 writes and 10 MiB; more is refused before it is sent. Google's emulator takes only 4 MiB in
//! one request and says so, which is `Refused` too. Firestore keeps up to about 500 writes a second to one collection whose
//! `created_at` or `wake_at` only grows, and about one a second, sustained, to one document.

mod commit;
mod connect;
mod cursor;
mod error;
mod indexes;
mod observe;
mod paths;
mod query;
mod read;
mod retry;
mod row;
mod store;
mod version;

/// The messages of Firestore's protocol.
use ::firestore::gcloud_sdk::google::firestore::v1 as proto;
use ::firestore::gcloud_sdk::tonic;

pub use indexes::indexes_json;
pub use observe::{Observer, StoreOperation};
pub use store::FirestoreStore;
