//! Notices of runs that this machine executes: clients for their receivers, made when the first is to be told.

use std::sync::{Arc, OnceLock};

use ork_engine::ports::{Letter, NotSent, Notifier};
use ork_gcp::{Endpoints, Meter, Notices};
use ork_local::Letters;

use super::jobs::outgoing;
use crate::config::Services;

/// See the module.
#[derive(Debug)]
struct LaptopLetters {
    services: Services,
    notices: OnceLock<Result<Notices, String>>,
}

/// Whoever sends notices, by what the environment says.
pub(crate) fn letters(services: &Services) -> Option<Arc<dyn Letters>> {
    Some(Arc::new(LaptopLetters {
        services: services.clone(),
        notices: OnceLock::new(),
    }))
}

impl Notifier for LaptopLetters {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        let made = self.notices.get_or_init(|| {
            let endpoints = Endpoints {
                pubsub: self.services.pubsub.clone(),
                ..Endpoints::default()
            };
            Notices::connect(&endpoints, &outgoing(&self.services), Meter::default())
                .map_err(|error| error.to_string())
        });
        match made {
            Ok(notices) => Notifier::send(notices, letter).await,
            Err(error) => Err(NotSent::Never(error.clone())),
        }
    }
}
