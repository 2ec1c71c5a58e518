//! Without the feature `cloud` nobody is asked about deferred jobs, and nobody told of runs; whoever waits for it finds that said.

use std::sync::Arc;

use ork_local::{Jobs, Letters};

use crate::config::Services;

/// Nobody.
pub(crate) const fn jobs(_: &Services) -> Option<Arc<dyn Jobs>> {
    None
}

/// Nobody.
pub(crate) const fn letters(_: &Services) -> Option<Arc<dyn Letters>> {
    None
}
