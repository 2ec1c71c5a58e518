//! What the file system's errors mean to whoever uses objects.

use std::io::{Error, ErrorKind};
use std::path::Path;

use ork_engine::ports::ObjectError;

/// Says what went wrong while `doing` something at `path`.
pub(super) fn explain(doing: &str, path: &Path, error: &Error) -> ObjectError {
    let what = format!("cannot {doing} `{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            ObjectError::Refused(format!("{what}; make room on its disk and start again"))
        }
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => ObjectError::Refused(
            format!("{what}; make the folder writable, or use another --state folder"),
        ),
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::FileTooLarge
        | ErrorKind::InvalidFilename
        | ErrorKind::Unsupported => ObjectError::Refused(format!(
            "{what}; something that is not Ork's is in its place: move it away"
        )),
        _ => ObjectError::Unavailable(what),
    }
}
