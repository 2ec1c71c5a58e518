//! What SQLite's errors mean to whoever uses the store, and what to do about them.

use std::path::Path;

use ork_engine::ports::{StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

/// The advice for a file that cannot be trusted. Nothing is ever deleted by Ork itself.
pub(super) fn move_it_away(path: &Path) -> String {
    format!(
        "nothing was deleted: move `{}` away together with its `-wal` and `-shm` files, restore a copy, or use another --state folder",
        path.display()
    )
}

/// Says what went wrong while `doing` something with the file at `path`.
pub(super) fn explain(path: &Path, doing: &str, error: &rusqlite::Error) -> StoreError {
    let file = path.display();
    let refused = |message: String| StoreError::new(StoreErrorKind::Refused, message);
    let corrupt = |what: &str| {
        StoreError::new(
            StoreErrorKind::Corrupt,
            format!("{doing}: `{file}` {what} ({error}); {}", move_it_away(path)),
        )
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::new(
            StoreErrorKind::Unavailable,
            format!(
                "{doing}: another process has kept `{file}` locked for too long ({error}); is one stopped or in a debugger?"
            ),
        ),
        Some(ErrorCode::DiskFull) => refused(format!(
            "{doing}: no space left for `{file}` ({error}); make room on its disk and start again"
        )),
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => refused(format!(
            "{doing}: `{file}` cannot be written ({error}); make the file and its folder writable, or use another --state folder"
        )),
        Some(ErrorCode::CannotOpen) => refused(format!(
            "{doing}: cannot open `{file}` ({error}); check that its folder exists and that you may read and write there"
        )),
        Some(ErrorCode::TooBig) => refused(format!("{doing}: too large for `{file}` ({error})")),
        Some(ErrorCode::NotADatabase) => corrupt("is not a database"),
        Some(ErrorCode::DatabaseCorrupt) => corrupt("is damaged"),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::NoLargeFileSupport,
        ) => StoreError::new(
            StoreErrorKind::Unavailable,
            format!("{doing}: cannot read or write `{file}` ({error}); check its disk"),
        ),
        // What is in a column is not what Ork put there, or a table is not as Ork made it.
        _ => corrupt("does not hold what Ork writes"),
    }
}
