//! What a failed call to Google amounts to: whether it was sent, whether it may have been done, whether asking again helps.

use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::Code;

/// What is known after a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nothing was sent: no connection, or credentials that could not be had just now.
    NotSent,
    /// Too many requests, or somebody else at work on the same thing: not done, ask later.
    Busy,
    /// No answer, or one that says nothing about what was done.
    Lost,
    /// A precondition did not hold: not done.
    Precondition,
    /// What was to be made is there already.
    Exists,
    /// No such thing.
    Missing,
    /// Not allowed, or nobody to be.
    Denied,
    /// Not done, and never will be as it is.
    Refused,
}

/// What `error` amounts to.
pub(crate) fn of(error: &Error) -> Failure {
    if error.is_transient_and_before_rpc() {
        return Failure::NotSent;
    }
    if error.is_authentication() {
        return Failure::Denied;
    }
    if error.is_binding() || error.is_serialization() {
        return Failure::Refused;
    }
    // A loop of tries that ran out of time hides the last error inside.
    if error.is_exhausted()
        && let Some(last) = std::error::Error::source(error).and_then(|e| e.downcast_ref::<Error>())
    {
        return of(last);
    }
    let code = error.status().map(|status| status.code);
    match error.http_status_code() {
        Some(http) => of_http(http, code),
        None => code.map_or(Failure::Lost, of_code),
    }
}

fn of_http(http: u16, code: Option<Code>) -> Failure {
    match http {
        429 => Failure::Busy,
        401 | 403 => match code {
            Some(Code::ResourceExhausted) => Failure::Busy,
            _ => Failure::Denied,
        },
        404 => Failure::Missing,
        409 => match code {
            Some(Code::Aborted) => Failure::Busy,
            _ => Failure::Exists,
        },
        412 => Failure::Precondition,
        408 | 499 => Failure::Lost,
        400..500 => Failure::Refused,
        _ => Failure::Lost,
    }
}

fn of_code(code: Code) -> Failure {
    match code {
        Code::ResourceExhausted | Code::Aborted => Failure::Busy,
        Code::FailedPrecondition => Failure::Precondition,
        Code::AlreadyExists => Failure::Exists,
        Code::NotFound => Failure::Missing,
        Code::PermissionDenied | Code::Unauthenticated => Failure::Denied,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Failure::Refused,
        _ => Failure::Lost,
    }
}

/// Whether a `Missing` speaks of the bucket and not of the object in it.
pub(crate) fn is_of_the_bucket(error: &Error) -> bool {
    error.to_string().contains("bucket does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_gax::error::rpc::Status;

    fn status(code: Code) -> Status {
        Status::default().set_code(code).set_message("said so")
    }

    fn http(status: u16) -> Error {
        Error::http(status, Default::default(), Default::default())
    }

    #[test]
    fn statuses_of_http_say_whether_it_was_done() {
        for (code, expected) in [
            (400, Failure::Refused),
            (401, Failure::Denied),
            (403, Failure::Denied),
            (404, Failure::Missing),
            (408, Failure::Lost),
            (409, Failure::Exists),
            (412, Failure::Precondition),
            (416, Failure::Refused),
            (429, Failure::Busy),
            (500, Failure::Lost),
            (502, Failure::Lost),
            (503, Failure::Lost),
            (504, Failure::Lost),
        ] {
            assert_eq!(of(&http(code)), expected, "{code}");
        }
    }

    #[test]
    fn codes_of_grpc_say_whether_it_was_done() {
        for (code, expected) in [
            (Code::Unavailable, Failure::Lost),
            (Code::DeadlineExceeded, Failure::Lost),
            (Code::Internal, Failure::Lost),
            (Code::Unknown, Failure::Lost),
            (Code::ResourceExhausted, Failure::Busy),
            (Code::Aborted, Failure::Busy),
            (Code::FailedPrecondition, Failure::Precondition),
            (Code::AlreadyExists, Failure::Exists),
            (Code::NotFound, Failure::Missing),
            (Code::PermissionDenied, Failure::Denied),
            (Code::Unauthenticated, Failure::Denied),
            (Code::InvalidArgument, Failure::Refused),
        ] {
            assert_eq!(of(&Error::service(status(code))), expected, "{code:?}");
        }
    }

    #[test]
    fn what_was_never_sent_is_told_from_what_was_never_answered() {
        assert_eq!(of(&Error::connect("refused")), Failure::NotSent);
        assert_eq!(of(&Error::io("reset")), Failure::Lost);
        assert_eq!(of(&Error::timeout("too late")), Failure::Lost);
        assert_eq!(of(&Error::deser("what is this")), Failure::Lost);
        assert_eq!(of(&Error::binding("no such path")), Failure::Refused);
        assert_eq!(
            of(&Error::exhausted(Error::connect("refused"))),
            Failure::NotSent
        );
        assert_eq!(of(&Error::exhausted("no reason given")), Failure::Lost);
    }
}
