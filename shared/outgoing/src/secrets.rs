//! Secrets that headers name: looked up for one request, and taken out of what is said about it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ork_core::definition::SecretRef;

use crate::error::OutgoingError;

/// The environment variable that lists the secrets which requests of a deployment may be given.
pub const SECRETS: &str = "ORK_HTTP_SECRETS";

/// What stands in an answer for a secret.
const MASK: &str = "***";
/// A shorter text is in an answer by chance.
const SHORTEST: usize = 6;

/// The secrets that headers may name. Neither its `Debug` nor anything else shows a value.
#[derive(Clone, Default)]
pub struct Secrets(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    Nobody,
    Listed(Arc<BTreeMap<String, String>>),
    Lookup(fn(&str) -> Option<String>),
}

impl Secrets {
    /// What an operator allows: values by the names that `ORK_HTTP_SECRETS` lists.
    pub fn listed(values: BTreeMap<String, String>) -> Self {
        Self(Source::Listed(Arc::new(values)))
    }

    /// All that somebody's own environment has, by name.
    pub fn lookup(find: fn(&str) -> Option<String>) -> Self {
        Self(Source::Lookup(find))
    }

    /// Adds to `headers` those that are secrets, by header and name; gives the values, for [`Masked`].
    pub(crate) fn add(
        &self,
        named: &BTreeMap<String, String>,
        headers: &mut BTreeMap<String, String>,
    ) -> Result<Masked, OutgoingError> {
        let mut values = Vec::new();
        for (header, name) in named {
            let twice = headers
                .keys()
                .any(|known| known.trim().eq_ignore_ascii_case(header.trim()));
            if twice {
                return Err(OutgoingError::Unusable(format!(
                    "the header `{header}` is there twice, as text and as the secret `{name}`"
                )));
            }
            let value = self.find(name, &format!("the header `{header}`"))?;
            values.push(value.clone());
            headers.insert(header.clone(), value);
        }
        Ok(Masked::of(&values))
    }

    /// The value of a secret; `what` says for people what it is wanted for.
    pub(crate) fn find(&self, name: &str, what: &str) -> Result<String, OutgoingError> {
        let named = SecretRef {
            name: name.to_owned(),
        };
        let variable = named.variable();
        let wanted = || format!("the secret `{}`, wanted for {what},", name.escape_debug());
        let found = match &self.0 {
            Source::Nobody => None,
            Source::Listed(values) => values.get(variable).cloned(),
            Source::Lookup(find) => find(variable),
        };
        match (found, &self.0) {
            (Some(value), _) if value.trim().is_empty() => {
                Err(OutgoingError::Unusable(format!("{} is empty", wanted())))
            }
            (Some(value), _) => Ok(value),
            (None, Source::Lookup(_)) => Err(OutgoingError::Unusable(format!(
                "{} is not known here: set the environment variable {variable}",
                wanted()
            ))),
            (None, _) => Err(OutgoingError::Unusable(format!(
                "{} is not one of those that {SECRETS} of the deployment allows: whoever runs it adds {variable} there",
                wanted()
            ))),
        }
    }
}

impl PartialEq for Secrets {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Source::Nobody, Source::Nobody) => true,
            (Source::Listed(a), Source::Listed(b)) => a == b,
            (Source::Lookup(a), Source::Lookup(b)) => std::ptr::fn_addr_eq(*a, *b),
            _ => false,
        }
    }
}

impl Eq for Secrets {}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Nobody => f.write_str("Secrets(none)"),
            Source::Listed(values) => f.debug_tuple("Secrets").field(&values.keys()).finish(),
            Source::Lookup(_) => f.write_str("Secrets(environment)"),
        }
    }
}

/// Texts that must not be in what is said about a request. A service may send back what it was sent.
pub(crate) struct Masked(Vec<String>);

impl Masked {
    pub(crate) fn of(values: &[String]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for value in values {
            let value = value.trim();
            // `Bearer abc`: services repeat the second word alone. And as a text of JSON it may be written in another way.
            for text in value.split_whitespace().chain([value]) {
                let json = serde_json::Value::from(text).to_string();
                texts.push(json[1..json.len() - 1].to_owned());
                texts.push(text.to_owned());
            }
        }
        texts.retain(|text| text.len() >= SHORTEST && !text.eq_ignore_ascii_case("bearer"));
        // What holds another goes first.
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        Self(texts)
    }

    /// The text without them.
    pub(crate) fn text(&self, text: String) -> String {
        self.0
            .iter()
            .fold(text, |text, hidden| match text.contains(&**hidden) {
                true => text.replace(&**hidden, MASK),
                false => text,
            })
    }

    /// The bytes without them.
    pub(crate) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.0.iter().fold(bytes, |bytes, hidden| {
            match without(&bytes, hidden.as_bytes()) {
                Cow::Borrowed(_) => bytes,
                Cow::Owned(changed) => changed,
            }
        })
    }

    /// The error without them.
    pub(crate) fn error(&self, error: OutgoingError) -> OutgoingError {
        match error {
            OutgoingError::Refused { url, why } => OutgoingError::Refused {
                url: self.text(url),
                why: self.text(why),
            },
            OutgoingError::Unusable(why) => OutgoingError::Unusable(self.text(why)),
            OutgoingError::Transient(why) => OutgoingError::Transient(self.text(why)),
            OutgoingError::TooLarge(why) => OutgoingError::TooLarge(self.text(why)),
            OutgoingError::Redirected(why) => OutgoingError::Redirected(self.text(why)),
        }
    }
}

fn without<'a>(bytes: &'a [u8], hidden: &[u8]) -> Cow<'a, [u8]> {
    let at = |from: usize| {
        let mut windows = bytes[from..].windows(hidden.len());
        windows
            .position(|window| window == hidden)
            .map(|at| from + at)
    };
    let Some(mut found) = at(0) else {
        return Cow::Borrowed(bytes);
    };
    let (mut changed, mut from) = (Vec::with_capacity(bytes.len()), 0);
    loop {
        changed.extend_from_slice(&bytes[from..found]);
        changed.extend_from_slice(MASK.as_bytes());
        from = found + hidden.len();
        match at(from) {
            Some(next) => found = next,
            None => break,
        }
    }
    changed.extend_from_slice(&bytes[from..]);
    Cow::Owned(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_taken_out_of_what_comes_back() {
        let masked = Masked::of(&["Bearer can\"ary-1".to_owned(), "abc".to_owned()]);
        let echo = r#"{"a": "Bearer can\"ary-1", "b": ["can\"ary-1", "Bearer", "abc"]}"#;
        let expected = r#"{"a": "***", "b": ["***", "Bearer", "abc"]}"#;
        assert_eq!(masked.text(echo.to_owned()), expected);
        assert_eq!(masked.bytes(echo.into()), expected.as_bytes());
        assert_eq!(masked.bytes(b"can\"ary-1\xff".to_vec()), b"***\xff");
        assert_eq!(masked.bytes(b"nothing".to_vec()), b"nothing");
    }

    #[test]
    fn only_what_is_listed_is_given_and_nothing_shows_it() {
        let secrets = Secrets::listed([("TOKEN".to_owned(), "canary".to_owned())].into());
        let mut headers = BTreeMap::new();
        let named = |name: &str| [("X-Key".to_owned(), name.to_owned())].into();
        for name in ["TOKEN", "projects/p/secrets/TOKEN/versions/latest"] {
            headers.clear();
            secrets
                .add(&named(name), &mut headers)
                .expect("it is listed");
            assert_eq!(headers["X-Key"], "canary");
        }
        let twice = secrets.add(&named("TOKEN"), &mut headers);
        assert!(twice.is_err_and(|error| error.to_string().contains("twice")));
        headers.clear();
        for (secrets, says) in [
            (&secrets, "ORK_HTTP_SECRETS"),
            (&Secrets::default(), "ORK_HTTP_SECRETS"),
            (
                &Secrets::lookup(|_| None),
                "set the environment variable PATH",
            ),
        ] {
            let refused = secrets.add(&named("PATH"), &mut headers);
            let error = refused.err().expect("it is not listed").to_string();
            assert!(error.contains("`PATH`") && error.contains(says), "{error}");
            assert!(!format!("{secrets:?}").contains("canary"));
        }
        assert!(headers.is_empty());
    }
}
