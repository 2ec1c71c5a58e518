//! Traces and metrics, in an `ork` that was built without them: whoever asks for some is told.

use std::sync::Arc;

use ork_local::Measure;

use crate::config;
use crate::failure::Failure;
use crate::output::Output;

/// Says why there are none, if somebody asks for them.
pub(crate) fn measure() -> Result<Option<Arc<dyn Measure>>, Failure> {
    let asked = config::whole_environment()
        .into_iter()
        .find(|(name, value)| {
            let name = name.to_string_lossy();
            name.starts_with("OTEL_EXPORTER_OTLP_")
                && name.ends_with("ENDPOINT")
                && !value.is_empty()
        });
    match asked {
        None => Ok(None),
        Some((name, _)) => Err(Failure::new(format!(
            "{} is set, and this ork was built without traces and metrics",
            name.display()
        ))
        .hint("`make install` builds one that has them (cargo: the feature `telemetry` of ork-cli, which is on by default)")),
    }
}

/// There is nothing to be sent.
pub(crate) async fn flush() {}

/// There is nothing to be said.
pub(crate) fn say(_: &Output) {}
