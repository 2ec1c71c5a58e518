//! Secrets that an operator lets requests of users have.

use std::collections::BTreeMap;
use std::fmt;

/// Values by the names of the variables that hold them. Its `Debug` shows the names alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HttpSecrets(BTreeMap<String, String>);

impl HttpSecrets {
    /// Reads a list of variables, and what each of them holds.
    pub(super) fn read(list: &str, variables: &BTreeMap<String, String>) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        for name in list.split(',').map(str::trim) {
            let letters = |text: &str| {
                let mut bytes = text.bytes();
                bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            };
            if name.is_empty() || !letters(name) {
                return Err(format!(
                    "`{}` is not the name of a variable; write names with commas between them",
                    name.escape_debug()
                ));
            }
            // What Ork reads of its environment is nobody else's, and some of it is secret.
            if name.starts_with("ORK_") {
                return Err(format!(
                    "`{name}` is a variable of Ork itself, which no request is given"
                ));
            }
            match variables.get(name).filter(|value| !value.trim().is_empty()) {
                Some(value) => values.insert(name.to_owned(), value.clone()),
                None => return Err(format!("names `{name}`, which is not set, or empty")),
            };
        }
        Ok(Self(values))
    }

    /// The values.
    pub fn into_values(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl fmt::Debug for HttpSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The server of letters, whose URL may hold a password. Its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Smtp {
    /// Where it is. Empty: there is none.
    pub url: String,
    /// From whom letters are.
    pub from: String,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_must_be_there_and_is_not_shown() {
        let variables = [("TOKEN", "canary"), ("EMPTY", " "), ("ORK_BATCH_URL", "u")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let read = HttpSecrets::read(" TOKEN ", &variables).expect("it is set");
        assert_eq!(format!("{read:?}"), r#"{"TOKEN"}"#);
        assert_eq!(read.into_values()["TOKEN"], "canary");
        for (list, says) in [
            ("TOKEN,OTHER", "`OTHER`, which is not set"),
            ("EMPTY", "not set, or empty"),
            ("TOKEN,", "`` is not the name"),
            ("A B", "`A B` is not the name"),
            ("ORK_BATCH_URL", "of Ork itself"),
        ] {
            let error = HttpSecrets::read(list, &variables).expect_err(list);
            assert!(error.contains(says) && !error.contains("canary"), "{error}");
        }
    }
}
