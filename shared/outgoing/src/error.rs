//! Why a request got no answer.

use url::Url;

/// Why a request got no answer. No text holds the query of a URL, a password or a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// A rule of the guard forbids it. Trying again will not help.
    #[error("{url} is refused: {why}")]
    Refused {
        /// The URL, or that of the redirect.
        url: String,
        /// Which rule, which address, and how to allow it.
        why: String,
    },
    /// The request cannot be made as it is described.
    #[error("{0}")]
    Unusable(String),
    /// Nobody answered, or not in time.
    #[error("{0}")]
    Transient(String),
    /// The answer is longer than may be read.
    #[error("{0}")]
    TooLarge(String),
    /// Redirects that lead nowhere: too many, without a place, or with a body that is not for others.
    #[error("{0}")]
    Redirected(String),
}

impl OutgoingError {
    /// Whether trying again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }

    /// Whether somebody answered, and with something that cannot be used.
    pub fn is_an_answer(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::Redirected(_))
    }
}

/// A refusal on its way through the HTTP client, from where names are looked up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    /// As an error about a URL.
    pub(crate) fn of(self, url: &Url) -> OutgoingError {
        OutgoingError::Refused {
            url: shown(url),
            why: self.0,
        }
    }

    /// The refusal among the causes of an error.
    pub(crate) fn within(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<Self>() {
                return Some(refusal.clone());
            }
            next = error.source();
        }
        None
    }
}

/// A URL as people may see it: no user, no query, no fragment.
pub(crate) fn shown(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        // Whatever else is in a URL of another kind may be anything.
        scheme @ ("http" | "https") => format!("{scheme}://{host}{port}{}", url.path()),
        scheme => format!("{scheme}://{host}{port}"),
    }
}

/// The same of a text that may not be a URL.
pub(crate) fn shown_text(text: &str) -> String {
    if let Ok(url) = Url::parse(text) {
        return shown(&url);
    }
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    crate::field::cut(text, 200).into_owned()
}
