//! The query of a request, decoded.

use axum::http::Uri;

use super::refusal::Refusal;

/// The parameters in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn of(uri: &Uri) -> Result<Self, Refusal> {
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map(|query| Self(query.0))
            .map_err(|error| Refusal::invalid(format!("The query cannot be read: {error}")))
    }

    /// A parameter that is there and not empty; of one that comes twice, the last.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// All values of a parameter that may come several times.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let found = self.0.iter().filter(|(key, _)| key == name);
        found.map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let parse = |value: &str| value.parse().map_err(|_| invalid(name, value));
        self.text(name).map(parse).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.text(name) {
            None | Some("false" | "False") => Ok(false),
            Some("true" | "True") => Ok(true),
            Some(value) => Err(invalid(name, value)),
        }
    }
}

fn invalid(name: &str, value: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value for parameter {name}: {value}"))
}
