#![doc = include_str!("../README.md")]

mod ways;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ork_api::{Access, Identify, Logs, Prices, Rate, Settings};
use ork_engine::Engine;
use ork_engine::ports::Ports;
use ork_host::settings::{ApiAuth, ApiSettings};
use ork_host::{Host, Role};

pub use ways::{ByGoogle, ByIap};

/// Pause between two looks at a run whose events somebody follows: a look is a read of the store, and is paid for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The routes of the API, with all that stands around them. `prices`: what runs cost here. `at` is where it listens, which matters where everything is emulated.
pub fn router<P: Ports + 'static>(
    engine: Arc<Engine<P>>,
    logs: Arc<dyn Logs>,
    settings: &ApiSettings,
    at: SocketAddr,
    prices: Prices,
) -> Result<Router, String> {
    let here = settings.serving.loopback.then_some(at);
    let access = access(&settings.auth, here, at)?;
    let rate = settings
        .rate
        .map(|(per_second, burst)| Rate { per_second, burst });
    let api = Settings {
        access,
        rate,
        look_every: LOOK_EVERY,
        // Nobody who follows is cut off in the middle of a word: the answer ends, and the follower asks for what comes next.
        follow: settings.serving.deadline,
        prices: Some(prices),
    };
    let host = Host::new(Role::Api, &settings.serving);
    Ok(host.around(ork_api::router(engine, logs, api)))
}

/// Who is let in, as the settings say.
fn access(auth: &ApiAuth, here: Option<SocketAddr>, at: SocketAddr) -> Result<Access, String> {
    let (google, iap, keys, people) = match auth {
        ApiAuth::Off => return Ok(Access::Loopback { at, user: None }),
        ApiAuth::Shown {
            google,
            iap,
            keys,
            people,
        } => (google, iap, *keys, Arc::new(people.clone())),
    };
    let mut ways: Vec<Arc<dyn Identify>> = Vec::new();
    if let Some(google) = google {
        ways.push(Arc::new(ByGoogle::new(google, people.clone(), None)));
    }
    if let Some(audience) = iap {
        ways.push(Arc::new(ByIap::new(audience, people, None)?));
    }
    Ok(Access::Identified {
        ways,
        keys,
        at: here,
    })
}
