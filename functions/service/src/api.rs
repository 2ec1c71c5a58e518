//! The API: the state over Google's services, logs by parts out of the bucket.

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;

use ork_api::{Log, LogError, Logs, Prices};
use ork_core::names::ObjectName;
use ork_engine::Engine;
use ork_engine::ports::Ports;
use ork_gcp::{GcsObjects, Google, prices};
use ork_host::settings::ApiSettings;
use ork_host::{Role, listen, logs, serve, told_to_stop};

use ork_telemetry::Observed;

use crate::google;

/// What use of Google's services costs.
const PRICES: Prices = Prices {
    of: prices::PRICES_OF,
    nanos: |used| prices::cost(used).total(),
};

/// Serves the API until it is told to stop.
pub(crate) async fn run(mut settings: ApiSettings) -> ExitCode {
    logs::install(logs::Style::fitting(&settings.project), settings.log);
    let measured = settings
        .serving
        .measured(Role::Api, &settings.project, Some(PRICES.nanos));
    settings.serving = match measured {
        Ok(serving) => serving,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let stop = match told_to_stop() {
        Ok(stop) => stop,
        Err(error) => {
            tracing::error!("signals cannot be waited for: {error}");
            return ExitCode::FAILURE;
        }
    };
    let google = match Google::client(google::client(&settings)).await {
        Ok(google) => google,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let listening = listen(&settings.serving).await;
    let (listener, at) = match listening.and_then(|one| Ok((one.local_addr()?, one))) {
        Ok((at, listener)) => (listener, at),
        Err(error) => {
            let port = settings.serving.port;
            tracing::error!("port {port} cannot be listened on: {error} (see PORT)");
            return ExitCode::FAILURE;
        }
    };
    let logs: Arc<dyn Logs> = Arc::new(Bucket(google.objects().clone()));
    let observed = Observed::new(google, settings.serving.telemetry.clone());
    let engine = Arc::new(Engine::new(observed, None).reading_objects());
    let routes = match ork_api_function::router(engine.clone(), logs, &settings, at, PRICES) {
        Ok(routes) => routes,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(role = "api", address = at.to_string(), "listens");
    serve(listener, routes, &settings.serving, stop).await;
    let used = engine.ports().inner().meter().total();
    tracing::info!(?used, "what this process used in all");
    ExitCode::SUCCESS
}

/// Logs in the bucket.
#[derive(Debug)]
struct Bucket(GcsObjects);

impl Logs for Bucket {
    fn read<'a>(
        &'a self,
        name: &'a ObjectName,
        from: u64,
        most: u64,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Log>, LogError>> + Send + 'a>> {
        Box::pin(async move {
            let failed = |error: ork_engine::ports::ObjectError| LogError(error.to_string());
            // A log that grows is a new object each time: its size and its bytes may be of two of them, and the next part makes up for it.
            let Some(known) = self.0.metadata(name).await.map_err(failed)? else {
                return Ok(None);
            };
            let bytes = match most.min(known.bytes.saturating_sub(from)) {
                0 => Vec::new(),
                most => {
                    let part = self.0.get_range(name, from, most).await;
                    part.map_err(failed)?.unwrap_or_default()
                }
            };
            let size = known.bytes.max(from + bytes.len() as u64);
            Ok(Some(Log { bytes, size }))
        })
    }
}
