//! Who sends notices: whoever the engine was given.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ork_engine::ports::{Letter, NotSent, Notifier};

/// A [`Notifier`] behind a pointer, so that an engine on a laptop need not know the ways that there are.
pub trait Letters: Debug + Send + Sync {
    /// As [`Notifier::send`].
    fn send<'a>(
        &'a self,
        letter: &'a Letter,
    ) -> Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;
}

impl<T: Notifier + Debug> Letters for T {
    fn send<'a>(
        &'a self,
        letter: &'a Letter,
    ) -> Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>> {
        Box::pin(Notifier::send(self, letter))
    }
}

/// The notifier of a laptop.
#[derive(Debug)]
pub(super) struct LetterBox {
    letters: Option<Arc<dyn Letters>>,
    /// Whether this process executes runs: one that only looks leaves their notices to those that do.
    executes: bool,
}

impl LetterBox {
    pub(super) const fn new(letters: Option<Arc<dyn Letters>>, executes: bool) -> Self {
        Self { letters, executes }
    }
}

impl Notifier for LetterBox {
    async fn send(&self, letter: &Letter) -> Result<(), NotSent> {
        match &self.letters {
            _ if !self.executes => Err(NotSent::Elsewhere(
                "whoever executes runs sends their notices",
            )),
            Some(letters) => letters.send(letter).await,
            None => Err(NotSent::Never(
                "this build of `ork` tells nobody: build it with the feature `cloud`".to_owned(),
            )),
        }
    }
}
