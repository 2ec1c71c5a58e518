//! Faults that a test asks for: requests that are answered with an error, late, or done and then answered with an error.

use serde::{Deserialize, Serialize};

/// What happens to the next requests that match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests with this method; gRPC calls are `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only requests whose decoded path and query contain this; the path of a gRPC call is `/google.storage.v2.Storage/Method`.
    #[serde(default)]
    pub path: String,
    /// How many requests it meets before it is used up.
    pub times: u32,
    /// The HTTP status of the answer (a gRPC call gets the code that belongs to it); without one the request is only late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The request is done all the same and only its answer lost: what a client cannot tell from a failure.
    #[serde(default)]
    pub after: bool,
    /// How long the request waits before anything else.
    #[serde(default)]
    pub delay_ms: u64,
}

/// The faults that are not used up.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        if fault.times > 0 {
            self.0.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The first fault that meets this request; it is one request nearer to its end.
    pub(super) fn take(&mut self, method: &str, path: &str) -> Option<Fault> {
        let at = self.0.iter().position(|fault| {
            path.contains(&fault.path)
                && fault
                    .method
                    .as_deref()
                    .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        })?;
        let fault = &mut self.0[at];
        fault.times -= 1;
        let met = fault.clone();
        if fault.times == 0 {
            self.0.remove(at);
        }
        Some(met)
    }
}
