//! What Firestore's answers mean to whoever uses the store, and what to do about them.
//!
//! | of a commit | means |
//! |---|---|
//! | FAILED_PRECONDITION, ALREADY_EXISTS, NOT_FOUND of a document, ABORTED | `Conflict`: rejected as a whole |
//! | INVALID_ARGUMENT | `Conflict` when the documents are not as expected (see `commit`), else `Refused` |
//! | RESOURCE_EXHAUSTED from Firestore | `Throttled`, or `Refused` when the request is too large |
//! | PERMISSION_DENIED, UNAUTHENTICATED, UNIMPLEMENTED, OUT_OF_RANGE, no database | `Refused` |
//! | no connection could be made, no token could be had | `Unavailable`: it never left |
//! | everything else, and whatever broke on the way | `Ambiguous` |
//!
//! Of a read or a query nothing is ambiguous: what broke is `Unavailable`.

use std::error::Error;
use std::fmt;

use ::firestore::errors::FirestoreError;
use ::firestore::gcloud_sdk::error::{Error as SdkError, ErrorKind as SdkErrorKind};
use ork_core::time::Millis;
use ork_engine::ports::{Key, StoreError, StoreErrorKind};

use super::tonic::{Code, ConnectError, Status};

/// How long to wait when Firestore asks for patience without saying for how long.
const PATIENCE: Millis = Millis(1_000);

/// Which database, for messages.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) project: String,
    pub(super) database: String,
    pub(super) endpoint: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the Firestore database `{}` of project `{}`",
            self.database, self.project
        )?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => Ok(()),
        }
    }
}

/// The keys of an operation, not all of them when they are many.
pub(super) fn named<'a>(keys: impl ExactSizeIterator<Item = &'a Key>) -> String {
    const SHOWN: usize = 3;
    let count = keys.len();
    let shown: Vec<String> = keys.take(SHOWN).map(|key| format!("`{key}`")).collect();
    let more = if count > SHOWN { ", …" } else { "" };
    let noun = if count == 1 { "document" } else { "documents" };
    format!("{count} {noun} ({}{more})", shown.join(", "))
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(status.source(), |&cause| cause.source())
}

/// Whether no connection could be made.
fn not_connected(status: &Status) -> bool {
    causes(status).any(|cause| cause.is::<ConnectError>())
}

/// Whether there was no token to send with the request, and then whether that will last.
pub(super) fn credentials_failed(status: &Status) -> Option<bool> {
    let error = causes(status).find_map(|cause| {
        let boxed = cause.downcast_ref::<Box<SdkError>>().map(|error| &**error);
        boxed.or_else(|| cause.downcast_ref::<SdkError>())
    })?;
    Some(match error.kind() {
        SdkErrorKind::Credentials(error) => !error.is_transient(),
        SdkErrorKind::Http(_) | SdkErrorKind::HttpStatus(_) => false,
        _ => true,
    })
}

/// Whether the answer was made on this side because something broke, and is not Firestore's own.
fn broke(status: &Status) -> bool {
    status.source().is_some()
}

fn too_large(status: &Status) -> bool {
    let message = status.message();
    message.contains("exceeds maximum size")
        || message.contains("larger than max")
        || message.contains("too large")
}

fn no_database(status: &Status) -> bool {
    let message = status.message();
    // The name of every document contains "databases": only the whole words tell.
    message.contains("The database ") && message.contains("does not exist")
        || message.contains("Datastore Mode")
}

/// The innermost cause says most, the status mostly "transport error".
fn told(status: &Status) -> String {
    let cause = causes(status).last().map(ToString::to_string);
    match cause {
        Some(cause) if cause != status.message() => {
            format!("{:?}: {}: {cause}", status.code(), status.message())
        }
        _ => format!("{:?}: {}", status.code(), status.message()),
    }
}

fn credentials_error(place: &Place, doing: &str, status: &Status, lasting: bool) -> StoreError {
    let (kind, advice) = if lasting {
        (
            StoreErrorKind::Refused,
            "run `gcloud auth application-default login`, or give the service a service account",
        )
    } else {
        (StoreErrorKind::Unavailable, "nothing was sent")
    };
    StoreError::new(
        kind,
        format!(
            "{doing}: no credentials for {place} ({}); {advice}",
            told(status)
        ),
    )
}

/// What is the same for reads and commits; `None` for the rest.
fn common(place: &Place, doing: &str, status: &Status) -> Option<StoreError> {
    if let Some(lasting) = credentials_failed(status) {
        return Some(credentials_error(place, doing, status, lasting));
    }
    let told = told(status);
    if not_connected(status) {
        return Some(StoreError::new(
            StoreErrorKind::Unavailable,
            format!("{doing}: no connection to {place} ({told}); nothing was sent"),
        ));
    }
    if broke(status) {
        return None;
    }
    let refused = |advice: String| {
        Some(StoreError::new(
            StoreErrorKind::Refused,
            format!("{doing}: {place} refuses ({told}); {advice}"),
        ))
    };
    match status.code() {
        _ if no_database(status) => refused(format!(
            "make it in native mode: gcloud firestore databases create --project={} --database='{}' --location=…",
            place.project, place.database
        )),
        Code::PermissionDenied => refused(format!(
            "give the service account the role roles/datastore.user in project {}",
            place.project
        )),
        Code::Unauthenticated => refused(
            "run `gcloud auth application-default login`, or give the service a service account"
                .to_owned(),
        ),
        Code::Unimplemented | Code::OutOfRange => {
            refused("this is not a Firestore that Ork knows".to_owned())
        }
        Code::InvalidArgument => refused("it is too large, or not what Firestore takes".to_owned()),
        Code::ResourceExhausted if too_large(status) => {
            refused("write or read fewer documents at once".to_owned())
        }
        Code::ResourceExhausted => Some(StoreError::new(
            StoreErrorKind::Throttled {
                retry_after: PATIENCE,
            },
            format!("{doing}: {place} asks for patience ({told})"),
        )),
        _ => None,
    }
}

/// Why a read or a query failed.
pub(super) fn of_read(place: &Place, doing: &str, status: &Status) -> StoreError {
    if let Some(error) = common(place, doing, status) {
        return error;
    }
    let told = told(status);
    let (kind, advice) = match status.code() {
        _ if broke(status) => (StoreErrorKind::Unavailable, "try again"),
        Code::FailedPrecondition => (
            StoreErrorKind::Refused,
            "an index is missing or still being built: `terraform apply` makes those that Ork declares",
        ),
        Code::NotFound => (
            StoreErrorKind::Refused,
            "check the names of the project and the database",
        ),
        Code::DataLoss => (
            StoreErrorKind::Corrupt,
            "Firestore has lost data; ask Google's support",
        ),
        _ => (StoreErrorKind::Unavailable, "try again"),
    };
    StoreError::new(
        kind,
        format!("{doing}: no answer from {place} ({told}); {advice}"),
    )
}

/// Why a commit failed.
pub(super) fn of_commit(place: &Place, doing: &str, status: &Status) -> StoreError {
    if let Some(error) = common(place, doing, status) {
        return error;
    }
    let told = told(status);
    match status.code() {
        Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound | Code::Aborted
            if !broke(status) =>
        {
            StoreError::new(
                StoreErrorKind::Conflict,
                format!(
                    "{doing}: a document is not as the commit expects it ({told}); nothing was written: read again"
                ),
            )
        }
        _ => StoreError::new(
            StoreErrorKind::Ambiguous,
            format!(
                "{doing}: the answer of {place} was lost ({told}); it may be written or not: read again"
            ),
        ),
    }
}

/// Why there are no credentials to begin with.
pub(super) fn of_credentials(place: &Place, error: &SdkError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        format!(
            "connecting to {place}: {error}; run `gcloud auth application-default login`, or give the service a service account"
        ),
    )
}

/// Why there is no connection at all.
pub(super) fn of_connect(place: &Place, error: &FirestoreError) -> StoreError {
    // The crate keeps of the cause only its kind, as text.
    let (kind, advice) = match error {
        FirestoreError::SystemError(error) if error.public.code.starts_with("GrpcStatus") => (
            StoreErrorKind::Unavailable,
            "is it running, and can it be reached from here?",
        ),
        FirestoreError::NetworkError(_) => {
            (StoreErrorKind::Unavailable, "can it be reached from here?")
        }
        _ => (
            StoreErrorKind::Refused,
            "an endpoint looks like 127.0.0.1:8710",
        ),
    };
    StoreError::new(kind, format!("connecting to {place}: {error}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::StoreErrorKind::{Ambiguous, Conflict, Corrupt, Refused, Unavailable};
    use super::*;

    const THROTTLED: StoreErrorKind = StoreErrorKind::Throttled {
        retry_after: PATIENCE,
    };

    fn place() -> Place {
        Place {
            project: "p".to_owned(),
            database: "(default)".to_owned(),
            endpoint: None,
        }
    }

    fn kinds(status: &Status) -> (StoreErrorKind, StoreErrorKind) {
        let errors = [
            of_commit(&place(), "doing", status),
            of_read(&place(), "doing", status),
        ];
        for error in &errors {
            assert!(
                error.message.starts_with("doing: ") && error.message.contains(&told(status)),
                "{error}"
            );
        }
        (errors[0].kind, errors[1].kind)
    }

    #[test]
    fn every_code_of_firestore_has_its_meaning_for_a_commit_and_for_a_read() {
        let meanings = [
            (Code::Cancelled, Ambiguous, Unavailable),
            (Code::Unknown, Ambiguous, Unavailable),
            (Code::InvalidArgument, Refused, Refused),
            (Code::DeadlineExceeded, Ambiguous, Unavailable),
            (Code::NotFound, Conflict, Refused),
            (Code::AlreadyExists, Conflict, Unavailable),
            (Code::PermissionDenied, Refused, Refused),
            (Code::ResourceExhausted, THROTTLED, THROTTLED),
            (Code::FailedPrecondition, Conflict, Refused),
            (Code::Aborted, Conflict, Unavailable),
            (Code::OutOfRange, Refused, Refused),
            (Code::Unimplemented, Refused, Refused),
            (Code::Internal, Ambiguous, Unavailable),
            (Code::Unavailable, Ambiguous, Unavailable),
            (Code::DataLoss, Ambiguous, Corrupt),
            (Code::Unauthenticated, Refused, Refused),
        ];
        for (code, commit, read) in meanings {
            assert_eq!(
                kinds(&Status::new(code, "because")),
                (commit, read),
                "{code:?}"
            );
        }
        assert_eq!(meanings.len(), 16, "all codes but OK");
    }

    #[test]
    fn what_broke_on_the_way_is_ambiguous_whatever_its_code() {
        for code in [
            Code::ResourceExhausted,
            Code::PermissionDenied,
            Code::Aborted,
            Code::Unavailable,
        ] {
            let mut status = Status::new(code, "the connection broke");
            status.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
            assert_eq!(kinds(&status), (Ambiguous, Unavailable), "{code:?}");
        }
    }

    #[test]
    fn what_never_left_is_unavailable() {
        let status = Status::from_error(Box::new(ConnectError("refused".into())));
        assert_eq!(kinds(&status), (Unavailable, Unavailable));
    }

    #[test]
    fn a_request_that_is_too_large_is_refused_and_not_put_off() {
        let message = "gRPC message exceeds maximum size 4194304: 11060123";
        let status = Status::new(Code::ResourceExhausted, message);
        assert_eq!(kinds(&status), (Refused, Refused));
    }

    #[test]
    fn a_database_that_is_not_there_is_no_conflict() {
        let missing = "Document `projects/p/databases/(default)/documents/runs/r` does not exist";
        let status = Status::new(Code::NotFound, missing);
        assert_eq!(kinds(&status), (Conflict, Refused));
        for (code, message) in [
            (
                Code::NotFound,
                "The database (default) does not exist for project p",
            ),
            (
                Code::FailedPrecondition,
                "The Cloud Firestore API is not available for Firestore in Datastore Mode database",
            ),
        ] {
            let status = Status::new(code, message);
            assert_eq!(kinds(&status), (Refused, Refused));
            let error = of_commit(&place(), "doing", &status);
            assert!(
                error.message.contains("gcloud firestore databases create"),
                "{error}"
            );
        }
    }

    #[test]
    fn few_keys_are_named_and_many_are_counted() {
        let keys: Vec<Key> = ["a", "b", "c", "d"]
            .map(|id| Key::Dead(id.to_owned()))
            .into();
        assert_eq!(named(keys[..1].iter()), "1 document (`dead/a`)");
        assert_eq!(
            named(keys.iter()),
            "4 documents (`dead/a`, `dead/b`, `dead/c`, …)"
        );
    }
}
