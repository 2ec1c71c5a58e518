//! Room for the bodies of answers: how many bytes of them are held at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of bytes that bodies share. Whoever comes first gets room first.
pub(crate) struct Room {
    free: Arc<Semaphore>,
    all: u32,
}

/// Bytes that a body may have. They are free again when this goes.
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Room {
    pub(crate) fn of(bytes: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(bytes as usize)),
            all: bytes,
        }
    }

    /// Waits for room; for all there is, when more is asked for.
    pub(crate) async fn take(&self, bytes: usize) -> Held {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.all);
        let permit = Arc::clone(&self.free).acquire_many_owned(bytes).await;
        // It is never closed.
        Held(permit.ok())
    }
}

impl Held {
    /// Gives back what a body of this length does not need.
    pub(crate) fn keep(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.0 {
            let rest = permit.num_permits().saturating_sub(bytes);
            drop(permit.split(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_not_needed_is_given_back_at_once_and_the_rest_with_the_body() {
        let room = Room::of(10);
        let mut held = room.take(10).await;
        held.keep(4);
        assert_eq!(room.free.available_permits(), 6);
        let none = room.take(0).await;
        drop((held, none));
        assert_eq!(room.free.available_permits(), 10);
        // More than there is, is all there is.
        let all = room.take(usize::MAX).await;
        assert_eq!(room.free.available_permits(), 0);
        drop(all);
    }
}
