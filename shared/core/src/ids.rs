//! Checked names: what may be called what, in one place, so that object names and documents can trust them.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not the kind of name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind}: {rule}")]
pub struct NameError {
    /// What it was meant to be: "workflow name", "task name", "run id".
    pub kind: &'static str,
    /// The offending text, cut to 80 characters.
    pub text: String,
    /// The rule in words.
    pub rule: &'static str,
}

const NAME_RULE: &str = "a letter, then up to 62 letters, digits, `_` or `-`";
const RUN_RULE: &str = "1 to 160 letters, digits, `_`, `-`, starting with a letter or digit";

fn is_name(text: &str) -> bool {
    text.len() <= 63
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

const RECORD_RULE: &str = "1 to 64 of a-z, 0-9 and `-`, starting with a letter or digit";

fn is_record_id(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 64
        && text.bytes().next().is_some_and(is_plain)
        && text.bytes().all(|b| is_plain(b) || b == b'-')
}

fn is_run_id(text: &str) -> bool {
    text.len() <= 160
        && text
            .as_bytes()
            .first()
            .is_some_and(u8::is_ascii_alphanumeric)
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

macro_rules! checked_name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $check:ident, $rule:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `text` against the rule of this kind of name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                if $check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError { kind: $kind, text: text.chars().take(80).collect(), rule: $rule })
                }
            }
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
        impl FromStr for $type {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
        impl TryFrom<String> for $type {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_name!(
    /// The name of a workflow.
    WorkflowName, "workflow name", is_name, NAME_RULE
);
checked_name!(
    /// The name of a task within its workflow.
    TaskName, "task name", is_name, NAME_RULE
);
checked_name!(
    /// The name of a pool: places shared by the tasks of all runs.
    PoolName, "pool name", is_name, NAME_RULE
);
checked_name!(
    /// The id of one run. A run made by a schedule is called `<workflow>--<slot>`.
    RunId, "run id", is_run_id, RUN_RULE
);

checked_name!(
    /// The id of a record that belongs to no run: an API key, an entry of the audit.
    RecordId, "record id", is_record_id, RECORD_RULE
);

impl RunId {
    /// The id of the run that a schedule makes for `slot`: the same however often it is asked for.
    pub fn for_slot(workflow: &WorkflowName, slot: crate::time::Time) -> Self {
        Self(format!("{workflow}--{}", slot.compact()).into())
    }
}

/// The content hash that names one version of a workflow: 64 hexadecimal digits (SHA-256).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct VersionHash(Arc<str>);

impl TryFrom<String> for VersionHash {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text).ok_or_else(|| NameError {
            kind: "version",
            text: text.chars().take(80).collect(),
            rule: "64 lower-case hexadecimal digits",
        })
    }
}

impl VersionHash {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in sha2::Sha256::digest(bytes) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }
    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let ok = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ok.then(|| Self(text.into()))
    }
    /// The whole hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        &self.0[..12.min(self.0.len())]
    }
}

impl fmt::Display for VersionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_rule() {
        for good in ["a", "Z9", "nightly_elt", "a-b", &"x".repeat(63)] {
            assert!(TaskName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "9a", "_a", "a.b", "a/b", "ä", "a b", &"x".repeat(64)] {
            assert!(TaskName::new(bad).is_err(), "{bad}");
        }
        assert!(RunId::new("../x").is_err());
    }
}
