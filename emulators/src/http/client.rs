//! The HTTP client for everything on this machine.

use anyhow::{Context, bail};

/// A client that uses no proxy: whom it talks to is on this machine.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client without options of its own can always be built")
}

/// Sends a request and returns the body of a successful answer; any other answer is an error that quotes it.
pub(crate) async fn text_of(
    what: &str,
    request: reqwest::RequestBuilder,
) -> anyhow::Result<String> {
    let response = request
        .send()
        .await
        .with_context(|| format!("{what}: no answer"))?;
    let status = response.status();
    let body = response
        .text()
        .await
        .with_context(|| format!("{what}: the answer broke off"))?;
    if !status.is_success() {
        bail!("{what}: {status}: {}", body.trim());
    }
    Ok(body)
}
