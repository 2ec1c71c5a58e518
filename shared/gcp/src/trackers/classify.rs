//! What a failed call to one of Google's services says about a job.

use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::{Code, StatusDetails};
use ork_core::deferred::LONGEST_POLL;
use ork_core::time::Millis;
use ork_engine::ports::TrackerError;

use crate::failure::{self, Failure};

/// More of what a service says is not repeated: some answer with a page of HTML.
const LONGEST_SAYING: usize = 600;

/// What a call was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Look how the job stands.
    See,
    /// Stop it.
    Stop,
    /// Start it.
    Start,
}

/// What a call was about, for people.
#[derive(Debug)]
pub(super) struct About {
    /// The job.
    pub(super) job: String,
    /// Who was asked.
    pub(super) service: &'static str,
    /// What was to be done.
    pub(super) doing: Doing,
    /// What an account needs for it.
    pub(super) role: String,
    /// Why it may not be found although it is there.
    pub(super) hint: &'static str,
}

/// What a failure amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No answer, or no time for one now.
    Transient,
    /// There is no such thing.
    Missing,
    /// What was to be made is there.
    Exists,
    /// Not as things stand: a job that is over cannot be stopped.
    State,
    /// Not allowed.
    Denied,
    /// Somebody answered, and not as the service does: a page for people, say, in its place.
    Unclear,
    /// Never.
    Permanent,
}

/// What `error` amounts to.
pub(super) fn kind(error: &Error) -> Kind {
    if let Some(last) = last_of_tries(error) {
        return kind(last);
    }
    // An answer came and is none. What one says of them, three in a row do not.
    if error.is_deserialization() {
        return Kind::Unclear;
    }
    if is_quota(error) {
        return Kind::Transient;
    }
    let code = error.status().map(|status| status.code);
    match (error.http_status_code(), code) {
        (Some(410), _) => return Kind::Missing,
        (Some(400..500) | None, Some(Code::FailedPrecondition)) => return Kind::State,
        (_, Some(Code::Unimplemented)) => return Kind::Permanent,
        _ => {}
    }
    match failure::of(error) {
        Failure::NotSent | Failure::Busy | Failure::Lost => Kind::Transient,
        Failure::Missing => Kind::Missing,
        Failure::Exists => Kind::Exists,
        Failure::Precondition => Kind::State,
        Failure::Denied => Kind::Denied,
        // The services say why in words of their own; a page without them is somebody else's.
        Failure::Refused if error.http_status_code().is_some() && error.status().is_none() => {
            Kind::Unclear
        }
        Failure::Refused => Kind::Permanent,
    }
}

/// A loop of tries that came to its end hides the last error inside.
fn last_of_tries(error: &Error) -> Option<&Error> {
    if !error.is_exhausted() {
        return None;
    }
    std::error::Error::source(error)?.downcast_ref()
}

/// Whether `error` is a quota. BigQuery says 403 of some, as of what is not allowed; the reason tells them apart.
fn is_quota(error: &Error) -> bool {
    let Some(status) = error.status() else {
        return false;
    };
    status.details.iter().any(|detail| match detail {
        StatusDetails::ErrorInfo(info) => {
            let reason = info.reason.to_ascii_lowercase().replace('_', "");
            reason.ends_with("ratelimitexceeded") || reason == "quotaexceeded"
        }
        StatusDetails::QuotaFailure(_) => true,
        _ => false,
    })
}

/// What `error` means for whoever asked, in words that say what it was about and what to do.
pub(super) fn classify(about: &About, error: &Error) -> TrackerError {
    let About {
        job, service, role, ..
    } = about;
    let said = said(error);
    let what = match about.doing {
        Doing::See => "look at",
        Doing::Stop => "stop",
        Doing::Start => "start",
    };
    match kind(error) {
        Kind::Transient => TrackerError::Transient {
            // What was said comes first: of what is kept of this only the beginning may be.
            message: format!("{said}; {service} was asked to {what} {job}"),
            retry_after: retry_after(error),
        },
        Kind::Missing if about.doing == Doing::Start => TrackerError::Permanent(format!(
            "{service} will not start {job}, which names something that is not there: {said}"
        )),
        Kind::Missing => {
            let hint = about.hint;
            TrackerError::Missing(format!("{service} does not know {job}: {said}{hint}"))
        }
        Kind::Denied => TrackerError::Denied(format!(
            "no leave to {what} {job}: give the account that asks {role} ({service} says: {said})"
        )),
        // Three in a row count, as with what is not allowed.
        Kind::Unclear => TrackerError::Denied(format!(
            "an answer that cannot be understood came from {service} to the question to {what} {job}: {said}"
        )),
        Kind::Exists | Kind::State | Kind::Permanent => TrackerError::Permanent(format!(
            "{service} will not {what} {job} as it is described: {said}"
        )),
    }
}

/// What the service said, or what became of the connection, shortened.
pub(super) fn said(error: &Error) -> String {
    let text = match (error.status(), error.http_status_code()) {
        (Some(status), http) => {
            let code = match (status.code, http) {
                (Code::Unknown, Some(http)) => format!("HTTP {http}"),
                (code, Some(http)) => format!("HTTP {http}, {code}"),
                (code, None) => code.to_string(),
            };
            match status.message.trim() {
                "" => code,
                message => format!("{message} ({code})"),
            }
        }
        (None, Some(http)) => {
            let payload = error.http_payload().map(|bytes| &bytes[..]);
            let text = String::from_utf8_lossy(payload.unwrap_or_default());
            match text.trim() {
                "" => format!("HTTP {http}"),
                text => format!("HTTP {http}: {text}"),
            }
        }
        (None, None) => with_its_cause(error),
    };
    shortened(&text)
}

/// The error and what is at the bottom of it: that a connection was refused, say.
fn with_its_cause(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(deeper) = cause.and_then(|cause| cause.source()) {
        cause = Some(deeper);
    }
    if let Some(cause) = cause.map(ToString::to_string)
        && !text.contains(&cause)
    {
        text = format!("{text}: {cause}");
    }
    text
}

/// One line, not too long.
pub(super) fn shortened(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST_SAYING) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// How long the service wants to be left alone: the header `Retry-After` in seconds, else what the error itself says. An hour at most, so
/// that no mistake there is a job that nobody asks about again.
fn retry_after(error: &Error) -> Option<Millis> {
    let of_header = || {
        let value = error.http_headers()?.get("retry-after")?;
        let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
        Some(Millis(seconds.saturating_mul(1000)))
    };
    let of_details = || {
        error.status()?.details.iter().find_map(|detail| {
            let StatusDetails::RetryInfo(info) = detail else {
                return None;
            };
            let delay = std::time::Duration::try_from(info.retry_delay?).ok()?;
            Some(Millis(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)))
        })
    };
    let asked = of_header().or_else(of_details)?;
    Some(asked.min(LONGEST_POLL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use google_cloud_gax::error::rpc::Status;

    fn about() -> About {
        About {
            job: "BigQuery job p:j".into(),
            service: "BigQuery",
            doing: Doing::See,
            role: "roles/some.role".into(),
            hint: "",
        }
    }

    #[test]
    fn codes_without_a_status_of_http_are_told_apart_too() {
        for (code, expected) in [
            (Code::Unavailable, Kind::Transient),
            (Code::DeadlineExceeded, Kind::Transient),
            (Code::ResourceExhausted, Kind::Transient),
            (Code::Aborted, Kind::Transient),
            (Code::Internal, Kind::Transient),
            (Code::Unknown, Kind::Transient),
            (Code::Cancelled, Kind::Transient),
            (Code::NotFound, Kind::Missing),
            (Code::AlreadyExists, Kind::Exists),
            (Code::FailedPrecondition, Kind::State),
            (Code::PermissionDenied, Kind::Denied),
            (Code::Unauthenticated, Kind::Denied),
            (Code::InvalidArgument, Kind::Permanent),
            (Code::OutOfRange, Kind::Permanent),
            (Code::Unimplemented, Kind::Permanent),
        ] {
            let error = Error::service(Status::default().set_code(code));
            assert_eq!(kind(&error), expected, "{code:?}");
            assert_eq!(
                kind(&Error::exhausted(error)),
                expected,
                "{code:?} after tries"
            );
        }
    }

    #[test]
    fn trouble_on_the_way_is_transient_what_cannot_be_read_is_unclear_and_what_cannot_be_sent_permanent()
     {
        for (error, expected) in [
            (Error::connect("refused"), Kind::Transient),
            (Error::io("reset"), Kind::Transient),
            (Error::timeout("late"), Kind::Transient),
            (Error::exhausted("no reason given"), Kind::Transient),
            (Error::deser("what is this"), Kind::Unclear),
            (Error::ser("not to be written"), Kind::Permanent),
            (Error::binding("no such path"), Kind::Permanent),
        ] {
            assert_eq!(kind(&error), expected, "{error:?}");
        }
    }

    #[test]
    fn words_of_a_service_are_one_line_and_not_a_page() {
        let page = "<html>\n".repeat(1000);
        let error = Error::http(502, Default::default(), page.into());
        let TrackerError::Transient { message, .. } = classify(&about(), &error) else {
            panic!("a gateway's trouble passes");
        };
        assert!(message.contains("HTTP 502: <html> <html>"), "{message}");
        assert!(message.chars().count() < LONGEST_SAYING + 200, "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
