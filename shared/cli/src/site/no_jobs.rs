//! Without the feature `cloud` nobody is asked about deferred jobs; whoever waits for one is told so.

use std::sync::Arc;

use ork_local::Jobs;

use crate::config::Services;

/// Nobody.
pub(crate) const fn jobs(_: &Services) -> Option<Arc<dyn Jobs>> {
    None
}
