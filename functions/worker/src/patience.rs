//! Asks again, with growing pauses, while objects cannot be reached.

use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use ork_engine::ports::ObjectError;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// No write of one name follows the last one within a second, so no pause is shorter.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// An answer that takes longer is none.
const ANSWER: Duration = Duration::from_secs(60);

/// Does `ask` until it answers, or has been unavailable for `patience`. Anything else it says is final.
pub(crate) async fn patiently<T, F>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> Result<T, ObjectError>
where
    F: Future<Output = Result<T, ObjectError>>,
{
    let until = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        let answer = timeout(ANSWER, ask()).await.unwrap_or_else(|_| {
            Err(ObjectError::Unavailable(format!(
                "no answer within {} s",
                ANSWER.as_secs()
            )))
        });
        let why = match answer {
            Err(ObjectError::Unavailable(why)) => why,
            final_answer => return final_answer,
        };
        // Many workers that began together do not come back together.
        let spread = pause.mul_f64(1.0 + f64::from(random() as u8) / 512.0);
        if Instant::now() + spread >= until {
            return Err(ObjectError::Unavailable(why));
        }
        warn!(
            error = why,
            "{what}: the objects cannot be reached, asking again"
        );
        sleep(spread).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// A number that no other process draws: the standard library seeds its hash maps from the system's source of randomness.
pub(crate) fn random() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}
