//! Notices as letters, through a server that the operator names.

use std::fmt;
use std::time::Duration;

use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use ork_core::limits;
use ork_engine::ports::{Letter, NotSent};
use url::{Host, Url};

use crate::secrets::Masked;
use crate::web::NOTICE;

/// The environment variable that names the server of letters.
pub const SMTP_URL: &str = "ORK_SMTP_URL";
/// The environment variable that names their sender.
pub const SMTP_FROM: &str = "ORK_SMTP_FROM";

/// How long each answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where letters go and from whom they are. Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SmtpSettings {
    /// `smtps://user:password@host`, `smtp://user:password@host:587?tls=required`, or `smtp://host` without a password. Empty: no letters.
    pub url: String,
    /// `ork@example.com`, or `Ork <ork@example.com>`.
    pub from: String,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Why letters cannot be sent at all. No text holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MailError(String);

/// Sends letters. Clones are the same.
#[derive(Clone)]
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    hidden: std::sync::Arc<Masked>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

impl Mail {
    /// A sender by its settings; `None` when they say that there is none. The server is not asked before there is a letter.
    pub fn connect(settings: &SmtpSettings) -> Result<Option<Self>, MailError> {
        if settings.url.is_empty() && settings.from.is_empty() {
            return Ok(None);
        }
        let wrong = |variable: &str, why: &str| Err(MailError(format!("{variable} {why}")));
        if settings.url.is_empty() {
            return wrong(SMTP_URL, "is needed with ORK_SMTP_FROM");
        }
        if settings.from.is_empty() {
            return wrong(SMTP_FROM, "is needed with ORK_SMTP_URL");
        }
        let Ok(url) = Url::parse(&settings.url) else {
            return wrong(SMTP_URL, "is not a URL such as smtps://user:password@host");
        };
        let password = url.password().unwrap_or_default().to_owned();
        let required = url
            .query_pairs()
            .any(|pair| pair == ("tls".into(), "required".into()));
        let near = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            // The host of such a URL is never read as an address.
            Some(Host::Domain(name)) => {
                let address = name.parse::<std::net::IpAddr>();
                name == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            None => false,
        };
        if !password.is_empty() && url.scheme() == "smtp" && !required && !near {
            return wrong(
                SMTP_URL,
                "would send its password in plain text: begin it with smtps://, or end it with ?tls=required",
            );
        }
        let Ok(from) = settings.from.parse::<Mailbox>() else {
            return wrong(SMTP_FROM, "is not an address such as ork@example.com");
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.url);
        let Ok(builder) = builder else {
            return wrong(
                SMTP_URL,
                "cannot be used: write smtps://user:password@host, or smtp://user:password@host:587?tls=required",
            );
        };
        Ok(Some(Self {
            transport: builder.timeout(Some(PATIENCE)).build(),
            from,
            hidden: std::sync::Arc::new(Masked::of(&[password])),
        }))
    }

    /// Sends a letter to all its addresses at once. Received is what the server has taken.
    pub async fn send(&self, letter: &Letter, to: &[String]) -> Result<(), NotSent> {
        let message = self.message(letter, to).map_err(NotSent::Never)?;
        let sending = self.transport.send(message);
        let limit = limits::NOTICE_TIMEOUT.to_duration();
        match tokio::time::timeout(limit, sending).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(NotSent::not_now(format!(
                "the server of {SMTP_URL} did not take the letter within {limit:?}"
            ))),
        }
    }

    fn message(&self, letter: &Letter, to: &[String]) -> Result<Message, String> {
        let text = |name: &'static str, value: &str| {
            HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
        };
        let domain = self.from.email.domain();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(&letter.title)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .raw_header(text(NOTICE, &letter.id))
            // Nobody's absence is told to a machine.
            .raw_header(text("Auto-Submitted", "auto-generated"))
            .header(ContentType::TEXT_PLAIN);
        for address in to {
            let address = address
                .parse::<Address>()
                .map_err(|error| format!("`{address}` is not an e-mail address: {error}"))?;
            builder = builder.to(Mailbox::new(None, address));
        }
        builder
            .body(letter.body.clone())
            .map_err(|error| format!("no letter can be made of it: {error}"))
    }

    fn failed(&self, error: &smtp::Error) -> NotSent {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(next) = cause {
            let text = next.to_string();
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            cause = next.source();
        }
        let why = self.hidden.text(format!(
            "the server of {SMTP_URL} did not take the letter: {why}"
        ));
        // What a server says in this way is not to be said to it again.
        if error.is_permanent() {
            NotSent::Never(why)
        } else {
            NotSent::not_now(why)
        }
    }
}
