//! One request of a chain, and the next one after a redirect.

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use crate::error::{OutgoingError, shown, shown_text};
use crate::headers;

/// One request of a chain.
pub(crate) struct Hop {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// Whether a status code sends the request elsewhere.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

impl Hop {
    /// The request that a redirect asks for, as browsers make it. Nobody has judged its URL yet.
    pub(crate) fn redirected(mut self, status: u16, place: &[u8]) -> Result<Self, OutgoingError> {
        let from = shown(&self.url);
        let place = str::from_utf8(place).map_err(|_| {
            OutgoingError::Redirected(format!("{from} redirects to something that is no URL"))
        })?;
        let to = self.url.join(place).map_err(|error| {
            OutgoingError::Redirected(format!(
                "{from} redirects to `{}`, which is not a URL: {error}",
                shown_text(place)
            ))
        })?;
        let becomes_get = match status {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = None;
            headers::without_body(&mut self.headers);
        }
        if to.origin() != self.url.origin() {
            if self.body.is_some() {
                return Err(OutgoingError::Redirected(format!(
                    "{from} redirects the {} with its body to {}: a body goes to no other host; use the new URL",
                    self.method,
                    shown(&to)
                )));
            }
            // For good: the way back does not bring them back.
            headers::for_others(&mut self.headers);
        }
        self.url = to;
        Ok(self)
    }
}
