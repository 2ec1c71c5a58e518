//! Where Google's services are, and who asks them: its own addresses with application default credentials, or a stand-in without any.

use google_cloud_auth::credentials::Credentials;
use google_cloud_auth::credentials::anonymous::Builder as Anonymous;

/// One address per service. `None`: Google's own, with application default credentials. `Some`: plain `http://host:port`, or
/// `host:port`, no credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Firestore.
    pub firestore: Option<String>,
    /// Cloud Storage: JSON API and gRPC on one port.
    pub storage: Option<String>,
    /// Pub/Sub.
    pub pubsub: Option<String>,
    /// Cloud Run's admin API.
    pub run: Option<String>,
    /// Cloud Tasks.
    pub tasks: Option<String>,
    /// BigQuery.
    pub bigquery: Option<String>,
    /// Dataproc.
    pub dataproc: Option<String>,
    /// IAM's credentials API.
    pub iam: Option<String>,
}

/// Why a client cannot be made. Nothing was asked of Google yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConnectError(pub String);

impl ConnectError {
    /// A client of `service` that could not be made.
    pub(crate) fn client(service: &str, error: &dyn std::error::Error) -> Self {
        Self(format!(
            "cannot make a client for {service}: {error}; outside Google Cloud run `gcloud auth application-default login`, \
             or name an emulator's address"
        ))
    }
}

/// The credentials of nobody, for stand-ins.
pub(crate) fn nobody() -> Credentials {
    Anonymous::new().build()
}

/// The URL of a stand-in, which is asked without encryption; `host:port` will do.
pub(crate) fn plain(service: &str, endpoint: Option<&str>) -> Result<Option<String>, ConnectError> {
    let Some(address) = endpoint else {
        return Ok(None);
    };
    match address.split_once("://") {
        None if address.contains(':') => Ok(Some(format!("http://{address}"))),
        Some(("http", host)) if !host.is_empty() => Ok(Some(address.to_owned())),
        _ => Err(ConnectError(format!(
            "the address of {service} is `{address}`; write it as http://host:port"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_asked_over_plain_http_only() {
        assert_eq!(plain("Pub/Sub", None), Ok(None));
        for address in ["http://127.0.0.1:1", "127.0.0.1:1"] {
            assert_eq!(
                plain("Pub/Sub", Some(address)),
                Ok(Some("http://127.0.0.1:1".to_owned()))
            );
        }
        for address in ["https://pubsub.googleapis.com", "", "localhost", "http://"] {
            let error = plain("Pub/Sub", Some(address)).expect_err("not a stand-in's address");
            assert!(error.to_string().contains("http://host:port"), "{error}");
        }
    }
}
