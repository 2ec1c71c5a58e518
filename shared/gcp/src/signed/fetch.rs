//! Reads one object by its URL: what a worker without credentials begins with.

use std::time::Duration;

use ork_engine::ports::ObjectError;
use reqwest::Client;

use super::http::{self, Answer, Ask, Not};
use super::secret::SignedUrl;
use crate::retry::Again;

/// A call with contents of some megabytes, tries and pauses included.
const LONG: Duration = Duration::from_secs(60);
/// Between the tries of one call, of which there is one more.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
];

/// The object that `url` reads, if it is at most `limit` bytes; `None` when there is none.
///
/// For the URL out of a worker's environment. Everything else is read with [`super::UrlObjects`].
pub async fn fetch(url: &SignedUrl, limit: u64) -> Result<Option<Vec<u8>>, ObjectError> {
    let client = http::client(url.reveal().starts_with("http://"))
        .map_err(|error| ObjectError::Refused(format!("no HTTP client: {}", http::said(error))))?;
    let what = "the object of ORK_BATCH_URL";
    match patiently(&client, url, &Ask::Read { limit }, Again::Harmless, what).await {
        Ok(answer) => Ok(Some(answer.bytes)),
        Err(Not::There) => Ok(None),
        Err(not) => Err(failed(what, "the sign account", not)),
    }
}

/// Asks a few times. What may have been done is asked for again only where doing it twice is doing it once.
pub(super) async fn patiently(
    client: &Client,
    url: &SignedUrl,
    ask: &Ask,
    again: Again,
    what: &str,
) -> Result<Answer, Not> {
    let asking = async {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = http::ask(client, url, ask).await;
            let is_worth_it = match &answer {
                Err(Not::Sent(_) | Not::Now(_)) => true,
                Err(Not::Known(_)) => again == Again::Harmless,
                _ => false,
            };
            match pauses.next() {
                Some(pause) if is_worth_it => tokio::time::sleep(*pause).await,
                _ => return answer,
            }
        }
    };
    tokio::time::timeout(LONG, asking)
        .await
        .unwrap_or_else(|_| {
            let seconds = LONG.as_secs();
            Err(Not::Known(format!("{what}: no answer within {seconds} s")))
        })
}

/// What a failed request means to the port's users, except where the call itself has more to say.
pub(super) fn failed(name: &str, account: &str, not: Not) -> ObjectError {
    match not {
        Not::Sent(why) | Not::Now(why) | Not::Known(why) => {
            ObjectError::Unavailable(format!("`{name}`: {why}"))
        }
        Not::There => {
            ObjectError::Unavailable(format!("`{name}` was removed while it was asked for"))
        }
        Not::Filled => ObjectError::Unavailable(format!("`{name}` is empty")),
        Not::First => ObjectError::Precondition(name.into()),
        Not::Fitting { bytes, limit } => ObjectError::TooLarge {
            name: name.into(),
            bytes,
            limit,
        },
        Not::InTime(why) => ObjectError::Refused(format!(
            "the signed URL of `{name}` has expired, so that this worker can do nothing more: it began too late, or nobody renewed its URLs, \
             of which tick's log says more ({why})"
        )),
        Not::Allowed(why) => ObjectError::Refused(format!(
            "{account} signed the URL of `{name}` and has no access itself: give it roles/storage.objectUser on the bucket's runs/ and \
             roles/storage.objectViewer on its workflows/ ({why})"
        )),
        Not::Ever(why) => ObjectError::Refused(format!("`{name}`: {why}")),
    }
}
