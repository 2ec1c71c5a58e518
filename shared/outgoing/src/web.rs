//! Notices to webhooks, and to those that take what Slack's take.

use std::collections::BTreeMap;

use ork_core::Value;
use ork_core::definition::{Place, Receiver};
use ork_engine::ports::{Letter, NotSent};
use serde_json::json;
use url::Url;

use crate::answer::Answer;
use crate::classify::{is_later, retry_after_of};
use crate::client::Client;
use crate::error::{OutgoingError, shown};
use crate::secrets::Masked;

/// The header that says which notice it is: whoever gets the same twice may tell by it.
pub const NOTICE: &str = "Ork-Notice";

/// Sends notices over HTTP.
#[derive(Debug, Clone)]
pub struct Web {
    client: Client,
}

impl Web {
    /// One that sends through a client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    /// Sends a notice to a webhook or to Slack; to others it cannot. Any answer of 200 to 299 says that it was received.
    pub async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let nothing = (&[][..], &[][..]);
        let (url, (headers, secrets), body) = match &letter.to {
            Receiver::Webhook {
                url,
                headers,
                secret_headers,
            } => (
                url,
                (headers.as_slice(), secret_headers.as_slice()),
                letter.document(),
            ),
            Receiver::Slack { url } => (url, nothing, slack(letter)),
            other => {
                let kind = other.as_str();
                return Err(NotSent::Never(format!("`{kind}` is not told over HTTP")));
            }
        };
        let mut headers: BTreeMap<String, String> = headers.iter().cloned().collect();
        headers.insert(NOTICE.to_owned(), letter.id.clone());
        let named = secrets.iter();
        let secrets = named.map(|(header, secret)| (header.clone(), secret.name.clone()));
        let (address, hidden) = match url {
            Place::Url(url) => (url.clone(), Hidden::of(url)),
            Place::Secret(secret) => {
                let found = self
                    .client
                    .secret(&secret.name, "the URL of a notification");
                let url = found.map_err(|error| NotSent::Never(error.to_string()))?;
                let url = url.trim().to_owned();
                (url.clone(), Hidden::of(&url))
            }
        };
        let secrets = secrets.collect();
        let request = self
            .client
            .request_with("POST", &address, &headers, &secrets, Some(&body));
        match request.await {
            Ok(answer) => judge(&answer, &hidden),
            Err(error) => Err(unreached(&error, &hidden)),
        }
    }
}

fn judge(answer: &Answer, hidden: &Hidden) -> Result<(), NotSent> {
    let status = answer.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let body = match answer.body.is_empty() {
        true => String::new(),
        false => format!(": {}", answer.start()),
    };
    Err(NotSent::NotNow {
        why: hidden.text(format!("{}: the answer is {status}{body}", answer.from)),
        retry_after: is_later(status).then(|| retry_after_of(answer)).flatten(),
    })
}

fn unreached(error: &OutgoingError, hidden: &Hidden) -> NotSent {
    let why = hidden.text(error.to_string());
    match error {
        // Somebody may mend, within a day, what answers in this way.
        OutgoingError::Transient(_) | OutgoingError::TooLarge(_) | OutgoingError::Redirected(_) => {
            NotSent::not_now(why)
        }
        OutgoingError::Refused { .. } | OutgoingError::Unusable(_) => NotSent::Never(why),
    }
}

/// What Slack's incoming webhooks take: a text with its three special characters written out.
fn slack(letter: &Letter) -> Value {
    let plain = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let (title, body) = (plain(&letter.title), plain(&letter.body));
    json!({ "text": format!("*{title}*\n{body}") })
}

/// What nobody reads in a message about a request: all of a URL but its host, for it may be as good as a password.
struct Hidden {
    url: Option<(String, String)>,
    rest: Masked,
}

impl Hidden {
    fn of(text: &str) -> Self {
        let mut texts = vec![text.to_owned()];
        let url = Url::parse(text).ok().map(|url| {
            let port = url.port().map_or(String::new(), |port| format!(":{port}"));
            let host = url.host_str().unwrap_or_default();
            texts.push(url.as_str().to_owned());
            texts.push(url.path().to_owned());
            texts.extend(url.path().split('/').map(str::to_owned));
            texts.extend(url.query().map(str::to_owned));
            (shown(&url), format!("{}://{host}{port}", url.scheme()))
        });
        Self {
            url,
            rest: Masked::of(&texts),
        }
    }

    fn text(&self, text: String) -> String {
        let text = match &self.url {
            Some((shown, host)) => text.replace(shown, host),
            None => text,
        };
        self.rest.text(text)
    }
}
